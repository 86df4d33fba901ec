"""A secret that cannot be printed."""

from typing import NoReturn


class Secret:
    """Bytes that show themselves only through `reveal()`.

    `str`, `repr`, `format` and pickling never give the bytes; equality is deliberately not value equality,
    because comparing secrets belongs to a constant-time function.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Give the bytes. Every call of this is a place to look at in review."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")
