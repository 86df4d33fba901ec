"""Cancel all that rests, and prove it: list, cancel, list again until nothing is left or time is up.

Orders on their way land after a first cancel. So an empty list proves nothing until what was signed before cannot be
taken any more: until then it is listed again, however empty it is.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from counterseal.core.holdings import Holding
from counterseal.core.open_orders import Cancel, Open, Side, cancels, doomed
from counterseal.core.outcome import Outcome, classify
from counterseal.guard.hands.asker import Asker, Told
from counterseal.guard.hands.listing import FEW, Listing
from counterseal.guard.hands.proof import Proof
from counterseal.ports.clock import Clock

# Ten seconds, less what it takes to tell.
DEADLINE_S = 9.5
# Between two lists: the first comes soon, because most is gone at once.
PAUSES_S = (0.05, 0.2, 0.5, 1.0)
# So many cancels are under way at once.
AT_ONCE = 16
# How far ahead of its time the exchange takes a timestamp.
_SKEW_S = 1.0


class Scope(NamedTuple):
    """What is to be cancelled: of one account and family some symbols (None: all), of them what `only` is true of.

    `everything` spares nothing; else what protects an open position stays. `likely` are symbols that are known to have
    orders: they are listed first, because the list of all may cost more than there is, and is only needed as a proof.
    """

    account: str
    family: str
    symbols: frozenset[str] | None
    only: Callable[[Open], bool] | None
    everything: bool
    likely: frozenset[str] = frozenset()


class Canceller:
    """Cancels. `window_s` is the longest recvWindow of an order."""

    def __init__(self, asker: Asker, listing: Listing, clock: Clock, window_s: Callable[[], float]) -> None:
        self._asker, self._listing, self._clock, self._window_s = asker, listing, clock, window_s

    async def cancel_all(self, scope: Scope, deadline_s: float = DEADLINE_S, *, proves: bool = True) -> Proof:
        """Cancel, and tell what is left. One that does not prove returns when a list is empty for the first time."""
        run = _Run(scope, self._now_ms(), self._now_ms() + int(deadline_s * 1000))
        try:
            # Whatever hangs, the proof comes in time.
            async with asyncio.timeout(deadline_s):
                await self._rounds(run, proves=proves)
        except TimeoutError:
            return run.late()
        return run.proof()

    async def _rounds(self, run: "_Run", *, proves: bool) -> None:
        scope = run.scope
        is_cheap = scope.symbols is None and 0 < len(scope.likely) <= FEW[scope.family]
        symbols = scope.likely if is_cheap else scope.symbols
        while True:
            begun_ms, run.is_listed = self._now_ms(), False
            orders, positions = await self._look(scope, symbols)
            go: list[Open] = []
            if orders is not None:
                go = run.take(orders, positions, is_whole=symbols == scope.symbols)
                if not go and symbols == scope.symbols and (not proves or self._is_settled(run, begun_ms)):
                    return
            if go:
                await self._send(run, cancels(scope.family, go, orders or [], wide=scope.only is None))
            symbols = self._next_look(scope, go)
            await self._pause(run, is_waiting=proves and run.has_seen_all and orders is not None and not go)

    def _next_look(self, scope: Scope, go: Sequence[Open]) -> frozenset[str] | None:
        """After a cancel its symbols are listed, which costs little; once they are empty, all are again."""
        touched = frozenset(each.symbol for each in go)
        return touched if 0 < len(touched) <= FEW[scope.family] else scope.symbols

    async def _look(
        self, scope: Scope, symbols: frozenset[str] | None
    ) -> tuple[list[Open] | None, frozenset[Side] | None]:
        """List, and read which positions are open where that matters."""
        orders = await self._listing.open_orders(scope.account, scope.family, symbols)
        has_stops = any(each.protects for each in orders or ())
        if not has_stops or scope.everything or scope.family == "spot":
            return orders, None
        held = await self._listing.positions(scope.account, scope.family)
        return orders, None if held is None else sides_of(held)

    def _is_settled(self, run: "_Run", listed_ms: int) -> bool:
        """Tell whether nothing that was on its way at the beginning can have landed after this list."""
        return listed_ms >= run.begun_ms + self._settles_ms()

    async def _send(self, run: "_Run", planned: Sequence[Cancel]) -> None:
        """Send cancels, some at a time; an answer that does not come is made good by the next list."""
        for at in range(0, len(planned), AT_ONCE):
            if self._now_ms() >= run.until_ms:
                return
            part = planned[at : at + AT_ONCE]
            told = await asyncio.gather(*(self._cancel(run, each) for each in part))
            for cancel, one in zip(part, told, strict=True):
                run.note(cancel, one)

    async def _cancel(self, run: "_Run", cancel: Cancel) -> Told:
        left_s = max(0.0, (run.until_ms - self._now_ms()) / 1000)
        scope = run.scope
        return await self._asker.send(scope.account, scope.family, "DELETE", cancel.path, cancel.pairs, wait_s=left_s)

    async def _pause(self, run: "_Run", *, is_waiting: bool) -> None:
        """Wait a moment; with nothing left to cancel, until nothing can land any more."""
        pause_s = PAUSES_S[min(run.rounds, len(PAUSES_S) - 1)]
        run.rounds += 1
        now_ms = self._now_ms()
        until_ms = max(now_ms + int(pause_s * 1000), run.begun_ms + self._settles_ms() if is_waiting else 0)
        await self._clock.sleep(max(1, min(until_ms, run.until_ms) - now_ms) / 1000)

    def _settles_ms(self) -> int:
        return int((self._window_s() + _SKEW_S) * 1000)

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000


class _Run:
    """One cancel-all as it goes."""

    def __init__(self, scope: Scope, begun_ms: int, until_ms: int) -> None:
        self.scope, self.begun_ms, self.until_ms = scope, begun_ms, until_ms
        self.rounds = self.cancelled = 0
        self.is_listed = self.has_seen_all = False
        self.left: Sequence[Open] = ()
        self.kept: Sequence[Open] = ()
        self._why: dict[Open, str] = {}

    def take(self, orders: Sequence[Open], positions: Collection[Side] | None, *, is_whole: bool) -> list[Open]:
        """Take a list; gives what has to go. One of some symbols says nothing of what is kept."""
        go, kept = doomed(orders, positions, self.scope.only or _all, everything=self.scope.everything)
        self.left, self.is_listed = go, True
        self.kept = kept if is_whole else self.kept
        self.has_seen_all = self.has_seen_all or is_whole
        return go

    def note(self, cancel: Cancel, told: Told) -> None:
        """Remember what came of a cancel."""
        outcome = classify(self.scope.family, told.answer, {}) if told.reply is not None else Outcome.UNKNOWN
        if outcome is Outcome.ACCEPTED:
            self.cancelled += len(cancel.covers)
        why = "cancelled by the exchange's word, not seen to be gone" if outcome is Outcome.ACCEPTED else _reason(told)
        self._why.update(dict.fromkeys(cancel.covers, why))

    def proof(self) -> Proof:
        """Nothing is left."""
        return Proof(True, (), f"{self._where()}: {self._done()}, nothing left", self._kept())

    def late(self) -> Proof:
        """Time is up."""
        left = [f"{each}: {self._why.get(each, 'not tried')}" for each in self.left]
        if not self.is_listed:
            left.append(f"{self._where()}: what is open is unknown, the exchange's list could not be read")
        elif not left:
            left.append(f"{self._where()}: orders may still be on their way")
        return Proof(False, tuple(left), f"{self._where()}: {self._done()}, {len(left)} left", self._kept())

    def _where(self) -> str:
        return f"{self.scope.account} {self.scope.family}"

    def _done(self) -> str:
        stops = f", {len(self.kept)} kept that protect a position" if self.kept else ""
        return f"{self.cancelled} orders cancelled{stops}"

    def _kept(self) -> tuple[str, ...]:
        return tuple(map(str, self.kept))


def sides_of(held: Collection[Holding]) -> frozenset[Side]:
    """Give which sides of which symbols are open."""
    return frozenset((each.symbol, each.side) for each in held)


def _all(_order: Open) -> bool:
    return True


def _reason(told: Told) -> str:
    if told.reply is None:
        return f"unknown, {told.why}" if told.left else f"not sent, {told.why}"
    return f"answered {told.reply.status}, code {told.answer.code}"
