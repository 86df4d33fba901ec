"""A gateway in process with limits of exposure, its journal as it is read for them, and an exchange that counts."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from tests.gateway.rig import CONFIG, Rig

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config


class ListTail:
    """The rig's journal as `gateway.rebuilding` reads it."""

    def __init__(self, records: list[Mapping[str, Any]]) -> None:
        self._records = records
        self._at = 0

    def finding(self, _mark: bytes, suits: Callable[[Mapping[str, Any]], bool]) -> Iterable[None]:
        """Begin at the last statement that suits, as a segment with it would."""
        for at in range(len(self._records) - 1, -1, -1):
            if self._records[at]["type"] == "exposure" and self._records[at]["covers"] and suits(self._records[at]):
                self._at = at
                return
            yield

    def new(self) -> Iterable[Mapping[str, Any]]:
        """Give what has come since."""
        found = self._records[self._at :]
        self._at += len(found)
        return found


async def opened(rig: Rig) -> Rig:
    """Warm a rig up and read what is at risk, as the service does before it opens."""
    await rig.warm()
    task = rig.tasks.spawn(rig.plane.read_exposure(ListTail(rig.journal.records)), "open")
    await rig.clock.advance(0.1)
    assert task.done()
    rig.venue.sent.clear()
    return rig


def reload(rig: Rig, limits: str, config: str = CONFIG, read: Coroutine[Any, Any, None] | None = None) -> None:
    """Change the configuration of a running gateway. `read` reads the journal in another way than at once."""
    found = load(config + limits)
    assert isinstance(found, Config), found
    rig.state.config = found
    rig.plane.exposures.configure()
    rig.tasks.spawn(read or rig.plane.rebuilding.read(ListTail(rig.journal.records)), "read exposure")


def total(rig: Rig, kind: str = "bot") -> str:
    """What one limited sum is, as `counterseal limits` shows it."""
    return next(str(row["dollars"]) for row in rig.plane.exposures.report() if row["of"] == kind)
