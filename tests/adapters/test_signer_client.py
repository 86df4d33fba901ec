"""The gateway's end of the signer's channel: what is asked leaves in the order of its numbers."""

import asyncio
import socket

import pytest

from counterseal.adapters import packets
from counterseal.adapters.signer_client import SignerClient
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.messages import MAX_PACKET, HelloRequest, Sign, SignCheckpoint
from counterseal.ports.journal import JournalError
from counterseal.ports.signing import SignerUnavailable


def sign(number: int) -> Sign:
    return Sign(number, "main", "spot", "POST", "/api/v3/order", (), 2_000, 0)


def checkpoint(number: int) -> SignCheckpoint:
    return SignCheckpoint(number, 0, 1, b"\x00" * 32, ())


def received(end: socket.socket) -> list[int]:
    """The numbers of all that has arrived, in its order."""
    found: list[int] = []
    while True:
        try:
            packet = end.recv(MAX_PACKET)
        except BlockingIOError:
            return found
        found += [each.id for each in packets.decode(packet) if not isinstance(each, HelloRequest)]


async def numbers_in_order() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    ours.setblocking(False)
    client = SignerClient(ours, VirtualClock(), lambda: None)
    client.start()
    try:
        first = client.next_id()
        at_once = client.checkpoint(checkpoint(first))
        assert received(theirs) == [first]
        order = client.queue(sign(client.next_id()))
        behind = client.checkpoint(checkpoint(client.next_id()))
        assert received(theirs) == [], "an order's record is not written yet"
        client.flush()
        assert received(theirs) == [first + 1, first + 2]
        dropped = client.queue(sign(client.next_id()))
        with_it = client.checkpoint(checkpoint(client.next_id()))
        client.drop(JournalError("full"))
        for future, kind in ((dropped, JournalError), (with_it, SignerUnavailable)):
            with pytest.raises(kind):
                await future
        assert not any(future.done() for future in (at_once, order, behind))
    finally:
        client.close()
        theirs.close()


def test_a_checkpoint_does_not_overtake_an_order() -> None:
    """The signer refuses a number below the last one: an order must not be refused for a checkpoint's sake."""
    asyncio.run(numbers_in_order())
