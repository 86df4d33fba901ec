"""What `ws_run.py` starts: the upstream, the contestants, and the subscribers."""

from __future__ import annotations

import datetime
import http.client
import json
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import processes
from certificate import make_certificates
from ours import SOURCES
from processes import Child, Cores

BENCH = Path(__file__).resolve().parent
PYTHON = SOURCES.python
PRODUCT = (str(PYTHON), "-m", "counterseal.cli.main")
CONFIG = """\
[venue]
environment = "paper"
address = "127.0.0.1:{upstream}"
ca_file = "{ca}"
[listen]
address = "127.0.0.1:{port}"
[gateway]
max_connections_per_source = 1024
"""
PEERS = {"broadcast": "websockets, broadcast", "batched": "websockets, batched by hand"}


@dataclass(frozen=True)
class Upstream:
    """The producer. Its REST verb sets the rate."""

    port: int
    ca: Path
    progress: Path
    child: Child

    def set_rate(self, rate: int) -> dict[str, Any]:
        """Set the messages a second (below 0: as many as arrive, so many on their way); gives how it stands."""
        context = ssl.create_default_context(cafile=str(self.ca))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
        connection.request("GET", f"/bench?rate={rate}")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return found


def start_upstream(directory: Path, cores: Cores) -> Upstream:
    """Start the producer on the load's CPU."""
    made = make_certificates(directory, datetime.datetime.now(datetime.UTC))
    port = processes.free_port()
    command = [str(PYTHON), str(BENCH / "ws_upstream.py"), str(port), str(made.certificate), str(made.key)]
    command.append(str(directory / "progress"))
    child = processes.start(command, cores.load, directory / "upstream.log")
    processes.wait_for_port(child, port)
    return Upstream(port, made.ca, directory / "progress", child)


@dataclass(frozen=True)
class Contestant:
    """A running fan-out; its whole process tree is accounted."""

    port: int
    child: Child

    def cpu_s(self) -> float:
        """User and system time so far."""
        return processes.cpu_seconds(self.child.pid)

    def resident_kib(self) -> int:
        """Memory of all its processes together."""
        return sum(_resident_kib(pid) for pid in processes.process_tree(self.child.pid))


def start_gateway(directory: Path, cores: Cores, upstream: Upstream) -> Contestant:
    """Start the product as a user does, in front of the upstream; nothing about it is set but where things are."""
    home, port = directory / "home", processes.free_port()
    subprocess.run([*PRODUCT, "init", "--home", str(home)], check=True, capture_output=True, env=SOURCES.environ())
    (home / "counterseal.toml").write_text(CONFIG.format(upstream=upstream.port, ca=upstream.ca, port=port))
    command = [*PRODUCT, "up", "--home", str(home)]
    return _opened(processes.start(command, cores.contestant, directory / "up.log", env=SOURCES.environ()), port)


def start_peer(way: str, directory: Path, cores: Cores, upstream: Upstream) -> Contestant:
    """Start a fan-out of the `websockets` library."""
    port = processes.free_port()
    words = [str(BENCH / "ws_peers.py"), way, str(port), str(upstream.port), str(upstream.ca)]
    return _opened(processes.start([str(PYTHON), *words], cores.contestant, directory / f"{way}.log"), port)


def _opened(child: Child, port: int) -> Contestant:
    try:
        processes.wait_for_port(child, port)
    except BaseException:
        child.close()
        raise
    return Contestant(port, child)


class Subscribers:
    """A process with many subscribers, on the load's CPU. `wanted` is one text of names with commas for each."""

    def __init__(self, cores: Cores, port: int, progress: Path, audited: int, wanted: list[str]) -> None:
        command = [
            "taskset",
            "-c",
            str(cores.load),
            str(PYTHON),
            str(BENCH / "ws_clients.py"),
            str(port),
            str(progress),
        ]
        self._process = subprocess.Popen(
            [*command, str(audited), *wanted], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._line()

    def report(self) -> dict[str, Any]:
        """Give the counts so far, and the ages since the last report."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._line())
        return found

    def close(self) -> None:
        """Hang up."""
        self._process.kill()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise processes.ProcessFailed("the subscribers were refused or ended")
        return line


def _resident_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
