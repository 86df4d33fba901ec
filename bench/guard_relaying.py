"""The relay on the bench, between the same lines as the guard: for `guard_run.py`."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from guard_exchange import Exchange, frame, marks_text
from guard_stage import BENCH, PATIENCE_S, PAUSE_S, SOURCE, Missing, pairs


class Relay:
    """The relay between the same lines."""

    def __init__(self, exchange: Exchange, line: socket.socket) -> None:
        self._exchange, self._line = exchange, line
        self._came: asyncio.Future[int] | None = None
        exchange.world.on_relayed = self._take

    def _take(self, at_ns: int) -> None:
        if self._came is not None and not self._came.done():
            self._came.set_result(at_ns)

    async def account(self) -> float:
        """Pass on an account's event."""
        update = {"m": "ORDER", "B": [], "P": [{"s": "S001USDT", "pa": "85.000", "ep": "100", "ps": "BOTH"}]}
        data = json.dumps({"type": "event", "what": "account", "account": "a00", "family": "usdm", "owner": None,
                           "kind": "ACCOUNT_UPDATE", "body": {"e": "ACCOUNT_UPDATE", "E": 1, "a": update}})  # fmt: skip

        def send() -> int:
            at_ns = time.monotonic_ns()
            self._line.send(data.encode())
            return at_ns

        return await self._timed(send)

    async def mark(self) -> float:
        """Pass on a message of marks."""
        text = frame(marks_text(self._exchange.world.marks, time.time_ns() // 1_000_000))
        return await self._timed(lambda: self._exchange.tell(text))

    async def _timed(self, send: Callable[[], int]) -> float:
        self._came = asyncio.get_running_loop().create_future()
        at_ns = send()
        try:
            took = (await asyncio.wait_for(self._came, PATIENCE_S) - at_ns) / 1e6
        except TimeoutError:
            raise Missing("the relay passed nothing on") from None
        await asyncio.sleep(PAUSE_S)
        return took


@asynccontextmanager
async def relaying(exchange: Exchange, ca: Path, core: int) -> AsyncIterator[Relay]:
    with pairs(1) as [(line, told)]:
        command = [sys.executable, str(BENCH / "guard_relay.py"), str(told.fileno()), str(exchange.port), str(ca)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
        process = subprocess.Popen(  # noqa: ASYNC220 - nothing waits for it
            command, pass_fds=(told.fileno(),), env=environment
        )
        os.sched_setaffinity(process.pid, {core})
        try:
            for _ in range(100):
                await asyncio.sleep(0.1)
                if exchange.listeners:
                    break
            relay = Relay(exchange, line)
            for _ in range(20):
                await relay.account()
            yield relay
        finally:
            process.kill()
            process.wait(10)
