"""LOG-1: whatever stands in a field, one record in is one line out, and what was written is read again as it was."""

# ruff: noqa: TID251 - randomness is seeded
import asyncio
import json
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import pytest
from tests.campaign.credentials import portions
from tests.campaign.house import SPOT_ORDER, House, raw
from tests.campaign.log_lines import LEVELS, MEBIBYTE, OURS, fault_of_line, fields, hostile, placed
from tests.campaign.tally import Tally, campaign
from tests.gateway import rig as rigs
from tests.gateway.rig import HOST

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.adapters.log import _TRUSTED, LogFile, make_logger
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.cli.audit_tail import _show
from counterseal.core import record
from counterseal.core.config.grammar import parse_name
from counterseal.core.reasons import REASONS
from counterseal.core.wsapi.call import FORMS

pytestmark = [pytest.mark.slow, pytest.mark.threat(52)]
FULL, FRESH = 2_000, 250


class Case(NamedTuple):
    """A hostile value and where it goes: a field of the log ("field NAME"), or a place of a request or an answer."""

    place: str
    value: Any
    level: str = "info"


def cases() -> list[Case]:
    """Values for every field that the code logs, and for every place at which a bot or the exchange has the word."""
    draw = random.Random(1)
    direct = [Case(f"field {name}", value, draw.choice(LEVELS)) for name, text in product(fields(), hostile())
              for value in placed(text)]  # fmt: skip
    large = [Case(f"field {draw.choice(fields())}", value) for text in MEBIBYTE for value in placed(text)]
    said = [Case(place, value) for place, value in product(PLACES, hostile())]
    said_large = [Case(place, value) for place, value in product(PLACES, MEBIBYTE[:2])]
    return [*draw.sample(direct, 1_100 - len(large)), *large, *draw.sample(said, 900), *said_large]


# -- places of a request, and of an answer


def request(house: House, place: str, value: str) -> bytes:
    """Put a value into a place of a request."""
    text, octets = quote(value.encode("utf-8", "surrogatepass"), safe=""), value.encode("utf-8", "surrogatepass")
    latin = octets.decode("latin-1")
    if place == "client id":
        return house.request("POST", "/api/v3/order", f"{SPOT_ORDER}&newClientOrderId={text}")
    if place == "cancelled symbol":
        return house.request("DELETE", "/api/v3/order", f"symbol={text}&orderId=7")
    if place == "parameter's name":
        return house.request("GET", "/api/v3/order", f"symbol=BTCUSDT&orderId=7&{text}=1")
    if place == "escaped path":
        return house.request("GET", f"/api/v3/{text}", "")
    if place == "path":
        return raw("GET", f"/api/v3/{latin}?timestamp=1")
    if place == "method":
        return raw(latin, "/api/v3/time")
    if place == "body":
        return house.request("POST", "/api/v3/order", SPOT_ORDER, body=f"newClientOrderId={latin}")
    header = {"key": "X-MBX-APIKEY", "host": "Host", "unit": "X-MBX-TIME-UNIT", "agent": "User-Agent"}[place]
    lines = {"Host": HOST, "X-MBX-APIKEY": "V" * 64, header: latin}
    head = "\r\n".join(
        ["GET /api/v3/account?timestamp=1 HTTP/1.1", *(f"{name}: {text}" for name, text in lines.items())]
    )
    return f"{head}\r\n\r\n".encode("latin-1")


FRAMES = {
    "frame's id": lambda value: {"id": value, "method": "order.status", "params": {"symbol": "BTCUSDT"}},
    "frame's method": lambda value: {"id": 1, "method": value},
    "frame's parameter": lambda value: {"id": 1, "method": "order.cancel", "params": {value: 1}},
    "frame's value": lambda value: {"id": 1, "method": "order.cancel", "params": {"symbol": value, "apiKey": value}},
}
ANSWERS = {
    "answer's message": lambda value: (400, {"code": -2011, "msg": value}),
    "answer's number": lambda value: (200, {"symbol": "BTCUSDT", "orderId": value, "status": "CANCELED"}),
    "answer's state": lambda value: (200, {"symbol": "BTCUSDT", "orderId": 7, "status": value}),
}
REQUESTS = ("client id", "cancelled symbol", "parameter's name", "escaped path", "path", "method", "body", "key",
            "host", "unit", "agent")  # fmt: skip
PLACES = (*REQUESTS, *FRAMES, *ANSWERS, "lost cancel")


async def said(house: House, case: Case) -> None:
    """Have a bot or the exchange say it."""
    value = str(case.value)
    if case.place in FRAMES:
        caller = house.caller()
        # A lone half of a pair can be written by its escape alone.
        caller._client.send_text(json.dumps(FRAMES[case.place](value)).encode())
        caller.give(b"".join(caller._client.data_to_send()))
        await house.rig.wait(0.01)
        caller.wire.abort()
        await house.rig.wait(0)
        return
    if case.place in ANSWERS:
        status, body = ANSWERS[case.place](value)
        # As the exchange writes it, with every character as an escape.
        house.venue.script["/api/v3/order"] = [(status, msgspec.Raw(json.dumps(body).encode()))]
        await house.feed(house.request("DELETE", "/api/v3/order", "symbol=BTCUSDT&orderId=7"))
        return
    if case.place == "lost cancel":
        house.venue.script["/api/v3/order"] = ["lost"]
        text = quote(value.encode("utf-8", "surrogatepass"), safe="")
        await house.feed(house.request("DELETE", "/api/v3/order", f"symbol={text}&orderId=7"), seconds=0.01)
        return
    await house.feed(request(house, case.place, value), seconds=0.01)


