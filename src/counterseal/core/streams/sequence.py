"""Whether a book's changes follow one another: read from the ids at the head of each message, the rest stays unread."""

import re

from counterseal.core.streams.depth_messages import data_of, ids_of

# Books of all levels, told as changes. What has a number behind `depth` is whole in each message.
_is_numbered = re.compile(r".+@(?:depth|rpiDepth)(?:@[0-9]+ms)?").fullmatch
# As the exchange writes them, side by side; a quote inside of a text would have a backslash before it.
_ids = re.compile(rb'"U":([0-9]{1,19}),"u":([0-9]{1,19})(?:,"pu":(-?[0-9]{1,19}))?').search


class Sequence:
    """The ids of one stream. On spot the first id of a message follows the last one of the message before it; on
    futures a message names the last id of the one before it."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: int | None = None

    def follows(self, text: bytes) -> bool:
        """Take a message in its combined form; False when something is missing before it, or it came out of turn.

        The first one follows whatever was before it, the one before again is no gap, and a message without ids says
        nothing.
        """
        ids = _read(text)
        if ids is None:
            return True
        first, last, previous = ids
        before, self._last = self._last, last
        if before is None or before == last:
            return True
        return first == before + 1 if previous is None else previous == before

    def restart(self) -> None:
        """Begin anew: what was missed is known."""
        self._last = None


def is_numbered(name: str) -> bool:
    """Tell whether a stream's messages carry ids that follow one another."""
    return _is_numbered(name) is not None


def _read(text: bytes) -> tuple[int, int, int | None] | None:
    """Give first id, last id and on futures the last id of the message before, None for a message without them."""
    found = _ids(text, 0, 512)
    if found is not None:
        previous = found[3]
        return int(found[1]), int(found[2]), None if previous is None else int(previous)
    data = data_of(text)
    return None if data is None else ids_of(data)
