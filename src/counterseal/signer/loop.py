"""The signer's loop: plain calls on inherited descriptors, none of which can hold up another."""

import select
import socket
from collections import deque
from collections.abc import Callable, Sequence

from counterseal.core.messages import MAX_PACKET
from counterseal.signer.desk import Desk, Line

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def serve(
    ends: Sequence[socket.socket], lifeline_fd: int, desk: Desk, greeted: Callable[[], None] = lambda: None
) -> None:
    """Greet and answer everybody until the lifeline closes or nobody is left.

    `ends` are SOCK_SEQPACKET sockets without a timeout, in the order of their rank: after every packet the first one
    that has something to say is served, so the guard's comes first. `lifeline_fd` is the read end of a silent pipe.
    `greeted` is called when everybody who listens has been told which keys there are.
    """
    poll = select.poll()
    poll.register(lifeline_fd, select.POLLIN)
    lines = [line for line in [_Connection(end, desk, poll) for end in ends] if line.turn(select.POLLOUT)]
    greeted()
    while lines:
        ready = dict(poll.poll())
        if lifeline_fd in ready:
            return
        for line in lines:
            if line.fd in ready:
                if not line.turn(ready[line.fd]):
                    lines.remove(line)
                break


class _Connection:
    """One end with the answers that its peer has not fetched. While there are some, nothing more is read from it."""

    def __init__(self, end: socket.socket, desk: Desk, poll: select.poll) -> None:
        self._end, self._desk, self._poll = end, desk, poll
        self._line = Line()
        self._outgoing = deque(desk.greeting())
        self.fd = end.fileno()
        self._wanted = select.POLLOUT
        poll.register(self.fd, self._wanted)

    def turn(self, event: int) -> bool:
        """Do what the socket is ready for, at most one packet of requests. False when the peer is gone."""
        alive = True
        try:
            if self._outgoing:
                self._send()
            else:
                alive = self._receive(event)
        except BlockingIOError:
            pass
        except OSError:
            alive = False
        if not alive:
            self._poll.unregister(self.fd)
            return False
        wanted = select.POLLOUT if self._outgoing else select.POLLIN
        if wanted != self._wanted:
            self._wanted = wanted
            self._poll.modify(self.fd, wanted)
        return True

    def _receive(self, event: int) -> bool:
        packet = self._end.recv(MAX_PACKET + 1, socket.MSG_DONTWAIT)
        # An empty packet is legal on such a socket; only a hang-up says that nobody is left.
        if not packet and event & _GONE:
            return False
        self._outgoing.extend(self._desk.answer(packet, self._line))
        self._send()
        return True

    def _send(self) -> None:
        while self._outgoing:
            self._end.send(self._outgoing[0], socket.MSG_DONTWAIT)
            self._outgoing.popleft()
