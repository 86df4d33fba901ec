"""BOMB-1: what is small on the wire and large in memory, from the exchange's side and from bots: nothing is inflated,
and nothing is taken in beyond a bound.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from tests.adapters.test_stream_link import Side, frame
from tests.campaign import bombs
from tests.campaign.bombs import MIB, PIECE, Bomb, Hostile, blanks, compressed, nested, over_and_over, wide
from tests.campaign.house import SPOT_ORDER, House, Outcome, raw
from tests.campaign.tally import Tally, campaign
from tests.gateway.wsapi.rig import Caller
from tests.scenarios.stack import Reply, Stack, wait
from websockets.frames import Frame, Opcode

from counterseal.adapters.stream_link import MAX_FRAGMENTS, MAX_MESSAGE
from counterseal.core.streams.frames import text_frame

# What may be taken in of an answer, beside its head and what TLS hands over at once; and what it may cost in memory.
MOST_TAKEN, MOST_RISEN = 4 * MIB, 16 * MIB
HEAD = (64 << 10) + 2 * PIECE
KIB64 = 65_000
UNKNOWN = "outcome_unknown"
ORDER, CANCELS = ("POST", "/api/v3/order"), ("DELETE", "/api/v3/openOrders")
PUBLIC, SIGNED, RULES = ("GET", "/api/v3/depth"), ("GET", "/api/v3/account"), ("GET", "/api/v3/exchangeInfo")
ALL_WAYS = (ORDER, PUBLIC, SIGNED)
Way = tuple[str, str]
# A status, or the reason of a refusal.
Told = str | int


class Case(NamedTuple):
    """One bomb: what is done with a fresh gateway, and what its sender must be told at the end.

    `run` gives what was told and how many bytes of the bomb were taken in.
    """

    name: str
    run: Callable[[House], Awaitable[tuple[Told, int]]]
    told: Told
    most: int = MOST_TAKEN


# -- answers of the exchange

CODED = (
    Bomb("gzip", compressed("gzip"), ("Content-Encoding: gzip",)),
    Bomb("gzip in chunks", compressed("gzip"), ("Content-Encoding: gzip",), "chunks"),
    Bomb("x-gzip to the connection's end", compressed("gzip"), ("Content-Encoding: x-gzip",), "end"),
    Bomb("deflate", compressed("zlib"), ("Content-Encoding: deflate",)),
    Bomb("raw deflate in chunks", compressed("deflate"), ("content-encoding:DEFLATE",), "chunks"),
    Bomb("gzip in gzip in gzip", compressed("nested"), ("Content-Encoding: gzip, gzip, gzip",)),
    Bomb("gzip of many members, told twice", compressed("members"),
         ("Content-Encoding: gzip", "Content-Encoding: identity")),
    Bomb("gzip by Transfer-Encoding", compressed("gzip"), ("Transfer-Encoding: gzip, chunked",), "chunks"),
)  # fmt: skip
HIDDEN = Bomb("gzip that is not told", compressed("gzip"))
REFUSALS = (
    (Bomb("429, gzip", compressed("gzip"), ("Content-Encoding: gzip", "Retry-After: 7"), status="429 Slow down"), 429),
    (Bomb("418, gzip", compressed("gzip"), ("Content-Encoding: gzip", "Retry-After: 7"), status="418 Banned"), 418),
    (Bomb("418, 50 MiB", blanks(50), ("Retry-After: 7",), "chunks", status="418 Banned"), 418),
    (Bomb("500, 50 MiB", blanks(50), status="500 Oh"), UNKNOWN),
)
SIZES = (
    (Bomb("50 MiB, told before", blanks(50)), ALL_WAYS, HEAD),
    (Bomb("50 MiB in chunks", blanks(50), by="chunks"), ALL_WAYS, MOST_TAKEN + HEAD),
    (Bomb("50 MiB in chunks of a byte", over_and_over(b" ", 9 * MIB), by="small chunks"), (ORDER,), MOST_TAKEN + HEAD),
    (Bomb("50 MiB to the connection's end", blanks(50), by="end"), (ORDER,), MOST_TAKEN + HEAD),
    (Bomb("a header of 1 MiB", lambda: (b"{}",), ("X-Long: " + "a" * MIB,)), (ORDER,), 2 * HEAD),
    (Bomb("200,000 headers that somebody reads", lambda: (b"{}",), tuple(f"x-mbx-{n}: 1" for n in range(200_000))),
     (ORDER,), 2 * HEAD),
    (Bomb("1,000 headers, each with a name of 1 KiB", lambda: (b"{}",), ("x-mbx-" + "a" * 1024 + ": 1",) * 1000),
     (ORDER,), 2 * HEAD),
    (Bomb("trailers without end", over_and_over(b"x-mbx-a: 1\r\n", 9 * MIB, b"2\r\n{}\r\n0\r\n"),
          ("Transfer-Encoding: chunked",), "end"), (ORDER,), MOST_TAKEN + HEAD),
    (Bomb("100,000 answers that say nothing yet", over_and_over(b"HTTP/1.1 103 Early\r\n\r\n", 3 * MIB), (), "end",
          "100 Continue"), (ORDER,), HEAD),
    (Bomb("50 MiB of rules, told before", blanks(50)), (RULES,), HEAD),
)  # fmt: skip
OPEN = bombs.PLAIN[:-1] + b',"x":['
SHAPES = (
    (Bomb("64 KiB of [", over_and_over(b"[", KIB64)), ORDER, UNKNOWN),
    (Bomb("1 MiB of objects in objects", over_and_over(b'{"a":', MIB - PIECE)), ORDER, UNKNOWN),
    (Bomb("a list of 300,000 objects", over_and_over(b"{},", MIB - PIECE, b"[", b"{}]")), ORDER, UNKNOWN),
    (Bomb("an order with a list of 500,000 numbers",
          over_and_over(b"1,", MIB - PIECE, OPEN, b"1]}")), ORDER, UNKNOWN),
    (Bomb("a number of 1 MiB", over_and_over(b"9", MIB - PIECE, OPEN, b"]}")), ORDER, UNKNOWN),
    (Bomb("a number with a giant exponent", lambda: (OPEN, b"1e99999999999999999999]}")), ORDER, UNKNOWN),
    (Bomb("text of escapes", over_and_over(rb"\ud83d\ude00", MIB - PIECE, OPEN + b'"', b'"]}')), ORDER, 200),
    (Bomb("a list of 300,000 cancelled orders that are none", over_and_over(b"{},", MIB - PIECE, b"[", b"{}]")),
     CANCELS, UNKNOWN),
    (Bomb("an error with a list of a million objects", over_and_over(b"{},", 3 * MIB, b'{"code":-1,"msg":[', b"{}]}"),
          status="400 Bad"), SIGNED, 400),
    (Bomb("3 MiB of [", over_and_over(b"[", 3 * MIB)), PUBLIC, 200),
    (Bomb("a list of a million objects", over_and_over(b"{},", 3 * MIB, b"[", b"{}]")), PUBLIC, 200),
)  # fmt: skip


def answered(bomb: Bomb, way: Way, told: Told = UNKNOWN, most: int = MOST_TAKEN) -> Case:
    """Give the case of a request that is answered by a bomb."""

    async def run(house: House) -> tuple[Told, int]:
        exchange = Hostile(house, way[1], bomb)
        outcome = await house.feed(request_for(house, way), seconds=1.5)
        assert exchange.met, "the request went elsewhere"
        assert bombs.MARK not in b"".join(answer.body for answer in outcome.answers), "inflated for a bot"
        return said(outcome), exchange.taken

    return Case(f"{bomb.name}, to {' '.join(way)}", run, told, most)


def request_for(house: House, way: Way) -> bytes:
    """Give a request of the kind."""
    method, path = way
    if way == ORDER:
        return house.request(method, path, f"{SPOT_ORDER}&newClientOrderId=bomb")
    if way in (PUBLIC, RULES):
        return raw(method, f"{path}?symbol=BTCUSDT" if way == PUBLIC else path, "Cache-Control: no-cache")
    return house.request(method, path, "symbol=BTCUSDT" if way == CANCELS else "omitZeroBalances=true")


def said(outcome: Outcome) -> Told:
    """Give what the one answer says: the reason of a refusal, or its status."""
    assert len(outcome.answers) == 1, outcome
    return outcome.reason or outcome.answers[0].status


def from_the_exchange() -> Iterator[Case]:
    """Give the answers of the exchange that are bombs."""
    yield from (answered(bomb, way) for bomb in CODED for way in ALL_WAYS)
    yield answered(HIDDEN, ORDER)
    # What nobody says is compressed passes as the bytes that it is.
    yield answered(HIDDEN, PUBLIC, 200)
    yield from (answered(bomb, ORDER, told) for bomb, told in REFUSALS)
    yield from (answered(bomb, way, UNKNOWN, most) for bomb, ways, most in SIZES for way in ways)
    yield from (answered(bomb, way, told) for bomb, way, told in SHAPES)


# -- what bots send


def upgraded(path: str, offer: str) -> Case:
    """An offer to compress is not taken up, and the connection is one like every other."""

    async def run(house: House) -> tuple[Told, int]:
        bot = house.rig.bot(path, headers={"Sec-WebSocket-Extensions": offer})
        response = bot.response
        assert response is not None
        assert "Sec-WebSocket-Extensions" not in response.headers
        return bot.status, 0

    return Case(f"{path} with {offer}", run, 101)


def framed(name: str, path: str, data: bytes, code: int | str) -> Case:
    """Bytes on a bot's WebSocket; it ends with a close code, or is told a reason."""

    async def run(house: House) -> tuple[Told, int]:
        bot = house.rig.bot(path)
        bot.give(data)
        await house.rig.wait(0.01)
        answers = bot.answers()
        return bot.code or (reason_of(bot, answers) if answers else 0), len(data)

    return Case(f"{name}, on {path}", run, code)


