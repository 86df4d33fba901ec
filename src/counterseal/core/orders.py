"""The ledger of client order ids: an id is used once, a repetition gets what became of the first.

The exchange forgets ids (they are unique among open orders only); this ledger does not, so that a cancel by id can
never hit a newer order. An id whose order was provably never born (rejected, or never sent) is free again.
"""

import hashlib
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from counterseal.core.outcome import Outcome

REMEMBER_MS = 60_000
OPEN_STATES = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW", "PENDING_CANCEL"})
Pair = tuple[str, str]


class Repeat(Enum):
    """What a client id is at the moment it is asked for."""

    NEW = "new"
    SAME = "same"
    DUPLICATE = "duplicate"


@dataclass(slots=True)
class Entry:
    """What is known of one id. `request` is the intent's number; `reply` is the stored answer (status, body).

    `bot` asked for it; `owner` is whose order it names where that is another's, which was given the id by `bot`.
    """

    bot: str
    request: str
    pairs_digest: bytes
    at_ms: int
    outcome: Outcome | None = None
    order_status: str = ""
    reply: tuple[int, bytes] | None = None
    owner: str = ""

    def answers_again(self, now_ms: int) -> bool:
        """Whether the same request gets this outcome rather than an error."""
        if self.outcome in (None, Outcome.UNKNOWN):
            return True
        return self.order_status in OPEN_STATES or now_ms - self.at_ms < REMEMBER_MS


def pairs_digest(path: str, pairs: Iterable[Pair]) -> bytes:
    """Give 16 bytes that name the judged pairs (timestamp, recvWindow and signature are not among them)."""
    text = "\x00".join((path, *map("\x01".join, sorted(pairs))))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@dataclass(slots=True)
class _Scope:
    """Where numbers count: whose each is, and the bots that have any."""

    owners: dict[int, str]
    bots: dict[str, str]


class IdLedger:
    """All ids of one account, per namespace (spot, usdm, ...)."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}
        self._scopes: dict[tuple[str, str], _Scope] = {}
        self._young: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, family: str, client_id: str) -> Entry | None:
        """Give what is known of an id."""
        return self._entries.get((family, client_id))

    def ask(self, family: str, ids: Sequence[str], bot: str, digest: bytes, now_ms: int) -> tuple[Repeat, Entry | None]:
        """Judge the ids that a request would bring into the world.

        SAME comes with the entry whose outcome answers; DUPLICATE when any id was used for something else, or appears
        twice in the request.
        """
        if len(ids) > 1 and len(set(ids)) != len(ids):
            return Repeat.DUPLICATE, None
        known = [entry for client_id in ids if (entry := self.get(family, client_id)) is not None]
        if not known:
            return Repeat.NEW, None
        first = known[0]
        same = len(known) == len(ids) and all(e.request == first.request for e in known)
        if same and first.bot == bot and first.pairs_digest == digest and first.answers_again(now_ms):
            return Repeat.SAME, first
        return Repeat.DUPLICATE, first

    def open(self, family: str, ids: Sequence[str], entry: Entry) -> None:
        """Record an intent before it leaves."""
        self._young.append(entry)
        self._forget_replies(entry.at_ms)
        for client_id in ids:
            self._entries[(family, client_id)] = entry

    def close(self, family: str, ids: Sequence[str], entry: Entry) -> None:
        """Record the outcome (already written into `entry`); frees the ids of an order that was never born."""
        if entry.outcome in (Outcome.REJECTED, Outcome.NOT_SENT):
            for client_id in ids:
                if self._entries.get((family, client_id)) is entry:
                    del self._entries[(family, client_id)]

    def resolve(self, family: str, entry: Entry, freed: Iterable[str], now_ms: int) -> None:
        """Record what became of an UNKNOWN request (already written into `entry`): from now on it answers for a while.

        `freed` are the ids that are proven never to have been taken.
        """
        entry.at_ms = now_ms
        self._young.append(entry)
        for client_id in freed:
            if self._entries.get((family, client_id)) is entry:
                del self._entries[(family, client_id)]

    def free(self, family: str, client_id: str) -> None:
        """Forget an id whose order was provably never born (a rejected leg of a batch)."""
        self._entries.pop((family, client_id), None)

    def own(self, family: str, scope: str, number: int, bot: str) -> None:
        """Remember whose order the exchange's number names: the latest proof counts.

        Test networks and the paper exchange begin anew, and their numbers with them.

        `scope` is where the number counts (`core.ownership`), in letters of any case: the exchange may take a symbol in
        small ones for the same. About 80 bytes an order, kept like its client id.
        """
        place = (family, scope.upper())
        found = self._scopes.get(place)
        if found is None:
            found = self._scopes[place] = _Scope({}, {})
        # One text for each bot, however many its orders are.
        found.owners[number] = found.bots.setdefault(bot, bot)

    def owners(self, family: str, scope: str, client_id: str | None, number: int | None) -> tuple[str | None, ...]:
        """Give whose order each given name names, None for a name that nobody is known to own.

        The exchange may go by either name where both are given.
        """
        found: list[str | None] = []
        if client_id is not None:
            entry = self._entries.get((family, client_id))
            # An order that a start found at the exchange may be nobody's that we know.
            found.append((entry.owner or entry.bot or None) if entry else None)
        if number is not None:
            known = self._scopes.get((family, scope.upper()))
            found.append(known.owners.get(number) if known else None)
        return tuple(found)

    def bots_of(self, family: str, scope: str) -> Collection[str]:
        """Give every bot that is known to have had an order there."""
        found = self._scopes.get((family, scope.upper()))
        return found.bots if found else ()

    def _forget_replies(self, now_ms: int) -> None:
        """Drop stored answers that no repetition gets any more; what is open keeps its own."""
        while self._young and now_ms - self._young[0].at_ms > REMEMBER_MS:
            entry = self._young.popleft()
            if not entry.answers_again(now_ms):
                entry.reply = None

    def learn(self, family: str, client_id: str, order_status: str) -> None:
        """Take over an order's status from any later answer (query, cancel)."""
        entry = self._entries.get((family, client_id))
        if entry is not None:
            entry.order_status = order_status
