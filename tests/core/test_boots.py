"""core.boots: when the exchange must be asked for orders that a journal may lack."""

import json
from typing import Any

import pytest

from counterseal.core.boots import BEFORE_MS, FARTHEST_MS, RECENT_MS, RECONCILED, Boot, Boots, Told, reads_from

HOUR_MS = 3_600_000
NOW = 100 * 24 * HOUR_MS


def start(at_ms: int, boot: str = "one", durability: str = "process", reconciles: int | None = None) -> dict[str, Any]:
    return {"type": "start", "t": at_ms, "boot": boot, "durability": durability, "reconciles": reconciles}


def intent(at_ms: int, *pairs: tuple[str, str], path: str = "/api/v3/order") -> dict[str, Any]:
    return {"type": "intent", "t": at_ms, "family": "spot", "path": path, "pairs": list(pairs)}


def of(*records: dict[str, Any]) -> Boots:
    found = Boots()
    for record in records:
        found.take(record)
    return found


@pytest.mark.parametrize(
    ("records", "boot", "since"),
    [
        ((), "one", None),
        ((), "", None),
        ((start(NOW - 5),), "one", None),
        ((start(NOW - 5),), "two", NOW - 5 - BEFORE_MS),
        ((start(NOW - 5),), "", NOW - 5 - BEFORE_MS),
        ((start(NOW - 5, boot=""),), "", NOW - 5 - BEFORE_MS),
        ((start(NOW - 5, durability="power"),), "two", None),
        # Of a journal older than boot ids, and one whose clock ran ahead.
        (({"type": "start", "t": NOW - 5},), "two", NOW - 5 - BEFORE_MS),
        ((start(NOW + 9),), "two", NOW - BEFORE_MS),
        ((start(NOW + BEFORE_MS),), "two", NOW - BEFORE_MS),
        # When such a journal ends nobody knows: whatever the exchange lists.
        ((start(NOW + BEFORE_MS + 1),), "two", 0),
        ((start(NOW + BEFORE_MS + 1),), "one", None),
        # What the run before did not finish, the next one goes on with.
        ((start(NOW - 5, reconciles=NOW - 3 * HOUR_MS),), "one", NOW - 3 * HOUR_MS),
        ((start(NOW - 5, reconciles=NOW - 3 * HOUR_MS),), "two", NOW - 3 * HOUR_MS),
        ((start(NOW - 5, reconciles=1),), "one", 1),
        ((start(NOW - 5, reconciles=1), {"type": RECONCILED, "t": NOW}), "one", None),
        ((start(NOW - 9, reconciles=1), {"type": RECONCILED, "t": NOW - 8}, start(NOW - 5)), "one", None),
        ((start(NOW - 9), start(NOW - 5, reconciles=NOW - 7)), "one", NOW - 7),
        ((intent(NOW - 5),), "one", NOW - 5 - BEFORE_MS),
    ],
)
def test_since(records: tuple[dict[str, Any], ...], boot: str, since: int | None) -> None:
    """The same whether records are read one by one or as summaries of their segments."""
    assert of(*records).since(boot, NOW) == since
    joined = Boots()
    for record in records:
        joined.join(of(record).told(), record["t"])
    assert joined.since(boot, NOW) == since


def test_symbols_that_were_traded_lately() -> None:
    """Of orders, of a batch's legs; a cancel of a conditional order names none."""
    legs = json.dumps([{"symbol": "BTCUSDT"}, {"symbol": "ETHUSDT"}, {"side": "BUY"}, 7])
    found = of(
        intent(NOW - RECENT_MS - 1, ("symbol", "OLDUSDT")),
        intent(NOW - RECENT_MS, ("side", "BUY"), ("symbol", "BNBUSDT")),
        intent(NOW - 1, ("batchOrders", legs), path="/fapi/v1/batchOrders"),
        intent(NOW - 1, path="/fapi/v1/batchOrders"),
        intent(NOW, ("algoId", "7"), path="/fapi/v1/algoOrder"),
    )
    recent = {("spot", name) for name in ("BNBUSDT", "BTCUSDT", "ETHUSDT")}
    assert set(found.recent(NOW - BEFORE_MS)) == recent
    joined = Boots()
    joined.join(found.told(), NOW)
    assert set(joined.recent(NOW - BEFORE_MS)) == recent


@pytest.mark.parametrize(
    ("since", "begins"),
    [
        (NOW - BEFORE_MS, NOW - BEFORE_MS),
        (NOW, NOW),
        (NOW - FARTHEST_MS, NOW - FARTHEST_MS),
        (NOW - FARTHEST_MS - 1, NOW - FARTHEST_MS),
        (0, NOW - FARTHEST_MS),
        # Written while this host's clock ran ahead.
        (NOW + 1, NOW - FARTHEST_MS),
    ],
)
def test_the_exchange_is_asked_by_its_own_clock(since: int, begins: int) -> None:
    assert reads_from(since, NOW) == begins


def test_a_start_that_finished_nothing_makes_no_symbol_old() -> None:
    """A day without power, a start that is killed before it has read anything: the next one asks for the same."""
    cut = NOW - 25 * HOUR_MS
    traded = intent(cut, ("symbol", "BTCUSDT"))
    first = of(start(cut - 9), traded)
    since = first.since("two", NOW)
    assert since is not None
    assert first.recent(since) == (("spot", "BTCUSDT"),)
    second = of(start(cut - 9), traded, start(NOW, "two", reconciles=since))
    assert second.recent(second.since("two", NOW + 5)) == (("spot", "BTCUSDT"),)
    assert second.recent(None) == ()


def test_a_segment_that_tells_nothing() -> None:
    assert of({"type": "denied", "t": 1}).told() == Told()
    assert of(start(1)).told() == Told(Boot("one", "process", None))