# -- judging


class Sink:
    """The file of the log, counting what is given to it."""

    def __init__(self, file: LogFile) -> None:
        self.file, self.count = file, 0

    def msg(self, line: bytes) -> None:
        self.count += 1
        self.file.msg(line)

    info = warning = error = critical = msg


class Logs:
    """A real log on a real file."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock = path, VirtualClock()
        self.file = LogFile(path, self.clock)
        self.sink = Sink(self.file)
        self.logger = make_logger(self.sink, self.clock)
        self._read = 0

    def new(self) -> tuple[int, list[str]]:
        """Give how many records went in since the last call, and the lines that came out."""
        self.file.flush()
        assert self.file.lost == 0
        with self.path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read += len(data)
        count, self.sink.count = self.sink.count, 0
        assert not data or data.endswith(b"\n")
        return count, data.decode("utf-8").split("\n")[:-1] if data else []


def judge(tally: Tally, case: Case, count: int, lines: list[str]) -> None:
    """One line for each record, each of them sound."""
    shown = f"{case.place} = {str(case.value)[:60]!r} ({case.level})"
    if len(lines) != count or any(len(line.splitlines()) > 1 for line in lines):
        tally.disagree(f"{shown}: {count} records are {len(lines)} lines")
    for line in lines:
        fault = fault_of_line(line)
        if fault:
            tally.disagree(f"{shown}: {fault}: {line[:200]!r}")


def direct(tally: Tally, logs: Logs, case: Case) -> None:
    """Log it as the code would."""
    name = case.place.removeprefix("field ")
    try:
        getattr(logs.logger, case.level)("something", **{name: case.value})
    except Exception as error:  # noqa: BLE001 - the log must take whatever it is given
        tally.disagree(f"{case.place} = {str(case.value)[:60]!r}: {type(error).__name__}")
    count, lines = logs.new()
    if count != 1:
        tally.disagree(f"{case.place} = {str(case.value)[:60]!r}: {count} records")
    judge(tally, case, count, lines)
    tally.note(other="field of the log")


def kept(tally: Tally, case: Case, entry: dict[str, Any]) -> None:
    """The journal's record is one record, reads as it was written, and is one line for a person."""
    whole = {"v": 1, "seq": 1, "prev": record.FIRST_PREV, "t": 1_795_392_000_000, **entry}
    payload = msgspec.json.encode(whole)
    found = record.scan(record.MAGIC + record.frame(payload)).payloads
    if len(found) != 1 or json.loads(found[0]) != json.loads(json.dumps(whole)):
        tally.disagree(f"{case.place} = {str(case.value)[:60]!r}: the journal's record is not what was written")
    for form in (True, False):
        line = _show(json.loads(payload), whole=form)
        if not line.isprintable():
            tally.disagree(f"{case.place} = {str(case.value)[:60]!r}: {line[:200]!r} is shown to the operator")


async def through(tally: Tally, logs: Logs, chosen: list[Case]) -> None:
    """Have it said to a gateway that logs to a file."""
    house = House("\nmax_repeats = 0")
    await house.rig.gateway.warm()
    logs.new()
    for case in chosen:
        before = len(house.journal.records)
        await said(house, case)
        count, lines = logs.new()
        judge(tally, case, count, lines)
        if not [line for line in lines if json.loads(line)["event"] in ("request", "ws_api")]:
            tally.disagree(f"{case.place} = {str(case.value)[:60]!r}: no line tells of it")
        for entry in house.journal.records[before:]:
            kept(tally, case, dict(entry))
        tally.note(other="said to the gateway")
    # What nobody knows the outcome of is told again and again.
    await house.rig.wait(90)
    judge(tally, Case("afterwards", ""), *logs.new())
    await house.rig.gateway.tasks.cancel_all()
    house.rig.hub.close()


def test_what_is_logged_as_it_is_is_of_our_own_making() -> None:
    """Names of bots, endpoints and reasons cannot shape a log."""
    names = [name for value in (*hostile(), *MEBIBYTE) if (name := parse_name(value))]
    names += [*REASONS, *(endpoint.name for endpoint in load_catalogue()), *FORMS]
    assert all(name.isascii() and name.isprintable() for name in names)
    assert OURS == _TRUSTED


def test_log_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the log, in the journal, and in what `audit tail` shows."""
    logs = Logs(tmp_path / "gateway.jsonl")
    monkeypatch.setattr(rigs, "Silence", lambda: logs.logger)

    async def whole(tally: Tally, chosen: Iterator[Case]) -> None:
        spoken = []
        for case in chosen:
            if case.place.startswith("field "):
                direct(tally, logs, case)
            else:
                spoken.append(case)
        for portion in portions(spoken, FRESH):
            await through(tally, logs, portion)
        tally.figures["fields of the log"] = str(len(fields()))

    with campaign("LOG-1", "values that shape a log, in every field of it", FULL) as tally:
        asyncio.run(whole(tally, tally.some(cases())))
