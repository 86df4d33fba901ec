"""From what happens to alerts: which code each thing has, and what makes two of them the same thing."""

from collections.abc import Mapping
from typing import Any

from counterseal.core import guard_states
from counterseal.core.alerts.codes import CODES, code_of
from counterseal.core.alerts.model import Alert
from counterseal.core.guardrails.breach import Breach
from counterseal.core.guardrails.limits import Level
from counterseal.core.ladder import Kind, Scope

# What the gateway calls critical, where people know it by another code. What has no code is `gateway_critical`.
OF_GATEWAY: Mapping[str, str] = {
    "unknown_after_crash": "unknown_request",
    "unknown_overdue": "unknown_request",
    "journal_latched": "journal_failing",
    "guard_id_taken": "guard_critical",
}
# What the guard hears of as an event besides, with more than the log's line has; and what the gateway has from the
# guard, which tells people itself, as loudly as it is.
HEARD_AS_EVENT = frozenset({"foreign_order", "foreign_orders", *(f"failing_{name}" for name in guard_states.TOLD)})
_LEVELS = {Level.WARN: "limit_warning", Level.EMERGENCY: "limit_threshold", Level.LIMIT: "limit_passed"}
_DEADMAN = {
    "unset": "deadman_unset", "fired": "deadman_fired", "swept": "deadman_swept", "left": "deadman_left",
}  # fmt: skip
_PLACE = ("account", "family", "bot", "key", "canary", "source")


def plain(code: str, text: str, at_ms: int, about: str = "", *, symbols: tuple[str, ...] = ()) -> Alert:
    """Give an alert of a code; `about` is what tells it from others of the code."""
    row = code_of(code)
    title = f"{row.title}: {about}" if about else row.title
    return Alert(row.severity, row.name, title, text, f"{row.name} {about}", at_ms, symbols)


def of_spend(message: Mapping[str, Any], at_ms: int, *, is_noise: bool) -> Alert:
    """Give the alert of weight or counts that others spend: the exchange counts more than we have asked."""
    whose = f"{message.get('pool')} {message.get('key')} {message.get('endpoint')}".strip()
    text = f"{whose}: the exchange counts {message.get('header')}, ours are {message.get('ours')}"
    code = "foreign_weight" if is_noise else "intruder_weight"
    return plain(code, f"{text}, {message.get('in_flight')} are in flight", at_ms, whose)


def of_critical(message: Mapping[str, Any], at_ms: int) -> Alert | None:
    """Give the alert of what the gateway calls critical; None for what comes as an event besides."""
    code = str(message.get("code", ""))
    if code in HEARD_AS_EVENT:
        return None
    known = OF_GATEWAY.get(code, code)
    place = " ".join(str(message[name]) for name in _PLACE if name in message)
    about = place if known in CODES else f"{code} {place}".strip()
    return plain(known if known in CODES else "gateway_critical", str(message.get("text", "")), at_ms, about)


def of_breach(breach: Breach, at_ms: int) -> Alert | None:
    """Give the alert of a limit that is neared or passed; None while it is neither."""
    code = _LEVELS.get(breach.level)
    if code is None:
        return None
    symbols = (breach.symbol,) if breach.symbol else _symbols(breach.scope)
    about = f"{breach.scope} {breach.limit_name} {breach.symbol}".strip()
    return plain(code, str(breach), at_ms, about, symbols=symbols)


def of_deadman(what: str, account: str, family: str, symbol: str, text: str, at_ms: int) -> Alert:
    """Give the alert of the dead-man's switch: a countdown could not be set ("unset") or has run out ("fired"), a
    silent bot's orders are cancelled ("swept") or still there ("left").
    """
    return plain(
        _DEADMAN[what], text, at_ms, f"{account} {family} {symbol}".strip(), symbols=(symbol,) if symbol else ()
    )


def _symbols(scope: Scope) -> tuple[str, ...]:
    return (scope.name,) if scope.kind is Kind.SYMBOL else ()
