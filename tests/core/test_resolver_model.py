"""MODEL-1: an explicit-state search of an order's life against an exchange and a network that do their worst.

The gateway's side is the real code: the ledger of ids decides about a bot's repetition, the resolver about absence. The
other side is a model: a request may travel until its timestamp is too old, be worked on for ten seconds and be shown
two seconds later. All its moments are tried that matter, with crashes, restarts, lost answers and stale reads.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import pytest

from counterseal.core.conclusion import Settled, conclude
from counterseal.core.orders import Entry, IdLedger, Repeat
from counterseal.core.outcome import Outcome
from counterseal.core.resolver import RULES, Ask, End, Finding, Proof, Rules, begin, learn, next_ask
from counterseal.core.subjects import Change, Store, Subject

DEPTH = 14
WINDOW_MS = 2_000
# What is true of the exchange, whatever the rules under test believe.
TRUE = Rules()
SUBJECT = Subject(Change.BORN, Store.ORDER, "spot", "BTCUSDT", "id")
DIGEST = b"d" * 16


class Phase(IntEnum):
    """Where a request is."""

    FLIGHT = 0
    INSIDE = 1
    LIVE = 2
    FILLED = 3
    DEAD = 4


class Send(NamedTuple):
    """One request on the wire: when it was stamped, when its phase began, and when its order was born."""

    stamp_ms: int
    phase: Phase
    at_ms: int
    born_ms: int = 0

    def last_ms(self) -> int | None:
        """The latest moment at which its phase can end by itself, None when it need not."""
        if self.phase is Phase.FLIGHT:
            return self.stamp_ms + WINDOW_MS + TRUE.skew_ms
        return self.at_ms + TRUE.backend_ms if self.phase is Phase.INSIDE else None

    def may_live(self, now_ms: int) -> bool:
        """Whether it is an order, was one, or can still become one."""
        last_ms = self.last_ms()
        if self.phase is Phase.FLIGHT:
            return last_ms is not None and now_ms <= last_ms
        return self.phase is not Phase.DEAD


class World(NamedTuple):
    """Gateway, network and exchange at one moment. `left` counts what may still go wrong, per kind."""

    now_ms: int = 0
    sends: tuple[Send, ...] = ()
    up: bool = True
    waits: bool = False
    known: tuple[Outcome | None, int] | None = None
    proof: Proof | None = None
    calls: int = 3
    crashes: int = 1
    silences: int = 1
    sleeps: int = 3
    bad: str = ""


def steps(world: World, rules: Rules, guarded: bool) -> Iterator[World]:
    """Everything that can happen next."""
    yield from _exchange(world)
    yield from _time(world)
    if not world.up:
        yield _restarted(world, rules, guarded)
        return
    if world.calls:
        yield _called(world)
    if world.waits:
        yield from _answers(world, rules, guarded)
    if world.proof is not None:
        yield from _asks(world, rules)
    if world.crashes and world.known is not None:
        yield world._replace(up=False, waits=False, proof=None, crashes=world.crashes - 1)


def _exchange(world: World) -> Iterator[World]:
    """Each request on its way goes one step on, or ends."""
    for number, send in enumerate(world.sends):
        for phase in _next_phases(world, send):
            moved = send._replace(phase=phase, at_ms=world.now_ms)
            if phase is Phase.LIVE:
                moved = moved._replace(born_ms=world.now_ms)
            yield world._replace(sends=(*world.sends[:number], moved, *world.sends[number + 1 :]))


def _next_phases(world: World, send: Send) -> tuple[Phase, ...]:
    if send.phase is Phase.FLIGHT:
        return (Phase.INSIDE, Phase.DEAD) if send.may_live(world.now_ms) else (Phase.DEAD,)
    if send.phase is Phase.INSIDE:
        # An id is unique among open orders: a second one is refused.
        taken = any(other.phase is Phase.LIVE for other in world.sends)
        return (Phase.DEAD,) if taken else (Phase.LIVE, Phase.DEAD)
    return (Phase.FILLED,) if send.phase is Phase.LIVE else ()


def _latest(world: World, wanted_ms: int) -> int:
    """The exchange does not work longer than it can: time stops at the moment when it must have ended."""
    bounds = [last for send in world.sends if send.phase is Phase.INSIDE and (last := send.last_ms()) is not None]
    return min([wanted_ms, *bounds])


def _time(world: World) -> Iterator[World]:
    """Time passes: a little, or just until something is on the edge."""
    if not world.sleeps or not world.sends:
        return
    edges = {world.now_ms + 1_000, world.now_ms + 9_000}
    edges |= {last for send in world.sends if (last := send.last_ms()) is not None}
    if world.proof is not None:
        edges |= {world.proof.expires_ms, world.proof.settled_ms}
    for edge_ms in sorted(edges):
        now_ms = _latest(world, edge_ms)
        if now_ms > world.now_ms:
            yield world._replace(now_ms=now_ms, sleeps=world.sleeps - 1)


# -- the gateway


def _ledger(world: World) -> IdLedger:
    ledger = IdLedger()
    if world.known is not None:
        ledger.open("spot", ["id"], Entry("alpha", "1", DIGEST, world.known[1], world.known[0]))
    return ledger


def _called(world: World) -> World:
    """The bot sends its order, or repeats it: the real ledger decides whether anything goes out."""
    repeat, _ = _ledger(world).ask("spot", ["id"], "alpha", DIGEST, world.now_ms)
    called = world._replace(calls=world.calls - 1)
    if repeat is not Repeat.NEW:
        return called
    doubled = any(send.may_live(world.now_ms) for send in world.sends)
    send = Send(world.now_ms, Phase.FLIGHT, world.now_ms)
    return called._replace(
        sends=(*world.sends, send), waits=True, known=(None, world.now_ms), bad="two sends" if doubled else world.bad
    )


def _answers(world: World, rules: Rules, guarded: bool) -> Iterator[World]:
    """The answer comes, or it is lost; or nothing had left."""
    send = world.sends[-1]
    if send.phase in (Phase.LIVE, Phase.FILLED):
        yield world._replace(waits=False, known=(Outcome.ACCEPTED, world.now_ms))
    if send.phase is Phase.FLIGHT and world.now_ms == send.stamp_ms:
        dead = send._replace(phase=Phase.DEAD)
        yield world._replace(waits=False, known=None, sends=(*world.sends[:-1], dead))
    yield _unknown(world._replace(waits=False), send.stamp_ms, WINDOW_MS, rules, guarded)


def _restarted(world: World, rules: Rules, guarded: bool) -> World:
    """The journal has the intent, and its end if there was one; when it was sent is not known any more."""
    up = world._replace(up=True)
    if world.known is not None and world.known[0] in (None, Outcome.UNKNOWN):
        return _unknown(up, world.now_ms, 5_000, rules, guarded)
    return up


def _unknown(world: World, sent_ms: int, window_ms: int, rules: Rules, guarded: bool) -> World:
    sent_ms = sent_ms if guarded else sent_ms - 10**6
    proof = begin(sent_ms, window_ms, world.now_ms, places=True, rules=rules)
    return world._replace(known=(Outcome.UNKNOWN, world.now_ms), proof=proof)


def _asks(world: World, rules: Rules) -> Iterator[World]:
    """The resolver asks when it is time, or earlier because a bot's own query showed the order."""
    assert world.proof is not None
    _, at_ms = next_ask(world.proof, rules)
    moments = {_latest(world, max(world.now_ms, at_ms)), world.now_ms}
    for now_ms in sorted(moments):
        then = world._replace(now_ms=now_ms)
        if now_ms >= at_ms or any(send.phase in (Phase.LIVE, Phase.FILLED) for send in world.sends):
            for finding in sorted(_findings(then), key=lambda one: one.name):
                yield _learned(then, finding, rules)
            if world.silences:
                yield _learned(then._replace(silences=world.silences - 1), Finding.SILENT, rules)


