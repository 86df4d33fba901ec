"""What fails on the guard's side, as it tells the gateway: rows of `core.failing` that only the guard can see."""

from collections.abc import Mapping
from typing import Any

from counterseal.core.failures import EVERYTHING, Sign, scope_of

# The rows, and how long each has lasted before it counts.
TOLD: Mapping[str, int] = {
    "monitor_stale": 0,
    "foreign_order": 0,
    "alert_channel_down": 0,
    "alerts_down": 300_000,
}
# Accounts have names of at most 32 letters; whoever names more of them than this means all.
_MOST = 1_000


class Told:
    """One thing that fails: since when (monotonic ms), what an operator should know, and for which accounts alone."""

    __slots__ = ("accounts", "detail", "name", "since_ms")

    def __init__(self, name: str, since_ms: int, detail: str, accounts: tuple[str, ...]) -> None:
        self.name = name
        self.since_ms = since_ms
        self.detail = detail
        self.accounts = accounts


def read_states(failing: Any, now_ms: int) -> list[Told]:
    """Read the guard's word of all that fails. Raises ValueError for what is none; a name that is no row is left out.

    What cannot be read of one that fails makes it no less failing.
    """
    if not isinstance(failing, dict):
        raise ValueError("not states")
    return [_read(name, row, now_ms) for name, row in failing.items() if name in TOLD]


def _read(name: str, row: Any, now_ms: int) -> Told:
    fields = row if isinstance(row, dict) else {}
    ago_ms, detail, accounts = fields.get("since_ms_ago"), fields.get("detail"), fields.get("accounts")
    since_ms = now_ms - ago_ms if type(ago_ms) is int and ago_ms >= 0 else now_ms
    names: tuple[str, ...] = ()
    if isinstance(accounts, list) and len(accounts) <= _MOST and all(type(each) is str for each in accounts):
        names = tuple(accounts)
    return Told(name, since_ms, detail[:256] if isinstance(detail, str) else "", names)


def signs(told: list[Told], in_force: list[tuple[str, str]], now_ms: int) -> list[Sign]:
    """Give the signs of what fails by now, and of what does not any more of the (row, scope) that are in force."""
    found: dict[tuple[str, str], Sign] = {}
    for one in told:
        if now_ms - one.since_ms < TOLD[one.name]:
            continue
        for scope in map(scope_of, one.accounts) if one.accounts else (EVERYTHING,):
            found[one.name, scope] = Sign(
                one.name, is_failing=True, detail=one.detail, scope=scope, since_ms=one.since_ms
            )
    ended = [Sign(key[0], is_failing=False, scope=key[1]) for key in in_force if key[0] in TOLD and key not in found]
    return [*found.values(), *ended]
