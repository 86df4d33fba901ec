"""The journal, as the gateway sees it."""

from collections.abc import Mapping
from typing import Any, Protocol


class JournalError(Exception):
    """A record could not be written. Latched: what follows on this file cannot be counted as durable."""


class Journal(Protocol):
    """Records are queued and written together; `flush` returns when they survive a kill of the process."""

    def append(self, record: Mapping[str, Any]) -> None:
        """Queue one record; `v`, `seq` and `t` are added."""
        ...

    def flush(self) -> None:
        """Write what is queued. Raises JournalError, then and ever after."""
        ...

    @property
    def failed(self) -> bool:
        """Whether the journal is latched."""
        ...

    async def close(self) -> None:
        """Write, make durable, close."""
        ...
