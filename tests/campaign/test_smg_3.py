"""SMG-3: 10,000 drawn byte strings that hold no, one or several requests, or look as if they did.

What the gateway reads and sends on follows from how a case was made; the paper exchange's own reader finds exactly
those requests in what reached it, and in the bot's bytes no other request than the gateway. Then the same bytes go
through real proxies in front of the gateway, and the gateway's requests through real proxies behind it.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop
from tests.campaign import proxies, smuggling, smuggling_behind, smuggling_front, smuggling_written
from tests.campaign.house import House
from tests.campaign.proxies import NAMES
from tests.campaign.smuggling_house import Tap, disagreements, feed, misread
from tests.campaign.tally import Tally, campaign

from counterseal.core import http1

COUNT = 10_000
# Repeats, exposure and the record grow in a house.
PER_HOUSE = 400


@pytest.mark.slow
@pytest.mark.threat(1)
@pytest.mark.threat(2)
@pytest.mark.threat(3)
def test_everybody_sees_the_same_requests() -> None:
    """The gateway, its exchange, and the structure of each case."""

    async def run() -> None:
        with campaign("SMG-3", "drawn ambiguous requests: gateway and exchange see the same number", COUNT) as tally:
            for some in _batches(list(tally.some(smuggling.cases(COUNT)))):
                await _try(some, tally)

    asyncio.run(run())


_framing_fault = http1._framing_fault


def _takes_codings(headers: dict[bytes, bytes]) -> str | None:
    return _framing_fault({name: headers[name] for name in headers.keys() - {b"transfer-encoding", b"expect"}})


# What a more lenient reader would take: header lines that are folded or end in LF, a length with blanks, any coding and
# expectation, names that stand twice, older versions.
LENIENT = {
    "header_block": re.compile(
        rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*)*"
    ).fullmatch,
    "_LENGTH": re.compile(rb"\s*\+?[0-9]+\s*").fullmatch,
    "_framing_fault": _takes_codings,
    "_SINGLE": frozenset[bytes](),
    "_REQUEST_LINE": re.compile(rb"([A-Z]+)[ \t]+(/[\x21-\x7e]*)[ \t]+HTTP/[0-9.]+[ \t]*").fullmatch,
}


@pytest.mark.slow
@pytest.mark.threat(1)
@pytest.mark.parametrize("part", LENIENT)
def test_a_more_lenient_gateway_is_found_out(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same cases against a gateway that takes a little more than ours."""
    monkeypatch.setattr(http1, part, LENIENT[part])
    http1._read_block.cache_clear()
    tally = Tally(part, "", 0)
    asyncio.run(_try(smuggling.cases(PER_HOUSE), tally))
    http1._read_block.cache_clear()
    assert len(tally.disagreements) > 3


@pytest.mark.slow
@pytest.mark.threat(1)
def test_a_more_lenient_gateway_is_found_out_by_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HAProxy hands chunks on as they are: who takes no notice of them reads requests that it knows nothing of."""
    proxies.require("haproxy")
    monkeypatch.setattr(http1, "_framing_fault", _takes_codings)
    http1._read_block.cache_clear()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        run = smuggling_front.through("haproxy", tmp_path / "haproxy", smuggling.cases(PER_HOUSE))
        street, told = runner.run(run)
    http1._read_block.cache_clear()
    assert len(list(smuggling_front.disagreements(street, told))) > 3


def _batches(cases: list[smuggling.Case]) -> Iterator[list[smuggling.Case]]:
    return (cases[at : at + PER_HOUSE] for at in range(0, len(cases), PER_HOUSE))


async def _try(cases: list[smuggling.Case], tally: Tally) -> None:
    house = House()
    await house.rig.gateway.warm()
    tap = Tap(house.venue)
    for case in cases:
        written = smuggling_written.write(case, house.signed)
        want = smuggling_written.expected(written)
        seen = await feed(house, tap, written.data, is_whole=want.end != "refused")
        tally.note(forwarded=len(seen.raw), reason=seen.refused[0] if seen.refused else None, other=want.end)
        for text in disagreements(seen, want):
            tally.disagree(f"{case}: {text}: {written.data!r}")
        told = misread(written.data, seen)
        if told is not None:
            tally.disagree(f"{case}: {told}: {written.data!r}")
    await house.rig.end()


@pytest.mark.slow
@pytest.mark.threat(1)
@pytest.mark.threat(2)
@pytest.mark.threat(3)
@pytest.mark.parametrize("name", NAMES)
def test_behind_a_proxy_the_gateway_reads_what_that_handed_on(name: str, tmp_path: Path) -> None:
    """No more requests, no others, and no bot gets another's answer; connections to the gateway are shared by bots."""
    proxies.require(name)
    title = f"drawn ambiguous requests through {name} in front of the gateway: it reads what was handed on"
    with campaign(f"SMG-3 {name} in front", title, COUNT) as tally:
        cases = list(tally.some(smuggling.cases(COUNT)))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            street, told = runner.run(smuggling_front.through(name, tmp_path / name, cases))
        for reply in street.replies.values():
            _note(tally, name, reply)
        for text in smuggling_front.disagreements(street, told):
            tally.disagree(text)
        handed_on, read = sum(line.handed_on for line in told), sum(each.steps for each in street.connections)
        tally.figures |= {"handed on": f"{handed_on:,}", "read": f"{read:,}",
                          "connections": f"{len(street.connections):,}"}  # fmt: skip
        assert len(street.replies) == len(cases) and read > len(cases) / 5


