"""The paper exchange in place of the stand-in, where answers have to be right or faults have to happen."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import load_home
import processes
from contestants import Place
from load_home import Gateway
from ours import SOURCES
from processes import Child

OPTIONS = (
    "--no-limits", "--volatility", "0", "--balance", "USDT=1000000000000", "--max-num-orders", "1000000",
    "--fault-control",
)  # fmt: skip


@dataclass(frozen=True)
class Paper:
    """A running paper exchange and a key that it knows."""

    home: Path
    port: int
    ca: Path
    key: dict[str, str]
    child: Child

    def order(self, path: str, wanted: dict[str, Any]) -> None:
        """Give it an order that no exchange has (`/paper/faults`)."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
        try:
            connection.request("POST", path, json.dumps(wanted))
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise processes.ProcessFailed(f"the paper exchange refuses {wanted}: {text!r}")


class House(load_home.House):
    """An installation whose key the paper exchange knows."""

    def __init__(self, directory: Path, paper: Paper, names: list[str]) -> None:
        self._paper_key = paper.key
        super().__init__(directory, paper.port, paper.ca, names)

    def _add_key(self, kind: str) -> Any:
        """Take the exchange's key instead of one that nobody knows."""
        words = ("key", "add", "venue", "--kind", kind, "--home", str(self.home))
        self._verb(*words, given=json.dumps(self._paper_key))
        return None


@contextmanager
def exchange(place: Place, name: str, *options: str) -> Iterator[Paper]:
    """Run a paper exchange on the load's CPU."""
    directory = place.for_contestant(f"{name}-paper").directory
    home, out = directory / "home", directory / "key.json"
    paper = [str(SOURCES.python), "-m", "counterseal.cli.main", "paper"]
    words = ["serve", "--home", str(home), "--listen", "127.0.0.1:0", *OPTIONS, *options]
    child = processes.start([*paper, *words], place.cores.load, directory / "log", env=SOURCES.environ())
    try:
        endpoint = _endpoint(child, home / "endpoint.json")
        create = ["key", "create", "--home", str(home), "--kind", "hmac", "--out", str(out)]
        subprocess.run([*paper, *create], check=True, capture_output=True, env=SOURCES.environ())
        yield Paper(home, int(endpoint["port"]), Path(endpoint["ca"]), json.loads(out.read_text()), child)
    finally:
        child.close()


def _endpoint(child: Child, file: Path) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while not file.exists():
        if child.process.poll() is not None or time.monotonic() > deadline:
            raise processes.ProcessFailed(f"the paper exchange does not serve: {child.last_words()}")
        time.sleep(0.02)
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@contextmanager
def gateway(place: Place, name: str, paper: Paper, bots: int) -> Iterator[Gateway]:
    """Run a gateway of its own in front of a paper exchange."""
    own = place.for_contestant(name)
    house = House(own.directory, paper, [f"bot{number}" for number in range(bots)])
    child = house.start(place.cores.contestant, own.directory / "up.log")
    try:
        yield Gateway(child, house.port, house.home, house.bots)
    finally:
        child.close()
