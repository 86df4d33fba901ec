"""The seams of a line: what it asked for and was not answered, what changed between a connection and its successor."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.gateway.streams.rig import Rig, Wire, with_rig

from counterseal.adapters.stream_link import StreamLink
from counterseal.core.streams import fan
from counterseal.paper.ws_market import Invalid, MarketSession

TRADES = ("btcusdt@trade", "ethusdt@trade")
PATH = "/stream?streams=" + "/".join(TRADES)
Keeps = Callable[[Wire, bytes], bool]


def keep_back(monkeypatch: pytest.MonkeyPatch, keeps: Keeps) -> list[tuple[Wire, bytes]]:
    """What the exchange writes and `keeps` holds for stays on its way: gives the list of it."""
    kept: list[tuple[Wire, bytes]] = []
    deliver = Wire.deliver

    def held(wire: Wire, data: bytes) -> None:
        if keeps(wire, data):
            kept.append((wire, data))
        else:
            deliver(wire, data)

    monkeypatch.setattr(Wire, "deliver", held)
    return kept


def is_answer(data: bytes) -> bool:
    """An answer to a command."""
    return b'"result"' in data[:24] or b'"error"' in data[:24]


def ids(texts: list[bytes], name: str) -> list[int]:
    """The ids of a stream's trades."""
    rows = [json.loads(text) for text in texts]
    return [row["data"]["t"] for row in rows if row.get("stream") == name]


def test_what_came_before_the_answer_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages flow although nothing was answered yet: a loss then is a loss."""

    async def test(rig: Rig) -> None:
        kept = keep_back(monkeypatch, lambda _, data: is_answer(data))
        bot = rig.bot(PATH)
        await rig.wait(2)
        assert kept and bot.take()
        monkeypatch.undo()
        rig.exchange.live[0].abort()
        await rig.wait(3)
        assert bot.code == 1012

    with_rig(test)(tmp_path)


def test_a_connection_that_does_not_answer_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer is missing: bots are not sent away every ten seconds for a whole day."""

    async def test(rig: Rig) -> None:
        kept = keep_back(monkeypatch, lambda _, data: is_answer(data) and not kept)
        rig.bot(PATH)
        for _ in range(40):
            await rig.wait(1, 0.5)
            for bot in [bot for bot in rig.bots if bot.code is not None]:
                rig.bots.remove(bot)
                rig.bot(PATH)
        assert (rig.exchange.dialled, rig.hub.report()["down"]) == (2, 0)
        bot = rig.bots[-1]
        await rig.wait(11, 0.5)
        assert bot.code is None and bot.take()

    with_rig(test)(tmp_path)


def test_what_is_asked_for_in_the_overlap_has_no_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The successor has not subscribed it yet when it would take over."""

    async def test(rig: Rig) -> None:
        bot = rig.bot("/stream?streams=btcusdt@trade")
        await rig.wait(3)
        rig.exchange.announce_shutdown()
        await rig.wait(1.8)
        successor = rig.exchange.wires[1]
        asked: list[bytes] = []
        write = successor.write
        monkeypatch.setattr(successor, "write", asked.append)
        bot.send({"method": "SUBSCRIBE", "params": ["ethusdt@trade"], "id": 1})
        await rig.wait(1.5)
        assert len(asked) == 1
        monkeypatch.undo()
        write(asked[0])
        await rig.wait(5)
        found = ids(bot.take(), "ethusdt@trade")
        assert (rig.hub.report()["renewed"], bot.code) == (1, None)
        assert found == list(range(found[0], found[-1] + 1))

    with_rig(test)(tmp_path)


def test_a_loss_before_the_successor_has_everything_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both fit together, but for what was asked for a moment ago."""

    async def test(rig: Rig) -> None:
        bot = rig.bot("/stream?streams=btcusdt@trade")
        await rig.wait(3)
        rig.exchange.announce_shutdown()
        await rig.wait(1.5)
        successor = rig.exchange.wires[1]
        asked: list[bytes] = []
        write = successor.write
        monkeypatch.setattr(successor, "write", asked.append)
        bot.send({"method": "SUBSCRIBE", "params": ["ethusdt@trade"], "id": 1})
        await rig.wait(0.3)
        rig.exchange.wires[0].abort()
        monkeypatch.undo()
        write(asked[0])
        await rig.wait(3)
        assert bot.code == 1012

    with_rig(test)(tmp_path)


