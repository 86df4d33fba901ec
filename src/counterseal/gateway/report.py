"""What the gateway tells about itself: state and spending, no secret, no query."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from counterseal.core.budget.reporting import PoolReport
from counterseal.core.budget.window import Moment
from counterseal.core.messages import HeldKey
from counterseal.core.venue_wall import AddressWall
from counterseal.gateway.budget import Budget
from counterseal.gateway.health import failing_report
from counterseal.gateway.state import BotCounters, State

# All of it travels in one packet: of long lists the first so many are told.
MAX_ROWS, MAX_POOLS, MAX_BOTS, MAX_REASONS = 3, 40, 64, 12


def status_report(state: State, keys: Mapping[str, HeldKey], journal: str, connections: int) -> dict[str, Any]:
    """Give the gateway's state for `counterseal status`."""
    now_ms = state.monotonic_ms()
    reading = state.reading
    return {
        "serving": state.serving and not state.draining,
        "environment": state.config.venue.environment,
        "incarnation": state.incarnation,
        "policy": state.policy_hash,
        "bots": len(state.config.bots),
        "credentials": len(state.credentials),
        "keys": sorted(keys),
        "connections": connections,
        "requests": state.requests,
        "journal": journal,
        "clock_offset_ms": state.offset_ms() if reading else None,
        "clock_uncertainty_ms": reading.uncertainty_at(now_ms) if reading else None,
        "markets": {family: _market(market, now_ms) for family, market in state.markets.items()},
        "known_client_order_ids": len(state.ledger),
        "unknown_requests": _unknown(state, now_ms),
        "not_reconciled": [f"{account} {family}" for account, family in state.unknowns.not_reconciled()],
        "disabled_bots": {bot: latch._asdict() for bot, latch in list(state.latches.items())[:MAX_BOTS]},
        "failing": failing_report(state),
    }


def _unknown(state: State, now_ms: int) -> dict[str, Any]:
    """How many requests are UNKNOWN, how old the oldest is, and how many have been so for a minute."""
    unknowns = state.unknowns
    return {"count": len(unknowns), "oldest_ms": unknowns.oldest_ms(now_ms), "overdue": unknowns.overdue()}


def _market(market: Any, now_ms: int) -> dict[str, Any]:
    return {
        "symbols": len(market.rules),
        "symbols_age_ms": None if market.rules_at_ms is None else now_ms - market.rules_at_ms,
        "prices_age_ms": None if market.prices_at_ms is None else now_ms - market.prices_at_ms,
    }


def limits_report(state: State, budget: Budget) -> dict[str, Any]:
    """Give who spent what, how full each limit is, and what is closed."""
    now = budget.moment()
    counters = sorted(state.counters.items(), key=lambda row: -row[1].weight)
    return {
        "pools": [_pool(pool, now) for pool in sorted(budget.ledger.report(now), key=_emptiness)[:MAX_POOLS]],
        "closed": [_closed(place, wall, now.monotonic_ms) for place, wall in state.wall.places()],
        "breakers": [
            {"host": host, "lane": lane, "phase": phase, "next_ms": next_ms}
            for (host, lane), (phase, next_ms) in budget.breakers.report(now.monotonic_ms).items()
        ],
        "slowed": [
            {"bot": bot, "lane": lane, "refusals": refusals, "left_ms": left_ms}
            for (bot, lane), (refusals, left_ms) in _slowest(budget.rejects.slowed(now.monotonic_ms))
        ],
        "bots": {name: _bot(counter) for name, counter in counters[:MAX_BOTS]},
        "left_off": max(0, len(counters) - MAX_BOTS),
        "spent": _spent(budget, {name for name, _ in counters[:MAX_BOTS]}),
    }


def _bot(counter: BotCounters) -> dict[str, Any]:
    """One bot's counts; of the reasons of refusals the most frequent, the rest in one sum."""
    rows = sorted(counter.denied.items(), key=lambda row: -row[1])
    rest = sum(count for _, count in rows[MAX_REASONS:])
    return {**asdict(counter), "denied": dict(rows[:MAX_REASONS]) | ({"others": rest} if rest else {})}


def _slowest(slowed: Mapping[tuple[str, str], tuple[int, int]]) -> list[tuple[tuple[str, str], tuple[int, int]]]:
    """Of all that are slowed, those with the most refusals."""
    return sorted(slowed.items(), key=lambda row: -row[1][0])[:MAX_BOTS]


def _pool(pool: PoolReport, now: Moment) -> dict[str, Any]:
    """One window: what may be used by exits at most, by whom it is used, and when it turns."""
    return {
        "pool": pool.pool,
        "whose": pool.key,
        "endpoint": pool.endpoint,
        "limit": pool.limit,
        "ours": pool.spent,
        "others": pool.foreign,
        "in_flight": pool.in_flight,
        "ceilings": dict(pool.ceilings),
        "lanes": {lane: spent for lane, spent in pool.lanes.items() if spent},
        "bots": dict(sorted(pool.bots.items(), key=lambda row: -row[1])[:MAX_ROWS]),
        "unheard": {fault: count for fault, count in pool.unheard.items() if count},
        "turns_in_ms": max(0, pool.window_end_ms - now.exchange_ms),
    }


def _closed(place: str, wall: AddressWall, now_ms: int) -> dict[str, Any]:
    return {
        "place": place,
        "banned_for_ms": max(0, wall.banned_until_ms - now_ms),
        "closed_for_ms": {pool: until - now_ms for pool, until in wall.closed_until_ms.items() if until > now_ms},
    }


def _emptiness(pool: PoolReport) -> float:
    return -(pool.spent + pool.foreign + pool.in_flight) / max(1, pool.limit)


def _spent(budget: Budget, bots: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """The endpoints on which each bot spent most since the start."""
    spent: dict[str, list[dict[str, Any]]] = {}
    for row in budget.ledger.report_bots():
        rows = spent.setdefault(row.bot, []) if row.bot in bots else None
        if rows is not None and len(rows) < MAX_ROWS:
            rows.append({"endpoint": row.endpoint, "calls": row.calls, "weight": row.weight})
    return spent
