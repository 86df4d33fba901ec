"""Credentials that nobody may use: of their uses the first is told at once, and a thousand drown nobody."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# Uses from an address that was told of before are told together, so often at most.
TOGETHER_MS = 60_000
# So many addresses of one canary are told by themselves.
MOST_SOURCES = 32
# So much of a text is searched.
MOST_BYTES = 16_384
# The shape of every key id that is minted.
_words = re.compile(rb"(?<![A-Za-z0-9])[A-Za-z0-9]{64}(?![A-Za-z0-9])").findall


class Canary(NamedTuple):
    """A credential that is planted where thieves look: its key id's fingerprint, and the name it was minted for."""

    fingerprint: str
    name: str


class Use(NamedTuple):
    """One use of a canary. `headers` name the caller, as far as it names itself."""

    canary: Canary
    source: str
    method: str
    path: str
    headers: Mapping[str, str]
    at_ms: int


class Told(NamedTuple):
    """A use that is to be told. `times` is how often the canary was used, `since` how many were not told before it.

    `is_one_of_many` tells that its address is none of those that are told by themselves.
    """

    use: Use
    times: int
    since: int
    is_one_of_many: bool = False


@dataclass(slots=True)
class _Seen:
    count: int = 0
    untold: int = 0
    told_ms: int = 0
    sources: set[str] = field(default_factory=set)


class Sightings:
    """Counts the uses of all canaries since the start."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def see(self, use: Use) -> Told | None:
        """Take a use. The first of each address is told at once, of the others one a minute; None for the rest."""
        seen = self._seen.setdefault(use.canary.fingerprint, _Seen())
        seen.count += 1
        seen.untold += 1
        is_new = use.source not in seen.sources and len(seen.sources) < MOST_SOURCES
        if not is_new and use.at_ms - seen.told_ms < TOGETHER_MS:
            return None
        if is_new:
            seen.sources.add(use.source)
        told = Told(use, seen.count, seen.untold - 1, use.source not in seen.sources)
        seen.untold, seen.told_ms = 0, use.at_ms
        return told

    def counts(self) -> dict[str, int]:
        """Give how often each canary was used, by its fingerprint."""
        return {fingerprint: seen.count for fingerprint, seen in self._seen.items()}


def find(canaries: Mapping[str, Canary], texts: Iterable[bytes]) -> Canary | None:
    """Find a canary's key id anywhere in the texts, as a word of its own: in a header, a path, a parameter.

    All of them are searched in any case: what is found first must not show in the time.
    """
    words = [word.decode("ascii") for text in texts for word in _words(text[:MOST_BYTES])]
    found = [canaries[word] for word in words if word in canaries]
    return found[0] if found else None
