"""What is in force in a process, and what the kernel lacks, as plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Report:
    """`seccomp` and `no_new_privs`: in force or not. `landlock`: the version in force, 0 is none.

    `lacking`: one sentence for each thing that the profile wanted and the kernel did not give.
    """

    profile: str
    no_new_privs: bool
    seccomp: bool
    landlock: int
    lacking: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON can carry it."""
        return {**asdict(self), "lacking": list(self.lacking)}


def in_words(data: Mapping[str, Any] | None) -> str:
    """Write a report's data for people, in one line; None is a process that reported nothing."""
    if data is None:
        return "no sandbox reported"
    parts = [
        f"no_new_privs {_yes(data['no_new_privs'])}",
        f"seccomp {_yes(data['seccomp'])}",
        f"Landlock ABI {data['landlock']}" if data["landlock"] else "Landlock no",
    ]
    lacking = data["lacking"]
    return ", ".join(parts) + (f"; lacking: {'; '.join(lacking)}" if lacking else "")


def _yes(value: object) -> str:
    return "yes" if value else "no"
