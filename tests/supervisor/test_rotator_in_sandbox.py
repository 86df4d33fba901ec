"""The rotator's helper, started by a supervisor in its sandbox, still reaches the key file and the control socket."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.rotations import World, sealed, stages
from tests.homes import SOURCE, make_home

from counterseal.adapters import control_socket
from counterseal.adapters.home import Home
from counterseal.adapters.sandbox import landlock
from counterseal.core.rotation import Stage

PROGRAM = """
import subprocess, sys
from pathlib import Path
from counterseal.adapters.home import Home
from counterseal.supervisor.confinement import confine
from counterseal.supervisor.rotate import HELPER
confine(Home(Path(sys.argv[1])), "best")
sys.exit(subprocess.call([*HELPER, "--home", sys.argv[1]]))
"""
CONFIG = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "ca.pem"

[keys.main]
functions = ["account"]
"""


@contextmanager
def serving(home: Home, world: World) -> Iterator[None]:
    """A supervisor's control socket, and nothing behind it but the world."""
    loop = asyncio.new_event_loop()

    async def handle(verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "ok": True,
            "result": world.ask(verb, 1.0, {name: text for name, text in args.items() if name != "uid"}),
        }

    listener = control_socket.bind(home.control_socket)
    server = loop.run_until_complete(control_socket.serve(listener, handle, os.geteuid()))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def run(home: Home) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(home.root)], capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not landlock.abi(), reason="the kernel has no Landlock")
def test_a_due_key_is_rotated_inside_the_supervisor_s_sandbox(tmp_path: Path) -> None:
    """Where the settings have `rotation_days`; where they have not, the folder of the keys stays closed to it."""
    home = make_home(tmp_path / "home")
    sealed(home, ("main", Stage.ACTIVE, "O" * 64), ("main.2", Stage.SPARE, "N" * 64))
    world = World(home, tmp_path / "world.json")
    for api_key in ("O" * 64, "N" * 64):
        world.knows(api_key)
    with serving(home, world):
        home.config.write_text(CONFIG)
        assert (run(home).returncode, stages(home)["main"]) == (0, "active")
        home.config.write_text(CONFIG + "rotation_days = 1\n")
        done = run(home)
    assert stages(home) == {"main": "retired", "main.2": "active"}, done.stderr
    assert done.returncode == 0
    assert "main.2: promote" in done.stderr