def _findings(world: World) -> set[Finding]:
    """What a read may say: the truth, or that of two seconds ago."""
    assert world.proof is not None
    return {_truth(world, world.now_ms), _truth(world, world.now_ms - TRUE.lag_ms)}


def _truth(world: World, as_of_ms: int) -> Finding:
    assert world.proof is not None
    ask = world.proof.ask
    shown = [send for send in world.sends if send.phase in (Phase.LIVE, Phase.FILLED) and send.born_ms <= as_of_ms]
    filled = [send for send in shown if send.phase is Phase.FILLED and send.at_ms <= as_of_ms]
    if ask is Ask.OPEN:
        shown = [send for send in shown if send not in filled]
    if ask is Ask.TRADES:
        return Finding.TRADED if filled else Finding.NOT_THERE
    return Finding.THERE if shown else Finding.NOT_THERE


def _learned(world: World, finding: Finding, rules: Rules) -> World:
    assert world.proof is not None
    proof = learn(world.proof, finding, world.now_ms, rules)
    if proof.end is None:
        return world._replace(proof=proof)
    done = conclude("/api/v3/order", ["id"], [Settled(SUBJECT, proof.end)])
    known = None if "id" in done.freed else (done.outcome, world.now_ms)
    bad = world.bad
    if proof.end is End.ABSENT and any(send.may_live(world.now_ms) for send in world.sends):
        bad = "absent and live"
    return world._replace(proof=None, known=known, bad=bad)


