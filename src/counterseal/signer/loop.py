"""The signer's loop: plain blocking calls on two descriptors."""

import select
import socket

from counterseal.core.messages import MAX_PACKET
from counterseal.signer.desk import Desk


def greet(gateway: socket.socket, desk: Desk) -> None:
    """Tell the gateway, unasked, which incarnation serves now and which keys it holds."""
    _send(gateway, desk.greeting())


def serve(gateway: socket.socket, lifeline_fd: int, desk: Desk) -> None:
    """Answer the gateway until the lifeline or every other end of the socket pair is closed.

    `gateway` is a blocking SOCK_SEQPACKET socket, `lifeline_fd` the read end of a silent pipe.
    """
    poll = select.poll()
    poll.register(gateway, select.POLLIN)
    poll.register(lifeline_fd, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if lifeline_fd in ready:
            return
        packet = gateway.recv(MAX_PACKET + 1)
        # An empty packet is legal on such a socket; only a hang-up says that nobody is left.
        if not packet and ready[gateway.fileno()] & select.POLLHUP:
            return
        try:
            _send(gateway, desk.answer(packet))
        except BrokenPipeError:
            return


def _send(gateway: socket.socket, outgoing: list[bytes]) -> None:
    for packet in outgoing:
        gateway.send(packet)
