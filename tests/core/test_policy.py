"""Policy: closed by default, deny wins, and a limit is a limit to the last tick."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import Catalogue, Endpoint
from counterseal.core.config.model import Bot, HourRange
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.grant import grant
from counterseal.core.intent import Intent
from counterseal.core.judge import Denial, judge
from counterseal.core.market import FamilyMarket, SymbolRule
from counterseal.core.policy import may_ask, may_call, refusal_of
from counterseal.core.wsapi import methods

NOW = 1_000_000
LOOPBACK = ip_address("127.0.0.1")
TICK = Decimal("0.00000001")
EMPTY = Bot(
    name="alpha", mode="enforce", verification="lenient", keys=(), products=(), purposes=(), symbols=(),
    max_order_notional=None, max_order_quantity={}, price_collar_percent=None, max_leverage=None, hours=(), sources=(),
)  # fmt: skip
OPEN = replace(
    EMPTY,
    products=("spot", "usdm", "coinm"),
    purposes=("read", "account", "trade", "settings"),
    symbols=("*",),
    max_leverage=125,
)
PRICES = {"BTCUSDT": "100", "BTCUSD_PERP": "50000", "ETHBTC": "0.05", "USDTTRY": "40", "BTCTRY": "4000", "XYZUSDT": "1"}
RULES = {
    "BTCUSDT": SymbolRule("BTC", "USDT", "TRADING"),
    "ETHBTC": SymbolRule("ETH", "BTC", "TRADING"),
    "BTCTRY": SymbolRule("BTC", "TRY", "TRADING"),
    "XYZABC": SymbolRule("XYZ", "ABC", "TRADING"),
    "OLDUSDT": SymbolRule("OLD", "USDT", "BREAK"),
    "DYINGUSDT": SymbolRule("DYING", "USDT", "CANCEL_ONLY"),
    "BTCUSD_PERP": SymbolRule("BTC", "USD", "TRADING", Decimal(100)),
}


def a_market(*, prices_at: int | None = NOW, rules_at: int | None = NOW, **prices: str) -> FamilyMarket:
    known = {name: Decimal(text) for name, text in {**PRICES, "XYZABC": "1", **prices}.items()}
    return FamilyMarket(known, prices_at, RULES, rules_at)


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


def endpoint(family: str, method: str, path: str) -> Endpoint:
    found = catalogue().get(family, method, path)
    assert found is not None
    return found


def asked(family: str, method: str, path: str, **values: str) -> Intent:
    judged = judge(endpoint(family, method, path), list(values.items()), lambda: "made-id")
    assert isinstance(judged, Intent), judged
    return judged


def spot(**values: str) -> Intent:
    return asked("spot", "POST", "/api/v3/order", **{"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", **values})


def future(**values: str) -> Intent:
    return asked("usdm", "POST", "/fapi/v1/order", **{"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", **values})


def algo(**values: str) -> Intent:
    base = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET"}
    return asked("usdm", "POST", "/fapi/v1/algoOrder", **{**base, **values})


def contracts(**values: str) -> Intent:
    base = {"symbol": "BTCUSD_PERP", "side": "BUY", "type": "MARKET"}
    return asked("coinm", "POST", "/dapi/v1/order", **{**base, **values})


def otoco(**values: str) -> Intent:
    """Buy one at 100; once that is filled sell one at 104, or at 96 by a stop."""
    base = {
        "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "100",
        "workingQuantity": "1", "pendingSide": "SELL", "pendingQuantity": "0.5", "pendingAboveType": "LIMIT_MAKER",
        "pendingAbovePrice": "104", "pendingBelowType": "STOP_LOSS_LIMIT", "pendingBelowStopPrice": "97",
        "pendingBelowPrice": "96",
    }  # fmt: skip
    return asked("spot", "POST", "/api/v3/orderList/otoco", **{**base, **values})


def decide(bot: Bot, intent: Intent, market: FamilyMarket | None = None) -> str | None:
    denial = may_ask(bot, intent, market or a_market(), NOW)
    return denial and denial.reason


# -- who may call what


def test_an_empty_policy_denies_every_endpoint() -> None:
    """Closed by default: a bot of which nothing is said may call nothing."""
    assert len(catalogue()) > 700
    assert [one.name for one in catalogue() if may_call(EMPTY, one) is None] == []


def test_a_logon_needs_no_purpose() -> None:
    """Only the market: what the session asks for is judged by itself."""
    logon = methods.catalogue().get("spot", methods.HERE, "session.logon")
    assert logon is not None
    assert may_call(replace(OPEN, purposes=()), logon) is None
    assert may_call(replace(OPEN, products=()), logon) == Denial("product_not_allowed")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"products": ("usdm",)}, "product_not_allowed"),
        ({"products": ()}, "product_not_allowed"),
        ({"purposes": ("read", "account", "settings")}, "purpose_not_allowed"),
        ({"sources": (ip_network("10.0.0.0/8"),)}, "source_not_allowed"),
        ({"sources": (ip_network("127.0.0.0/8"),)}, None),
        ({"hours": (HourRange(1, 2, frozenset(range(7))),)}, "outside_hours"),
        ({"hours": (HourRange(0, 1, frozenset(range(7))),)}, None),
        ({"sources": (ip_network("10.0.0.0/8"),), "products": (), "purposes": ()}, "source_not_allowed"),
    ],
)
def test_each_bound_of_a_bot_denies_with_its_reason(changes: dict[str, Any], reason: str | None) -> None:
    """Source, hours, product and purpose each deny alone; one allowing bound never outweighs a denying one."""
    credential = Credential("key", "alpha", CredentialKind.RSA, None, b"", 0)
    judged = grant(credential, replace(OPEN, **changes), endpoint("spot", "POST", "/api/v3/order"))
    denial = judged.refuses(LOOPBACK, 0)
    assert (denial and denial.reason) == reason


def test_sapi_is_a_product_of_its_own() -> None:
    """A right on spot is no right on /sapi."""
    sapi = next(e for e in catalogue() if e.path.startswith("/sapi/") and e.purpose == "account")
    assert may_call(OPEN, sapi) == Denial("product_not_allowed")


@pytest.mark.threat(22)
def test_refused_classes_and_untyped_changes_are_refused_for_everybody() -> None:
    """Every row of the catalogue that is refused, or changes something without types, has a refusal; no other has."""
    for one in catalogue():
        refusal = refusal_of(one)
        if one.purpose == "refused":
            expected: str | None = "stream_not_available" if one.refusal == "stream" else "endpoint_refused"
        elif one.purpose in ("trade", "settings") and not one.typed:
            expected = "endpoint_not_typed"
        else:
            expected = None
        assert (refusal and refusal.reason) == expected, one.name
    reasons = {refusal.reason for one in catalogue() if (refusal := refusal_of(one))}
    assert reasons == {"stream_not_available", "endpoint_refused", "endpoint_not_typed"}


def test_every_typed_request_that_can_place_or_modify_has_a_leg_to_judge() -> None:
    """No typed trade POST or PUT of the catalogue comes out of the judge without a leg: it would pass unjudged."""
    values = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "algoType": "CONDITIONAL", "quantity": "1",
              "price": "1", "stopPrice": "1", "cancelReplaceMode": "STOP_ON_FAILURE", "aboveType": "LIMIT_MAKER",
              "belowType": "STOP_LOSS", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "1",
              "workingQuantity": "1", "pendingType": "MARKET", "pendingSide": "SELL", "pendingQuantity": "1",
              "pendingAboveType": "LIMIT_MAKER", "newQty": "1", "orderId": "7",
              "batchOrders": '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","quantity":"1","price":"1"}]',
              }  # fmt: skip
    seen = 0
    for one in catalogue():
        if one.typed and one.purpose == "trade" and one.method in ("POST", "PUT"):
            text = (
                values["batchOrders"].replace('"type":"LIMIT",', "") if one.method == "PUT" else values["batchOrders"]
            )
            pairs = [(p, {**values, "batchOrders": text}[p]) for p in one.params if p in values]
            judged = judge(one, pairs, lambda: "id")
            assert isinstance(judged, Intent), (one.name, judged)
            assert judged.legs, one.name
            assert not judged.reduces, one.name
            seen += 1
    assert seen == 23


# -- symbols


@pytest.mark.parametrize(
    ("symbols", "symbol", "reason"),
    [
        (("*",), "BTCUSDT", None),
        (("BTCUSDT", "ETHBTC"), "ETHBTC", None),
        (("ETHBTC",), "BTCUSDT", "symbol_not_allowed"),
        ((), "BTCUSDT", "symbol_not_allowed"),
        (("BTCUSD",), "BTCUSDT", "symbol_not_allowed"),
        (("btcusdt",), "BTCUSDT", "symbol_not_allowed"),
        (("*", "ETHBTC"), "BTCUSDT", "symbol_not_allowed"),
    ],
)
def test_symbols_are_byte_exact(symbols: tuple[str, ...], symbol: str, reason: str | None) -> None:
    """A symbol is allowed by its very text, or all are; a star beside names is no star."""
    assert decide(replace(OPEN, symbols=symbols), spot(symbol=symbol, quantity="1")) == reason


def test_public_data_knows_no_symbols_and_account_data_does() -> None:
    """Market data of any symbol is public; orders and trades of a symbol are not."""
    bot = replace(OPEN, symbols=("ETHBTC",))
    assert decide(bot, asked("spot", "GET", "/api/v3/depth", symbol="BTCUSDT")) is None
    assert decide(bot, asked("spot", "GET", "/api/v3/allOrders", symbol="BTCUSDT")) == "symbol_not_allowed"
    assert decide(bot, asked("spot", "GET", "/api/v3/openOrders")) is None


@pytest.mark.threat(21)
def test_a_cancel_of_everything_needs_every_symbol() -> None:
    """A change without a symbol where one could be named reaches all symbols; only ("*",) may."""
    one = endpoint("spot", "DELETE", "/api/v3/openOrders")
    everywhere = Intent(one, (), {}, (), (), (), False)
    assert decide(replace(OPEN, symbols=("BTCUSDT",)), everywhere) == "all_symbols_not_allowed"
    assert decide(OPEN, everywhere) is None
    numbered = asked("usdm", "DELETE", "/fapi/v1/algoOrder", algoId="1")
    assert decide(replace(OPEN, symbols=("BTCUSDT",)), numbered) is None, "that can name one order only, by its number"
    named = asked("spot", "DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    assert decide(replace(OPEN, symbols=("BTCUSDT",)), named, a_market(rules_at=None, prices_at=None)) is None


# -- settings


@pytest.mark.threat(23)
@pytest.mark.parametrize(
    ("path", "values", "cap", "reason"),
    [
        ("/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "4"}, 5, None),
        ("/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "5"}, 5, None),
        ("/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "6"}, 5, "leverage_over_cap"),
        ("/dapi/v1/leverage", {"symbol": "BTCUSD_PERP", "leverage": "5"}, 5, None),
        ("/dapi/v1/leverage", {"symbol": "BTCUSD_PERP", "leverage": "6"}, 5, "leverage_over_cap"),
        ("/dapi/v1/marginType", {"symbol": "BTCUSD_PERP", "marginType": "CROSSED"}, 5, "setting_raises_risk"),
        ("/dapi/v1/positionMargin", {"symbol": "BTCUSD_PERP", "amount": "1", "type": "1"}, 5, None),
        ("/dapi/v1/positionMargin", {"symbol": "BTCUSD_PERP", "amount": "1", "type": "2"}, 5, "setting_raises_risk"),
        ("/dapi/v1/positionSide/dual", {"dualSidePosition": "true"}, 5, "setting_raises_risk"),
        ("/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "1"}, None, "leverage_over_cap"),
        ("/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "ISOLATED"}, 5, None),
        ("/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "CROSSED"}, 5, "setting_raises_risk"),
        ("/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "false"}, 5, None),
        ("/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "TRUE"}, 5, "setting_raises_risk"),
        ("/fapi/v1/positionSide/dual", {"dualSidePosition": "false"}, 5, None),
        ("/fapi/v1/positionSide/dual", {"dualSidePosition": "true"}, 5, "setting_raises_risk"),
    ],
)
def test_settings_only_lower_risk(path: str, values: dict[str, str], cap: int | None, reason: str | None) -> None:
    """Ruling 4: leverage up to the bot's cap (none means none), isolated margin, multi-assets and hedge mode off."""
    family = "coinm" if path.startswith("/dapi") else "usdm"
    assert decide(replace(OPEN, max_leverage=cap), asked(family, "POST", path, **values)) == reason


