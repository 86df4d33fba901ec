"""One end of a socket pair between two of our processes: one JSON object a packet, and nobody ever blocks.

As long as the peer does not read, what is sent waits in memory. Of a message that tells a whole state only the newest
waits; of the others so many that a peer that hangs cannot fill this process.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

# Longer packets are none of ours; the kernel's own bound for one is below it.
MAX_PACKET = 1 << 18
# So many wait at most, besides the newest of each kind in `WHOLE`.
MAX_WAITING = 4_096
# Messages by their "type" of which a newer one says all that an older one said. An acknowledgement is one of them: who
# has heard the third has heard the second.
WHOLE = frozenset({"ladder", "ladder_ack", "beat", "states", "spend", "walls", "halts", "halts_ack"})
# So many packets are read in one turn of the loop, unless its owner wants otherwise: a peer that talks without end must
# not stop everything else.
AT_ONCE = 64

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class PacketLink:
    """Sends and receives objects. `on_message` gets each object with a "type"; a ValueError of it counts as `bad`.

    `on_gone` is called once, when the peer has closed its end or has died. Owns `end` until `close`. `lost` counts
    what could not be sent, `bad` the packets that are none of the protocol; `has_more` tells that more may be there to
    read at this moment.
    """

    def __init__(
        self,
        end: socket.socket,
        on_message: Callable[[Mapping[str, Any]], None],
        on_gone: Callable[[], None],
        at_once: int = AT_ONCE,
    ) -> None:
        end.setblocking(False)
        with suppress(OSError):
            # The kernel takes no packet that is longer than this buffer.
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_PACKET)
        self._end = end
        self._on_message = on_message
        self._on_gone = on_gone
        self._at_once = at_once
        self._loop: asyncio.AbstractEventLoop | None = None
        # By type for whole states, else by number: in the order in which they are sent.
        self._waiting: dict[str | int, bytes] = {}
        self._count = 0
        self._is_writing = False
        self.is_open = True
        self.lost = 0
        self.bad = 0
        self.has_more = True

    @property
    def waiting(self) -> int:
        """How many messages the peer has not taken yet."""
        return len(self._waiting)

    def start(self) -> None:
        """Listen, inside the running event loop."""
        self._loop = asyncio.get_running_loop()
        if self.is_open:
            self._loop.add_reader(self._end.fileno(), self._readable)
            self._write()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send an object with a "type", at once or as soon as the peer reads. Never waits, never raises."""
        try:
            packet = _encode(message)
        except (TypeError, ValueError):
            self.lost += 1
            return
        kind = str(message.get("type", ""))
        if not self.is_open or len(packet) > MAX_PACKET:
            self.lost += 1
        elif kind in WHOLE:
            self._waiting[kind] = packet
        elif len(self._waiting) < MAX_WAITING:
            self._count += 1
            self._waiting[self._count] = packet
        else:
            self.lost += 1
        if not self._is_writing:
            self._write()

    def close(self) -> None:
        """Stop, without telling `on_gone`. Closing twice is fine."""
        self.is_open = False
        self.lost += len(self._waiting)
        self._waiting.clear()
        if self._end.fileno() < 0:
            return
        if self._loop is not None:
            self._loop.remove_reader(self._end.fileno())
            self._loop.remove_writer(self._end.fileno())
        self._end.close()

    # -- out

    def _write(self) -> None:
        """Send what waits until the kernel takes no more of it."""
        while self._waiting:
            name = next(iter(self._waiting))
            try:
                self._end.send(self._waiting[name])
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    self._gone()
                    return
                self.lost += 1
            del self._waiting[name]
        self._watch()

    def _watch(self) -> None:
        """Be told when the peer has read, as long as something waits for that."""
        wants = bool(self._waiting)
        if self._loop is None or wants == self._is_writing or not self.is_open:
            return
        self._is_writing = wants
        if wants:
            self._loop.add_writer(self._end.fileno(), self._write)
        else:
            self._loop.remove_writer(self._end.fileno())

    # -- in

    def _readable(self) -> None:
        for _ in range(self._at_once):
            if not self.is_open:
                return
            try:
                packet = self._end.recv(MAX_PACKET)
            except BlockingIOError:
                self.has_more = False
                return
            except OSError:
                packet = b""
            if not packet:
                self._gone()
                return
            self._take(packet)
        self.has_more = True

    def _take(self, packet: bytes) -> None:
        try:
            message = _decode(packet)
            if not isinstance(message, dict) or not isinstance(message.get("type"), str):
                raise ValueError("no message")
            self._on_message(message)
        except (ValueError, RecursionError):
            self.bad += 1

    def _gone(self) -> None:
        if self.is_open:
            self.close()
            self._on_gone()
