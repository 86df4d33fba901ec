"""The gateway's end of the socket pair to the signer: requests leave in one packet per turn of the loop.

The pair survives a restart of either process (the supervisor holds both ends). A signer that says hello under a new
incarnation has lost what was pending; asking it again is safe, because a signature by itself sends nothing.
"""

import asyncio
import itertools
import secrets
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from counterseal.adapters import packets
from counterseal.core.messages import (
    MAX_PACKET,
    CheckpointSigned,
    FramingError,
    HeldKey,
    Hello,
    HelloRequest,
    LastCheckpoint,
    Message,
    Refused,
    Sign,
    SignCheckpoint,
    Signed,
)
from counterseal.ports.clock import Clock
from counterseal.ports.signing import SignerUnavailable

ANSWER_TIMEOUT_S = 3.0
SWEEP_S = 0.25


@dataclass(slots=True)
class _Pending:
    request: Sign | SignCheckpoint
    future: "asyncio.Future[Any]"
    deadline_ns: int


class SignerClient:
    """The SigningClient port over a message-preserving socket."""

    def __init__(self, end: socket.socket, clock: Clock, on_keys: Callable[[], None]) -> None:
        end.setblocking(False)
        self._end = end
        self._clock = clock
        self._on_keys = on_keys
        self._signer = ""
        self._keys: dict[str, HeldKey] = {}
        self._pending: dict[int, _Pending] = {}
        self._queued: list[Sign | SignCheckpoint] = []
        self._outbox: deque[bytes] = deque()
        # 40 random bits in front keep the numbers of two incarnations of the gateway apart.
        self._ids = itertools.count(secrets.randbits(40) << 22)

    def start(self) -> None:
        """Listen, and ask who is there."""
        asyncio.get_running_loop().add_reader(self._end.fileno(), self._readable)
        self._send([HelloRequest(incarnation=secrets.token_hex(8))])
        self._clock.call_later(SWEEP_S, self._sweep)

    @property
    def said_hello(self) -> bool:
        """Whether a signer has answered."""
        return bool(self._signer)

    def keys(self) -> Mapping[str, HeldKey]:
        """What the signer holds."""
        return self._keys

    def next_id(self) -> int:
        """Give an unused number."""
        return next(self._ids)

    def queue(self, request: Sign) -> "asyncio.Future[Signed | Refused]":
        """Queue a request for the next flush."""
        future: asyncio.Future[Signed | Refused] = asyncio.get_running_loop().create_future()
        deadline = self._clock.monotonic_ns() + int(ANSWER_TIMEOUT_S * 1e9)
        self._pending[request.id] = _Pending(request, future, deadline)
        self._queued.append(request)
        return future

    def checkpoint(self, request: SignCheckpoint) -> "asyncio.Future[CheckpointSigned | LastCheckpoint | Refused]":
        """Ask for a checkpoint; fails with SignerUnavailable when no answer comes in time.

        Behind what is queued, because the signer takes numbers in their order only; at once when nothing is.
        """
        future: asyncio.Future[CheckpointSigned | LastCheckpoint | Refused]
        future = asyncio.get_running_loop().create_future()
        deadline = self._clock.monotonic_ns() + int(ANSWER_TIMEOUT_S * 1e9)
        self._pending[request.id] = _Pending(request, future, deadline)
        if self._queued:
            self._queued.append(request)
        else:
            self._send([request])
        return future

    def flush(self) -> None:
        """Send what is queued."""
        if self._queued:
            requests, self._queued = self._queued, []
            self._send(requests)

    def drop(self, error: Exception) -> None:
        """Fail what is queued and not yet sent."""
        requests, self._queued = self._queued, []
        for request in requests:
            # A checkpoint does not rest on what could not be written.
            is_order = isinstance(request, Sign)
            self._fail(request.id, error if is_order else SignerUnavailable("nothing could be sent in this turn"))

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._end.fileno())
        asyncio.get_running_loop().remove_writer(self._end.fileno())
        self._end.close()

    def _send(self, messages: Sequence[Message]) -> None:
        self._outbox.extend(packets.encode(messages))
        self._write()

    def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._outbox:
            try:
                self._end.send(self._outbox[0])
            except BlockingIOError:
                loop.add_writer(self._end.fileno(), self._writable)
                return
            except OSError:
                # Broken: what was in it times out as SignerUnavailable, or is asked again after a hello.
                self._outbox.clear()
                return
            self._outbox.popleft()

    def _writable(self) -> None:
        asyncio.get_running_loop().remove_writer(self._end.fileno())
        self._write()

    def _readable(self) -> None:
        try:
            packet = self._end.recv(MAX_PACKET)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            asyncio.get_running_loop().remove_reader(self._end.fileno())
            return
        try:
            for message in packets.decode(packet):
                self._take(message)
        except FramingError:
            # Packets stand alone: a bad one loses its own answers only, and those time out.
            return

    def _take(self, message: Message) -> None:
        if isinstance(message, Signed | Refused | CheckpointSigned | LastCheckpoint):
            pending = self._pending.pop(message.id, None)
            if pending is not None and not pending.future.done():
                pending.future.set_result(message)
        elif isinstance(message, Hello):
            self._hello(message)

    def _hello(self, hello: Hello) -> None:
        again = self._signer not in ("", hello.incarnation)
        self._signer = hello.incarnation
        self._keys = {key.ref: key for key in hello.keys}
        self._on_keys()
        if again:
            queued = {request.id for request in self._queued}
            lost = [p.request for p in self._pending.values() if p.request.id not in queued]
            if lost:
                # Their numbers come a second time, which only a hello in front allows.
                self._send([HelloRequest(incarnation=secrets.token_hex(8)), *lost])

    def _sweep(self) -> None:
        now = self._clock.monotonic_ns()
        for request_id in [i for i, pending in self._pending.items() if pending.deadline_ns <= now]:
            self._fail(request_id, SignerUnavailable("no answer in time"))
        self._clock.call_later(SWEEP_S, self._sweep)

    def _fail(self, request_id: int, error: Exception) -> None:
        pending = self._pending.pop(request_id, None)
        if pending is not None and not pending.future.done():
            pending.future.set_exception(error)
