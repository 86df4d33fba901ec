"""One of a line's connections to the exchange: what it has been told, and how fast it may be told more."""

from dataclasses import dataclass

from counterseal.adapters.stream_link import StreamLink
from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.telling import Telling

# What was asked for so long ago flows on both of two connections.
SURE_MS = 1_000


@dataclass(slots=True)
class Voice:
    """A connection.

    `begun_ms` and `asked_ms` are when it was told first and last, `settled_ms` is when all had been answered, and
    `matches` how many messages two connections had in common by then. `has_spoken`: something came on it; `asks_old`:
    the one before it has been questioned.
    """

    link: StreamLink
    telling: Telling
    pace: Allowance
    renew_at_ms: int
    settled_ms: int | None = None
    begun_ms: int | None = None
    asked_ms: int = 0
    has_spoken: bool = False
    asks_old: bool = False
    matches: int = 0

    def speak(self, now_ms: int, *, adds_only: bool) -> None:
        """Tell the exchange the next difference, if it may be told now."""
        while self.link.is_open and not self.pace.wait_ms(now_ms):
            message = self.telling.next_message(adds_only=adds_only)
            if message is None:
                return
            self.pace.take(now_ms)
            self.asked_ms = now_ms
            if self.begun_ms is None:
                self.begun_ms = now_ms
            self.link.send_text(message)

    def expect(self, now_ms: int, most_ms: int) -> None:
        """End what does not come to stand: as long as it does not, who listens is sent away again and again."""
        if self.settled_ms is None and self.begun_ms is not None and now_ms - self.begun_ms >= most_ms:
            self.link.end("subscriptions are not answered")

    def has_all(self, now_ms: int) -> bool:
        """What bots have begun to listen to since it stood has been asked for, answered and flowed for a while too."""
        return self.telling.is_settled and now_ms - self.asked_ms >= SURE_MS
