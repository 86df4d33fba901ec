"""The descriptors that outlive the children: the listening sockets and the pair between gateway and signer."""

import select
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from counterseal.adapters.home import HomeError
from counterseal.core.messages import MAX_PACKET

BACKLOG = 1024
# Room for many batches on the way: the kernel counts its own overhead too.
PAIR_BUFFER = 16 * MAX_PACKET


class Pair:
    """The sockets between gateway and signer, and an alarm that rings when one of the children has shut them.

    shutdown(2) reaches every copy of a descriptor, ours too, and cannot be undone: only a new pair helps then.
    """

    def __init__(self) -> None:
        self.signer_end, self.gateway_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._alarm = select.epoll()
        for end in (self.signer_end, self.gateway_end):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PAIR_BUFFER)
            # Without EPOLLIN: packets on their way do not wake us.
            self._alarm.register(end, select.EPOLLRDHUP)

    @property
    def shut(self) -> bool:
        """Whether at least one direction has been shut."""
        return bool(self._alarm.poll(0))

    def fileno(self) -> int:
        """Give the descriptor that is readable as soon as, and as long as, the pair is shut."""
        return self._alarm.fileno()

    def empty(self) -> None:
        """Throw away all packets on their way."""
        for end in (self.signer_end, self.gateway_end):
            _empty(end)

    def close(self) -> None:
        """Close all; closing twice is fine."""
        self._alarm.close()
        for end in (self.signer_end, self.gateway_end):
            end.close()


def _nobody() -> None:
    pass


@dataclass(slots=True)
class Wires:
    """Both ends of the pair stay open here, so that either child can be replaced on the same pair.

    `on_new_pair` is called when the pair was replaced: whoever runs on the old one has to be replaced too.
    """

    listener: socket.socket
    proxy: socket.socket | None = None
    tls: tuple[socket.socket, ...] = ()
    pair: Pair = field(default_factory=Pair)
    on_new_pair: Callable[[], None] = _nobody

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
        self.pair.close()
        for end in (self.listener, *self.tls):
            end.close()
        if self.proxy is not None:
            self.proxy.close()

    def drop_stale(self) -> None:
        """Throw away what the ended gateway asked and what it did not fetch; nobody waits for it any more."""
        self.pair.empty()

    def renew_if_shut(self) -> None:
        """Put a new pair in the place of one that was shut, while no gateway runs. Raises OSError, the old one stays.

        The old one is closed here; it ends for good with the signer that still holds it.
        """
        if not self.pair.shut:
            return
        old, self.pair = self.pair, Pair()
        old.close()
        self.on_new_pair()


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
    others = bound[1:]
    return Wires(bound[0], others.pop(0) if proxy else None, tuple(others))


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
    """Read until there is nothing more; a shut socket has nothing more when it gives an empty packet."""
    while True:
        try:
            packet = end.recv(MAX_PACKET, socket.MSG_DONTWAIT)
        except OSError:
            return  # BlockingIOError: empty
        # An empty packet alone is legal on such a socket; after a shutdown they would come for ever.
        if not packet and _is_shut(end):
            return


def _is_shut(end: socket.socket) -> bool:
    poll = select.poll()
    # POLLHUP tells of both directions only, POLLRDHUP of one that gives no packets any more.
    poll.register(end, select.POLLRDHUP)
    return bool(poll.poll(0))
