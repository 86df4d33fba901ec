"""The listening socket and its troubles: refused, silent or dropped connections, exchanged certificates."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from counterseal.paper import tls
from counterseal.paper.dns import MODES, NameServer
from counterseal.paper.errors import Json

BACKLOG = 1024
KINDS = ("refuse", "silence", "blackhole", "certificate", "half_open", "reset_all", "close_all", *MODES)


class Live(Protocol):
    """A connection as the rim sees it."""

    def fall_silent(self) -> None: ...

    def reset(self) -> None: ...

    def close(self) -> None: ...


class Rim:
    """One listening address.  `disturb` is the admin's way to break it, for so many seconds."""

    def __init__(
        self,
        make: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext | None,
        home: Path | None,
        live: Callable[[], Iterable[Live]],
    ) -> None:
        self._make = make
        self._context = context
        self._home = home
        self._live = live
        self._socket: socket.socket | None = None
        self._server: asyncio.AbstractServer | None = None
        self._fillers: list[socket.socket] = []
        self._address = ("127.0.0.1", 0)
        self.names: NameServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int) -> int:
        """Listen; gives the bound port."""
        self._bind(host, port)
        await self._accept()
        return self._address[1]

    def _bind(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self._socket.listen(BACKLOG)
        self._address = (host, self._socket.getsockname()[1])

    async def _accept(self) -> None:
        if self._socket is None:
            return
        # the server gets a twin, so that it can stop accepting while the kernel goes on listening
        loop = asyncio.get_running_loop()
        twin = self._socket.dup()
        self._server = await loop.create_server(self._make, sock=twin, ssl=self._context, backlog=BACKLOG)

    def close(self) -> None:
        """Stop listening for good."""
        for task in self._tasks:
            task.cancel()
        self._deaf()
        for filler in self._fillers:
            filler.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _deaf(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def disturb(self, kind: str, seconds: int, argument: str) -> Json:
        """Begin a trouble that ends by itself after `seconds` (0: it stays).  ValueError for an unknown one."""
        if kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        connections = list(self._live())
        if kind == "certificate":
            self._exchange_certificate(argument or "other-authority")
        elif kind in MODES:
            self._rename(kind, argument)
        elif kind in ("half_open", "reset_all", "close_all", *MODES):
            for connection in connections:
                {"half_open": connection.fall_silent, "reset_all": connection.reset, "close_all": connection.close}[
                    kind
                ]()
        else:
            self._stop_listening(kind)
        if seconds:
            self._later(kind, seconds)
        return {"kind": kind, "seconds": seconds, "connections": len(connections)}

    def _rename(self, mode: str, argument: str) -> None:
        if self.names is None:
            raise ValueError("no name server runs; serve --dns-port starts one")
        self.names.disturb(mode, argument)

    def _stop_listening(self, kind: str) -> None:
        self._deaf()
        if self._socket is None:
            return
        if kind == "refuse":
            self._socket.close()
            self._socket = None
        elif kind == "blackhole":
            self._fill()

    def _fill(self) -> None:
        """Make the kernel drop every further SYN: an accept queue that is full."""
        if self._socket is None:
            return
        self._socket.listen(0)
        for _ in range(3):
            filler = socket.socket(self._socket.family, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex(self._address)
            self._fillers.append(filler)

    def _exchange_certificate(self, which: str) -> None:
        if self._context is None or self._home is None:
            raise ValueError("there is no TLS here")
        self._context.load_cert_chain(tls.chain(self._home, which))

    def _later(self, kind: str, seconds: int) -> None:
        task = asyncio.get_running_loop().create_task(self._recover(kind, seconds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _recover(self, kind: str, seconds: int) -> None:
        await asyncio.sleep(seconds)
        if kind == "certificate":
            self._exchange_certificate("server")
            return
        if kind in MODES:
            self._rename("dns_ok", "")
            return
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        if self._socket is None:
            self._bind(*self._address)
        elif self._server is None:
            self._socket.listen(BACKLOG)
        if self._server is None:
            await self._accept()
