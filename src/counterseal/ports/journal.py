"""The journal, as the gateway sees it."""

from collections.abc import Mapping
from typing import Any, Protocol


class JournalError(Exception):
    """A record could not be written, and its reserve could not take it either."""


class Journal(Protocol):
    """Records are queued and written together; `flush` returns when they survive a kill of the process."""

    def append(self, record: Mapping[str, Any]) -> None:
        """Queue one record; `v`, `seq`, `t` and `prev` are added."""
        ...

    def flush(self) -> None:
        """Write what is queued. Raises JournalError, then and ever after."""
        ...

    @property
    def closed(self) -> str:
        """Why orders that raise risk are refused at this moment, one of `core.reasons`; "" while they are not."""
        ...

    @property
    def failed(self) -> bool:
        """Whether nothing can be recorded any more; exits go on without."""
        ...

    async def close(self) -> None:
        """Write, make durable, close."""
        ...
