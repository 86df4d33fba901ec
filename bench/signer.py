"""Signatures through the socket pair: python bench/signer.py [--seconds 3] [--rounds 3] (with src on PYTHONPATH).

A real signer process with sealed keys and caps on its end of the pair, packets as the gateway sends them on the
other: one per turn of its loop, so a batch is what one turn holds. Beside it, in the same run and with the same
payload, the bare signature in this process: `hmac.digest`, and libsodium through the signer's own adapter. Prints a
table; needs the product's environment. Exit status: 0 measured, 1 an answer was no valid signature.
"""

from __future__ import annotations

import argparse
import hmac
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from processes import Cores

from counterseal.adapters import age_box, caps_file, key_file, packets, signing
from counterseal.adapters.home import Home
from counterseal.core.caps import EVERY, Caps
from counterseal.core.messages import MAX_PACKET, Message, Sign, Signed
from counterseal.core.secret import Secret

SOURCE = Path(__file__).resolve().parents[1] / "src"
SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # the exchange's own published example
KINDS = ("hmac", "ed25519")
BATCHES = (1, 8, 32)
GOALS = {"hmac": 50_000, "ed25519": 15_000}
IN_FLIGHT = 4
PACKETS = 2_000
PAIR_BUFFER = 16 * MAX_PACKET
CAPS = Caps(
    max_quantity={"BTCUSDT": Decimal(5), "*": Decimal(1000)}, max_quote_quantity={"*": Decimal(50_000)}, max_leverage=20
)
PAIRS = (
    ("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "LIMIT"), ("timeInForce", "GTC"), ("quantity", "0.00100"),
    ("price", "65000.10"), ("newClientOrderId", "x-0123456789abcdef0123"), ("newOrderRespType", "RESULT"),
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One measurement: signatures per second of wall time and per second of the signer's CPU."""

    kind: str
    capped: bool
    batch: int
    per_second: float
    per_cpu_second: float


class WrongAnswer(Exception):
    """The signer answered something else than valid signatures."""


class Signer:
    """The process, our end of its pair, and its CPU clock."""

    def __init__(self, process: subprocess.Popen[bytes], end: socket.socket) -> None:
        self._process, self._end, self._next = process, end, 0

    def cpu_ns(self) -> int:
        """Time on a CPU since its start, all threads; the kernel counts it in ns."""
        tasks = Path(f"/proc/{self._process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())

    def packets(self, kind: str, batch: int, count: int) -> list[bytes]:
        """Packets of `batch` orders each, with numbers that rise."""
        first, self._next = self._next, self._next + batch * count
        return [
            packets.encode(_order(kind, number) for number in range(start, start + batch))[0]
            for start in range(first, self._next, batch)
        ]

    def drive(self, outgoing: list[bytes], batch: int) -> None:
        """Send all with a few packets on the way, as a busy gateway does, and wait for every answer."""
        pending, answered = 0, 0
        for packet in outgoing:
            self._end.send(packet)
            pending += 1
            if pending >= IN_FLIGHT:
                answered += len(self.receive())
                pending -= 1
        while answered < len(outgoing) * batch:
            answered += len(self.receive())

    def receive(self) -> list[Message]:
        """The answers of one packet. Raises WrongAnswer unless all are signatures (their bytes are checked apart)."""
        answers = packets.decode(self._end.recv(MAX_PACKET))
        if not all(type(answer) is Signed for answer in answers):
            raise WrongAnswer(str(answers[:1]))
        return answers

    def hello(self) -> None:
        """Take the greeting."""
        self._end.recv(MAX_PACKET)


def main(arguments: list[str]) -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description="signatures through the socket pair")
    parser.add_argument("--seconds", type=float, default=2.0, help="per measurement, about")
    parser.add_argument("--rounds", type=int, default=3, help="the table holds medians")
    options = parser.parse_args(arguments)
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, {cores.load})
    try:
        lines = [line for capped in (True, False) for line in _measure(cores, options, capped=capped)]
    except WrongAnswer as answer:
        print(f"not a signature: {answer}", file=sys.stderr)
        return 1
    plain = {
        kind: statistics.median(_plain(kind, options.seconds / 4) for _ in range(options.rounds)) for kind in KINDS
    }
    print(report(lines, plain))
    return 0


def report(lines: list[Line], plain: dict[str, float]) -> str:
    """The table, bare signatures last."""
    rows = [
        "| key | caps | batch | signatures/s | per CPU-second of the signer | of the bare signature | goal per core |"
    ]
    rows.append("|---|---|---|---|---|---|---|")
    for line in lines:
        share = line.per_cpu_second / plain[line.kind]
        met = "met" if line.per_cpu_second >= GOALS[line.kind] else "not met"
        rows.append(
            f"| {line.kind} | {'yes' if line.capped else 'no'} | {line.batch} | {line.per_second:,.0f} "
            f"| {line.per_cpu_second:,.0f} | {share:.2f} | {GOALS[line.kind]:,} {met} |"
        )
    rows += [f"| {kind} | bare, in this process | | | {rate:,.0f} | 1 | |" for kind, rate in plain.items()]
    return "\n".join(rows)


def _measure(cores: Cores, options: argparse.Namespace, *, capped: bool) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder, _signer(Path(folder), cores.contestant, capped=capped) as signer:
        signer.hello()
        for kind in KINDS:
            _check(signer, kind)
            for batch in BATCHES:
                found = [_one(signer, kind, batch, options.seconds) for _ in range(options.rounds)]
                per_second, per_cpu = (statistics.median(values) for values in zip(*found, strict=True))
                yield Line(kind, capped, batch, per_second, per_cpu)


def _one(signer: Signer, kind: str, batch: int, seconds: float) -> tuple[float, float]:
    count, wall_ns, cpu_ns = 0, 0, 0
    while wall_ns < seconds * 1e9:
        outgoing = signer.packets(kind, batch, max(1, PACKETS // batch))
        cpu_before, wall_before = signer.cpu_ns(), time.monotonic_ns()
        signer.drive(outgoing, batch)
        wall_ns += time.monotonic_ns() - wall_before
        cpu_ns += signer.cpu_ns() - cpu_before
        count += len(outgoing) * batch
    return count * 1e9 / wall_ns, count * 1e9 / cpu_ns


def _check(signer: Signer, kind: str) -> None:
    """One answer of each kind is looked at closely."""
    signer._end.send(signer.packets(kind, 1, 1)[0])
    (answer,) = signer.receive()
    payload, _, signature = answer.query.rpartition(b"&signature=")
    if kind == "hmac" and hmac.digest(SECRET, payload, "sha256").hex().encode() != signature:
        raise WrongAnswer("an HMAC that does not verify")
    if not payload.startswith(b"symbol=BTCUSDT&side=BUY&"):
        raise WrongAnswer("another payload")


def _plain(kind: str, seconds: float) -> float:
    """Bare signatures per CPU-second of this process, of a payload as long as the signer's."""
    payload = "&".join("=".join(pair) for pair in PAIRS).encode() + b"&recvWindow=2000&timestamp=1700000000000"
    make: Callable[[bytes], bytes]
    if kind == "hmac":
        make = lambda message: hmac.digest(SECRET, message, "sha256")  # noqa: E731  as bare as it gets
    else:
        key = signing.load(kind, key_file.new_ed25519()[0])
        make = lambda message: signing.sign(key, message)  # noqa: E731  as above
    count, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        for _ in range(1000):
            make(payload)
        count += 1000
    return count / (time.process_time() - began)


def _order(kind: str, number: int) -> Sign:
    return Sign(number, kind, "spot", "POST", "/api/v3/order", PAIRS, 2000, 3)


@contextmanager
def _signer(folder: Path, core: int, *, capped: bool) -> Iterator[Signer]:
    home = _home(folder / "home", capped=capped)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PAIR_BUFFER)
    lifeline_read, lifeline_write = os.pipe()
    fds = (theirs.fileno(), lifeline_read)
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "counterseal.signer", "--home", str(home.root)),
            *("--gateway-fd", str(fds[0]), "--lifeline-fd", str(fds[1])),
        ],
        pass_fds=fds,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)},
    )
    os.sched_setaffinity(process.pid, {core})
    theirs.close()
    os.close(lifeline_read)
    ours.settimeout(30)
    with ours, process:
        try:
            yield Signer(process, ours)
        finally:
            os.close(lifeline_write)
            process.wait(10)


def _home(root: Path, *, capped: bool) -> Home:
    home = Home(root)
    home.create()
    age_box.make_identities(home)
    secrets = {"hmac": Secret(SECRET), "ed25519": key_file.new_ed25519()[0]}
    key_file.write(home, {k: key_file.StoredKey(k, k, f"api-{k}", secret, "paper", 1) for k, secret in secrets.items()})
    if capped:
        caps_file.write(home, {EVERY: CAPS})
    return home


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
