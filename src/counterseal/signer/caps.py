"""The signer's caps at work: sizes, symbols, leverage and rates by its own sealed configuration and its own clock."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from counterseal.core.caps import Caps, Sizes, caps_of, size_for
from counterseal.core.key_refs import name_of
from counterseal.signer.bucket import Bucket
from counterseal.signer.changes import Change, changes_of
from counterseal.signer.table import Entry

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


class CapsJudge:
    """Judges by the caps of every key, which hold for all of its versions together.

    `monotonic_ns` is the signer's own clock.
    """

    def __init__(self, caps: Mapping[str, Caps], monotonic_ns: Callable[[], int]) -> None:
        self._caps, self._monotonic_ns = caps, monotonic_ns
        self._books: dict[str, _Book] = {}

    def refuse(self, key_ref: str, entry: Entry, given: Mapping[str, str]) -> str | None:
        """Judge an order, batch or setting by name and value, and count it. Gives the reason of a refusal or None.

        What is refused is not counted. To be called for keys that are held only, and last before the signature.
        """
        changes = changes_of(entry, given)
        if isinstance(changes, str):
            return changes
        book = self._book(key_ref)
        return book.refuse(changes, self._monotonic_ns) if book.is_capped else None

    def is_capped(self, key_ref: str) -> bool:
        """Tell whether anything of what this key signs is limited."""
        return self._book(key_ref).is_capped

    def _book(self, key_ref: str) -> "_Book":
        book = self._books.get(key_ref)
        if book is None:
            name = name_of(key_ref)
            book = self._books[key_ref] = self._books.setdefault(name, _Book(caps_of(self._caps, name)))
        return book


def uncapped() -> CapsJudge:
    """Give the judge of a signer without caps: forms are judged, nothing is counted."""
    return CapsJudge({}, lambda: 0)


class _Book:
    """The caps of one key and what it has spent of its rates."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        rates = ((caps.max_per_second, SECOND_NS), (caps.max_per_minute, MINUTE_NS))
        self._buckets = [Bucket(limit, period_ns) for limit, period_ns in rates if limit is not None]
        self.is_capped = caps != Caps()

    def refuse(self, changes: Sequence[Change], monotonic_ns: Callable[[], int]) -> str | None:
        for change in changes:
            reason = _over(self._caps, change)
            if reason is not None:
                return reason
        return self._count(changes, monotonic_ns) if self._buckets else None

    def _count(self, changes: Sequence[Change], monotonic_ns: Callable[[], int]) -> str | None:
        number = sum([not change.exits for change in changes])
        if not number:
            return None
        now_ns = monotonic_ns()
        # Every bucket is asked before one is emptied.
        if not all(bucket.has(number, now_ns) for bucket in self._buckets):
            return "over_rate_cap"
        for bucket in self._buckets:
            bucket.take(number)
        return None


def _over(caps: Caps, change: Change) -> str | None:
    if caps.symbols is not None and change.symbol not in caps.symbols:
        return "outside_symbol_cap"
    if change.leverage is not None and caps.max_leverage is not None and int(change.leverage) > caps.max_leverage:
        return "over_leverage_cap"
    if not change.is_order or not caps.sized:
        return None
    if not change.quantities and not change.quotes and not change.closes:
        return "size_missing"
    symbol = change.symbol or ""
    if any(_exceeds(caps.max_quantity, symbol, text) for text in change.quantities):
        return "over_quantity_cap"
    if any(_exceeds(caps.max_quote_quantity, symbol, text) for text in change.quotes):
        return "over_quote_cap"
    return None


def _exceeds(sizes: Sizes | None, symbol: str, text: str) -> bool:
    """Where sizes are capped at all, a size in a unit or of a symbol without a cap exceeds it."""
    cap = None if sizes is None else size_for(sizes, symbol)
    return cap is None or Decimal(text) > cap