def _note(tally: Tally, name: str, reply: bytes) -> None:
    """Count what a bot got: answers of the gateway, which tell how long they took, a refusal of its, or the proxy's."""
    reason = re.search(rb"\r\n[Xx]-[Cc]ounterseal-[Rr]eason: (\w+)", reply)
    judged = len(re.findall(rb"\r\n[Ss]erver-[Tt]iming: ", reply))
    status = re.match(rb"HTTP/1\.. (\d+)", reply)
    told = f"{name} {status[1].decode()}" if status else f"{name} closes"
    tally.note(forwarded=judged, reason=reason[1].decode() if reason else None, other=told)


@pytest.mark.slow
@pytest.mark.threat(1)
@pytest.mark.threat(5)
@pytest.mark.parametrize("name", NAMES)
def test_a_proxy_behind_the_gateway_counts_what_it_sends(name: str, tmp_path: Path) -> None:
    """The gateway's writes, the proxy's log and the exchange behind it: the same requests, each once."""
    proxies.require(name)

    async def run() -> None:
        title = f"drawn ambiguous requests, the gateway's own through {name}: all count the same"
        with campaign(f"SMG-3 {name} behind", title, COUNT) as tally:
            async with smuggling_behind.line(name, tmp_path / name) as line:
                sent = [raw for some in _batches(list(tally.some(smuggling.cases(COUNT))))
                        for raw in await _leave(some, line, tally)]  # fmt: skip
            _compare(sent, line, tally)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def _leave(cases: list[smuggling.Case], line: smuggling_behind.Line, tally: Tally) -> list[bytes]:
    """Feed cases to a fresh house; gives what it wrote to the proxy."""
    house, tap = await line.house()
    for case in cases:
        written = smuggling_written.write(case, house.signed)
        want = smuggling_written.expected(written)
        seen = await feed(house, tap, written.data, is_whole=want.end != "refused")
        tally.note(forwarded=len(seen.raw), reason=seen.refused[0] if seen.refused else None, other=want.end)
        for text in disagreements(seen, want):
            tally.disagree(f"{case}: {text}: {written.data!r}")
    await house.rig.end()
    return tap.raw


def _compare(sent: list[bytes], line: smuggling_behind.Line, tally: Tally) -> None:
    wrote = Counter(raw.split(b" HTTP/1.1\r\n", 1)[0].decode() for raw in sent)
    logged = Counter(told.request.removesuffix(" HTTP/1.1") for told in line.proxy.told() if told.handed_on)
    read = Counter(f"{method} {target}" for _, method, target in line.counter.read)
    traces = {trace for trace, _, _ in line.counter.read}
    for text in line.counter.malformed:
        tally.disagree(f"no request behind the proxy: {text}")
    for who, found in (("the proxy", logged), ("the exchange", read)):
        for target in (wrote - found) + (found - wrote):
            tally.disagree(f"{target}: written {wrote[target]} times, {found[target]} by {who}")
    if len(traces) != read.total() or max(wrote.values()) > 1:
        tally.disagree(f"{len(traces)} numbers for {read.total()} requests, {wrote.most_common(1)}")
    tally.figures |= {"sent": f"{wrote.total():,}", "by the proxy": f"{logged.total():,}",
                      "by the exchange": f"{read.total():,}"}  # fmt: skip
    assert wrote.total() > tally.tried / 4
