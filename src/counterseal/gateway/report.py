"""What the gateway tells about itself: state and spending, no secret, no query."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from counterseal.core.messages import HeldKey
from counterseal.gateway.state import State


def status_report(state: State, keys: Mapping[str, HeldKey], journal_failed: bool, connections: int) -> dict[str, Any]:
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
        "journal": "latched" if journal_failed else "writing",
        "clock_offset_ms": state.offset_ms() if reading else None,
        "clock_uncertainty_ms": reading.uncertainty_at(now_ms) if reading else None,
        "markets": {family: _market(market, now_ms) for family, market in state.markets.items()},
        "known_client_order_ids": len(state.ledger),
    }


def _market(market: Any, now_ms: int) -> dict[str, Any]:
    return {
        "symbols": len(market.rules),
        "symbols_age_ms": None if market.rules_at_ms is None else now_ms - market.rules_at_ms,
        "prices_age_ms": None if market.prices_at_ms is None else now_ms - market.prices_at_ms,
    }


def limits_report(state: State) -> dict[str, Any]:
    """Give who spent what, and what the exchange says was used."""
    now_ms = state.monotonic_ms()
    return {
        "used_weight_1m": dict(state.used_weight),
        "banned_for_ms": max(0, state.wall.banned_until_ms - now_ms),
        "closed_for_ms": {pool: max(0, until - now_ms) for pool, until in state.wall.closed_until_ms.items()},
        "bots": {name: asdict(counter) for name, counter in state.counters.items()},
    }
