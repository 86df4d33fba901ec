"""A bot whose requests the exchange refuses again and again is slowed alone, so that it spends nobody else's limits.

What counts is told apart by work (trade, account, market data): a bot that reads its balance between two refused orders
is in a loop all the same. Exits are never slowed, and count neither way.
"""

from dataclasses import dataclass, field
from enum import Enum

# So many refusals in a row are a bot's good right.
FREE_REFUSALS = 10
FIRST_PAUSE_MS = 100
LONGEST_PAUSE_MS = 10_000
# Refused for what the gateway or its neighbours did: throttled, our clock, our signature, half of it done.
_NOT_THE_BOTS = frozenset({-1003, -1021, -1022, -2021})
# A firewall's page, a request that came too slowly, a ban.
_NOT_ITS_STATUS = frozenset({403, 408, 418})


class Told(Enum):
    """What an answer of the exchange says about the bot that asked."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NEITHER = "neither"


def judge(status: int, code: int | None, *, caused_throttle: bool = False) -> Told:
    """Judge an answer by its status and the exchange's code, None where it has none.

    `caused_throttle` tells that a -1003 is this bot's own doing.
    """
    if 200 <= status < 300:
        # With a code: a batch or a list whose parts were refused.
        return Told.ACCEPTED if code is None else Told.REFUSED
    if code in _NOT_THE_BOTS:
        return Told.REFUSED if code == -1003 and caused_throttle else Told.NEITHER
    if not 400 <= status < 500 or status in _NOT_ITS_STATUS:
        return Told.NEITHER
    # Without a code a 429 is about the address.
    return Told.NEITHER if status == 429 and code is None else Told.REFUSED


@dataclass(slots=True)
class _Loop:
    """Refusals in a row, and from the eleventh on the pause after each."""

    refusals: int = 0
    pause_ms: int = 0
    next_ms: int = 0
    # Whether the one request that may follow a pause is out.
    trying: bool = False


@dataclass(slots=True)
class Rejects:
    """Who is in a loop. Holds nothing of a bot whose last request was accepted."""

    loops: dict[tuple[str, str], _Loop] = field(default_factory=dict)

    def ask(self, bot: str, work: str, now_ms: int, *, is_exit: bool = False) -> int:
        """Give 0 and let a request go, or give the milliseconds for which it is refused with `bot_slowed`.

        After each pause one request may go; the next one has to wait as long again, or for that one's success.
        """
        loop = self.loops.get((bot, work)) if self.loops else None
        if loop is None or not loop.pause_ms or is_exit:
            return 0
        if now_ms < loop.next_ms:
            return loop.next_ms - now_ms
        loop.next_ms, loop.trying = now_ms + loop.pause_ms, True
        return 0

    def note(self, bot: str, work: str, told: Told, now_ms: int, *, is_exit: bool = False) -> None:
        """Learn from an answer. Nothing is learnt from what got no answer."""
        if is_exit or told is Told.NEITHER:
            return
        if told is Told.ACCEPTED:
            if self.loops:
                self.loops.pop((bot, work), None)
            return
        loop = self.loops.setdefault((bot, work), _Loop())
        loop.refusals += 1
        if loop.refusals <= FREE_REFUSALS:
            return
        if not loop.pause_ms:
            loop.pause_ms = FIRST_PAUSE_MS
        elif loop.trying:
            loop.pause_ms = min(2 * loop.pause_ms, LONGEST_PAUSE_MS)
        else:
            return  # it left before the pause began: what was sent side by side is one mistake
        loop.next_ms, loop.trying = now_ms + loop.pause_ms, False

    def slowed(self, now_ms: int) -> dict[tuple[str, str], tuple[int, int]]:
        """Give (refusals in a row, milliseconds left) of each (bot, work) that is slowed, to be shown."""
        return {
            who: (loop.refusals, max(0, loop.next_ms - now_ms)) for who, loop in self.loops.items() if loop.pause_ms
        }
