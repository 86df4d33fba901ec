"""What the two who share the exchange's limits tell each other: how much each has spent of every window (ruling 22).

The gateway and the guard have a ledger each. What is above both is others', and only that shrinks their shares.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from counterseal.core.budget.window import Window

# No window has a limit of so much.
_MOST = 10**9
Spend = dict[str, dict[str, int]]


def window_name(pool: str, key: str, endpoint: str) -> str:
    """Give the name by which both know a window: its pool, the address or account, the endpoint that has its own."""
    return f"{pool}|{key}|{endpoint}"


def spend_of(windows: Iterable[Window]) -> Spend:
    """Give what was spent and what is in flight of every window in which there is any, and when it began."""
    return {
        window_name(one.pool.id, one.key, one.endpoint): {
            "used": one.spent, "in_flight": one.in_flight, "begin_ms": one.begin_ms,
        }
        for one in windows
        if one.spent or one.in_flight
    }  # fmt: skip


def hear_partner(windows: Iterable[Window], pools: Mapping[str, Any]) -> None:
    """Take the other's spending. What is told of another window than the present one is left out.

    It is to be told before it is sent: a number of the exchange that comes first would look like somebody else's.
    """
    for window in windows:
        row = pools.get(window_name(window.pool.id, window.key, window.endpoint))
        window.partner_in_flight = 0
        window.words += 1
        if not isinstance(row, dict) or row.get("begin_ms") != window.begin_ms:
            continue
        used, in_flight = _amount(row.get("used")), _amount(row.get("in_flight"))
        if used is not None and in_flight is not None:
            window.partner_spent, window.partner_in_flight = used, in_flight
            window.mark = (*window.mark[:3], used)


def _amount(told: Any) -> int | None:
    return told if type(told) is int and 0 <= told <= _MOST else None
