"""What a filter says about system calls, as plain data. `bpf` turns it into a program."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field

WORD = 0xFFFF_FFFF
# The kernel's return values of a filter.
ALLOW = 0x7FFF_0000
KILL = 0x8000_0000


def refuse(number: int) -> int:
    """Give the verdict that has the call fail with this errno."""
    return 0x0005_0000 | number


EPERM = refuse(errno.EPERM)
ENOSYS = refuse(errno.ENOSYS)


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on the low 32 bits of an argument: `value & mask` is one of `values`.

    The kernel itself reads no more than 32 bits of every argument that a profile looks at.
    """

    argument: int
    values: frozenset[int]
    mask: int = WORD


@dataclass(frozen=True, slots=True)
class Check:
    """Allowed when every condition holds, refused with EPERM otherwise."""

    conditions: tuple[Where, ...]


Verdict = int | Check


@dataclass(frozen=True, slots=True)
class Rules:
    """Verdicts by name of the call; `default` for all others; `newer` for numbers that our table is too old for."""

    default: int
    newer: int
    calls: Mapping[str, Verdict] = field(default_factory=dict)