def reason_of(bot: Caller, answers: list[object]) -> str:
    """Give our reason in the last answer, or the exchange's code of a stream's."""
    told = json.dumps(answers[-1])
    assert bot.wire is not None
    found = json.loads(told)["error"]
    return str(found.get("data", {}).get("counterseal", {}).get("reason", found["code"]))


def masked(data: bytes, opcode: Opcode = Opcode.TEXT, *, rsv1: bool = False, fin: bool = True) -> bytes:
    """Give a client's frame; with `rsv1` it says that it is compressed."""
    whole = Frame(opcode, data, fin=fin).serialize(mask=True)
    return bytes([whole[0] | 0x40]) + whole[1:] if rsv1 else whole


def parameter(name: str, of: Callable[[int], str], size: int, told: str) -> Case:
    """JSON in a signed parameter that is a list."""

    async def run(house: House) -> tuple[Told, int]:
        body = house.signed(f"symbol=BTCUSDT&orderIdList={quote(of(size), safe=SAFE)}")
        outcome = await house.feed(raw("DELETE", "/fapi/v1/batchOrders", body=body))
        return said(outcome), len(body)

    return Case(f"{name}, {size:,} characters in a parameter", run, told)


# What bots write as it is.
SAFE = '[]{}:,"'
# Depth, and next to nothing many times over.
JSON: dict[str, Callable[[int], str]] = {
    "[ over and over": lambda n: nested("[", n),
    "objects in objects": lambda n: nested('{"a":', n),
    "a list of objects": lambda n: wide("{}", n),
    "a list of numbers": lambda n: wide("1", n),
    "a number": lambda n: f"[{'9' * (n - 2)}]",
}


