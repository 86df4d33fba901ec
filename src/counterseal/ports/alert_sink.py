"""A channel by which people are told something, as the guard sees it."""

from typing import Protocol

from counterseal.core.alerts.model import Failure, Message


class SinkError(Exception):
    """A message was not taken. The text is a few words of ours and never holds an address, a URL or a secret."""

    def __init__(self, failure: Failure, detail: str, retry_after_ms: int | None = None) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail
        self.retry_after_ms = retry_after_ms


class AlertSink(Protocol):
    """Carries messages by one technology. Whoever calls bounds the time and cancels."""

    async def send(self, message: Message) -> None:
        """Hand a message over. Raises SinkError unless the other side has said that it took it."""
        ...

    async def probe(self) -> bool:
        """Prove that the channel works without telling anybody anything. False when there is no such way.

        Raises SinkError when it does not work.
        """
        ...

    async def close(self) -> None:
        """Give up connections."""
        ...
