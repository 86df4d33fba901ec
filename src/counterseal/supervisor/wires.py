"""The descriptors that outlive the children: the listening sockets and the pair between gateway and signer."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

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
    proxy: socket.socket | None = None
    tls: tuple[socket.socket, ...] = ()

    @property
    def listen(self) -> str:
        """Where bots connect, with the port that was really bound."""
        return _address(self.listener)

    @property
    def named(self) -> dict[str, Any]:
        """Where bots connect that keep the exchange's addresses; empty when they cannot."""
        proxy = {"proxy": _address(self.proxy)} if self.proxy else {}
        return {**proxy, "tls": [_address(end) for end in self.tls]} if self.tls else proxy

    @property
    def named_fds(self) -> list[tuple[str, int]]:
        """The gateway's flags for those sockets, with their descriptors."""
        proxy = [("--proxy-fd", self.proxy.fileno())] if self.proxy else []
        return [*proxy, *(("--tls-fd", end.fileno()) for end in self.tls)]

    def close(self) -> None:
        """Close all."""
        for end in (self.listener, self.signer_end, self.gateway_end, *self.tls):
            end.close()
        if self.proxy is not None:
            self.proxy.close()

    def drop_stale(self) -> None:
        """Throw away what the ended gateway asked and what it did not fetch; nobody waits for it any more."""
        for end in (self.signer_end, self.gateway_end):
            _empty(end)


def open_wires(address: str, proxy: str | None = None, tls: Sequence[str] = ()) -> Wires:
    """Bind each "host:port" (port 0 is any) and make the pair. Raises HomeError when one cannot be bound."""
    bound: list[socket.socket] = []
    try:
        for each, setting in (
            (address, "listen.address"),
            *(((proxy, "listen.proxy"),) if proxy else ()),
            *((each, "listen.tls") for each in tls),
        ):
            bound.append(_bind(each, setting))
    except HomeError:
        for listener in bound:
            listener.close()
        raise
    signer_end, gateway_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (signer_end, gateway_end):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PAIR_BUFFER)
    others = bound[1:]
    return Wires(bound[0], signer_end, gateway_end, others.pop(0) if proxy else None, tuple(others))


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind(address: str, setting: str) -> socket.socket:
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
            f"cannot listen on {address} ({fault.strerror}); end what uses it or change {setting}"
        ) from None
    return listener


def _empty(end: socket.socket) -> None:
    while True:
        try:
            end.recv(MAX_PACKET, socket.MSG_DONTWAIT)
        except OSError:
            return  # BlockingIOError: empty
