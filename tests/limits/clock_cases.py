"""CLK-1's cases: what moves which clock, when, and what may come of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.limits.clock_rig import TIMESTAMP, Act, Setting, Stage

MONDAY_MS = 1_795_392_000_000
# What the signer lets the gateway say of the difference to its own clock.
SIGNER_MS = 5_000
GONE = -2011  # a cancel of what is not there
BEATS, BEAT_S = 24, 1.5
Event = Callable[[Stage], None]


@dataclass(frozen=True)
class Case:
    """One play. `harmless`: it may cost no -1021 at all. `closes`: the signer refuses at the end, for the host's clock
    is too far off."""

    name: str
    setting: Setting
    act: Act
    harmless: bool = False
    closes: bool = False


def faults_of(case: Case, stage: Stage) -> list[str]:
    """What is wrong with how a case went."""
    found: list[str] = []
    told = sum(one.code == TIMESTAMP for one in stage.told)
    most = 0 if case.harmless else 1
    if stage.codes_at_exchange() > most:
        found.append(f"the exchange said -1021 {stage.codes_at_exchange()} times")
    if told > most:
        found.append(f"the bot got -1021 {told} times")
    if stage.uncertain_orders:
        found.append(f"{stage.uncertain_orders} orders signed by an uncertain clock")
    if any(one.status in (418, 429) for one in stage.house.served):
        found.append("429")
    wanted = ("signer_refused",) if case.closes else (None,)
    late = [one for one in stage.told[-6:] if one.reason not in wanted or one.code not in (None, GONE, -1002)]
    if late:
        found.append(f"not settled at the end: {late[0]}")
    return [f"{case.name}: {what}" for what in found]


def life(event: Event, place: str = "between", first: int = 0) -> Act:
    """Ten quiet seconds, the event at a place of the bot's next request, then half a minute and more of requests.

    `first` tells which request is that next one: 0 an order, 1 a read, 2 a cancel.
    """

    async def act(stage: Stage) -> None:
        kinds = (stage.order, stage.read, stage.cancel)
        await asyncio.sleep(10.1)
        for ask in kinds[:2]:
            assert (await ask()).status == 200
        await asyncio.sleep(1)
        _PLACES[place](stage, event)
        for beat in range(first, first + BEATS):
            await kinds[beat % 3]()
            await asyncio.sleep(BEAT_S)

    return act


def _between(stage: Stage, event: Event) -> None:
    event(stage)


def _at_signing(stage: Stage, event: Event) -> None:
    """The signer has the request and has not looked at its clock yet."""

    def once() -> None:
        stage.side.signer.before_signing = lambda: None
        event(stage)

    stage.side.signer.before_signing = once


def _on_the_way_there(stage: Stage, event: Event) -> None:
    stage.loop.call_later(0.001, event, stage)


def _on_the_way_back(stage: Stage, event: Event) -> None:
    def once() -> None:
        stage.network.on_answer = lambda: None
        event(stage)

    stage.network.on_answer = once


_PLACES: dict[str, Callable[[Stage, Event], None]] = {
    "between": _between,
    "at signing": _at_signing,
    "there": _on_the_way_there,
    "back": _on_the_way_back,
}


def _nothing(_stage: Stage) -> None:
    """No event."""


# -- the families


def offsets() -> Iterator[Case]:
    """The host's clock is off from the start, by -10 to +10 s in steps of 100 ms."""
    for ms in range(-10_000, 10_001, 100):
        # What is measured may be half a round trip off: right at the signer's bound either is fine.
        closes = abs(ms) > SIGNER_MS
        yield Case(
            f"host {ms:+} ms",
            Setting(host_ahead_ms=ms, seed=ms),
            refused_life() if closes else life(_nothing, first=ms // 100 % 3),
            harmless=True,
            closes=closes,
        )


def refused_life() -> Act:
    """A host so far off that the signer refuses."""

    async def act(stage: Stage) -> None:
        await asyncio.sleep(10.1)
        for _ in range(3):
            for ask in (stage.order, stage.read, stage.cancel):
                await ask()
                await asyncio.sleep(BEAT_S)

    return act


def host_steps() -> Iterator[Case]:
    """The host's wall clock is set while bots trade; the worst is between the gateway's look at it and the signer's."""
    for place in _PLACES:
        for n, ms in enumerate((-4_900, -2_100, -1_900, -1_100, -900, -100, 100, 900, 1_100, 1_900, 2_100, 4_900)):
            yield Case(
                f"host set {ms:+} ms {place}",
                Setting(seed=n),
                life(lambda stage, ms=ms: stage.step_host(ms), place, n % 3),  # type: ignore[misc]
                harmless=place != "at signing",
            )
    for ms in (-10_000, -6_000, 6_000, 10_000):
        act = life(lambda stage, ms=ms: stage.step_host(ms))  # type: ignore[misc]
        yield Case(f"host set {ms:+} ms", Setting(), act, harmless=True, closes=True)


def steps_back() -> Iterator[Case]:
    """NTP steps the host's clock back: once, five times in a row, to and fro."""
    for n, ms in enumerate((1, 5, 10, 20, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 950)):
        for pattern in ("once", "five times", "to and fro"):
            act = life(_ntp(-ms, pattern), "between", n % 3)
            yield Case(f"NTP back {ms} ms {pattern}", Setting(seed=n), act, harmless=True)


def _ntp(ms: int, pattern: str) -> Event:
    def event(stage: Stage) -> None:
        for turn in range({"once": 1, "five times": 5, "to and fro": 6}[pattern]):
            by_ms = -ms if pattern == "to and fro" and turn % 2 else ms
            stage.loop.call_later(0.7 * turn, stage.step_host, by_ms)

    return event


JUMPS_MS = (-10_000, -6_000, -5_100, -4_900, -3_000, -2_100, -1_500, -1_100, -900, -500,
            500, 900, 1_100, 1_500, 1_900, 2_100, 3_000, 4_000, 4_900, 5_100, 6_000, 10_000)  # fmt: skip


def exchange_jumps() -> Iterator[Case]:
    """The exchange's clock jumps, whatever the bot asks for next, and wherever that request is."""
    for n, ms in enumerate(JUMPS_MS):
        for place, first in (("between", 0), ("between", 1), ("between", 2), ("there", n % 3), ("back", n % 3)):
            yield Case(
                f"exchange jumps {ms:+} ms {place}, first {first}",
                Setting(seed=n),
                life(lambda stage, ms=ms: stage.jump_exchange(ms), place, first),  # type: ignore[misc]
                # In the signer's eyes the host is off then.
                closes=abs(ms) > SIGNER_MS,
            )


def suspends() -> Iterator[Case]:
    """The host stands still for a while, as when it is moved to another machine."""
    for n, ms in enumerate(range(500, 10_001, 500)):
        for first in range(3):
            act = life(lambda stage, ms=ms: stage.suspend(ms), "between", first)  # type: ignore[misc]
            yield Case(f"suspended {ms} ms, first {first}", Setting(seed=n), act)


DRIFTS_PPM = (-500, -100, 100, 500)
SILENCES_MIN = (0, 5, 10, 14, 16, 17, 20, 30)


def drifts() -> Iterator[Case]:
    """The clocks run apart, and for a while the exchange's time cannot be asked for."""
    for ppm in DRIFTS_PPM:
        for minutes in SILENCES_MIN:
            yield Case(
                f"drift {ppm:+} ppm, no measurement for {minutes} min",
                Setting(seed=minutes, asymmetry=0.1 if ppm > 0 else 0.9),
                drifting(ppm, minutes),
                harmless=True,
            )


def drifting(ppm: int, silent_min: int) -> Act:
    """Order, read and cancel every 20 s through the silence and 70 s beyond it."""

    async def act(stage: Stage) -> None:
        stage.drift(ppm)
        stage.network.closed.add(b"/api/v3/time")
        until_s = stage.now_s() + silent_min * 60
        while stage.now_s() < until_s:
            await _one_of_each(stage, 20)
        stage.network.closed.clear()
        await asyncio.sleep(35)
        for _ in range(3):
            await _one_of_each(stage, 12)

    return act


async def _one_of_each(stage: Stage, seconds: float) -> None:
    for ask in (stage.order, stage.read, stage.cancel):
        await ask()
    await asyncio.sleep(seconds)


DST = ("2026-10-25T01:00", "2026-11-01T06:00", "2027-03-14T07:00", "2027-03-28T01:00")
HOUR_MS = 3_600_000


def ms_of(text: str) -> int:
    """Milliseconds of a UTC date and minute."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def daylight_saving() -> Iterator[Case]:
    """A change of the hour is none of UTC's; a host that is set by it all the same signs nothing until set right."""
    for date in DST:
        setting = Setting(start_ms=ms_of(date) - 11_500)
        yield Case(f"{date}", setting, life(_nothing), harmless=True)
        for ms in (-HOUR_MS, HOUR_MS):
            act = life(lambda stage, ms=ms: stage.step_host(ms))  # type: ignore[misc]
            yield Case(f"{date} host set {ms:+} ms", setting, act, harmless=True, closes=True)
            yield Case(f"{date} host set {ms:+} ms and back", setting, life(_and_back(ms)), harmless=True)


def _and_back(ms: int) -> Event:
    def event(stage: Stage) -> None:
        stage.step_host(ms)
        stage.loop.call_later(8.0, stage.step_host, -ms)

    return event


def year_ends() -> Iterator[Case]:
    """Over midnight of a new year, with and without a leap second on either side, in the middle of a request too."""
    setting = Setting(start_ms=ms_of("2027-01-01T00:00") - 11_500)
    for first in range(3):
        yield Case(f"year end, first {first}", setting, life(_nothing, first=first), harmless=True)
        for place in ("between", "there", "back"):
            for ms in (-1_000, 1_000):
                act = life(lambda stage, ms=ms: stage.step_host(ms), place, first)  # type: ignore[misc]
                yield Case(f"leap second {ms:+} of the host {place}, first {first}", setting, act, harmless=True)
                act = life(lambda stage, ms=ms: stage.jump_exchange(ms), place, first)  # type: ignore[misc]
                yield Case(f"leap second {ms:+} of the exchange {place}, first {first}", setting, act)