# -- the search


class Searched(NamedTuple):
    """How many states were seen, the bad ones by kind, and how many orders were proven absent."""

    states: int
    bad: dict[str, int]
    absent: int


def search(start: World, rules: Rules = RULES, *, guarded: bool = True, depth: int = DEPTH) -> Searched:
    """Visit every state within `depth` steps, breadth first."""
    seen = {start}
    front = list(seen)
    bad: dict[str, int] = {}
    absent = 0
    for _ in range(depth):
        fresh: list[World] = []
        for world in front:
            for after in steps(world, rules, guarded):
                if after in seen:
                    continue
                seen.add(after)
                absent += after.proof is None and world.proof is not None and after.known is None and after.up
                fresh.append(after)
                if after.bad:
                    bad[after.bad] = bad.get(after.bad, 0) + 1
        front = fresh
    return Searched(len(seen), bad, absent)


# What may go wrong in one search: more of everything at once takes minutes and finds the same.
FAIR = World(calls=2, crashes=0, silences=0, sleeps=2)
REPEATED = World(calls=3, crashes=1, silences=0, sleeps=1)


@pytest.mark.slow
def test_no_state_has_an_absent_order_that_lives_or_two_sends(capsys: pytest.CaptureFixture[str]) -> None:
    """MODEL-1: at least 100,000 states to depth 14, none of them bad; absence is reached, or it would prove little."""
    found = [search(FAIR), search(REPEATED)]
    with capsys.disabled():
        print(f"\nMODEL-1: {sum(one.states for one in found)} states to depth {DEPTH}, {found}")
    assert sum(one.states for one in found) >= 100_000
    assert [one.bad for one in found] == [{}, {}]
    assert all(one.absent for one in found)


@pytest.mark.slow
def test_the_search_finds_what_the_expiry_guard_prevents() -> None:
    """Four denials over ten seconds alone let an order live that counts as absent, and a second one go out."""
    found = search(REPEATED, guarded=False)
    assert found.bad["absent and live"] > 100
    assert found.bad["two sends"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("waits", [{"backend_ms": 0, "lag_ms": 0}, {"lag_ms": 0}])
def test_the_search_finds_what_the_other_waits_prevent(waits: dict[str, int]) -> None:
    """The ten seconds of work and the two of lag are both needed."""
    assert search(FAIR, RULES._replace(**waits)).bad["absent and live"] > 0


@pytest.mark.slow
def test_with_crash_and_silence_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Nearly a million states more."""
    starts = (World(calls=2, crashes=1, silences=0, sleeps=2), World(calls=2, crashes=1, silences=1, sleeps=1))
    found = [search(start) for start in starts]
    with capsys.disabled():
        print(f"\nMODEL-1, at length: {sum(one.states for one in found)} states, {found}")
    assert [one.bad for one in found] == [{}, {}]
