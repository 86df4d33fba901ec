"""The payloads of futures user data, field by field; COIN-M names the account, USD-M does not."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.algo import AlgoOrder
from counterseal.paper.brackets import maintenance
from counterseal.paper.errors import Json
from counterseal.paper.feed import MarginCallEvent, OrderEvent
from counterseal.paper.futures_accounts import alias_of
from counterseal.paper.futures_market import TAKER_FEE, FuturesMarket
from counterseal.paper.money import ZERO, fixed, fixed8, plain, round8
from counterseal.paper.orders import Order
from counterseal.paper.positions import Position
from counterseal.paper.symbols import Symbol


def order_update(market: FuturesMarket, event: OrderEvent) -> Json:
    """`ORDER_TRADE_UPDATE`."""
    order, trade, symbol = event.order, event.trade, market.symbols[event.order.symbol]
    price, qty = symbol.price_places, symbol.qty_places
    bids, asks = _notionals(market, order)
    shown: Json = {
        "s": order.symbol, "c": order.client_id, "S": order.side, "o": order.type, "f": order.tif,
        "q": fixed(order.qty, qty), "p": fixed(order.price, price), "ap": fixed(order.average, price), "sp": "0",
        "x": event.kind, "X": order.status, "i": order.order_id, "l": fixed(trade.qty if trade else ZERO, qty),
        "z": fixed(order.filled, qty), "L": fixed(trade.price if trade else ZERO, price),
        "n": plain(trade.fee) if trade else "0", "N": trade.fee_asset if trade else symbol.margin_asset,
        "T": event.now_ms, "t": trade.trade_id if trade else 0, "b": plain(bids), "a": plain(asks),
        "m": trade.is_maker if trade else False, "R": order.reduce_only, "wt": "CONTRACT_PRICE", "ot": order.type,
        "ps": order.position_side, "cp": order.close_position, "rp": plain(trade.pnl) if trade else "0",
        "pP": False, "V": order.stp, "pm": order.price_match, "er": "0",
    }  # fmt: skip
    shown |= {"ma": symbol.margin_asset} if symbol.contract_size else {"si": 0, "ss": 0, "gtd": order.good_till_ms}
    if event.kind == "AMENDMENT" and order.modify_id:
        shown["M"] = order.modify_id
    return {"e": "ORDER_TRADE_UPDATE", "E": event.now_ms, "T": event.now_ms, **alias(market, order.account), "o": shown}


def alias(market: FuturesMarket, account: str) -> Json:
    """The account's alias, where the market's events have one."""
    return {} if market.family == "usdm" else {"i": alias_of(account)}


def _notionals(market: FuturesMarket, order: Order) -> tuple[Decimal, Decimal]:
    """What the account's open orders of the symbol are worth, bids and asks."""
    sums = {"BUY": ZERO, "SELL": ZERO}
    for item in market.store.open_orders(order.account, order.symbol):
        sums[item.side] += market.symbols[item.symbol].worth(item.left, item.price) if item.price else ZERO
    return sums["BUY"], sums["SELL"]


def trade_lite(symbol: Symbol, event: OrderEvent) -> Json:
    """`TRADE_LITE`."""
    order, trade = event.order, event.trade
    price, qty = symbol.price_places, symbol.qty_places
    return {
        "e": "TRADE_LITE", "E": event.now_ms, "T": event.now_ms, "s": order.symbol, "q": fixed(order.qty, qty),
        "p": fixed(order.price, price), "m": trade.is_maker if trade else False, "c": order.client_id,
        "S": order.side, "L": fixed(trade.price if trade else ZERO, price),
        "l": fixed(trade.qty if trade else ZERO, qty), "t": trade.trade_id if trade else 0, "i": order.order_id,
    }  # fmt: skip


