"""One cell: a gateway in front of the paper exchange, a request that meets a fault, a bot that asks again, the truth.

Answers go byte by byte through the gateway's own connection to the exchange.
"""

import asyncio
import json
import random  # noqa: TID251 - seeded
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from tests.gateway.fault_table import FAULTS, KINDS, NO_CELL, NOT_SENT, RESTING, UNKNOWN, Fault, Kind, Wire, sound
from tests.gateway.test_a_power_cut_loses_no_order import ClockedJournal
from tests.limits.gateway_side import GatewaySide
from tests.limits.house import SECRET, House, Network, key_of
from tests.limits.lines import HOSTS, Answer, Credential, Through, head_of
from tests.limits.virtual_loop import LoopClock, VirtualLoop

from counterseal.adapters.upstream import ANSWER_TIMEOUT_S, UpstreamConnection
from counterseal.paper.faulted import Reply
from counterseal.ports.venue import ORDINARY, NotSent, Terms, VenueReply

MONDAY_MS = 1_795_392_000_000
BOT, ACCOUNT = "solo", "acct1"
TRIP_S = 0.002
# What an absence is proven by at the earliest after a request has expired: accepted skew, work, lag.
SETTLED_MS = 1_000 + 10_000 + 2_000
PATIENCE_S = 100
BAN_S = 120
DUPLICATES = ("-2010-duplicate", "-4116")


class Nowhere(asyncio.Transport):
    """What is written is carried by hand."""

    def write(self, data: object) -> None:
        """Take bytes."""

    def abort(self) -> None:
        """Nothing is open."""


