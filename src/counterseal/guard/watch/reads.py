"""What the watch reads of the exchange, and what becomes of each answer. Each work tells whether it was done."""

import asyncio
from collections.abc import Callable

from counterseal.core.positions.orders import Key, Open
from counterseal.core.reducing import GUARD_PREFIX
from counterseal.guard.watch.asking import Reader
from counterseal.guard.watch.intruders import Intruders
from counterseal.guard.watch.plan import ALL_MS, LATE_MS, LEAST_SINGLE_MS, READS, STREAMED, marks_ms
from counterseal.guard.watch.world import Whose, World

# An open order that no event has told within this time, although events come, is from outside.
UNCLAIMED_MS = 3_000


class Reads:
    """The work of the rounds; `pace` changes how often one is due."""

    def __init__(self, world: World, reader: Reader, intruders: Intruders, pace: Callable[[str, int], None]) -> None:
        self._world, self._reader, self._intruders, self._pace = world, reader, intruders, pace
        self._read_ms: dict[str, int] = {}

    async def rules(self, family: str) -> bool:
        """Read a market's symbols."""
        found = await self._reader.rules(family)
        if not found:
            return False
        self._world.learn(family, found)
        return True

    async def marks(self, family: str) -> bool:
        """Read the prices of a market: of few symbols that something rests on, one by one and often; else of all.

        As long as the exchange's stream tells them there is nothing to read, but all of them now and then.
        """
        now_ms, prices = self._world.now_ms(), self._world.prices
        wanted = sorted(prices.wanted(family))
        is_old = prices.all_age_ms(family) >= ALL_MS
        if family in STREAMED and not is_old and self._are_heard(family, wanted, now_ms):
            self._pace(f"marks {family}", LEAST_SINGLE_MS)
            return True
        is_all = is_old or not 0 < len(wanted) <= READS[family].singly
        asked = [""] if is_all else wanted
        self._read_ms[family] = now_ms
        self._pace(f"marks {family}", marks_ms(family, 0 if is_all and not wanted else len(wanted)))
        answers = [self._reader.marks(family, now_ms, self._world.exchange_ms(), symbol) for symbol in asked]
        found = [each for each in await asyncio.gather(*answers) if each is not None]
        new = [prices.take(family, each, is_all=is_all) for each in found]
        if any(new):
            self._world.judge()
        return len(found) == len(asked) and any(new)

    def _are_heard(self, family: str, wanted: list[str], now_ms: int) -> bool:
        """Tell whether the stream tells what is wanted, or a read would come too soon after the last one."""
        if now_ms - self._read_ms.get(family, -ALL_MS) < marks_ms(family, len(wanted)):
            return True
        return self._world.prices.is_heard(family, wanted, LATE_MS)

    async def account(self, whose: Whose) -> bool:
        """Read what an account has in a market."""
        followed = self._world.followed.get(whose)
        if followed is None or not self._world.knows(whose[1]):
            return False
        asked_ms, asked_at_ms = self._world.now_ms(), self._world.exchange_ms()
        followed.wanted = False
        statement = await self._reader.snapshot(*whose)
        if statement is None:
            return False
        self._world.prices.stated(whose[1], statement, asked_ms, asked_at_ms)
        followed.snapshot(statement, asked_ms, self._world.now_ms())
        self._world.touch(whose)
        self._world.judge()
        return True

    async def orders(self, whose: Whose) -> bool:
        """Read all open orders of an account in a market."""
        followed = self._world.followed.get(whose)
        if followed is None:
            return False
        asked_ms = self._world.now_ms()
        lists = await self._reader.orders(*whose)
        if lists is None:
            return False
        done = [followed.orders.listed(body, asked_ms, conditional=conditional) for conditional, body in lists]
        if followed.orders_ms is None:
            followed.orders.settle_all()
        followed.orders_ms = asked_ms
        self._world.touch(whose)
        return all(done)

    def unclaimed(self, whose: Whose) -> None:
        """Tell of the orders that only lists have shown, where events should have told them."""
        followed = self._world.followed[whose]
        if followed.has_gap:
            return
        for key, one in followed.orders.unclaimed(self._world.now_ms() - UNCLAIMED_MS):
            self._tell(whose, key, one)

    def _tell(self, whose: Whose, key: Key, one: Open) -> None:
        if not one.client_id.startswith(GUARD_PREFIX):
            self._intruders.listed(*whose, one.symbol, key.number, one.client_id)

    async def rights(self, account: str) -> bool:
        """Read what a key of an account may do."""
        key = self._reader.key_of(account)
        found = await self._reader.rights(account)
        # Another key, or another version of it, has rights of its own: they are no change of the first one's.
        if found is None or self._reader.key_of(account) != key:
            return False
        self._intruders.rights(account, found, key)
        return True

    async def level(self, account: str, product: str) -> bool:
        """Read the margin of an account: "papi" is portfolio margin, "sapi" cross margin."""
        reader = self._reader
        found = await (reader.portfolio(account) if product == "papi" else reader.margin(account))
        if found is None:
            return False
        self._world.levels[account, product] = found
        return True