@pytest.mark.threat(23)
@pytest.mark.parametrize(
    ("path", "name"), [("/fapi/v1/multiAssetsMargin", "multiAssetsMargin"), ("/fapi/v1/positionSide/dual",
                                                                            "dualSidePosition")]
)  # fmt: skip
def test_a_setting_of_the_whole_account_needs_every_symbol(path: str, name: str) -> None:
    setting = asked("usdm", "POST", path, **{name: "false"})
    assert decide(OPEN, setting) is None
    assert decide(replace(OPEN, symbols=("BTCUSDT",)), setting) == "all_symbols_not_allowed"


@pytest.mark.parametrize(("kind", "reason"), [("1", None), ("2", "setting_raises_risk"), ("3", "setting_raises_risk")])
def test_margin_is_added_never_taken(kind: str, reason: str | None) -> None:
    """positionMargin of type 1 adds; every other value is denied."""
    one = endpoint("usdm", "POST", "/fapi/v1/positionMargin")
    values = {"symbol": "BTCUSDT", "amount": "1", "type": kind}
    assert decide(OPEN, Intent(one, tuple(values.items()), values, ("BTCUSDT",), (), (), False)) == reason


# -- can it be traded at all


@pytest.mark.parametrize(
    ("symbol", "reason"),
    [("BTCUSDT", None), ("OLDUSDT", "symbol_closed"), ("DYINGUSDT", "symbol_closed"), ("NOPEUSDT", "unknown_symbol"),
     ("btcusdt", "unknown_symbol"), ("BTCUSDТ", "unknown_symbol")],
)  # fmt: skip
@pytest.mark.threat(15)
def test_only_listed_and_trading_symbols(symbol: str, reason: str | None) -> None:
    """exchangeInfo decides, byte for byte: a Cyrillic letter or lower case is another symbol."""
    assert decide(OPEN, spot(symbol=symbol, quantity="1")) == reason