@dataclass
class FaultyVenue:
    """The Venue port over the gateway's own connection, on whose other end sits the paper exchange and a fault."""

    house: House
    clock: LoopClock
    kind: Kind | None = None
    fault: Fault | None = None
    executes: bool = True
    sent: list[tuple[int, str, str]] = field(default_factory=list)
    spoilt_ms: list[int] = field(default_factory=list)
    is_spoilt: bool = False

    async def send(self, _family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """Send one request once."""
        if not terms.wanted():
            raise NotSent("no longer wanted")
        method, target, _ = request.split(b"\r\n", 1)[0].decode().split(" ")
        fault = self.fault if self.kind and (method, target.partition("?")[0]) == (
            self.kind.method, self.kind.path) else None  # fmt: skip
        if fault is not None and fault.make is None:
            await self.clock.sleep(TRIP_S)
            raise NotSent("refused")
        self.sent.append((self.clock.monotonic_ns() // 1_000_000, method, target))
        connection = UpstreamConnection(self.clock)
        connection.connection_made(Nowhere())
        answer = connection.send(request)
        await self.clock.sleep(TRIP_S)
        await self._deliver(connection, self._wire(fault, request))
        await self.clock.sleep(TRIP_S)
        return await answer

    def _wire(self, fault: Fault | None, request: bytes) -> Wire:
        if fault is None or fault.make is None or self.kind is None:
            return sound(self.house.answer(request))
        self.spoilt_ms.append(self.clock.monotonic_ns() // 1_000_000)
        reply = self.house.answer(request) if self.executes else None
        if fault.name == "409-partial" and self.kind.name == "cancelReplace":
            self.direct("DELETE", *self.kind.ended)  # one half of it happens
        wire = fault.make(self.kind, reply, self.house.exchange.now_ms())
        self.is_spoilt = reply is None or wire != sound(reply)
        return wire

    async def _deliver(self, connection: UpstreamConnection, wire: Wire) -> None:
        rest = wire.data
        while rest:
            buffer = connection.get_buffer(-1)
            size = min(len(rest), len(buffer))
            buffer[:size], rest = rest[:size], rest[size:]
            connection.buffer_updated(size)
        if wire.end == "fin":
            connection.connection_lost(None)
        if wire.end == "stall":
            await self.clock.sleep(ANSWER_TIMEOUT_S)
            connection.check_deadline(self.clock.monotonic_ns())

    def direct(self, method: str, path: str, query: str) -> Reply:
        """Ask the exchange past the gateway, from another address."""
        key = Credential(key_of(ACCOUNT).api_key, SECRET.encode())
        stamp_ms = self.clock.wall_ns() // 1_000_000
        return self.house.answer(
            head_of(key, method, path, query, HOSTS[path.split("/", 2)[1]], stamp_ms), peer="203.0.113.9"
        )

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Cell:
    """What came of one cell."""

    name: str
    first: Answer
    again: Answer
    outcome: str = ""
    resolved: str = ""
    after_ms: int = 0


class Bench:
    """One gateway and one exchange, for one cell."""

    def __init__(self, loop: VirtualLoop, home: Path, kind: Kind, fault: Fault, *, executes: bool) -> None:
        home.mkdir()
        self.kind, self.fault, self.executes = kind, fault, executes
        self.name = f"{fault.name} / {kind.name} / {'executed' if executes else 'not executed'}"
        self.clock = LoopClock(loop, MONDAY_MS)
        self.house = House(home, self.clock, [ACCOUNT])
        self.side = GatewaySide(Network(self.house, self.clock, random.Random(1)), self.clock, {BOT: ACCOUNT})
        self.side.journal = ClockedJournal(self.clock)  # type: ignore[assignment]  # keeps everything
        self.venue = FaultyVenue(self.house, self.clock)
        self.side.venue = self.venue  # type: ignore[assignment]  # another Venue
        self.side._wire()
        self.side.line = Through(self.side.handler, self.clock, lambda: self.clock.wall_ns() // 1_000_000)
        self.query = kind.query

    async def ask(self, method: str, path: str, query: str, *, signed: bool = True) -> Answer:
        """The bot asks."""
        return await self.side.line.ask(
            Credential(*self.side.line.credential(BOT, "")), method, path, query, signed=signed
        )

    async def _asked(self) -> Answer:
        return await self.ask(self.kind.method, self.kind.path, self.query, signed=self.kind.signed)

    async def run(self) -> Cell | None:
        """Run the cell; None where the fault could not be told from a sound answer."""
        await self.side.start_clock()
        for path, query in RESTING:
            placed = await self.ask("POST", path, query)
            assert placed.status == 200, placed.body
            if path == self.kind.path:
                self.query = self.query.replace("{old}", str(json.loads(placed.body)["orderId"]))
        self.venue.sent.clear()
        self.side.journal.flush()
        self.side.journal.records.clear()
        self.venue.kind, self.venue.fault, self.venue.executes = self.kind, self.fault, self.executes
        first = await self._asked()
        self.venue.fault = None
        if self.fault.make is not None and not self.venue.is_spoilt:
            await self.side.end()
            return None
        cell = Cell(self.name, first, first)
        self._well_formed(first)
        if self.kind.changes:
            await self._judge_change(cell)
        else:
            assert len(self.venue.spoilt_ms) <= 3, f"{self.name}: a read is sent three times at most"
        await self._judge_wait()
        await self._ask_again(cell)
        self._judge_births()
        await self.side.end()
        return cell

    # -- judgements

    def _well_formed(self, answer: Answer) -> None:
        """An error is one of the exchange's shape; what we say ourselves bears its reason."""
        if answer.status < 400:
            return
        told = json.loads(answer.body)
        # An error of the exchange that has no code is passed on as it is.
        has_code = not self.fault.name.endswith("no code") or "x-counterseal-reason" in answer.headers
        assert not has_code or isinstance(told.get("code"), int), f"{self.name}: {answer.body!r}"
        assert isinstance(told.get("msg"), str), f"{self.name}: {answer.body!r}"
        if answer.headers.get("x-counterseal-state") == UNKNOWN:
            assert (answer.status, told["code"]) == (503, -1007), self.name
            assert answer.headers.get("x-counterseal-reason") == "outcome_unknown", self.name

    def _records(self, kind: str) -> list[dict[str, object]]:
        self.side.journal.flush()
        return [dict(entry) for entry in self.side.journal.of(kind)]

    async def _judge_change(self, cell: Cell) -> None:
        """Law L2, the class, and what UNKNOWN ends in."""
        (intent,), (ended,) = self._records("intent"), self._records("outcome")
        assert intent["id"] == ended["id"], self.name
        written = self.side.journal.records
        kinds = [entry["type"] for entry in written if entry.get("id") == intent["id"]]
        assert kinds.index("intent") < kinds.index("outcome"), self.name
        cell.outcome = str(ended["outcome"])
        assert not [one for one in self._records("event") if one["what"] == "fault"], self.name
        expected = self.fault.expected(self.kind)
        # A duplicate that is found at once is told at once, as what it is.
        is_found = bool(self._records("resolved"))
        if cell.outcome == UNKNOWN and not is_found:
            assert cell.first.headers.get("x-counterseal-reason") == "outcome_unknown", self.name
        assert cell.outcome == expected, f"{self.name}: {cell.outcome} in place of {expected}: {cell.first}"
        sends = len(self.venue.spoilt_ms)
        assert sends <= (2 if self.fault.name == "-1021" else 1), f"{self.name}: sent {sends} times"
        assert (sends == 0) is (cell.outcome == NOT_SENT), self.name
        if cell.outcome == UNKNOWN:
            if self.kind.ids:
                told = await self._asked()
                self._well_formed(told)
                assert len(self.venue.spoilt_ms) == 1, f"{self.name}: sent again"
            await self._judge_end(cell)

    async def _judge_end(self, cell: Cell) -> None:
        """UNKNOWN ends in the exchange's truth, and in absence no earlier than that can be proven."""
        if self.kind.name == "setting":
            assert len(self.side.state.unknowns) == 0, self.name
            cell.resolved = "left to the bot"
            return
        for _ in range(PATIENCE_S * 10):
            if not len(self.side.state.unknowns):
                break
            await self.clock.sleep(0.1)
        ends = self._records("resolved")
        assert len(ends) == 1, f"{self.name}: {ends}"
        cell.resolved, cell.after_ms = str(ends[0]["outcome"]), int(str(ends[0]["after_ms"]))
        truth = self.happened()
        assert (cell.resolved == "ACCEPTED") is truth, f"{self.name}: {cell.resolved}, truth {truth}"
        if self.executes and self.fault.truths != (False,):
            assert truth, f"{self.name}: the exchange did not execute it"
        if cell.resolved == "ABSENT":
            (target,) = [t for _, m, t in self.venue.sent if (m, t.partition("?")[0]) == (
                self.kind.method, self.kind.path)]  # fmt: skip
            params = parse_qs(target.partition("?")[2])
            provable_ms = int(params["timestamp"][0]) + int(params["recvWindow"][0]) + SETTLED_MS
            assert int(str(ends[0]["t"])) >= provable_ms, f"{self.name}: absent too early"

    def happened(self) -> bool:
        """Whether the exchange, asked past the gateway, shows that the request was carried out."""
        if any(self.venue.direct("GET", *question).status == 200 for question in self.kind.born):
            return True
        if self.kind.altered[0]:
            return self.kind.altered[2].encode() in self.venue.direct("GET", *self.kind.altered[:2]).body
        return bool(self.kind.ended[0]) and b'"status":"CANCELED"' in self.venue.direct("GET", *self.kind.ended).body

    async def _judge_wait(self) -> None:
        """After 418 nothing leaves until it is over; after 429 exits at most."""
        if not self.fault.name.startswith(("418", "429")):
            return
        last_ms, count = self.venue.spoilt_ms[-1], len(self.venue.sent)
        over_s = BAN_S if self.fault.name.startswith("418") else 10 if self.fault.name == "429" else 60
        refused = await self._asked()
        self._well_formed(refused)
        await self.clock.sleep(over_s - 1 - (self.clock.monotonic_ns() // 1_000_000 - last_ms) / 1000)
        left = self.venue.sent[count:]
        if self.fault.name.startswith("429"):
            # The futures' pool is another one than spot's.
            root = self.kind.path.split("/", 2)[1]
            left = [one for one in left if one[2].startswith(f"/{root}/") and one[1] != "DELETE"]
        else:
            assert refused.headers.get("x-counterseal-reason"), self.name
        assert not left, f"{self.name}: {left} left before the ban was over"
        await self.clock.sleep(2)

    async def _ask_again(self, cell: Cell) -> None:
        """The bot repeats its request when all is known: no fault is in force."""
        cell.again = await self._asked()
        if cell.again.headers.get("x-counterseal-reason") == "key_quarantined":
            # The key was under suspicion: a probe says that there is nothing to it.
            await asyncio.sleep(45)
            cell.again = await self._asked()
        self._well_formed(cell.again)
        if not self.kind.changes:
            assert cell.again.status == 200, f"{self.name}: {cell.again}"
        if self.kind.ids and cell.again.status == 200:
            assert self.happened(), f"{self.name}: told of what is not there"
        if self.kind.ids and self.executes and self.fault.name in DUPLICATES and len(self.kind.ids) == 1:
            assert cell.first.status == 200, f"{self.name}: the order that lives is told at once: {cell.first}"

    def _judge_births(self) -> None:
        """Law L1: of each client id the exchange has one order at most."""
        for root in ("/api/v3", "/fapi/v1"):
            rows = json.loads(self.venue.direct("GET", f"{root}/allOrders", "symbol=BTCUSDT").body)
            names = [row["clientOrderId"] for row in rows]
            assert len(names) == len(set(names)), f"{self.name}: {names}"
        births = [one for one in self.house.served if one.method == "POST" and one.status == 200
                  and one.path == self.kind.path and any(name in one.query for name in self.kind.ids)]  # fmt: skip
        assert len(births) <= 1, f"{self.name}: executed {len(births)} times"
        intents = {entry["id"] for entry in self._records("intent")}
        ends = [entry["id"] for entry in self._records("outcome")]
        assert sorted(map(str, ends)) == sorted(map(str, intents)), f"{self.name}: not one end for each intent"
        assert self.side.faults == [], self.name


def cells() -> list[tuple[Kind, Fault, bool]]:
    """Every cell that makes sense, once for each truth."""
    return [
        (kind, fault, truth)
        for fault in FAULTS
        for kind in KINDS
        for truth in (fault.truths if kind.changes else fault.truths[:1])
        if (fault.name, kind.name) not in NO_CELL
    ]
