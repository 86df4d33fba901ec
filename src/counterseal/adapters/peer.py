"""Who is at the other end of a UNIX socket, as the kernel says."""

import socket
import struct
from dataclasses import dataclass

_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected, at the time it did."""

    pid: int
    uid: int
    gid: int


def peer_of(connection: socket.socket) -> Peer:
    """Ask the kernel (SO_PEERCRED). Raises OSError when the socket is no connected UNIX socket."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return Peer(*_CREDENTIALS.unpack(raw))


def refusal(peer: Peer, own_uid: int) -> str | None:
    """Give why this peer may not operate us, or None: ourselves and root may."""
    if peer.uid in (own_uid, 0):
        return None
    return f"user {peer.uid} may not operate this installation; it belongs to user {own_uid}"
