"""Subscribers that cost next to nothing: what `ws_run.py` counts with.

    python bench/ws_clients.py PORT PROGRESS AUDITED STREAMS [STREAMS ...]

Connects one subscriber for each STREAMS (names with commas between them; `50*names` for fifty of the same), in plain
TCP. The last AUDITED of them read every frame: numbers without gaps where they listen to everything, and ages. Of the
others the kernel throws the bytes away and says how many there were; all frames have one length.
The file PROGRESS holds how far the slowest auditor is. Prints a line when all are connected, then one of JSON for
each line it is given: counts so far, ages since the last.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

from ws_messages import SIZE, Progress, moment_of, number_of

SPACE = bytearray(1 << 20)
REQUEST = (
    "GET /stream?streams={} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Subscriber:
    """A connection whose handshake is done. `octets` counts what came behind it."""

    def __init__(self, port: int, names: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.sendall(REQUEST.format(names.replace(",", "/"), port).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                raise SystemExit(f"refused: {answer!r}")
            answer += byte
        if not answer.startswith(b"HTTP/1.1 101 "):
            raise SystemExit(f"refused: {answer!r}")
        self.socket.setblocking(False)
        self.octets = 0

    def read(self) -> bool:
        """Count what is there; False at the end."""
        size = self.socket.recv_into(SPACE, len(SPACE), socket.MSG_TRUNC)
        self.octets += size
        return size > 0


class Auditor(Subscriber):
    """Looks at each frame. `gaps` are messages that did not follow the one before; pings are passed over."""

    def __init__(self, port: int, names: str) -> None:
        super().__init__(port, names)
        self._rest = b""
        self.last = 0
        self.frames = self.gaps = 0
        self.ages: list[int] = []

    def read(self) -> bool:
        data = self.socket.recv(len(SPACE))
        now_ns = time.monotonic_ns()
        self.octets += len(data)
        text, at = self._rest + data, 0
        while len(text) - at >= SIZE or text[at : at + 1] == b"\x89":
            if text[at] == 0x89:
                at += 2 + text[at + 1]
                continue
            number = number_of(text, at)
            self.gaps += bool(self.last) and number != self.last + 1
            self.last = number
            self.ages.append(now_ns - moment_of(text, at))
            at += SIZE
            self.frames += 1
        self._rest = text[at:]
        return bool(data)


def main() -> None:
    """Connect, then read and report until standard input ends."""
    port, progress, audited = int(sys.argv[1]), Progress(sys.argv[2]), int(sys.argv[3])
    progress.count = 0
    wanted: list[str] = []
    for each in sys.argv[4:]:
        times, star, names = each.partition("*")
        wanted += [names] * int(times) if star else [each]
    plain = len(wanted) - audited
    everybody = [(Subscriber if number < plain else Auditor)(port, names) for number, names in enumerate(wanted)]
    auditors = [each for each in everybody if isinstance(each, Auditor)]
    print("connected", flush=True)
    by_descriptor = {each.socket.fileno(): each for each in everybody}
    poll = select.epoll()
    poll.register(0, select.EPOLLIN)
    for descriptor in by_descriptor:
        poll.register(descriptor, select.EPOLLIN)
    ended = 0
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == 0:
                if not sys.stdin.readline():
                    return
                print(json.dumps(report(everybody, ended)), flush=True)
            elif not by_descriptor[descriptor].read():
                ended += 1
                poll.unregister(descriptor)
        progress.count = min((each.last for each in auditors), default=0)


def report(everybody: list[Subscriber], ended: int) -> dict[str, object]:
    """Counts so far; ages in milliseconds since the last report."""
    auditors = [each for each in everybody if isinstance(each, Auditor)]
    ages = sorted(age for each in auditors for age in each.ages)
    for each in auditors:
        each.ages.clear()
    return {
        "at_ns": time.monotonic_ns(),
        "frames": sum(each.octets // SIZE for each in everybody),
        "least": min(each.octets // SIZE for each in everybody),
        "ended": ended,
        "gaps": sum(each.gaps for each in auditors),
        "ages": len(ages),
        "p50_ms": ages[len(ages) // 2] / 1e6 if ages else None,
        "p99_ms": ages[len(ages) * 99 // 100] / 1e6 if ages else None,
        "most_ms": ages[-1] / 1e6 if ages else None,
    }


if __name__ == "__main__":
    main()
