"""How a connection ends or falls silent: the transport's half of the faults."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable

from counterseal.paper.faults_wire import Steps

NO_LINGER = struct.pack("ii", 1, 0)


def reset(transport: asyncio.Transport) -> None:
    """RST: what was not yet sent is lost, the peer gets ECONNRESET."""
    held = transport.get_extra_info("socket")
    if held is not None:
        try:
            # uvloop's socket object has no setsockopt; a twin of its descriptor is the same socket to the kernel
            with socket.socket(fileno=os.dup(held.fileno())) as twin:
                twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        except OSError:
            pass  # the peer was faster
    transport.abort()


def follow(transport: asyncio.Transport, steps: Steps, done: Callable[[], None]) -> None:
    """Take the steps one after the other on the running loop; `done` once they are over and the connection lives."""
    for number, step in enumerate(steps):
        if transport.is_closing():
            return
        if step.do == "write":
            transport.write(step.data)
        elif step.do == "wait":
            rest = steps[number + 1 :]
            asyncio.get_running_loop().call_later(step.wait_ms / 1000, follow, transport, rest, done)
            return
        else:
            _end(transport, step.do)
            return
    done()


def _end(transport: asyncio.Transport, how: str) -> None:
    if how == "reset":
        reset(transport)
    elif how == "cut":
        transport.abort()  # below TLS: no close_notify
    elif how == "fin":
        transport.close()
    # silence: nothing more is read or written
