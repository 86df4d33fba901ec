"""Waiting for processes that were started: until something holds, or the process is gone."""

import asyncio
import socket
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from counterseal.adapters import control_socket
from counterseal.adapters.home import Home
from counterseal.adapters.system_clock import SystemClock

STEP_S = 0.05


def until(holds: Callable[[], bool], seconds: float, child: "subprocess.Popen[bytes]") -> bool:
    """Wait until `holds()`; False when time is up or the child has ended."""
    clock = SystemClock()
    deadline = clock.monotonic_ns() + int(seconds * 1e9)
    while clock.monotonic_ns() < deadline and child.poll() is None:
        if holds():
            return True
        asyncio.run(clock.sleep(STEP_S))
    return False


def first_death(children: Sequence["subprocess.Popen[bytes]"]) -> bool:
    """Wait until one of them has ended; KeyboardInterrupt ends the wait."""
    while all(child.poll() is None for child in children):
        try:
            children[0].wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            continue
    return True


def can_connect(endpoint: dict[str, Any]) -> bool:
    """Tell whether somebody listens there."""
    try:
        with socket.create_connection((endpoint["host"], endpoint["port"]), timeout=1):
            return True
    except OSError:
        return False


def is_ready(home: Home) -> bool:
    """Tell whether the gateway answers through the supervisor."""
    try:
        status = control_socket.call(home.control_socket, "status", 2.0)
    except control_socket.ControlError:
        return False
    return bool((status.get("gateway") or {}).get("serving"))