def test_rules_are_fresh_for_a_day() -> None:
    """Exactly 24 h are fresh, one millisecond more is not, and never read is not."""
    day = 24 * 3_600_000
    assert decide(OPEN, spot(quantity="1"), a_market(rules_at=NOW - day)) is None
    assert decide(OPEN, spot(quantity="1"), a_market(rules_at=NOW - day - 1)) == "rules_stale"
    assert decide(OPEN, spot(quantity="1"), a_market(rules_at=None)) == "rules_stale"


LIMITED = replace(OPEN, max_order_notional=Decimal(100))


@pytest.mark.threat(45)
@pytest.mark.parametrize("bot", [LIMITED, replace(OPEN, price_collar_percent=Decimal(5))], ids=["notional", "collar"])
def test_a_price_is_fresh_for_five_seconds(bot: Bot) -> None:
    """5,000 ms are fresh, 5,001 ms are not; without a price nothing that needs one passes."""
    order = spot(type="LIMIT", quantity="1", price="100", timeInForce="GTC")
    assert decide(bot, order, a_market(prices_at=NOW - 5_000)) is None
    assert decide(bot, order, a_market(prices_at=NOW - 5_001)) == "price_unknown"
    assert decide(bot, order, a_market(prices_at=None)) == "price_unknown"
    assert decide(OPEN, order, a_market(prices_at=None)) is None


