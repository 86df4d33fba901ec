"""A picture of the exchange for who watches: prices, positions, forced closes, bans, limits, faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterseal.paper.errors import Json
from counterseal.paper.money import plain

if TYPE_CHECKING:
    from counterseal.paper.exchange import Exchange

SHOWN_SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "LTCUSDT", "ADAUSDT")
MOST_POSITIONS, MOST_POOLS, MOST_FORCED = 20, 6, 8
HISTORY_MS = 60_000


def snapshot(exchange: Exchange) -> Json:
    """Everything that the terminal view shows; amounts as text, times in ms."""
    now_ms = exchange.now_ms()
    return {
        "now_ms": now_ms,
        "skew_ms": exchange.clock.skew_ms(),
        "prices": _prices(exchange, now_ms),
        "positions": _positions(exchange, now_ms),
        "forced": _forced(exchange),
        "counted": {name: dict(item.counted) for name, item in exchange.executions.items()},
        "bans": [{"side": side, "peer": peer, "until_ms": until} for side, peer, until in exchange.guard.bans(now_ms)],
        "pools": [{"pool": pool, "subject": subject, "used": used, "limit": limit}
                  for pool, subject, used, limit in exchange.windows.busiest(now_ms)[:MOST_POOLS]],
        "scenarios": [{"name": item.scenario.name, "at_ms": now_ms - item.start_ms, "lasts_ms": item.scenario.lasts_ms}
                      for item in exchange.director.playing],
        "faults": exchange.faults.listed(),
        "faults_done": dict(exchange.faults.done),
    }  # fmt: skip


def _prices(exchange: Exchange, now_ms: int) -> list[Json]:
    rows: list[Json] = []
    market = exchange.usdm
    for name in SHOWN_SYMBOLS:
        walk = market.walks.get(name)
        if walk is None:
            continue
        step = market.steps.at(now_ms)
        rows.append({
            "symbol": name, "last": plain(walk.price_at(step)), "mark": plain(market.mark(name, now_ms)),
            "spot": plain(exchange.spot.walks[name].price_at(step)) if name in exchange.spot.walks else None,
            "before": plain(walk.price_at(market.steps.at(now_ms - HISTORY_MS))),
        })  # fmt: skip
    return rows


def _positions(exchange: Exchange, now_ms: int) -> list[Json]:
    held = [(market, account, item) for market in (exchange.usdm, exchange.coinm)
            for account in market.accounts.values() for item in account.held()]  # fmt: skip
    rows: list[Json] = []
    for market, account, item in held[:MOST_POSITIONS]:
        mark = market.mark(item.symbol, now_ms)
        rows.append({
            "account": account.name, "symbol": item.symbol, "side": item.side, "amount": plain(item.amount),
            "entry": plain(item.entry), "mark": plain(mark), "profit": plain(item.profit(mark)),
            "asset": account.margin_asset(item.symbol), "leverage": account.setting(item.symbol).leverage,
        })  # fmt: skip
    return rows


def _forced(exchange: Exchange) -> list[Json]:
    """The latest executions that were not wanted, on both futures markets, oldest first."""
    rows = [row for name in ("usdm", "coinm") for row in exchange.executions[name].forced]
    return sorted(rows, key=lambda row: int(str(row["at"])))[-MOST_FORCED:]
