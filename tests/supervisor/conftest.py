"""A real supervisor with a real signer and the tiny gateway."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.homes import HMAC_SECRET, SOURCE, make_home

from counterseal.adapters import control_socket, key_file
from counterseal.adapters.home import Home
from counterseal.core.secret import Secret

PAUSE = threading.Event()  # never set: waiting on it is a pause in real time, which these processes live in
SCRIPT = Path(__file__).with_name("run_supervisor.py")


class Running:
    """A supervisor process and how to talk to it."""

    def __init__(self, home: Home, stdin: int | None = None, **environ: str) -> None:
        self.home = home
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "SECRET_OF_THE_SHELL": "x", **environ}
        self.log = home.logs / "output"
        with self.log.open("ab") as log:
            command = [sys.executable, str(SCRIPT), str(home.root), "127.0.0.1:0"]
            self.process = subprocess.Popen(command, env=environment, stdin=stdin, stderr=log, stdout=log)
        self.wait_ready()

    def call(self, verb: str) -> Any:
        return control_socket.call(self.home.control_socket, verb, 10)

    def status(self) -> Any:
        return self.call("status")

    def pids(self) -> dict[str, int]:
        return {name: child["pid"] for name, child in self.status()["children"].items()}

    def connect(self) -> dict[str, Any]:
        """One connection to the listening socket; what the gateway says, with a fresh signature in it."""
        host, _, port = json.loads(self.home.supervisor_file.read_bytes())["listen"].rpartition(":")
        with socket.create_connection((host, int(port)), 5) as connection, connection.makefile("rb") as lines:
            return dict(json.loads(lines.readline()))

    def wait_ready(self) -> None:
        wait_until(self._serves)

    def _serves(self) -> bool:
        try:
            return all(child["ready"] for child in self.status()["children"].values())
        except control_socket.ControlError:
            return False

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


def wait_until(condition: Callable[[], bool], within_s: float = 10) -> float:
    """Poll until it holds and give how long it took in s."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > within_s:
            raise TimeoutError(f"not within {within_s} s")
        PAUSE.wait(0.01)
    return time.monotonic() - begun


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    home = make_home(tmp_path / "home")
    key = key_file.StoredKey("main", "hmac", "api", Secret(HMAC_SECRET), "paper", 1)
    key_file.write(home, {"main": key})
    return home


@pytest.fixture(name="supervisor")
def _supervisor(home: Home) -> Iterator[Running]:
    running = Running(home)
    with running.process:
        yield running
        if running.process.poll() is None:
            running.process.kill()