def test_a_stream_that_changes_its_line_comes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that it was on still has it for a while."""
    monkeypatch.setattr(fan, "MOST_ON_A_LINE", 2)

    async def test(rig: Rig) -> None:
        bot = rig.bot("/stream?streams=btcusdt@kline_1m/ethusdt@kline_1m/btcusdt@trade")
        await rig.wait(2)
        assert len(rig.exchange.live) == 2
        for line in rig.hub._lines.values():
            line.keep(1 << 60)
        bot.send({"method": "UNSUBSCRIBE", "params": ["btcusdt@kline_1m", "btcusdt@trade"], "id": 1})
        bot.send({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 2})
        bot.take()
        await rig.wait(3)
        found = ids(bot.take(), "btcusdt@trade")
        assert len(found) > 3
        assert found == list(range(found[0], found[-1] + 1))

    with_rig(test)(tmp_path)


def test_a_name_that_is_refused_costs_nobody_else_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked for in one message with others': they are asked for again without it. Few of it go on record."""
    change = MarketSession._change

    def refusing(session: MarketSession, is_join: bool, names: list[object], now_ms: int) -> None:
        if "s7@trade" in names:
            raise Invalid(2, "Invalid request")
        change(session, is_join, names, now_ms)

    monkeypatch.setattr(MarketSession, "_change", refusing)

    async def test(rig: Rig) -> None:
        bot = rig.bot(PATH + "/" + "/".join(f"s{number}@trade" for number in range(20)))
        await rig.wait(6)
        assert {json.loads(text)["stream"] for text in bot.take()} == set(TRADES)
        assert (bot.code, rig.hub.report()["down"]) == (None, 0)
        assert 0 < len(rig.told) <= 6
        for number in range(40):
            bot.send({"method": ("UNSUBSCRIBE", "SUBSCRIBE")[number % 2], "params": ["s7@trade"], "id": 1})
            await rig.wait(0.6, 0.3)
        assert [row["what"] for row in rig.told] == ["stream_refused"] * 20

    with_rig(test)(tmp_path)


@pytest.mark.parametrize("is_stuck", [True, False])
def test_a_quiet_successor_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_stuck: bool) -> None:
    """Nothing happens in the market any more: whether the old connection still had something, it must say itself."""

    async def test(rig: Rig) -> None:
        bot = rig.bot(PATH)
        await rig.wait(3)
        if is_stuck:
            rig.exchange.wires[0].hold()
        await rig.wait(0.5)
        voice = next(iter(rig.hub._lines.values()))._current
        assert voice is not None
        voice.renew_at_ms = 0
        monkeypatch.setattr(rig.exchange.exchange.realtime.hub, "tick", lambda _now_ms: None)
        await rig.idle(14, 0.25)
        assert (rig.hub.report()["renewed"], bot.code) == (1, 1012 if is_stuck else None)

    with_rig(test)(tmp_path)


@pytest.mark.parametrize("pause_s", [0.5, 20.0, 40.0])
def test_the_last_one_goes_while_the_successor_is_being_made(tmp_path: Path, pause_s: float) -> None:
    """And comes back: with one connection in the end, nothing twice and nobody told of a loss."""

    async def test(rig: Rig) -> None:
        bot = rig.bot("/stream?streams=btcusdt@trade")
        await rig.wait(3)
        dial = rig.exchange.dial
        waiting: list[Callable[[], Awaitable[None]]] = []

        async def slow(family: str, link: StreamLink) -> None:
            waiting.append(lambda: dial(family, link))

        rig.hub._common = replace(rig.hub._common, dial=slow)
        for line in rig.hub._lines.values():
            line._common = rig.hub._common
        rig.exchange.announce_shutdown()
        await rig.wait(0.5)
        assert len(waiting) == 1
        bot.send({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
        await rig.wait(0.3)
        bot.take()
        line._common = replace(line._common, dial=dial)
        await waiting[0]()
        await rig.idle(pause_s, 0.5)
        bot.send({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 2})
        await rig.wait(5)
        found = ids(bot.take(), "btcusdt@trade")
        assert found == list(range(found[0], found[-1] + 1))
        assert (bot.code, rig.told, len(rig.exchange.live)) == (None, [], 1)

    with_rig(test)(tmp_path)