# -- limits at their edges (LIM-3)


def limit_order(quantity: str, price: str) -> Intent:
    return spot(type="LIMIT", timeInForce="GTC", quantity=quantity, price=price)


@pytest.mark.parametrize(("ticks", "over"), [(-1, False), (0, False), (1, True)])
@pytest.mark.parametrize("shape", ["market", "limit", "quote", "batch", "modify", "replace", "algo", "oco", "test",
                                   "routed", "amend", "working", "opo"])  # fmt: skip
def test_notional_is_exact_in_every_shape_of_order(shape: str, ticks: int, over: bool) -> None:
    """Limit minus one tick and the limit pass, one tick more is denied, for each way to place or modify."""
    quantity = f"{Decimal(1) + ticks * TICK:f}"
    leg = f'{{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"{quantity}"}}'
    intent = {
        "market": lambda: spot(quantity=quantity),
        "limit": lambda: spot(type="LIMIT", quantity=quantity, price="100"),
        "quote": lambda: spot(quoteOrderQty=f"{Decimal(100) + ticks * TICK:f}"),
        "batch": lambda: asked("usdm", "POST", "/fapi/v1/batchOrders", batchOrders=f"[{leg}]"),
        "modify": lambda: asked("usdm", "PUT", "/fapi/v1/order", symbol="BTCUSDT", side="BUY", orderId="1",
                                quantity=quantity, price="100"),
        "replace": lambda: asked("spot", "POST", "/api/v3/order/cancelReplace", symbol="BTCUSDT", side="BUY",
                                 type="LIMIT", cancelReplaceMode="ALLOW_FAILURE", quantity=quantity, price="100"),
        "algo": lambda: algo(side="BUY", triggerPrice="100", quantity=quantity),
        "oco": lambda: asked("spot", "POST", "/api/v3/orderList/oco", symbol="BTCUSDT", side="BUY", quantity=quantity,
                             aboveType="STOP_LOSS_LIMIT", abovePrice="100", aboveStopPrice="100",
                             belowType="LIMIT_MAKER", belowPrice="90"),
        "test": lambda: asked("spot", "POST", "/api/v3/order/test", symbol="BTCUSDT", side="BUY", type="MARKET",
                              quantity=quantity),
        "routed": lambda: asked("spot", "POST", "/api/v3/sor/order", symbol="BTCUSDT", side="BUY", type="LIMIT",
                                quantity=quantity, price="100"),
        "amend": lambda: asked("spot", "PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", orderId="1",
                               newQty=quantity),
        "working": lambda: otoco(workingQuantity=quantity),
        "opo": lambda: asked("spot", "POST", "/api/v3/orderList/opo", symbol="BTCUSDT", workingType="LIMIT",
                             workingSide="BUY", workingPrice="100", workingQuantity=quantity, pendingType="MARKET",
                             pendingSide="SELL"),
    }[shape]()  # fmt: skip
    assert decide(LIMITED, intent) == ("notional_over_limit" if over else None)


