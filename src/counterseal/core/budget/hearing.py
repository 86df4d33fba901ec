"""What a header of the exchange proves about a window.

The exchange's number contains everything that it counted before it wrote it, others' calls included. Of the numbers of
one window the highest is `top`. An answer whose number fits (what was known when it was sent, and itself) is contained
in `top` or becomes it. What gave no number, or one that does not fit, is in doubt: `top` need not contain it, until a
fitting number comes of a request that was sent later. So `top` and what is in doubt bound what was truly used, a header
never lowers what we count, and a number that falls or stands still makes us count more, not less.

The day's count of orders is the exception, because fills give back and a day is long: there the number of a request
that was sent after the last one was adopted replaces the count, and what was settled since it was sent stands on top.

The guard spends from the same pools, a part of its own, and tells how much. An answer to a request that was reserved
after that word contains it: so much of the number is neither ours nor others', and takes nothing from our share.
"""

from typing import NamedTuple

from counterseal.core.budget.window import Mark, Window

# More digits are no count; nor is what is `absurd` for the window.
_MAX_DIGITS = 9
# What looks like others' use must have outlasted so many words of the partner.
_WORDS = 2


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
    if number > window.absurd:
        return _ignore(window, text, stays, is_inside)
    if window.sinks:
        _adopt(window, number, stays, mark)
        return number
    epoch, known, settled, partner = mark
    if epoch != window.epoch:
        epoch, known, settled, partner = window.epoch, 0, 0, 0
    if number < known + stays:
        _note(window, "falling")
        doubt(window, stays)
        return number
    top, doubted, spent = window.top, window.doubted, window.spent
    if number >= top:
        window.top = top = number
        if settled > window.cleared:
            window.cleared = settled
        if partner > window.partner:
            window.partner = partner
    bound = top + doubted - window.cleared - window.partner
    window.level = bound if bound > spent else spent
    window.mark = (epoch, top, doubted, window.partner_spent)
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
        window.mark = (window.epoch, window.adopted, window.spent, window.partner_spent)
        return
    window.doubted += stays
    bound, spent = window.top + window.doubted - window.cleared - window.partner, window.spent
    window.level = bound if bound > spent else spent
    window.mark = (window.epoch, window.top, window.doubted, window.partner_spent)


def _adopt(window: Window, number: int, stays: int, mark: Mark) -> None:
    """The day's count: the number, and what was settled since that request was reserved.

    Of the partner's nobody knows how much was given back: it counts as others'.
    """
    epoch, known, settled, _ = mark
    if epoch != window.epoch:
        known, settled = -1, 0
    bound = number + window.spent - settled - stays
    if known >= window.adopted:
        window.level = bound
        window.adopted += 1
    else:
        window.level = max(window.level + stays, bound)
    window.mark = (window.epoch, window.adopted, window.spent, window.partner_spent)


def foreign(window: Window, number: int) -> list[Foreign]:
    """Tell of others' use above noise: once per window, and again whenever it has doubled.

    A window that began before we did is taken as it is: what was spent in it may have been ours. Beside a partner it is
    told a moment later.
    """
    ours = window.spent + window.in_flight + window.partner_spent + window.partner_in_flight
    excess = number - ours
    if excess <= window.noise:
        window.suspected = 0
        return []
    if excess < 2 * window.told or window.is_partial or not _is_sure(window):
        return []
    window.told = excess
    pool = window.pool.id
    return [Foreign(pool, window.key, window.endpoint, window.begin_ms, number, window.spent, window.in_flight)]


def _is_sure(window: Window) -> bool:
    """Tell whether it cannot be the partner's, of which the word is still on its way: two have come since it was seen.

    Without a partner there is nothing to wait for.
    """
    if not window.words:
        return True
    window.suspected = window.suspected or window.words
    return window.words >= window.suspected + _WORDS


def _fault(text: str | None, is_inside: bool) -> str:
    """Name why a header is of no use."""
    if text is None:
        return "missing"
    if not is_inside:
        return "boundary"
    return "absurd" if text.isdigit() and text.isascii() else "malformed"


def _note(window: Window, fault: str) -> None:
    window.unheard[fault] = window.unheard.get(fault, 0) + 1
