"""What the table of settings is made of."""

from dataclasses import dataclass
from typing import Any

from counterseal.core.config.parsers import Parser


class Required:
    """Stands where a default would, in a setting that has none."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `example` is TOML text; `absent` tells what a default of None means.

    `instead_of` names a setting that cannot stand beside this one.
    """

    name: str
    parser: Parser
    default: Any
    purpose: str
    example: str
    unit: str = ""
    absent: str = "none"
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file. A `named` one holds one table for each bot or key: `[bots.NAME]`.

    `within` is where it stands in the file, unless at the top under its own name.
    """

    name: str
    purpose: str
    settings: tuple[Setting, ...]
    named: bool = False
    required: bool = False
    within: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, ...]:
        """The path of the table in the file."""
        return self.within or (self.name,)

    @property
    def header(self) -> str:
        """How the table is written, without brackets."""
        return ".".join((*self.place, *(("NAME",) if self.named else ())))
