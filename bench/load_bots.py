"""A crowd of bots in one process: `load_run.py` starts it and reads what became of every request.

    python bench/load_bots.py PLAN

PLAN is a file of JSON (`Plan`). With a rate the load is open: each request is due at its moment whatever became of
those before it, and a cancel that is due goes before the others. A request that finds all connections of the crowd
busy waits for one, for 250 ms at most: then its bot has given up. Without a rate the load is closed: every
connection has one request on its way, always. Prints a line when all are connected, waits for one on standard input,
then prints one of JSON.
"""

from __future__ import annotations

import gc
import hmac
import json
import secrets
import select
import socket
import ssl
import sys
import time
from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GIVE_UP_NS = 250_000_000
DRAIN_S = 15.0
PAIRS = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
# A request of each kind; `probe` is refused by the gateway itself, so that its answer tells how late the loop is.
ORDER, CANCEL, READ, PROBE = KINDS = ("order", "cancel", "read", "probe")
# So many of a hundred.
MIX = {ORDER: 60, CANCEL: 20, READ: 20}


@dataclass(frozen=True)
class Plan:
    """What to do. `bots` are pairs of key id and secret; `ca` makes it TLS. `per_bot` connections each.

    `cancels` "own" takes each accepted order once; "any" names orders that need not be there.
    """

    port: int
    host: str
    bots: list[list[str]]
    seconds: float
    per_bot: int = 1
    rate: float = 0.0
    mix: dict[str, int] = field(default_factory=lambda: dict(MIX))
    ca: str = ""
    cancels: str = "any"


@dataclass
class Tally:
    """What became of the requests of one kind. Times are microseconds: of those served, and of those refused."""

    answers: Counter[str] = field(default_factory=Counter)
    served_us: array[int] = field(default_factory=lambda: array("q"))
    refused_us: array[int] = field(default_factory=lambda: array("q"))
    waited_us: array[int] = field(default_factory=lambda: array("q"))
    # What of the served ones' time was the exchange's, by the gateway's own word.
    venue_us: array[int] = field(default_factory=lambda: array("q"))
    sent: int = 0
    given_up: int = 0
    faults: list[str] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "sent": self.sent,
            "given_up": self.given_up,
            "answers": dict(self.answers),
            "served": _percentiles(self.served_us),
            "refused": _percentiles(self.refused_us),
            "waited": _percentiles(self.waited_us),
            "venue": _percentiles(self.venue_us),
            "faults": self.faults[:3],
            "wrong": len(self.faults),
        }


def _percentiles(taken_us: array[int]) -> dict[str, float] | None:
    if not taken_us:
        return None
    ascending = sorted(taken_us)
    found = {f"p{name}": ascending[min(len(ascending) - 1, int(len(ascending) * share))] / 1000
             for name, share in (("50", 0.5), ("99", 0.99), ("999", 0.999))}  # fmt: skip
    return {**found, "most": ascending[-1] / 1000, "count": len(ascending)}