@pytest.mark.threat(12)
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, None),
        ({"pendingQuantity": "0.96"}, None),  # 0.96 at 104 is 99.84
        ({"pendingQuantity": "0.97"}, "notional_over_limit"),
        ({"pendingAbovePrice": "200", "pendingQuantity": "0.5"}, None),
        ({"pendingAbovePrice": "200", "pendingQuantity": "0.51"}, "notional_over_limit"),
        ({"pendingBelowStopPrice": "200", "pendingQuantity": "0.51"}, "notional_over_limit"),
        ({"pendingBelowPrice": "200", "pendingQuantity": "0.51"}, "notional_over_limit"),
        # What is bought back once something was sold at 200 costs 200, a market order as well.
        ({"workingSide": "SELL", "workingPrice": "200", "workingQuantity": "0.1", "pendingSide": "BUY",
          "pendingQuantity": "0.51"}, "notional_over_limit"),
        ({"workingQuantity": "1.01"}, "notional_over_limit"),
        ({"workingPrice": "101"}, "notional_over_limit"),
    ],
)  # fmt: skip
def test_every_order_of_a_waiting_list_is_measured(values: dict[str, str], reason: str | None) -> None:
    """The pending orders like the working one, each with its own size and its worst price."""
    assert decide(LIMITED, otoco(**values)) == reason


@pytest.mark.threat(12)
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, None),
        ({"workingQuantity": "1.1"}, "quantity_over_limit"),
        ({"pendingQuantity": "1.1"}, "quantity_over_limit"),
        ({"symbol": "ETHBTC", "workingPrice": "0.05"}, "symbol_not_allowed"),
        ({"symbol": "OLDUSDT"}, "symbol_closed"),
    ],
)
def test_a_pending_order_is_held_to_the_quantity_too(values: dict[str, str], reason: str | None) -> None:
    bot = replace(OPEN, symbols=("BTCUSDT", "OLDUSDT"), max_order_quantity={"*": Decimal(1)})
    assert decide(bot, otoco(**values)) == reason


@pytest.mark.parametrize(
    ("bot", "intent", "reason"),
    [
        # Each contract is 100 dollars, whatever the coin costs and at whatever price the order is placed.
        ("notional", lambda: contracts(quantity="5"), None),
        ("notional", lambda: contracts(quantity="6"), "notional_over_limit"),
        ("notional", lambda: contracts(type="LIMIT", price="1", quantity="6"), "notional_over_limit"),
        ("notional", lambda: contracts(type="LIMIT", price="99999", quantity="5"), None),
        ("notional", lambda: contracts(quantity="6", reduceOnly="true"), None),
        ("notional", lambda: contracts(quantity="6", reduceOnly="true", positionSide="LONG"), "notional_over_limit"),
        ("notional", lambda: contracts(type="STOP_MARKET", stopPrice="9", closePosition="true"), None),
        ("notional", lambda: contracts(type="STOP_MARKET", stopPrice="9"), "mandatory_parameter"),
        ("notional", lambda: asked("coinm", "PUT", "/dapi/v1/order", symbol="BTCUSD_PERP", side="BUY", orderId="1",
                                   price="50000", quantity="6"), "notional_over_limit"),
        ("notional", lambda: asked("coinm", "POST", "/dapi/v1/algoOrder", symbol="BTCUSD_PERP", side="BUY",
                                   type="STOP_MARKET", algoType="CONDITIONAL", triggerPrice="60000", quantity="6"),
         "notional_over_limit"),
        ("notional", lambda: asked("coinm", "POST", "/dapi/v1/batchOrders", batchOrders='['
         '{"symbol":"BTCUSD_PERP","side":"BUY","type":"MARKET","quantity":"1"},'
         '{"symbol":"BTCUSD_PERP","side":"BUY","type":"MARKET","quantity":"6"}]'), "notional_over_limit"),
        # A quantity is a number of contracts.
        ("quantity", lambda: contracts(quantity="3"), None),
        ("quantity", lambda: contracts(quantity="4"), "quantity_over_limit"),
        ("collar", lambda: contracts(type="LIMIT", price="52500", quantity="9", timeInForce="GTC"), None),
        ("collar", lambda: contracts(type="LIMIT", price="52500.1", quantity="9", timeInForce="GTC"),
         "price_outside_collar"),
    ],
)  # fmt: skip
def test_contracts_are_counted_and_worth_their_size(bot: str, intent: Any, reason: str | None) -> None:
    limits: dict[str, dict[str, Any]] = {
        "notional": {"max_order_notional": Decimal(500)},
        "quantity": {"max_order_quantity": {"BTCUSD_PERP": Decimal(3)}},
        "collar": {"price_collar_percent": Decimal(5)},
    }
    assert decide(replace(OPEN, **limits[bot]), intent()) == reason


