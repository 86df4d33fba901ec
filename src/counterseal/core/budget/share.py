"""Who may use how much of a pool: lanes by priority, and between bots a part for each. Arithmetic on whole numbers.

A part of each limit is the guard's; the last of ours is for exits; account and market reads leave room for what trades.
What is left over by rounding belongs to the higher lane. Within a lane the first half goes to whoever comes first, and
every active bot has a part of the second half by its share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from counterseal.core.budget.pools import MINUTE_MS, SECOND_MS, Kind, Pool


class Lane(IntEnum):
    """Best first. RISK: cancels and reduces, and the few refreshes that the gateway itself cannot do without."""

    RISK = 0
    TRADE = 1
    ACCOUNT = 2
    MARKET = 3


# By lane: a name is asked for at every request, and an enumeration is slow to tell it.
LANE_NAMES = tuple(lane.name for lane in Lane)
Ceilings = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Shares:
    """Per cent of a limit: the guard's, then what each lane leaves to the better ones, one on top of the other.

    `kept` is what of the guard's part stays unspent as long as there is no guard: the rest of it is lent to the exits
    of bots, which would be the guard's affair otherwise.
    """

    guard: int = 20
    risk: int = 10
    account: int = 5
    market: int = 10
    kept: int = 2

    def ceilings(self, limit: int) -> Ceilings:
        """Give up to which use of the pool each lane may spend, by `Lane`: with 6,000 it is 4800, 4200, 3900, 3300."""
        ours = max(0, limit - _up(limit, self.guard))
        trade = max(0, ours - _up(limit, self.risk))
        account = max(0, trade - _up(limit, self.account))
        return ours, trade, account, max(0, account - _up(limit, self.market))

    def exits(self, limit: int) -> int:
        """Give up to which use of the pool bots may cancel and reduce; with 6,000 it is 5880."""
        return max(0, limit - _up(limit, min(self.guard, self.kept)))


def easy_of(ceilings: Ceilings) -> Ceilings:
    """Give up to which use whoever comes first is served: half of each lane; exits, until only they may spend.

    What is above is divided between the bots, so that bursts are served at once and nobody can take everything: not
    even the reserve of exits, by cancels in a loop.
    """
    return ceilings[1], ceilings[1] // 2, ceilings[2] // 2, ceilings[3] // 2


@dataclass(frozen=True, slots=True)
class Quotas:
    """A bot's own bounds in each pool: weight per minute, orders per 10 s, per cent of any pool. 0 is no bound."""

    weight_1m: int = 0
    orders_10s: int = 0
    percent: int = 0

    def bound(self, pool: Pool, limit: int) -> int | None:
        """Give what the bot may use of a window of this pool, None when nothing bounds it."""
        bounds = []
        if self.percent:
            bounds.append(limit * self.percent // 100)
        if self.weight_1m and pool.kind is Kind.WEIGHT and pool.window_ms == MINUTE_MS:
            bounds.append(self.weight_1m)
        if self.orders_10s and pool.kind is Kind.ORDERS and pool.window_ms == 10 * SECOND_MS:
            bounds.append(self.orders_10s)
        return min(bounds) if bounds else None


UNBOUNDED = Quotas()
# Whoever calls without a credential: public data only, and little of it.
ANONYMOUS_QUOTAS = Quotas(percent=5)


def part_of(divided: int, share: int, all_shares: int) -> int:
    """Give one bot's part of what is divided; parts together never exceed it."""
    return divided * share // all_shares if all_shares > 0 else 0


def may_take(
    capacity: int,
    divided: int,
    used: int,
    amount: int,
    own: tuple[int, int],
    others: Sequence[tuple[int, int]],
    left: tuple[int, int],
) -> bool:
    """Tell whether a bot may take `amount` of a lane in which `used` of `capacity` is taken.

    `own` and `others` are (used, share) of the asking bot and of the other active ones. Each has a part of `divided`,
    the end of the lane. Up to its part a bot may always take; beyond it only what remains free when the others' unspent
    parts are kept for them, of each no more than is due to it in the time left: `left` = (time left, whole window). So
    one that spends evenly loses nothing, and close to the end of a window nothing is kept that nobody will use.
    """
    if used + amount > capacity:
        return False
    all_shares = own[1] + sum(share for _, share in others)
    if own[0] + amount <= part_of(divided, own[1], all_shares):
        return True
    kept = 0
    for spent, share in others:
        part = part_of(divided, share, all_shares)
        kept += max(0, min(part - spent, -(-part * left[0] // left[1])))
    return used + amount + kept <= capacity


def _up(limit: int, percent: int) -> int:
    return -(-limit * percent // 100)
