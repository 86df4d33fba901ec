"""What a message says: as much as the settings allow to leave the machine, and never a secret."""

import hashlib
from collections.abc import Iterable, Sequence

from counterseal.core import redact
from counterseal.core.alerts.codes import code_of
from counterseal.core.alerts.entry import Entry
from counterseal.core.alerts.model import Alert, Detail, Kind, Message, Severity

MAX_TITLE, MAX_TEXT, MAX_KEY = 120, 600, 200
MAX_SYMBOLS = 10
# What one message names of each code, and how many codes.
MAX_OF_CODE, MAX_CODES = 3, 12
SMS = 140


def cleaned(alert: Alert) -> Alert:
    """Give an alert whose texts hold no secret and have bounds; nothing else is kept or sent."""
    return Alert(
        alert.severity,
        redact.line(alert.code)[:MAX_TITLE],
        redact.line(alert.title)[:MAX_TITLE],
        redact.line(alert.text)[:MAX_TEXT],
        redact.line(alert.dedup_key)[:MAX_KEY],
        alert.at_ms,
        tuple(redact.line(symbol)[:MAX_TITLE] for symbol in alert.symbols[:MAX_SYMBOLS]),
        alert.beside,
    )


def message_of(entries: Sequence[Entry], label: str, detail: Detail) -> Message:
    """Give the one message that tells all these alerts, the loudest and oldest first."""
    ranked = sorted(entries, key=lambda entry: (-entry.severity, entry.number))
    first = ranked[0]
    title = _title(first, detail)
    if len(ranked) > 1:
        title = f"{title}, and {len(ranked) - 1} more"
    codes = tuple(dict.fromkeys(entry.alert.code for entry in ranked))
    return Message(
        Kind.ALERT, first.severity, label, title, _body(ranked, detail), _key(ranked), first.alert.at_ms, codes
    )


def sign_of_life(kind: Kind, label: str, at_ms: int, channel: str) -> Message:
    """Give a message by which a channel shows that it works."""
    title = f"test of the channel {channel}" if kind is Kind.TEST else f"the channel {channel} works"
    body = f"{title}\nNothing has happened; nothing is to be done."
    return Message(kind, Severity.INFO, label, title, body, f"{kind.value} {channel}", at_ms)


def short(message: Message, most: int = SMS) -> str:
    """Give a message in so many characters, for what is paid by the piece."""
    text = message.headline
    return text if len(text) <= most else text[: most - 3] + "..."


def _title(entry: Entry, detail: Detail) -> str:
    alert = entry.alert
    if detail is Detail.FULL:
        return redact.message(alert.title)
    title = code_of(alert.code).title
    if detail is Detail.SYMBOLS and alert.symbols:
        return f"{title} ({', '.join(alert.symbols)})"
    return title


def _body(ranked: Sequence[Entry], detail: Detail) -> str:
    by_code: dict[str, list[Entry]] = {}
    for entry in ranked:
        by_code.setdefault(entry.alert.code, []).append(entry)
    lines = [line for group in list(by_code.values())[:MAX_CODES] for line in _group(group, detail)]
    if len(by_code) > MAX_CODES:
        left = [entry for group in list(by_code.values())[MAX_CODES:] for entry in group]
        lines.append(f"and {sum(entry.count for entry in left)} more of {len(by_code) - MAX_CODES} other kinds")
    return "\n".join([*lines, *_what_to_do(ranked)])


def _group(group: Sequence[Entry], detail: Detail) -> Iterable[str]:
    for entry in group[:MAX_OF_CODE]:
        yield f"{entry.severity.name} {entry.number}: {_title(entry, detail)}{_times(entry)}"
        if detail is Detail.FULL and entry.alert.text:
            yield f"  {redact.message(entry.alert.text)}"
    if len(group) > MAX_OF_CODE:
        count = sum(entry.count for entry in group[MAX_OF_CODE:])
        yield f"and {count} more: {code_of(group[0].alert.code).title}"


def _times(entry: Entry) -> str:
    told = f", {entry.count} times" if entry.count > 1 else ""
    return told + (f"; nobody has answered, told again for the {entry.steps}. time" if entry.steps else "")


def _what_to_do(ranked: Sequence[Entry]) -> Iterable[str]:
    yield f"What to do: {code_of(ranked[0].alert.code).remedy}"
    waiting = [str(entry.number) for entry in ranked if entry.is_open]
    if waiting:
        more = " ..." if len(waiting) > MAX_OF_CODE else ""
        yield f"Answer: counterseal alert ack {' '.join(waiting[:MAX_OF_CODE])}{more} --operator NAME"


def _key(ranked: Sequence[Entry]) -> str:
    """Equal for what happens again, and nothing can be read in it."""
    keys = {entry.alert.code for entry in ranked} if len(ranked) > 1 else {ranked[0].alert.dedup_key}
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()[:32]