@pytest.mark.parametrize("name", ["price", "stopPrice"])
def test_the_worst_price_counts(name: str) -> None:
    """An order that could trade at 200 costs 200 a piece, whatever the last price is; a low price costs the last."""
    high = spot(type="STOP_LOSS_LIMIT", quantity="0.6", **{"price": "50", "stopPrice": "50", name: "200"})
    assert decide(LIMITED, high) == "notional_over_limit"
    assert decide(LIMITED, spot(type="LIMIT", side="SELL", quantity="1.1", price="10")) == "notional_over_limit"
    assert decide(LIMITED, spot(type="LIMIT", side="SELL", quantity="0.6", price="10")) is None


@pytest.mark.parametrize("name", ["abovePrice", "aboveStopPrice", "belowPrice", "belowStopPrice"])
def test_the_worst_leg_of_an_order_list_counts(name: str) -> None:
    """Every price of both legs is looked at."""
    values = {"abovePrice": "100", "aboveStopPrice": "100", "belowPrice": "100", "belowStopPrice": "100", name: "200"}
    intent = asked("spot", "POST", "/api/v3/orderList/oco", symbol="BTCUSDT", side="SELL", quantity="0.6",
                   aboveType="TAKE_PROFIT_LIMIT", belowType="STOP_LOSS_LIMIT", **values)  # fmt: skip
    assert decide(LIMITED, intent) == "notional_over_limit"


@pytest.mark.parametrize(
    ("symbol", "largest", "prices", "reason"),
    [
        ("ETHBTC", "20", {}, None),  # 0.05 BTC at 100 dollars
        ("ETHBTC", "20.00000001", {}, "notional_over_limit"),
        ("BTCTRY", "1", {}, None),  # 4,000 TRY at 40 for a dollar
        ("BTCTRY", "1.00000001", {}, "notional_over_limit"),
        ("XYZABC", "0.00000001", {}, "price_unknown"),  # no way from ABC to dollars
    ],
)
def test_quotes_that_are_no_dollars(symbol: str, largest: str, prices: dict[str, str], reason: str | None) -> None:
    """The quote asset is turned into dollars by fresh prices, either way round; without one the order is closed."""
    assert decide(LIMITED, spot(symbol=symbol, quantity=largest), a_market(**prices)) == reason


@pytest.mark.parametrize(("ticks", "over"), [(-1, False), (0, False), (1, True)])
@pytest.mark.parametrize(
    "caps", [{"BTCUSDT": "2"}, {"*": "2"}, {"BTCUSDT": "2", "*": "1"}, {"BTCUSDT": "2", "ETHBTC": "0"}]
)
def test_quantity_is_exact(caps: dict[str, str], ticks: int, over: bool) -> None:
    """The cap of the symbol counts before the star's; quoteOrderQty counts at the last price."""
    bot = replace(OPEN, max_order_quantity={name: Decimal(cap) for name, cap in caps.items()})
    expected = "quantity_over_limit" if over else None
    assert decide(bot, spot(quantity=f"{2 + ticks * TICK:f}"), a_market(prices_at=None)) == expected
    assert decide(bot, spot(quoteOrderQty=f"{200 + ticks * TICK:f}")) == expected
    assert decide(bot, spot(quoteOrderQty="1"), a_market(prices_at=None)) == "price_unknown"


def test_a_cap_of_another_symbol_binds_nothing() -> None:
    """A quantity cap for ETHBTC says nothing of BTCUSDT."""
    bot = replace(OPEN, max_order_quantity={"ETHBTC": Decimal(1)})
    assert decide(bot, spot(quantity="999")) is None
    assert decide(bot, spot(quoteOrderQty="999"), a_market(prices_at=None)) is None


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize(
    ("price", "reason"),
    [("95", None), ("105", None), ("94.99999999", "price_outside_collar"), ("105.00000001", "price_outside_collar"),
     ("0", "price_outside_collar"), ("100", None)],
)  # fmt: skip
def test_the_collar_is_exact_on_both_sides(side: str, price: str, reason: str | None) -> None:
    """5 % of 100 is [95, 105], closed, for buys and sells."""
    bot = replace(OPEN, price_collar_percent=Decimal(5))
    assert decide(bot, spot(type="LIMIT", side=side, quantity="1", price=price)) == reason


numbers = st.decimals(min_value="0.00000001", max_value="99999999", places=8).map(lambda d: f"{d:f}")