class Bot:
    """A credential, its own clock, and the orders it could cancel."""

    def __init__(self, number: int, key: str, secret: str, plan: Plan) -> None:
        self._name = f"{secrets.token_hex(4)}-{number}"
        self._secret = secret.encode()
        self._head = f" HTTP/1.1\r\nHost: {plan.host}\r\nX-MBX-APIKEY: {key}\r\n"
        self._stamp_ms = self._count = 0
        self._takes_own = plan.cancels == "own"
        self.placed: deque[str] = deque(maxlen=256)

    def may_cancel(self) -> bool:
        """Tell whether there is something to cancel."""
        return bool(self.placed) or not self._takes_own

    def request(self, kind: str) -> tuple[bytes, str]:
        """Give a request's bytes, and the id of the order in it."""
        self._count += 1
        name = f"{self._name}-{self._count}"
        if kind == ORDER:
            return self._signed("POST", "/api/v3/order", f"{PAIRS}&newClientOrderId={name}"), name
        if kind == CANCEL:
            if self.placed:
                name = self.placed.popleft() if self._takes_own else self.placed[self._count % len(self.placed)]
            return self._signed("DELETE", "/api/v3/order", f"symbol=BTCUSDT&origClientOrderId={name}"), name
        if kind == PROBE:
            return f"DELETE /nothing{self._head}Content-Length: 0\r\n\r\n".encode(), ""
        return self._signed("GET", "/api/v3/openOrders", "symbol=BTCUSDT"), ""

    def _signed(self, method: str, path: str, pairs: str) -> bytes:
        # No two payloads of a bot are the same, else one would be the other's replay.
        self._stamp_ms = max(time.time_ns() // 1_000_000, self._stamp_ms + 1)
        query = f"{pairs}&recvWindow=5000&timestamp={self._stamp_ms}"
        signature = hmac.digest(self._secret, query.encode(), "sha256").hex()
        length = "" if method == "GET" else "Content-Length: 0\r\n"
        return f"{method} {path}?{query}&signature={signature}{self._head}{length}\r\n".encode()


class Connection:
    """One connection of a bot, with at most one request on its way."""

    def __init__(self, bot: Bot, wire: socket.socket) -> None:
        self.bot = bot
        self.wire = wire
        self.kind = ""
        self.name = ""
        self.due_ns = self.sent_ns = 0
        self._data = b""

    def send(self, kind: str, due_ns: int) -> None:
        """Send a request of this kind."""
        octets, self.name = self.bot.request(kind)
        self.kind, self.due_ns, self.sent_ns = kind, due_ns, time.monotonic_ns()
        self.wire.send(octets)

    def receive(self) -> tuple[int, bytes, bytes] | None:
        """Give (status, head, body) of the answer once it is whole. Raises OSError when the connection ended."""
        while True:
            try:
                data = self.wire.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            if not data:
                raise ConnectionResetError("hung up")
            self._data += data
            if not isinstance(self.wire, ssl.SSLSocket):
                break
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return None
        at = self._data.index(b"ength: ", 0, end + 2) + 7
        whole = end + 4 + int(self._data[at : self._data.index(b"\r", at)])
        if len(self._data) < whole:
            return None
        head, body, self._data = self._data[:end], self._data[end + 4 : whole], self._data[whole:]
        return int(head[9:12]), head, body


class Crowd:
    """All bots' connections and what became of what they sent."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        bots = [Bot(number, key, secret, plan) for number, (key, secret) in enumerate(plan.bots)]
        self._idle = deque(Connection(bot, _connect(plan)) for _ in range(plan.per_bot) for bot in bots)
        self._by_descriptor = {each.wire.fileno(): each for each in self._idle}
        self._poll = select.epoll()
        for descriptor in self._by_descriptor:
            self._poll.register(descriptor, select.EPOLLIN)
        self._waiting: dict[str, deque[int]] = {kind: deque() for kind in (CANCEL, *KINDS)}
        self._turns = _turns(plan.mix)
        self._turn = 0
        self.tallies = {kind: Tally() for kind in KINDS}
        self.broken = 0

    # -- what is due

    def _next_kind(self) -> str:
        self._turn += 1
        return self._turns[self._turn % len(self._turns)]

    def run(self) -> float:
        """Load for the plan's time; gives how long it took until all was answered, in seconds."""
        began_ns = time.monotonic_ns()
        end_ns = began_ns + int(self._plan.seconds * 1e9)
        gap_ns = 1e9 / self._plan.rate if self._plan.rate else 0.0
        made = 0
        while (now_ns := time.monotonic_ns()) < end_ns:
            if gap_ns:
                due = min(int((now_ns - began_ns) / gap_ns) + 1, int(self._plan.seconds * self._plan.rate))
                for number in range(made, due):
                    self._waiting[self._next_kind()].append(began_ns + int(number * gap_ns))
                made = max(made, due)
                self._dispatch(now_ns)
                self._answers(min(gap_ns / 1e9, 0.001))
            else:
                while self._idle:
                    self._send(self._idle.popleft(), self._next_kind(), now_ns)
                self._answers(0.05)
        took_s = (time.monotonic_ns() - began_ns) / 1e9
        self._finish()
        return took_s

    def _dispatch(self, now_ns: int) -> None:
        """Send what is due, cancels first; who has waited too long has given up."""
        for kind, waiting in self._waiting.items():
            while waiting:
                if now_ns - waiting[0] > GIVE_UP_NS:
                    waiting.popleft()
                    self.tallies[kind].given_up += 1
                elif self._idle:
                    self._send(self._idle.popleft(), kind, waiting.popleft())
                else:
                    break

    def _send(self, connection: Connection, kind: str, due_ns: int) -> None:
        if kind == CANCEL and not connection.bot.may_cancel():
            kind = ORDER
        self.tallies[kind].sent += 1
        try:
            connection.send(kind, due_ns)
        except OSError:
            self._broke(connection)

    def _answers(self, patience_s: float) -> None:
        for descriptor, _ in self._poll.poll(patience_s):
            connection = self._by_descriptor[descriptor]
            try:
                answer = connection.receive()
            except OSError:
                self._broke(connection)
                continue
            if answer is not None:
                self._note(connection, *answer)
                self._idle.append(connection)

    def _note(self, connection: Connection, status: int, head: bytes, body: bytes) -> None:
        now_ns, tally = time.monotonic_ns(), self.tallies[connection.kind]
        taken_us = (now_ns - connection.sent_ns) // 1000
        if status == 200:
            tally.answers["200"] += 1
            tally.served_us.append(taken_us)
            tally.waited_us.append((now_ns - connection.due_ns) // 1000)
            at = head.find(b"venue;dur=")
            if at >= 0:
                tally.venue_us.append(int(float(head[at + 10 :].split(b"\r", 1)[0]) * 1000))
            if connection.kind == ORDER:
                connection.bot.placed.append(connection.name)
            if connection.name and f'"{connection.name}"'.encode() not in body:
                tally.faults.append(f"another order's answer: {body[:120]!r}")
            return
        tally.answers[f"{status} {_reason(head, body)}"] += 1
        tally.refused_us.append(taken_us)

    def _broke(self, connection: Connection) -> None:
        """A connection that ended is made anew; the request on its way has no answer."""
        if connection in self._idle:
            self._idle.remove(connection)
        else:
            self.broken += 1
            self.tallies[connection.kind].answers["no answer"] += 1
        descriptor = connection.wire.fileno()
        self._poll.unregister(descriptor)
        del self._by_descriptor[descriptor]
        connection.wire.close()
        again = Connection(connection.bot, _connect(self._plan))
        self._by_descriptor[again.wire.fileno()] = again
        self._poll.register(again.wire.fileno(), select.EPOLLIN)
        self._idle.append(again)

    def _finish(self) -> None:
        """Take the last answers; what is due and was not sent has been given up."""
        for kind, waiting in self._waiting.items():
            self.tallies[kind].given_up += len(waiting)
        deadline = time.monotonic() + DRAIN_S
        while len(self._idle) < len(self._by_descriptor) and time.monotonic() < deadline:
            self._answers(0.05)
        idle = set(map(id, self._idle))
        for connection in self._by_descriptor.values():
            if id(connection) not in idle:
                self.tallies[connection.kind].answers["no answer"] += 1


def _turns(mix: dict[str, int]) -> list[str]:
    """Spread the kinds evenly over a hundred turns."""
    owed = dict.fromkeys(mix, 0)
    found: list[str] = []
    for _ in range(sum(mix.values())):
        for kind, share in mix.items():
            owed[kind] += share
        chosen = max(owed, key=lambda kind: owed[kind])
        owed[chosen] -= sum(mix.values())
        found.append(chosen)
    return found


def _reason(head: bytes, body: bytes) -> str:
    """Name a refusal by our reason, else by the exchange's code."""
    at = head.find(b"X-Counterseal-Reason: ")
    if at >= 0:
        return head[at + 22 :].split(b"\r", 1)[0].decode()
    return body[:60].decode("ascii", "replace")


def _connect(plan: Plan) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", plan.port), 10)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if plan.ca:
        context = ssl.create_default_context(cafile=plan.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        wire = context.wrap_socket(wire, server_hostname=plan.host)
    wire.setblocking(False)
    return wire


def main() -> None:
    """Connect, wait to be told to begin, load, report."""
    crowd = Crowd(plan := Plan(**json.loads(Path(sys.argv[1]).read_text())))
    print("connected", flush=True)
    sys.stdin.readline()
    gc.collect()
    gc.disable()
    took_s = crowd.run()
    found = {kind: tally.report() for kind, tally in crowd.tallies.items() if tally.sent or tally.given_up}
    print(json.dumps({"seconds": took_s, "rate": plan.rate, "broken": crowd.broken, "kinds": found}), flush=True)


if __name__ == "__main__":
    main()
