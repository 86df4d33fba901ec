"""What one bot holds of positions that an account has for several: so much is closed for it, and no more.

How much that is was booked fill by fill; what is closed of it is counted here, because events of our own orders may
come late or not at all. A position can only be made smaller: what others hold the other way stands in the way, and is
named.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from counterseal.core.holdings import BOTH, SPOT, Holding

_ZERO = Decimal(0)
Key = tuple[str, str]


def key_of(one: Holding) -> Key:
    """Name a position as the books do."""
    return one.symbol, "" if one.side in (BOTH, SPOT) else one.side


class Part:
    """A bot's part by symbol and side, with its sign; gives targets, and is told of fills."""

    def __init__(self, held: Mapping[Key, Decimal]) -> None:
        self._left = {key: amount for key, amount in held.items() if amount}
        self._offset: dict[Key, Decimal] = {}
        self._unsure: set[Key] = set()

    @property
    def has_any(self) -> bool:
        """Whether there is anything of the bot's."""
        return bool(self._left)

    def __call__(self, one: Holding) -> Decimal | None:
        """Give how large the position may stay; None leaves it alone."""
        key = key_of(one)
        part = self._left.get(key, _ZERO)
        if not part:
            return None
        if part * one.amount <= _ZERO:
            self._offset[key] = part
            return None
        self._offset.pop(key, None)
        return max(_ZERO, abs(one.amount) - abs(part))

    def filled(self, one: Holding, quantity: Decimal) -> None:
        """So much of it was closed; less than nothing where it turned out that it was not."""
        key = key_of(one)
        part = self._left.get(key, _ZERO)
        size = max(_ZERO, abs(part) - quantity) if part else max(_ZERO, -quantity)
        self._left[key] = size.copy_sign(part or one.amount)

    def doubt(self, one: Holding) -> None:
        """How much an order of ours has closed is not known."""
        self._unsure.add(key_of(one))

    def remains(self) -> tuple[str, ...]:
        """Name what could not be closed, or not be proven to be."""
        offset = [
            f"{_name(key)}: {part} is its own, and others hold as much the other way: nothing can be reduced for it"
            for key, part in sorted(self._offset.items()) if self._left.get(key)
        ]  # fmt: skip
        unsure = [
            f"{_name(key)}: an order had no answer, and it may hold some of it yet" for key in sorted(self._unsure)
        ]
        return (*offset, *unsure)


class Excess(Part):
    """What a bot has too much of: `too_much` by symbol and side, with the sign of what it has; `keeps` is the size that
    it may keep there. `held` gives what it has now, None where nobody knows: what it closes itself is not closed again.
    """

    def __init__(
        self,
        too_much: Mapping[Key, Decimal],
        keeps: Mapping[Key, Decimal],
        held: Callable[[], Mapping[Key, Decimal] | None],
    ) -> None:
        super().__init__(too_much)
        self._keeps, self._held = keeps, held

    def __call__(self, one: Holding) -> Decimal | None:
        """Give how large the position may stay; None leaves it alone."""
        target = super().__call__(one)
        held = None if target is None else self._held()
        if target is None or held is None:
            return target
        key = key_of(one)
        has = held.get(key, _ZERO)
        rest = abs(has) - self._keeps[key] if has * one.amount > _ZERO else _ZERO
        return max(target, abs(one.amount) - rest) if rest > _ZERO else None


def _name(key: Key) -> str:
    return " ".join(filter(None, key))
