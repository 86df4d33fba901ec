"""REPLAY-1: a thousand signed requests that somebody has seen, sent again: none of them changes anything twice."""

# ruff: noqa: TID251 - randomness is seeded
import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.campaign.credentials import ALPHA, BETAS, Line, Told, portions
from tests.campaign.replays import KINDS, Captured, Remembering, capture, frame
from tests.campaign.tally import Tally, campaign
from tests.gateway.wsapi.rig import Caller, reason

pytestmark = [pytest.mark.slow, pytest.mark.threat(18), pytest.mark.threat(54)]
FULL, REQUESTS, AT_ONCE = 6_000, 1_000, 40
WINDOWS = (None, 1_000, 3_000, 5_000, 30_000)
KEYS = (("alpha", ALPHA["hmac"]), ("alpha", ALPHA["ed25519"]), ("beta", BETAS["hmac"]), ("beta", BETAS["ed25519"]),
        ("alpha", ALPHA["rsa"]))  # fmt: skip


class Plan(NamedTuple):
    """What is captured: a kind of request, whose, and with which recvWindow."""

    number: int
    kind: int
    key: int
    window_ms: int | None


class Run:
    """One portion of requests: sent, then replayed on connections old and new, over a restart, to the last moment."""

    def __init__(self, house: Remembering, tally: Tally, *, ahead: bool) -> None:
        self.house, self.tally, self.ahead = house, tally, ahead
        self.first: dict[int, Told] = {}
        self.again = 0

    async def play(self, plans: list[Plan], draw: random.Random) -> Remembering:
        """Play it; gives the run of the gateway in which it ended."""
        captured = [self._capture(plan) for plan in plans]
        line = Line(self.house)  # type: ignore[arg-type]  # a line needs a rig and a venue
        for one in captured:
            await self._send(line, one)
        restart_late = draw.random() < 0.5
        for one in captured:
            await self._replay("same connection", line, one)
        for one in captured:
            await self._replay("new connection", None, one)
            await self._elsewhere(one)
            await self._by_another(one)
        if not restart_late:
            self.house = await self.house.killed()
        for one in captured:
            await self._replay(
                "after a restart" if not restart_late else "later", None, one, restarted=not restart_late
            )
        await self._edges(captured, restarts=restart_late)
        await self.house.wait(12)
        return self.house

    def _capture(self, plan: Plan) -> Captured:
        bot, key = KEYS[plan.key]
        window = min(plan.window_ms or 5_000, 5_000)
        # A clock that is as far ahead as it may be: its requests stay fresh for twice the window.
        stamp_ms = self.house.clock.wall_ns() // 1_000_000 + (window if self.ahead else 0)
        return capture(KINDS[plan.kind], bot, key, plan.number, stamp_ms, plan.window_ms)

    async def _send(self, line: Line, one: Captured) -> None:
        one.script(self.house.venue)
        answers, sent = await line.ask(one.bytes(), seconds=0.001)
        expected = 1
        if len(sent) != expected or answers[0].reason is not None:
            self.tally.disagree(f"{_what(one)}: the first was not sent, {answers[0][:3]}")
        self.first[one.number] = answers[0]

    async def _ask(self, line: Line | None, data: bytes) -> tuple[Told, int]:
        used = line or Line(self.house)  # type: ignore[arg-type]
        answers, sent = await used.ask(data, seconds=0)
        if line is None:
            await used.end()
        return answers[0], len(sent)

    async def _replay(self, when: str, line: Line | None, one: Captured, *, restarted: bool = False) -> None:
        """Send it again as it was, while it is fresh."""
        found, sent = await self._ask(line, one.bytes())
        self._judge(when, one, found, sent, self._fresh(one, restarted=restarted))

    def _fresh(self, one: Captured, *, restarted: bool) -> str:
        """What rulings 6 and 12 have a repetition get: a cancel of everything is not kept over a restart."""
        if one.kind.then == "all":
            return "refused" if restarted else "stored"
        return one.kind.then

    async def _elsewhere(self, one: Captured) -> None:
        if one.kind.elsewhere is None:
            return
        found, sent = await self._ask(None, one.bytes(place=one.kind.elsewhere))
        self._judge("another path", one, found, sent, "again" if one.kind.elsewhere[0] == "GET" else "refused")

    async def _by_another(self, one: Captured) -> None:
        others = [key for bot, key in KEYS if bot != one.bot]
        found, sent = await self._ask(None, one.bytes(others[one.number % len(others)].key_id))
        self._judge("another bot", one, found, sent, "credential_or_signature")

    async def _edges(self, captured: list[Captured], *, restarts: bool) -> None:
        """A millisecond before the end, at it, and behind it."""
        moments = sorted({one.fresh_until_ms for one in captured})
        for moment_ms in moments:
            due = [one for one in captured if one.fresh_until_ms == moment_ms]
            for beside_ms in (-1, 0, 1):
                await self._until(moment_ms + beside_ms)
                if restarts and beside_ms < 0 and moment_ms == moments[0]:
                    self.house = await self.house.killed()
                for one in due:
                    found, sent = await self._ask(None, one.bytes())
                    expected = self._fresh(one, restarted=True) if beside_ms <= 0 else "timestamp_outside_window"
                    self._judge(f"edge {beside_ms:+}", one, found, sent, expected)

    async def _until(self, wall_ms: int) -> None:
        await self.house.wait((wall_ms * 1_000_000 - self.house.clock.wall_ns()) / 1e9)
        assert self.house.clock.wall_ns() == wall_ms * 1_000_000

    def _judge(self, when: str, one: Captured, found: Told, sent: int, expected: str) -> None:
        """Compare with what the rulings say."""
        if expected == "again":
            self.again += sent
            self.tally.note(other="read again")
            right = (found.reason, sent) == (None, 1)
        elif expected == "stored":
            first = self.first[one.number]
            self.tally.note(forwarded=sent, reason=found.reason, other="the first one's answer")
            right = (found.status, found.code, found.reason, sent) == (first.status, first.code, None, 0) and \
                _body(found) == _body(first)  # fmt: skip
        else:
            self.tally.note(forwarded=sent, reason=found.reason)
            right = (found.reason, sent) == ("replayed" if expected == "refused" else expected, 0)
        if not right:
            self.tally.disagree(f"{when}, {_what(one)}: {found[:3]}, {sent} sent, expected {expected}")


