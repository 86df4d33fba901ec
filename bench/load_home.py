"""What `load_run.py` starts: the stand-in exchange, an installation with many bots, crowds of bots."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import contestants
import ours
import processes
from contestants import Place, Upstream
from load_bots import Plan
from orders import Credential
from ours import SOURCES
from processes import Child, Cores, ProcessFailed

BENCH = Path(__file__).resolve().parent
BOTS = 50
CONNECTIONS = 2_200
# Mints all bots in one process; a command line of its own for each would take half a minute.
MINT = """\
import sys
from counterseal.cli import main
for name in sys.argv[3:]:
    words = ["bot", "mint", name, "--home", sys.argv[1], "--out", f"{sys.argv[2]}/{name}.json"]
    assert main.main(words) == 0
"""
# The stand-in of `run.py` knows nothing but orders: this one has cancels and a read, too, and counts the cancels.
ORDERS = "content_by_lua_block { order.place() }"
CHANGES = """content_by_lua_block {
                if ngx.req.get_method() == "POST" then return order.place() end
                order.cancels = (order.cancels or 0) + 1
                local body = '{"symbol":"BTCUSDT","origClientOrderId":"' .. (ngx.var.arg_origClientOrderId or "")
                  .. '","orderId":1,"orderListId":-1,"clientOrderId":"c","transactTime":1,"price":"90000.00000000",'
                  .. '"origQty":"0.00100000","executedQty":"0.00000000","cummulativeQuoteQty":"0.00000000",'
                  .. '"status":"CANCELED","timeInForce":"GTC","type":"LIMIT","side":"BUY"}'
                ngx.header.content_length = #body
                ngx.print(body)
            }"""
MORE = """location = /api/v3/openOrders { return 200 "[]"; }
        location = /bench/cancels {
            content_by_lua_block {
                local body = '{"count":' .. (order.cancels or 0) .. '}'
                ngx.header.content_length = #body
                ngx.print(body)
            }
        }
        location = /api/v3/ping"""


def start_exchange(place: Place) -> Upstream:
    """Start the stand-in exchange on the load's CPU."""
    template = (BENCH / "upstream" / "nginx.conf").read_text()
    assert template.count(ORDERS) == 1
    text = template.replace(ORDERS, CHANGES).replace("location = /api/v3/ping", MORE)
    written = place.directory / "load-nginx.conf"
    written.write_text(text)
    return contestants.start_upstream(place, written)


@dataclasses.dataclass(frozen=True)
class Gateway:
    """A running installation; `bots` are pairs of key id and secret, by name."""

    child: Child
    port: int
    home: Path
    bots: dict[str, list[str]]

    def plan(self, seconds: float, **more: Any) -> Plan:
        """Give what a crowd of all bots needs."""
        return Plan(self.port, f"127.0.0.1:{self.port}", list(self.bots.values()), seconds, **more)

    def resident_kib(self) -> int:
        """Memory of all its processes together."""
        return sum(_resident_kib(pid) for pid in processes.process_tree(self.child.pid))

    def descriptors(self) -> int:
        """Open descriptors of all its processes together."""
        return sum(_descriptors(pid) for pid in processes.process_tree(self.child.pid))


class House(ours.Installation):
    """The installation of `run.py`, with `names` as bots of the same policy."""

    def __init__(self, directory: Path, upstream_port: int, ca: Path, names: list[str], more: str = "") -> None:
        super().__init__(directory, upstream_port, ca, "hmac", SOURCES)
        file = self.home / "counterseal.toml"
        frame, _, policy = file.read_text().partition("[bots.bench]\n")
        frame = frame.replace("max_connections_per_source = 512", f"max_connections_per_source = {CONNECTIONS}")
        file.write_text(frame + more + "".join(f"[bots.{name}]\n{policy}" for name in ("bench", *names)))
        out = directory / "bots"
        out.mkdir()
        command = [str(SOURCES.python), "-c", MINT, str(self.home), str(out), *names]
        subprocess.run(command, check=True, capture_output=True, env=SOURCES.environ())
        made = {name: json.loads((out / f"{name}.json").read_text()) for name in names}
        self.bots = {name: [one["apiKey"], one["secretKey"]] for name, one in made.items()}


@contextmanager
def gateway(place: Place, name: str, port: int, ca: Path, bots: int = BOTS) -> Iterator[Gateway]:
    """Run a gateway of its own in front of the exchange on `port`."""
    own = place.for_contestant(name)
    house = House(own.directory, port, ca, [f"bot{number}" for number in range(bots)])
    child = house.start(place.cores.contestant, own.directory / "up.log")
    try:
        yield Gateway(child, house.port, house.home, house.bots)
    finally:
        child.close()


def seen(upstream: Upstream, what: str) -> int:
    """How many orders ("seen") or cancels ("cancels") have reached the exchange."""
    target = upstream.target(Credential("", b""))
    return int(contestants.load.get_json(target, f"/bench/{what}")["count"])


class Crowd:
    """A crowd of bots as a process on the load's CPU; `report` is there when it has ended."""

    def __init__(self, cores: Cores, plan: Plan, directory: Path) -> None:
        file = directory / f"plan-{time.monotonic_ns()}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(dataclasses.asdict(plan)))
        command = ["taskset", "-c", str(cores.load), str(SOURCES.python), str(BENCH / "load_bots.py"), str(file)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._line()
        file.unlink()

    def begin(self) -> None:
        """Let it load."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def report(self) -> dict[str, Any]:
        """Wait for the end and give what became of everything."""
        found: dict[str, Any] = json.loads(self._line())
        self._process.wait(10)
        return found

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ProcessFailed("a crowd of bots was refused or ended")
        return line


def run_crowd(place: Place, plan: Plan) -> dict[str, Any]:
    """Run a crowd from its beginning to its end."""
    crowd = Crowd(place.cores, plan, place.directory)
    try:
        crowd.begin()
        return crowd.report()
    finally:
        crowd.close()


class Watch(threading.Thread):
    """Notes memory and descriptors of a gateway once in `every_s`."""

    def __init__(self, gateway: Gateway, every_s: float = 1.0) -> None:
        super().__init__(daemon=True)
        self._gateway, self._every_s = gateway, every_s
        self._over = threading.Event()
        # Seconds since the start, KiB, descriptors.
        self.rows: list[tuple[float, int, int]] = []

    def run(self) -> None:
        """Look until it is over."""
        began = time.monotonic()
        while not self._over.wait(self._every_s):
            found = self._gateway.resident_kib(), self._gateway.descriptors()
            self.rows.append((time.monotonic() - began, *found))

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        self.join()


def _resident_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def _descriptors(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0
