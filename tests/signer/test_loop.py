"""The loop on real socket pairs: who comes first, who cannot hold up whom, when it ends."""

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.signer.desks import KEYS, NOW_MS, TABLE, good

from counterseal.adapters import packets
from counterseal.core.messages import MAX_PACKET, Hello, HelloRequest, Message, Refused, Signed
from counterseal.signer import loop
from counterseal.signer.desk import Desk, Line

WAIT_S = 10


class RecordingDesk(Desk):
    """A real desk that notes on which connection each packet came."""

    def __init__(self) -> None:
        super().__init__(TABLE, KEYS, "incarnation", lambda: NOW_MS)
        self.lines: list[Line | None] = []

    def answer(self, packet: bytes, line: Line | None = None) -> list[bytes]:
        self.lines.append(line)
        return super().answer(packet, line)


class Serving:
    """Our ends of the pairs, and the loop in a thread."""

    def __init__(self, count: int, buffer: int | None) -> None:
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(count)]
        self.ours, self.theirs = [ours for ours, _ in pairs], [theirs for _, theirs in pairs]
        for end in self.ours:
            end.settimeout(WAIT_S)
        for end in (*self.ours, *self.theirs):
            if buffer is not None:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        self.desk = RecordingDesk()
        self._lifeline, self.lifeline = os.pipe()
        self.thread = threading.Thread(target=loop.serve, args=(self.theirs, self._lifeline, self.desk))

    def end(self) -> None:
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1

    def close(self) -> None:
        self.end()
        if self.thread.ident is not None:
            self.thread.join(WAIT_S)
        for end in (*self.ours, *self.theirs):
            end.close()
        os.close(self._lifeline)
        assert not self.thread.is_alive()


@contextmanager
def serving(count: int = 1, *, buffer: int | None = None, start: bool = True) -> Iterator[Serving]:
    found = Serving(count, buffer)
    try:
        if start:
            found.thread.start()
        yield found
    finally:
        found.close()


def receive(end: socket.socket) -> list[Message]:
    return packets.decode(end.recv(MAX_PACKET))


def send(end: socket.socket, *batch: Message) -> None:
    for packet in packets.encode(batch):
        end.send(packet)


def numbered(ids: Sequence[int]) -> list[Message]:
    return [good(id=number) for number in ids]


def test_everybody_is_greeted_and_answered() -> None:
    with serving(3) as found:
        for end in found.ours:
            (hello,) = receive(end)
            assert isinstance(hello, Hello)
            send(end, *numbered(range(20)))
            assert [m.id for m in receive(end) if isinstance(m, Signed)] == list(range(20))


def test_the_first_connection_is_served_first() -> None:
    with serving(2, start=False) as found:
        guard, gateway = found.ours
        # Both have asked before the loop begins; the gateway asked first.
        for number in range(20):
            send(gateway, good(id=number))
        for number in range(20):
            send(guard, good(id=number))
        found.thread.start()
        for end in (guard, gateway):
            assert isinstance(receive(end)[0], Hello)
            assert [receive(end)[0].id for _ in range(20)] == list(range(20))  # type: ignore[union-attr]

        ranks = [found.desk.lines.index(line) for line in found.desk.lines]
        assert ranks == [0] * 20 + [20] * 20


def test_who_does_not_fetch_its_answers_holds_up_nobody_and_gets_them_later() -> None:
    with serving(2, buffer=8192) as found:
        guard, gateway = found.ours
        receive(guard)
        sent = 0
        gateway.setblocking(False)
        while sent < 500:
            try:
                send(gateway, good(id=sent))
            except BlockingIOError:
                break
            sent += 1
        assert 0 < sent < 500
        for number in range(200):
            send(guard, good(id=number))
            assert isinstance(receive(guard)[0], Signed)
        gateway.settimeout(WAIT_S)
        assert isinstance(receive(gateway)[0], Hello)
        assert [receive(gateway)[0].id for _ in range(sent)] == list(range(sent))  # type: ignore[union-attr]


def test_many_more_answers_than_the_socket_holds_all_arrive_in_order() -> None:
    with serving(buffer=1 << 17) as found:
        (end,) = found.ours
        receive(end)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for first in range(0, 3000, 200):
            send(end, *numbered(range(first, first + 200)))
        ids: list[int] = []
        while len(ids) < 3000:
            ids += [m.id for m in receive(end) if isinstance(m, Signed)]
        assert ids == list(range(3000))


def test_garbage_is_answered_and_an_empty_packet_is_not_the_end() -> None:
    with serving() as found:
        (end,) = found.ours
        receive(end)
        for garbage, reason in ((b"", "malformed"), (b"\xff" * 50, "malformed"), (bytes(MAX_PACKET + 9), "too_long")):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            end.send(garbage)
            assert receive(end) == [Refused(0, reason)]
        send(end, good())
        assert isinstance(receive(end)[0], Signed)


def test_one_that_leaves_ends_nothing_for_the_others_and_the_last_one_does() -> None:
    with serving(2) as found:
        first, second = found.ours
        receive(first)
        receive(second)
        first.close()
        send(second, HelloRequest("x"))
        assert isinstance(receive(second)[0], Hello)
        second.close()
        found.thread.join(WAIT_S)
        assert not found.thread.is_alive()


def test_one_that_leaves_with_answers_on_the_way_ends_nothing_for_the_others() -> None:
    with serving(2, buffer=4608) as found:
        first, second = found.ours
        receive(second)
        for number in range(5):
            send(first, good(id=number))
        first.close()
        send(second, HelloRequest("x"))
        assert isinstance(receive(second)[0], Hello)


def test_the_lifeline_ends_it_though_everybody_is_there() -> None:
    with serving(2) as found:
        found.end()
        found.thread.join(WAIT_S)
        assert not found.thread.is_alive()


def test_what_an_earlier_signer_left_in_the_socket_may_be_asked_again_after_a_hello() -> None:
    """As the gateway does it when a new signer greets: requests from the buffer come first, then all of them again."""
    with serving(start=False) as found:
        (end,) = found.ours
        send(end, *numbered([7, 8]))
        found.thread.start()
        assert isinstance(receive(end)[0], Hello)
        assert [m.id for m in receive(end)] == [7, 8]  # type: ignore[union-attr]
        send(end, HelloRequest("again"), *numbered([5, 6, 7, 8]))
        answers = receive(end)
        assert isinstance(answers[0], Hello)
        assert [type(m) for m in answers[1:]] == [Signed] * 4