@given(quantity=numbers, price=numbers, last=numbers, limit=numbers)
def test_notional_equals_a_naive_model_in_fractions(quantity: str, price: str, last: str, limit: str) -> None:
    """For any numbers: denied exactly when quantity * max(price, last) > limit, computed without rounding."""
    over = Fraction(quantity) * max(Fraction(price), Fraction(last)) > Fraction(limit)
    bot = replace(OPEN, max_order_notional=Decimal(limit))
    reason = decide(bot, limit_order(quantity, price), a_market(BTCUSDT=last))
    assert reason == ("notional_over_limit" if over else None)


@pytest.mark.threat(16)
def test_eighteen_digits_are_not_rounded_under_the_limit() -> None:
    """36 significant digits: one unit in the last place over the limit is over the limit."""
    long = "123456789012345678.123456789012345678"
    bot = replace(OPEN, max_order_notional=Decimal("123456789012345678.123456789012345677"))
    assert decide(bot, limit_order("1", long)) == "notional_over_limit"
    bot = replace(OPEN, max_order_notional=Decimal(long))
    assert decide(bot, limit_order("1", long)) is None


# -- what an attacker tries


@pytest.mark.threat(11)
@pytest.mark.parametrize(
    ("intent", "reason"),
    [
        # no size at all
        (lambda: future(type="LIMIT", price="100", timeInForce="GTC"), "mandatory_parameter"),
        (lambda: spot(), "mandatory_parameter"),
        (lambda: algo(triggerPrice="100"), "mandatory_parameter"),
        # the small size for the judge, the large one for the exchange
        (lambda: spot(quantity="1000", quoteOrderQty="1"), "notional_over_limit"),
        (lambda: spot(quantity="0.001", quoteOrderQty="1000"), "notional_over_limit"),
        # prices that the exchange makes
        (lambda: future(type="LIMIT", quantity="2", priceMatch="OPPONENT", timeInForce="GTC"), "notional_over_limit"),
        (lambda: spot(type="LIMIT", quantity="2", pegPriceType="PRIMARY_PEG"), "notional_over_limit"),
        (lambda: spot(type="STOP_LOSS", quantity="2", trailingDelta="100"), "notional_over_limit"),
        (lambda: algo(type="TRAILING_STOP_MARKET", quantity="2", callbackRate="1"), "notional_over_limit"),
        (lambda: algo(type="TRAILING_STOP_MARKET", quantity="0.9", callbackRate="1", activatePrice="200"),
         "notional_over_limit"),
        # flags that only pretend to reduce
        (lambda: algo(side="BUY", type="STOP", triggerPrice="100", price="100", quantity="2", closePosition="true"),
         "notional_over_limit"),
        (lambda: future(quantity="2", reduceOnly="true", positionSide="LONG"), "notional_over_limit"),
        (lambda: future(quantity="2", reduceOnly="false"), "notional_over_limit"),
        (lambda: asked("usdm", "PUT", "/fapi/v1/order", symbol="BTCUSDT", side="BUY", quantity="2", price="1"),
         "notional_over_limit"),
        # one bad leg among good ones
        (lambda: asked("usdm", "POST", "/fapi/v1/batchOrders", batchOrders='['
         '{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"0.1"},'
         '{"symbol":"BTCUSDT","side":"SELL","type":"MARKET","quantity":"9","reduceOnly":"true"},'
         '{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"9"}]'), "notional_over_limit"),
        # real exits
        (lambda: future(side="SELL", quantity="2", reduceOnly="true"), None),
        (lambda: algo(triggerPrice="10", closePosition="true"), None),
        (lambda: algo(triggerPrice="10", closePosition="true", positionSide="LONG"), None),
        (lambda: algo(triggerPrice="10", quantity="2", reduceOnly="TRUE"), None),
    ],
)  # fmt: skip
def test_what_raises_exposure_is_measured(intent: Any, reason: str | None) -> None:
    """Sizes left out or stated twice, prices made by the exchange, false exits: each is judged at its worst."""
    assert decide(LIMITED, intent()) == reason


@pytest.mark.threat(12)
def test_a_modification_is_never_an_exit() -> None:
    """Even a leg that says of itself that it reduces is measured when it comes by PUT."""
    intent = asked("usdm", "PUT", "/fapi/v1/order", symbol="BTCUSDT", side="BUY", quantity="2", price="1")
    lying = intent._replace(legs=(intent.legs[0]._replace(reduces=True),))
    assert decide(LIMITED, lying) == "notional_over_limit"


