"""What a header of the exchange proves about a window.

The exchange's number contains everything that it counted before it wrote it, others' calls included. Of the numbers of
one window the highest is `top`. An answer whose number fits (what was known when it was sent, and itself) is contained
in `top` or becomes it. What gave no number, or one that does not fit, is in doubt: `top` need not contain it, until a
fitting number comes of a request that was sent later. So `top` and what is in doubt bound what was truly used, a header
never lowers what we count, and a number that falls or stands still makes us count more, not less.

The day's count of orders is the exception, because fills give back and a day is long: there the number of a request
that was sent after the last one was adopted replaces the count, and what was settled since it was sent stands on top.
"""

from typing import NamedTuple

from counterseal.core.budget.window import Mark, Window

# More digits, or more than this multiple of the limit, is no count.
_MAX_DIGITS, _ABSURD = 9, 10


class Foreign(NamedTuple):
    """Others spend in a pool: the exchange's number is above all that we have reserved in this window."""

    pool: str
    key: str
    endpoint: str
    window_start_ms: int
    header: int
    ours: int
    in_flight: int


def hear(window: Window, text: str | None, stays: int, mark: Mark, is_inside: bool) -> int:
    """Count what was just settled, `stays`, with the header's text; give its number, -1 when there is none to go by.

    `mark` is the reservation's. `is_inside` tells that request and answer lie in this window with certainty: else the
    number may be another window's.
    """
    if text is None or not is_inside or not text.isdigit() or len(text) > _MAX_DIGITS or not text.isascii():
        return _ignore(window, text, stays, is_inside)
    number = int(text)
    if number > window.limit * _ABSURD:
        return _ignore(window, text, stays, is_inside)
    if window.sinks:
        _adopt(window, number, stays, mark)
        return number
    epoch, known, settled = mark
    if epoch != window.epoch:
        known = settled = 0
    if number < known + stays:
        _note(window, "falling")
        doubt(window, stays)
        return number
    top, doubted = window.top, window.doubted
    if number >= top:
        window.top = top = number
        if settled > window.cleared:
            window.cleared = settled
    bound = top + doubted - window.cleared
    window.level = bound if bound > window.spent else window.spent
    window.mark = (window.epoch, top, doubted)
    return number


def _ignore(window: Window, text: str | None, stays: int, is_inside: bool) -> int:
    """There is no number to go by."""
    _note(window, _fault(text, is_inside))
    doubt(window, stays)
    return -1


def doubt(window: Window, stays: int) -> None:
    """Count what was just settled without a number that contains it."""
    if window.sinks:
        window.level += stays
        window.mark = (window.epoch, window.adopted, window.spent)
        return
    window.doubted += stays
    window.level = max(window.spent, window.top + window.doubted - window.cleared)
    window.mark = (window.epoch, window.top, window.doubted)


def _adopt(window: Window, number: int, stays: int, mark: Mark) -> None:
    """The day's count: the number, and what was settled since that request was reserved."""
    epoch, known, settled = mark
    if epoch != window.epoch:
        known, settled = -1, 0
    bound = number + window.spent - settled - stays
    if known >= window.adopted:
        window.level = bound
        window.adopted += 1
    else:
        window.level = max(window.level + stays, bound)
    window.mark = (window.epoch, window.adopted, window.spent)


def foreign(window: Window, number: int) -> list[Foreign]:
    """Tell of others' use above noise: once per window, and again whenever it has doubled.

    A window that began before we did is taken as it is: what was spent in it may have been ours.
    """
    excess = number - window.spent - window.in_flight
    if excess <= window.noise or excess < 2 * window.told or window.is_partial:
        return []
    window.told = excess
    pool = window.pool.id
    return [Foreign(pool, window.key, window.endpoint, window.begin_ms, number, window.spent, window.in_flight)]


def _fault(text: str | None, is_inside: bool) -> str:
    """Name why a header is of no use."""
    if text is None:
        return "missing"
    if not is_inside:
        return "boundary"
    return "absurd" if text.isdigit() and text.isascii() else "malformed"


def _note(window: Window, fault: str) -> None:
    window.unheard[fault] = window.unheard.get(fault, 0) + 1
