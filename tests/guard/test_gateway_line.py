"""The line to the gateway: who serves hears of a stop in 200 ms or is killed; who begins hears it first of all."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.guard.gateway_line import ENDED, HEARD, HEARS_MS, SILENT, GatewayLine

TRIPS = [{"kind": "fleet", "name": "", "rung": "HALTED"}]


class Rig:
    """A line whose other end a test holds."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        ours, self.gateway = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.gateway.setblocking(False)
        self.heard: list[Any] = []
        self.stuck = 0
        self.line = GatewayLine(ours, self.clock, self.heard.append, self._stuck)

    def _stuck(self) -> None:
        self.stuck += 1

    def read(self) -> list[dict[str, Any]]:
        """What the gateway would read now."""
        found = []
        while True:
            try:
                found.append(json.loads(self.gateway.recv(1 << 18)))
            except BlockingIOError:
                return found

    async def say(self, **message: Any) -> None:
        """Have the gateway say something."""
        self.gateway.send(json.dumps(message).encode())
        await self.turn()

    async def turn(self) -> None:
        """Let the loop look at its sockets."""
        for _ in range(5):
            await asyncio.sleep(0.001)


def with_line(story: Callable[[Rig], Awaitable[None]]) -> None:
    async def run() -> None:
        rig = Rig()
        rig.line.start()
        try:
            await story(rig)
        finally:
            rig.line.close()
            rig.gateway.close()

    asyncio.run(run())


def test_the_whole_ladder_goes_out_at_the_start_at_each_change_and_every_second() -> None:
    async def story(rig: Rig) -> None:
        rig.line.tell(TRIPS, is_urgent=True)
        await rig.clock.advance(2.5)
        told = rig.read()
        assert [message["trips"] for message in told] == [[], TRIPS, TRIPS, TRIPS]
        numbers = [message["seq"] for message in told]
        assert numbers == sorted(set(numbers))

    with_line(story)


def test_numbers_of_a_later_guard_are_larger() -> None:
    numbers = []

    async def story(rig: Rig) -> None:
        rig.clock.step_wall(10_000 * len(numbers))
        later = GatewayLine(rig.gateway.dup(), rig.clock, print, print)
        numbers.append(later.tell([], is_urgent=False))
        later.close()

    with_line(story)
    with_line(story)
    assert numbers[1] > numbers[0] + 9_000


@pytest.mark.threat(61)
@pytest.mark.parametrize(("after_ms", "killed"), [(HEARS_MS - 1, 0), (HEARS_MS + 1, 1)])
def test_a_gateway_that_serves_acknowledges_a_stop_in_time_or_is_killed(after_ms: int, killed: int) -> None:
    async def story(rig: Rig) -> None:
        rig.line.gateway_is("serving")
        number = rig.line.tell(TRIPS, is_urgent=True)
        await rig.clock.advance(after_ms / 1000)
        await rig.say(type="ladder_ack", seq=number)
        await rig.clock.advance(1.0)
        assert rig.stuck == killed == rig.line.kills

    with_line(story)


def test_what_is_no_stop_kills_nobody() -> None:
    async def story(rig: Rig) -> None:
        rig.line.gateway_is("serving")
        rig.line.tell([], is_urgent=False)
        await rig.clock.advance(60.0)
        assert rig.stuck == 0

    with_line(story)


@pytest.mark.parametrize("state", ["starting", "ended"])
def test_a_gateway_that_does_not_serve_is_not_killed(state: str) -> None:
    async def story(rig: Rig) -> None:
        rig.line.gateway_is(state)
        rig.line.tell(TRIPS, is_urgent=True)
        await rig.clock.advance(1.0)
        assert rig.stuck == 0

    with_line(story)


def test_a_later_acknowledgement_says_all_that_an_earlier_one_would_have() -> None:
    async def story(rig: Rig) -> None:
        rig.line.gateway_is("serving")
        number = rig.line.tell(TRIPS, is_urgent=True)
        later = rig.line.tell(TRIPS, is_urgent=False)
        await rig.say(type="ladder_ack", seq=later)
        assert await rig.line.blocked(number, 1.0) == HEARD
        assert rig.line.view()["last_ack_us"] is not None

    with_line(story)


@pytest.mark.parametrize("number", ["7", None, True, 1 << 62, -1])
def test_an_acknowledgement_of_what_was_never_told_counts_for_nothing(number: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.line.gateway_is("serving")
        told = rig.line.tell(TRIPS, is_urgent=True)
        await rig.say(type="ladder_ack", seq=number)
        how, _ = await asyncio.gather(rig.line.blocked(told, 1.0), rig.clock.advance(1.1))
        assert (how, rig.stuck) == (SILENT, 1)

    with_line(story)


def test_a_stop_is_in_force_when_no_gateway_runs_or_when_the_next_one_hears_it_first() -> None:
    async def story(rig: Rig) -> None:
        rig.line.gateway_is("serving")
        number = rig.line.tell(TRIPS, is_urgent=True)
        rig.read()
        rig.clock.call_later(0.1, lambda: rig.line.gateway_is("ended"))
        how, _ = await asyncio.gather(rig.line.blocked(number, 1.0), rig.clock.advance(0.11))
        assert how == ENDED
        rig.line.gateway_is("starting")
        assert await rig.line.blocked(number, 1.0) == ENDED
        assert rig.read()[0]["trips"] == TRIPS
        # What is told once it has begun may come after it has opened: that must be heard.
        later = rig.line.tell(TRIPS, is_urgent=True)
        how, _ = await asyncio.gather(rig.line.blocked(later, 1.0), rig.clock.advance(1.1))
        assert how == SILENT

    with_line(story)


def test_what_else_the_gateway_says_is_passed_on_and_nonsense_is_not() -> None:
    async def story(rig: Rig) -> None:
        for packet in (b"\xff", b"[]", b"{}", b'{"type": 7}', b"[" * 10_000):
            rig.gateway.send(packet)
        await rig.say(type="beat", bots={})
        assert rig.heard == [{"type": "beat", "bots": {}}]

    with_line(story)


def test_a_gateway_that_serves_and_says_nothing_more_is_silent() -> None:
    async def story(rig: Rig) -> None:
        rig.line.gateway_is("starting")
        await rig.say(type="beat")
        rig.line.gateway_is("serving")
        await rig.clock.advance(4.9)
        assert not rig.line.is_silent
        await rig.clock.advance(0.2)
        assert rig.line.is_silent
        rig.line.gateway_is("ended")
        assert not rig.line.is_silent

    with_line(story)


@pytest.mark.parametrize("how", [socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR])
def test_over_the_end_of_a_new_pair_it_goes_on(how: int) -> None:
    async def story(rig: Rig) -> None:
        rig.line.tell(TRIPS, is_urgent=False)
        rig.gateway.shutdown(how)
        await rig.turn()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with rig.gateway:
            rig.gateway = theirs
        theirs.setblocking(False)
        rig.line.replace(ours)
        await rig.turn()
        assert rig.read()[-1]["trips"] == TRIPS
        await rig.say(type="beat")
        assert rig.heard == [{"type": "beat"}]

    with_line(story)
