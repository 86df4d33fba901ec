"""Client order ids for orders that come without one: never used twice, not even by another incarnation."""

import itertools

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


class IdMaker:
    """Makes `cs-INCARNATION-COUNTER`, at most 36 characters of `a-z0-9-`."""

    def __init__(self, incarnation: str) -> None:
        self._prefix = f"cs-{incarnation}-"
        self._numbers = itertools.count(1)

    def __call__(self) -> str:
        """Give the next id."""
        return self._prefix + _base36(next(self._numbers))


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _ALPHABET[digit] + digits
    return digits
