"""Canaries: whoever uses one is answered as a stranger is, in the same time, and a moment later people hear of it."""

from collections.abc import Callable, Iterable
from typing import Any

from counterseal.core import redact
from counterseal.core.canaries import Canary, Sightings, Told, Use, find
from counterseal.gateway.state import Source, State

# Behind the answer: what telling costs must not show in when it comes.
LATER_S = 0.05
_MOST_TEXT = 256
# In the place of an address, where too many were told of: alerts of one place are told together.
_MANY = "many"
Caller = tuple[tuple[str, str], ...]


class Canaries:
    """Looks at what was refused. `record` writes into the journal."""

    def __init__(self, state: State, record: Callable[[dict[str, Any]], None], log: Any) -> None:
        self._state, self._record, self._log = state, record, log
        self._sightings = Sightings()

    def look(self, texts: Iterable[bytes], source: Source, method: str, path: str, caller: Caller) -> None:
        """Look whether a canary's key id stands in what a stranger sent, and have it told.

        The same is done for everybody: who is answered must not know by the time whether it stood there.
        """
        found = find(self._state.canaries, texts)
        self._state.clock.call_later(LATER_S, lambda: self._seen(found, source, method, path, caller))

    def report(self) -> dict[str, int]:
        """Give how often each was used since the start, by fingerprint; none that was not."""
        return self._sightings.counts()

    def _seen(self, canary: Canary | None, source: Source, method: str, path: str, caller: Caller) -> None:
        if canary is None:
            return
        headers = {name: _safe(value) for name, value in caller}
        use = Use(canary, str(source), method, _safe(path), headers, self._state.monotonic_ms())
        told = self._sightings.see(use)
        if told is not None:
            self._tell(told)

    def _tell(self, told: Told) -> None:
        use = told.use
        canary, source = use.canary, use.source
        self._log.critical(
            "a canary credential was used", canary=canary.fingerprint, bot=canary.name,
            source=_MANY if told.is_one_of_many else source, newest=source if told.is_one_of_many else None,
            method=use.method, path=use.path, count=told.times, since=told.since or None,
            headers=", ".join(f"{name}: {value}" for name, value in use.headers.items()) or None,
        )  # fmt: skip
        self._record(
            {
                "type": "event", "what": "canary", "canary": canary.fingerprint, "bot": canary.name,
                "source": source, "method": use.method, "path": use.path, "headers": dict(use.headers),
                "count": told.times, "since": told.since,
            }
        )  # fmt: skip


def _safe(text: str) -> str:
    return redact.line(text)[:_MOST_TEXT]
