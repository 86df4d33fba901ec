"""Collecting faults: where they stand, how names are shown, and which known name an unknown one resembles."""

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from counterseal.core.config.lines import LineIndex, Path
from counterseal.core.config.model import Fault
from counterseal.core.config.parsers import Report

FILE = "counterseal.toml"
_SHOWN_LENGTH = 32  # names of ours are no longer, and the exchange's keys are twice as long
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class FaultList:
    """Faults of one text, in the order in which they were found."""

    index: LineIndex
    found: list[Fault] = field(default_factory=list)

    def add(self, path: Path, cause: str, remedy: str) -> None:
        """Note a fault of the setting at `path`."""
        self.found.append(Fault(self.index.line_of(path), show_path(path), cause, remedy))

    def reporter(self, path: Path) -> Report:
        """Give a function that notes faults of one setting or of parts of it."""

        def report(cause: str, remedy: str, inside: tuple[str, ...] = ()) -> None:
            self.add(path + inside, cause, remedy)

        return report

    def in_order(self) -> tuple[Fault, ...]:
        """Give the faults by line."""
        return tuple(sorted(self.found, key=lambda fault: fault.line))


def show_path(path: Iterable[str]) -> str:
    """Write a path as TOML does, as far as its parts may be shown."""
    return ".".join(show_name(part) for part in path)


def show_name(name: str) -> str:
    """Write a name of the file, unless it is so long that it could be a secret, or unprintable."""
    if len(name) > _SHOWN_LENGTH or not name.isprintable():
        return f"(a name of {len(name)} characters)"
    return name if _BARE.fullmatch(name) else f'"{name}"'


def nearest(name: str, known: Collection[str]) -> str | None:
    """Give the known name that an unknown one resembles most, None when none comes close."""
    if len(name) > _SHOWN_LENGTH:
        return None
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return close[0] if close else None
