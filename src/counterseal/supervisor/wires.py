"""The descriptors that outlive the children: the listening socket and the pair between gateway and signer."""

import socket
from dataclasses import dataclass
from ipaddress import ip_address

from counterseal.adapters.home import HomeError
from counterseal.core.messages import MAX_PACKET

BACKLOG = 1024
# Room for many batches on the way: the kernel counts its own overhead too.
PAIR_BUFFER = 16 * MAX_PACKET


@dataclass(frozen=True, slots=True)
class Wires:
    """Both ends of the pair stay open here, so that either child can be replaced on the same pair."""

    listener: socket.socket
    signer_end: socket.socket
    gateway_end: socket.socket

    @property
    def listen(self) -> str:
        """Where bots connect, with the port that was really bound."""
        host, port = self.listener.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def close(self) -> None:
        """Close all three."""
        for end in (self.listener, self.signer_end, self.gateway_end):
            end.close()

    def drop_stale(self) -> None:
        """Throw away what the ended gateway asked and what it did not fetch; nobody waits for it any more."""
        for end in (self.signer_end, self.gateway_end):
            _empty(end)


def open_wires(address: str) -> Wires:
    """Bind "host:port" (port 0 is any) and make the pair. Raises HomeError when it cannot be bound."""
    listener = _bind(address)
    signer_end, gateway_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (signer_end, gateway_end):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PAIR_BUFFER)
    return Wires(listener, signer_end, gateway_end)


def _bind(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    ip = ip_address(host.strip("[]"))
    listener = socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((str(ip), int(port)))
        listener.listen(BACKLOG)
    except OSError as fault:
        listener.close()
        raise HomeError(
            f"cannot listen on {address} ({fault.strerror}); end what uses it or change listen.address"
        ) from None
    return listener


def _empty(end: socket.socket) -> None:
    while True:
        try:
            end.recv(MAX_PACKET, socket.MSG_DONTWAIT)
        except OSError:
            return  # BlockingIOError: empty
