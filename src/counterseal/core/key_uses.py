"""How many requests stand on each version of a key: what has chosen one keeps it to its end."""

from typing import Self


class KeyUses:
    """Counts. A version on which nothing stands is in no count."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def using(self, ref: str) -> "Use":
        """Stand on a version until the block of a `with` ends."""
        return Use(self, ref)

    def begin(self, ref: str) -> None:
        """A request has chosen this version."""
        self.counts[ref] = self.counts.get(ref, 0) + 1

    def end(self, ref: str) -> None:
        """It is over."""
        left = self.counts[ref] - 1
        if left:
            self.counts[ref] = left
        else:
            del self.counts[ref]


class Use:
    """One request that stands on a version."""

    __slots__ = ("_ref", "_uses")

    def __init__(self, uses: KeyUses, ref: str) -> None:
        self._uses, self._ref = uses, ref

    def __enter__(self) -> Self:
        self._uses.begin(self._ref)
        return self

    def __exit__(self, *_error: object) -> None:
        self._uses.end(self._ref)