def _what(one: Captured) -> str:
    kind = one.kind
    return f"{kind.method} {kind.path}?{kind.query} by {one.bot} until {one.fresh_until_ms}"


def _body(found: Told) -> bytes:
    return found.shape.rpartition(b"\n")[2]


def plans() -> list[Plan]:
    """A thousand requests, of each kind and key as many."""
    draw = random.Random(1)
    return [Plan(10_000 + 10 * number, number % len(KINDS), draw.randrange(len(KEYS)), draw.choice(WINDOWS))
            for number in range(REQUESTS)]  # fmt: skip


def test_replay_1(tmp_path: Path) -> None:
    """Reads may repeat while they are fresh; nothing else leaves a second time."""

    async def whole(tally: Tally, chosen: Iterator[Plan]) -> None:
        draw, house, again = random.Random(2), None, 0
        for number, portion in enumerate(portions(chosen, AT_ONCE)):
            if number % 5 == 0:
                if house is not None:
                    await house.end()
                house = Remembering(tmp_path / f"marks-{number}")
                await house.gateway.warm()
            assert house is not None
            run = Run(house, tally, ahead=number % 2 == 1)
            house = await run.play(portion, draw)
            again += run.again
        assert house is not None
        await house.end()
        tally.figures["fresh reads sent again (ruling 6)"] = f"{again:,}"

    with campaign("REPLAY-1", "captured signed requests, sent again", FULL) as tally:
        asyncio.run(whole(tally, tally.some(plans())))


def test_replay_1_frames(tmp_path: Path) -> None:
    """A request of the WebSocket API, on its own connection, another one, after a restart, and by REST."""

    async def whole() -> None:
        house = Remembering(tmp_path / "marks")
        await house.gateway.warm()
        kinds = [kind for kind in KINDS if kind.call]
        for number, kind in enumerate(kinds * 5):
            key = KEYS[number % len(KEYS)][1]
            params = frame(kind, key, 5_000 + number, house.clock.wall_ns() // 1_000_000)
            answers = [await _say(house, kind.call, params) for _ in range(2)]
            house = await house.killed()
            answers.append(await _say(house, kind.call, params))
            sent = [count for _, count in answers]
            assert sent == ([1, 1, 1] if kind.then == "again" else [1, 0, 0]), (kind, answers)
            if kind.then == "stored":
                assert len({str(answer["result"]) for answer, _ in answers}) == 1, answers
            await house.wait(1)
        await house.end()

    asyncio.run(whole())


async def _say(house: Remembering, method: str, params: dict[str, Any]) -> tuple[Any, int]:
    caller = Caller(house, "/ws-api/v3")  # type: ignore[arg-type]
    caller.connect()
    before = len(house.venue.sent)
    answer = await caller.ask(method, params, 0.002)
    assert reason(answer) in (None, "replayed"), answer
    return answer, len(house.venue.sent) - before
