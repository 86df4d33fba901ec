"""Messages in the exchange's form that the tests of this folder share."""

from decimal import Decimal
from typing import Any

from counterseal.core.market import SymbolRule
from counterseal.core.positions.fills import Fill, fill_in

RULES = {
    "BTCUSDT": SymbolRule("BTC", "USDT", "TRADING"),
    "ETHUSDT": SymbolRule("ETH", "USDT", "TRADING"),
}
CONTRACTS = {"BTCUSD_PERP": SymbolRule("BTC", "USD", "TRADING", Decimal(100))}
_COUNT = iter(range(1, 1_000_000))


def D(text: str | int) -> Decimal:
    return Decimal(text)


def usdm_fill(side: str, quantity: str, price: str, **more: Any) -> dict[str, Any]:
    """Give an ORDER_TRADE_UPDATE of one execution; `more` changes fields of its order."""
    number = next(_COUNT)
    order: dict[str, Any] = {
        "s": "BTCUSDT", "c": f"id{number}", "S": side, "x": "TRADE", "X": "FILLED", "i": number, "t": number,
        "l": quantity, "L": price, "n": "0", "N": "USDT", "rp": "0", "ps": "BOTH", "T": 1, "z": quantity,
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": order | more}


def spot_fill(side: str, quantity: str, price: str, **more: Any) -> dict[str, Any]:
    """Give an executionReport of one execution."""
    number = next(_COUNT)
    quote = str(Decimal(quantity) * Decimal(price))
    report: dict[str, Any] = {
        "e": "executionReport", "E": 1, "s": "BTCUSDT", "c": f"id{number}", "S": side, "x": "TRADE", "i": number,
        "X": "FILLED", "t": number, "l": quantity, "L": price, "Y": quote, "n": "0", "N": None, "T": 1,
    }  # fmt: skip
    return report | more


def fill(side: str, quantity: str, price: str, **more: Any) -> Fill:
    """Give the fill of a futures event."""
    found = fill_in("ORDER_TRADE_UPDATE", usdm_fill(side, quantity, price, **more))
    assert found is not None
    return found


def account_update(
    positions: dict[str, str] | None = None, balances: dict[str, str] | None = None, reason: str = "ORDER", **more: Any
) -> dict[str, Any]:
    """Give an ACCOUNT_UPDATE that states amounts and balances; `more` are changes by asset."""
    listed = [{"s": name, "pa": amount, "ep": "100", "ps": "BOTH"} for name, amount in (positions or {}).items()]
    money = [{"a": asset, "wb": amount, "bc": more.get(asset, "0")} for asset, amount in (balances or {}).items()]
    return {"e": "ACCOUNT_UPDATE", "E": 1, "T": 1, "a": {"m": reason, "P": listed, "B": money, "S": "BTCUSDT"}}
