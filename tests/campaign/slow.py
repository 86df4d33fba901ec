"""A thousand slow connections, made by slowhttptest, and an honest bot beside them."""

# ruff: noqa: TID251 - real processes live in real time
from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from types import TracebackType

from tests.scenarios.stack import Stack, signed

from counterseal.adapters.process import die_with_parent

TOOL = "slowhttptest"
INSTALL = f"{TOOL} is missing; install it with: sudo apt-get install {TOOL}"
CONNECTIONS = 1_000
# Where each attack goes, and what it is told of itself: heads that never end, bodies that never end, ranges without
# number, answers that are read a few bytes at a time.
ATTACKS = {
    "slow heads (-H)": ("/api/v3/time", ("-H", "-t", "GET", "-i", "1", "-x", "24")),
    "slow bodies (-B)": ("/api/v3/order", ("-B", "-t", "POST", "-s", "8192", "-i", "1", "-x", "24")),
    "ranges (-R)": ("/api/v3/exchangeInfo", ("-R", "-t", "GET", "-a", "10", "-b", "2000")),
    "slow reading (-X)": ("/api/v3/exchangeInfo", ("-X", "-t", "GET", "-w", "256", "-y", "512", "-n", "5", "-z", "32",
                                                  "-k", "3")),
}  # fmt: skip
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
PAUSE_S = 0.005


def is_missing() -> bool:
    """Tell whether the tool has to be installed first."""
    return shutil.which(TOOL) is None


class Attack:
    """An attack that is kept going for so many seconds: the tool ends when all its connections were closed, and is
    started again. `over` is set at the end, `made` is how many connections there were.
    """

    def __init__(self, port: int, name: str, seconds: float, folder: Path) -> None:
        self.over, self.made = Event(), 0
        self._options = ATTACKS[name][1]
        self._url = f"http://127.0.0.1:{port}{ATTACKS[name][0]}"
        self._until = time.monotonic() + seconds
        self._folder = folder
        self._thread = Thread(target=self._keep_going)

    def __enter__(self) -> Attack:
        self._thread.start()
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._thread.join()

    def _keep_going(self) -> None:
        while (left := self._until - time.monotonic()) > 0.5:
            self.made += self._run(left)
        self.over.set()

    def _run(self, seconds: float) -> int:
        """Let the tool run once; gives the connections that it made, as it says itself."""
        counts = self._folder / "attack"
        command = [TOOL, *self._options, "-u", self._url, "-c", str(CONNECTIONS), "-r", "500", "-p", "3",
                   "-l", str(max(1, round(seconds))), "-g", "-o", str(counts)]  # fmt: skip
        with (self._folder / "attack.log").open("ab") as log:
            child = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent)
            try:
                child.wait(seconds + 5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(5)
        rows = [line.split(",") for line in counts.with_suffix(".csv").read_text().splitlines()[1:]]
        return max((int(closed) + int(connected) for _, closed, _, connected, *_ in rows), default=0)


@dataclass
class Honest:
    """A bot that places an order, cancels it and asks for its account, over and over on one connection.

    `took_s` is how long each answer took, `wrong` what was not answered as it should be.
    """

    stack: Stack
    took_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __enter__(self) -> Honest:
        self._ends = Event()
        self._thread = Thread(target=self._trade)
        self._thread.start()
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._ends.set()
        self._thread.join()

    def p99_ms(self) -> float:
        """Give the time within which 99 of 100 answers came."""
        return sorted(self.took_s)[int(len(self.took_s) * 0.99)] * 1000

    def _trade(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=20)
        try:
            while not self._ends.is_set():
                name = f"honest-{time.monotonic_ns()}"
                self._ask(connection, "POST", "/api/v3/order", f"{ORDER}&newClientOrderId={name}")
                self._ask(connection, "DELETE", "/api/v3/order", f"symbol=BTCUSDT&origClientOrderId={name}")
                self._ask(connection, "GET", "/api/v3/account", "omitZeroBalances=true")
        except (OSError, http.client.HTTPException) as error:
            self.wrong.append(repr(error))
        finally:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, method: str, path: str, query: str) -> None:
        key = self.stack.keys["alpha"]
        target, headers = f"{path}?{signed(key, query)}", {"X-MBX-APIKEY": key.key_id}
        begun = time.perf_counter()
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        self.took_s.append(time.perf_counter() - begun)
        if answer.status != 200:
            self.wrong.append(f"{method} {path}: {answer.status} {body[:200]!r}")
        time.sleep(PAUSE_S)


def files_of(pid: int) -> int:
    """Count the descriptors of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def seconds_of(pid: int) -> float:
    """Give the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