def from_bots() -> Iterator[Case]:
    """Give what bots send."""
    offers = ("permessage-deflate", "permessage-deflate; server_max_window_bits=15, x-webkit-deflate-frame")
    yield from (upgraded(path, offer) for path in ("/ws", "/ws-api/v3") for offer in offers)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    squeezed = (packer.compress(b" " * 32 * MIB) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    for path in ("/ws", "/ws-api/v3"):
        yield framed("32 MiB compressed in a frame", path, masked(squeezed, rsv1=True), 1002)
        yield framed(
            "a frame of 2^62 bytes", path, b"\x81\xff" + (1 << 62).to_bytes(8, "big") + b"mask" + b"x" * PIECE, 1009
        )
    for name, of in JSON.items():
        yield parameter(name, of, 15_000, "malformed_value")
        yield parameter(name, of, KIB64 - 500, "payload_too_large")
        yield framed(f"64 KiB: {name}", "/ws-api/v3", masked(of(KIB64 - 500).encode()), "ws_frame_malformed")
        yield framed(f"64 KiB: {name}", "/ws", masked(of(KIB64 - 500).encode()), STREAM_ERRORS[name])


# What a stream says: no JSON, or no object.
STREAM_ERRORS = {name: "2" if name == "a number" else "3" for name in JSON}


# -- what the exchange's streams send


def streamed(name: str, data: Callable[[], Iterator[bytes]], most: int) -> Case:
    """Bytes of a stream's other side; the link ends, and no text is passed on."""

    async def run(_house: House) -> tuple[Told, int]:
        side, taken = Side(), 0
        side.arrive(side.shake())
        for piece in bombs.in_pieces(data()):
            if side.lost:
                break
            side.link.data_received(piece)
            taken += len(piece)
            await asyncio.sleep(0)
        assert side.texts == []
        return (side.lost or ["still open"])[0], taken

    return Case(f"a stream: {name}", run, "the exchange broke the protocol", most)


def unasked(name: str, extension: str) -> Case:
    """The exchange takes up what was not offered."""

    async def run(_house: House) -> tuple[Told, int]:
        side = Side()
        hello = side.shake()
        side.arrive(hello.replace(b"\r\n\r\n", f"\r\nSec-WebSocket-Extensions: {extension}\r\n\r\n".encode()))
        return (side.lost or ["still open"])[0], 0

    return Case(f"a stream: {name}", run, "handshake refused: 101")


def from_streams() -> Iterator[Case]:
    """Give what comes on connections to the exchange's streams."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    squeezed = packer.compress(b" " * 32 * MIB) + packer.flush()
    part = frame(Opcode.CONT, b" " * PIECE, fin=False)
    yield unasked("compression that was not asked for", "permessage-deflate")
    yield streamed("32 MiB compressed", lambda: iter([b"\xc1" + text_frame(squeezed)[1:]]), HEAD)
    yield streamed(
        "50 MiB in a frame",
        lambda: iter([text_frame(b"")[:1] + b"\x7f" + (50 * MIB).to_bytes(8, "big")] + [b" " * MIB] * 50),
        HEAD,
    )
    yield streamed(
        "50 MiB in fragments", lambda: iter([frame(Opcode.TEXT, b" ", fin=False)] + [part] * 3200), MAX_MESSAGE + HEAD
    )
    empty = [frame(Opcode.TEXT, b"", fin=False), *[frame(Opcode.CONT, b"", fin=False) * 1000] * 999]
    yield streamed("empty fragments without end", lambda: iter(empty), 2 * MAX_FRAGMENTS + HEAD)


def tried(case: Case, tally: Tally) -> int:
    """Try one bomb on a gateway of its own; gives the memory that it needed."""

    async def whole() -> int:
        house = House()
        await house.rig.gateway.warm()
        (told, taken), risen = await bombs.peak_of(lambda: case.run(house))
        await house.rig.end()
        if told != case.told:
            tally.disagree(f"{case.name}: told {told}, not {case.told}")
        if taken > case.most or risen > MOST_RISEN:
            tally.disagree(f"{case.name}: took in {taken:,} bytes, {risen:,} bytes of memory")
        passed = told in (200, 101)
        tally.note(
            reason=told if isinstance(told, str) else None, other="passed as it is" if passed else f"told {told}"
        )
        return risen

    return asyncio.run(whole())


@pytest.mark.slow
@pytest.mark.threat(35)
@pytest.mark.threat(65)
def test_bomb_1(capsys: pytest.CaptureFixture[str]) -> None:
    """No bomb is undone, none is taken in whole, none costs 16 MiB; who sent the request is told the truth."""
    with capsys.disabled(), campaign("BOMB-1", "bombs: compressed, nested, endless", 60) as tally:
        risen = {case.name: tried(case, tally) for case in (*from_the_exchange(), *from_bots(), *from_streams())}
        worst = max(risen, key=lambda name: risen[name])
        tally.figures["most memory"] = f"{risen[worst] / MIB:.1f} MiB ({worst})"


@pytest.mark.slow
@pytest.mark.threat(35)
def test_the_process_does_not_grow(tmp_path: Path) -> None:
    """The gateway's own process, over TLS: 256 MiB in a gzip, and 50 MiB as they are."""
    with Stack(tmp_path, paper_options=("--fault-control", "--no-limits", "--volatility", "0")) as stack:
        pid = stack.pids()["gateway"]
        assert stack.call(*ORDER, f"{SPOT_ORDER}&newClientOrderId=before").status == 200
        before = memory_of(pid, "VmRSS")
        for number, fault in enumerate(("gzip_bomb:256", "huge_body:50")):
            stack.fault(fault, *PUBLIC, times=3)
            assert ask(stack).reason == UNKNOWN, fault
            stack.fault(fault, *ORDER)
            assert stack.call(*ORDER, f"{SPOT_ORDER}&newClientOrderId=bomb-{number}").reason == UNKNOWN, fault
            # Answers that are lost one after the other close the way for a while.
            wait(lambda: ask(stack).status == 200, 60, "the gateway to ask again")
        assert memory_of(pid, "VmHWM") - before < MOST_RISEN
        assert {pid} <= set(stack.pids().values()), "another process than before"


def ask(stack: Stack) -> Reply:
    """Ask for a book, whatever was kept."""
    return stack.send("GET", "/api/v3/depth?symbol=BTCUSDT", {"Cache-Control": "no-cache"})


def memory_of(pid: int, name: str) -> int:
    """Give a figure of a process's memory in bytes: VmRSS is now, VmHWM the most that there was."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))