def test_exits_stay_open_in_every_doubt() -> None:
    """A reducing order needs no price, no rules and no limit; neither does a cancel. Symbols still count."""
    bot = replace(LIMITED, max_order_quantity={"*": Decimal(1)}, price_collar_percent=Decimal(1))
    blind = a_market(prices_at=None, rules_at=None)
    reducing = future(side="SELL", type="LIMIT", price="1", quantity="50", reduceOnly="true", timeInForce="GTC")
    assert decide(bot, reducing, blind) is None
    assert decide(bot, asked("usdm", "DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId="1"), blind) is None
    assert decide(replace(bot, symbols=("ETHBTC",)), reducing, blind) == "symbol_not_allowed"


@pytest.mark.parametrize(
    "intent",
    [
        lambda: algo(triggerPrice="10", closePosition="true"),
        # Whichever of the two flags the exchange believes, it can only reduce.
        lambda: algo(triggerPrice="10", quantity="50", reduceOnly="true", closePosition="true"),
        lambda: asked("usdm", "POST", "/fapi/v1/batchOrders", batchOrders='['
                      '{"symbol":"BTCUSDT","side":"SELL","type":"MARKET","quantity":"9","reduceOnly":"true"},'
                      '{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"50","reduceOnly":"true"}]'),
    ],
)  # fmt: skip
def test_every_form_of_exit_needs_neither_price_nor_limit(intent: Any) -> None:
    assert decide(LIMITED, intent(), a_market(prices_at=None, rules_at=None)) is None


@given(
    quantity=st.none() | numbers, quote=st.none() | numbers, price=st.none() | numbers, stop=st.none() | numbers,
    last=numbers, side=st.sampled_from(("BUY", "SELL")),
)  # fmt: skip
def test_nothing_passes_that_could_cost_more(
    quantity: str | None, quote: str | None, price: str | None, stop: str | None, last: str, side: str
) -> None:
    """Attacker's property: whatever is left out or combined, what passes costs at most the limit by either size."""
    given_values = {"quantity": quantity, "quoteOrderQty": quote, "price": price, "stopPrice": stop}
    intent = spot(side=side, type="STOP_LOSS_LIMIT", **{n: v for n, v in given_values.items() if v is not None})
    reason = decide(LIMITED, intent, a_market(BTCUSDT=last))
    worst = max(Fraction(text) for text in (price, stop, last) if text is not None)
    costs = [Fraction(quantity) * worst if quantity else Fraction(0), Fraction(quote) if quote else Fraction(0)]
    sized = quantity is not None or quote is not None
    assert (reason is None) == (sized and max(costs) <= 100)


@pytest.mark.parametrize(
    ("bot", "intent", "denial"),
    [
        ({"symbols": ("ETHBTC",)}, lambda: spot(quantity="1"), Denial("symbol_not_allowed", "symbol")),
        ({}, lambda: asked("usdm", "POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage="126"),
         Denial("leverage_over_cap", "leverage")),
        ({}, lambda: asked("usdm", "POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="CROSSED"),
         Denial("setting_raises_risk", "marginType")),
        ({}, lambda: spot(symbol="NOPEUSDT", quantity="1"), Denial("unknown_symbol", "symbol")),
        ({}, lambda: spot(symbol="OLDUSDT", quantity="1"), Denial("symbol_closed", "symbol")),
        ({}, lambda: spot(), Denial("mandatory_parameter", "quantity")),
        ({"max_order_quantity": {"*": Decimal(1)}}, lambda: spot(quantity="2"),
         Denial("quantity_over_limit", "quantity")),
        ({"max_order_quantity": {"*": Decimal(1)}}, lambda: spot(quoteOrderQty="101"),
         Denial("quantity_over_limit", "quoteOrderQty")),
        ({"price_collar_percent": Decimal(5)}, lambda: spot(type="LIMIT", quantity="1", price="106"),
         Denial("price_outside_collar", "price")),
        ({"max_order_notional": Decimal(100)}, lambda: spot(quantity="2"), Denial("notional_over_limit", "quantity")),
        ({"max_order_notional": Decimal(100)}, lambda: spot(quoteOrderQty="101"),
         Denial("notional_over_limit", "quoteOrderQty")),
    ],
)  # fmt: skip
def test_a_denial_names_the_parameter_at_fault(bot: dict[str, Any], intent: Any, denial: Denial) -> None:
    assert may_ask(replace(OPEN, **bot), intent(), a_market(), NOW) == denial


def test_a_cancel_of_everything_is_refused_by_the_parameter_that_is_missing() -> None:
    everywhere = Intent(endpoint("spot", "DELETE", "/api/v3/openOrders"), (), {}, (), (), (), False)
    denial = may_ask(replace(OPEN, symbols=("BTCUSDT",)), everywhere, a_market(), NOW)
    assert denial == Denial("all_symbols_not_allowed", "symbol")


def test_what_is_no_single_parameters_fault_names_none() -> None:
    assert may_ask(OPEN, spot(quantity="1"), a_market(rules_at=None), NOW) == Denial("rules_stale", "")