def account_update(
    market: FuturesMarket,
    account: str,
    reason: str,
    now_ms: int,
    sides: list[tuple[str, str]],
    moved: dict[str, Decimal],
) -> Json:
    """`ACCOUNT_UPDATE`: the positions (symbol, side) and the assets that the event touched, and by how much."""
    found = market.account(account)
    balances = []
    for asset, amount in moved.items():
        wallet = found.wallet.get(asset, ZERO)
        cross = wallet - found.isolated_in(asset)
        balances.append({"a": asset, "wb": fixed8(wallet), "cw": fixed8(cross), "bc": plain(amount)})
    rows = []
    for name, side in sides:
        position = found.position(name, side)
        rows.append(_position(market, position, found.setting(name).is_isolated, now_ms))
    return {
        "e": "ACCOUNT_UPDATE",
        "E": now_ms,
        "T": now_ms,
        **alias(market, account),
        "a": {"B": balances, "P": rows, "m": reason},
    }


def _position(market: FuturesMarket, position: Position, is_isolated: bool, now_ms: int) -> Json:
    symbol = market.symbols[position.symbol]
    direction = 1 if position.amount > 0 else -1
    break_even = position.entry * (1 + direction * TAKER_FEE) if position.amount else ZERO
    profit = position.profit(market.mark(position.symbol, now_ms))
    return {
        "s": position.symbol, "pa": fixed(position.amount, symbol.qty_places), "ep": plain(round8(position.entry)),
        "bep": plain(round8(break_even)), "cr": plain(position.realized), "up": fixed8(round8(profit)),
        "mt": "isolated" if is_isolated else "cross", "iw": plain(round8(position.isolated_wallet)),
        "ps": position.side, "ma": symbol.margin_asset,
    }  # fmt: skip


def margin_call(market: FuturesMarket, event: MarginCallEvent) -> Json:
    """`MARGIN_CALL`; the cross wallet is told when a cross position is called."""
    account = market.account(event.account)
    rows: list[Json] = []
    for name, side in event.positions:
        position, mark = account.position(name, side), market.mark(name, event.now_ms)
        needed = maintenance(market.symbols[name], abs(position.notional(mark)))
        rows.append({
            "s": name, "ps": side, "pa": fixed(position.amount, market.symbols[name].qty_places),
            "mt": "ISOLATED" if account.setting(name).is_isolated else "CROSSED",
            "iw": plain(round8(position.isolated_wallet)), "mp": fixed8(mark),
            "up": fixed8(round8(position.profit(mark))), "mm": fixed8(round8(needed)),
        })  # fmt: skip
    head: Json = {"e": "MARGIN_CALL", "E": event.now_ms, **alias(market, event.account)}
    if any(row["mt"] == "CROSSED" for row in rows):
        asset = account.margin_asset(event.positions[0][0])
        head["cw"] = fixed8(account.wallet.get(asset, ZERO) - account.isolated_in(asset))
    return head | {"p": rows}


def algo_update(symbol: Symbol, algo: AlgoOrder, now_ms: int, reason: str) -> Json:
    """`ALGO_UPDATE`."""
    price, qty = symbol.price_places, symbol.qty_places
    shown: Json = {
        "caid": algo.client_id, "aid": algo.algo_id, "at": "CONDITIONAL", "o": algo.type, "s": algo.symbol,
        "S": algo.side, "ps": algo.position_side, "f": algo.tif, "q": fixed(algo.qty, qty), "X": algo.status,
        "ai": "", "tp": fixed(algo.trigger, price), "p": fixed(algo.price, price), "V": algo.stp,
        "wt": algo.working_type, "pm": "NONE", "cp": algo.close_position, "pP": algo.price_protect,
        "R": algo.reduce_only, "tt": algo.triggered_ms, "gtd": 0, "rm": reason,
    }  # fmt: skip
    if algo.actual is not None:
        actual = algo.actual
        shown |= {"ai": str(actual.order_id), "ap": fixed(actual.average, price), "aq": fixed(actual.filled, qty),
                  "act": actual.type}  # fmt: skip
    if algo.type == "TRAILING_STOP_MARKET":
        shown["ia"] = bool(algo.extreme)
    return {"e": "ALGO_UPDATE", "T": now_ms, "E": now_ms, "o": shown}
