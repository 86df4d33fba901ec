"""Finds fills where no stream tells them (ruling 42): the open orders of symbols where limited bots have some, and
positions.

In a second each product of an account is asked for the open orders of one symbol, the one that has waited longest, and
for as many orders that have vanished from it as `VANISHED` allows. On spot that is a weight of 6 + 4 for each vanished
order, on futures 1 + 1; positions cost 5 every `POSITIONS_MS` on USD-M and 1 on COIN-M.
"""

import asyncio
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from counterseal.adapters.tasks import Tasks
from counterseal.core.exposure.order import Order
from counterseal.core.queries import Question, Window, question
from counterseal.core.resolver import Ask
from counterseal.core.subjects import Change, Store, Subject
from counterseal.gateway import answers
from counterseal.gateway.asking import Asker
from counterseal.gateway.budget import OWN
from counterseal.gateway.exposure import Exposures
from counterseal.gateway.state import State
from counterseal.ports.venue import VenueReply

PERIOD_S = 1.0
POSITIONS_MS = 5_000
VANISHED = 4
# An order that the exchange denies although it once confirmed it has ended long ago, or its reads are behind.
FORGOTTEN_MS = 60_000
NO_SUCH_ORDER, ARCHIVED, NO_SUCH_SYMBOL = -2013, -2026, -1121
_NO_WINDOW = Window(0, 0)
_POSITIONS = {"usdm": "/fapi/v3/positionRisk", "coinm": "/dapi/v1/positionRisk"}
Group = tuple[str, str, str, bool]


class Polling:
    """Asks the exchange on behalf of the book of exposures."""

    def __init__(self, state: State, asker: Asker, exposures: Exposures, tasks: Tasks, warn: Any) -> None:
        self._state = state
        self._asker = asker
        self._exposures = exposures
        self._tasks = tasks
        self._warn = warn
        self._asked_ms: dict[Group, int] = {}

    def start(self) -> None:
        """Ask from now on."""
        self._tasks.spawn(self._run(), "find fills")

    async def _run(self) -> None:
        while True:
            if self._exposures.active:
                try:
                    await self.once()
                except Exception as error:  # noqa: BLE001 - whatever the exchange sent, the next second tries again
                    self._warn("fills cannot be looked for", why=type(error).__name__)
                self._exposures.keep(self._state.monotonic_ms())
            await self._state.clock.sleep(PERIOD_S)

    async def once(self) -> None:
        """Ask everything that is due."""
        due = self._due(self._open_groups())
        await asyncio.gather(self.read_positions(), *[self._ask_open(group, orders) for group, orders in due])

    async def catch_up(self, account: str, family: str) -> bool:
        """Ask for everything of one product of an account at once; tell whether all of it was answered."""
        groups = [(group, orders) for group, orders in self._open_groups().items() if group[:2] == (account, family)]
        asked = [self._ask_open(group, orders) for group, orders in groups]
        if (account, family) in self._exposures.stated():
            asked.append(self._read_positions(account, family))
        return all(await asyncio.gather(*asked))

    # -- positions

    async def read_positions(self) -> None:
        """Read the positions that a limit needs and that are due."""
        now_ms = self._state.monotonic_ms()
        due = [
            whose for whose, at_ms in self._exposures.stated().items()
            if at_ms is None or now_ms - at_ms >= POSITIONS_MS
        ]  # fmt: skip
        await asyncio.gather(*[self._read_positions(account, family) for account, family in due])

    async def _read_positions(self, account: str, family: str) -> bool:
        key, asked_ms = self._key_of(account), self._state.monotonic_ms()
        if key is None:
            return False
        held = self._exposures.held(account, family)
        answer = await self._asker.ask(OWN, key, family, Question(_POSITIONS[family], ()))
        rows = None if answer is None else _rows(answer)
        if rows is None:
            return False
        found = positions_in(rows)
        if found is None:
            self._warn("unreadable answer", path=_POSITIONS[family])
            return False
        self._exposures.state(account, family, found, asked_ms, held)
        return True

    def _key_of(self, account: str) -> str | None:
        """Choose a key of an account that may read it, rather one that may do nothing else."""
        named = self._state.config.keys.values()
        keys = [key for key in named if key.account == account and self._asker.holds(key.name)]
        reading = sorted((len(key.functions), key.name) for key in keys if key.functions & {"account", "trade"})
        return reading[0][1] if reading else None

    def _key_for(self, order: Order) -> str:
        """Choose the key that placed an order; where that is gone, another one of its account."""
        known = self._state.config.keys.get(order.key)
        is_there = known is not None and known.account == order.where.account and self._asker.holds(order.key)
        return order.key if is_there else self._key_of(order.where.account) or order.key

    # -- orders

    def _open_groups(self) -> dict[Group, list[Order]]:
        """Give the orders that the exchange has confirmed, by account, product, symbol and store."""
        groups: dict[Group, list[Order]] = {}
        for order in self._exposures.tracker.book.orders():
            if order.shown:
                algo = order.algo and all(number.startswith("a") for number in order.numbers)
                groups.setdefault((*order.where[:3], algo), []).append(order)
        for group in [group for group in self._asked_ms if group not in groups]:
            del self._asked_ms[group]
        return groups

    def _due(self, groups: Mapping[Group, list[Order]]) -> list[tuple[Group, list[Order]]]:
        """Of each product of each account the symbol that has waited longest."""
        first: dict[tuple[str, str], Group] = {}
        for group in groups:
            whose = group[:2]
            if whose not in first or self._asked_ms.get(group, 0) < self._asked_ms.get(first[whose], 0):
                first[whose] = group
        return [(group, groups[group]) for group in first.values()]

    async def _ask_open(self, group: Group, orders: list[Order]) -> bool:
        asked_ms = self._state.monotonic_ms()
        self._asked_ms[group] = asked_ms
        _, family, symbol, algo = group
        store = Store.ALGO if algo else Store.ORDER
        asked = question(Subject(Change.BORN, store, family, symbol), Ask.OPEN, _NO_WINDOW)
        key = self._key_for(orders[0])
        answer = None if asked is None else await self._asker.ask(OWN, key, family, asked)
        rows = None if answer is None else _rows(answer)
        if rows is None:
            # A symbol that is no longer traded has nothing open, and will never be answered in another way.
            return answer is not None and answers.parse(answer).code == NO_SUCH_SYMBOL
        self._exposures.learn(key, family, rows)
        open_now = {str(row.get("algoId" if algo else "orderId")) for row in rows if isinstance(row, dict)}
        vanished = [
            (order, number) for order in orders if order.since_ms < asked_ms
            for number in _alive(order) if number.lstrip("a") not in open_now
        ]  # fmt: skip
        vanished.sort(key=lambda one: one[0].asked_ms)
        answered = await asyncio.gather(*[self._ask_one(order, number) for order, number in vanished[:VANISHED]])
        return len(vanished) <= VANISHED and all(answered)

    async def _ask_one(self, order: Order, number: str) -> bool:
        """Ask for an order that is open no longer, or that has no number yet."""
        order.asked_ms = self._state.monotonic_ms()
        _, family, symbol, _ = order.where
        store, named = (Store.ALGO, number[1:]) if number.startswith("a") else (Store.ORDER, number)
        name = "" if named else next(iter(order.live))
        asked = question(Subject(Change.BORN, store, family, symbol, name, named), Ask.NAMED, _NO_WINDOW)
        key = self._key_for(order)
        answer = None if asked is None else await self._asker.ask(OWN, key, family, asked)
        if answer is None:
            return False
        parsed = answers.parse(answer)
        if answer.status == 200 and isinstance(parsed.body, dict):
            self._exposures.learn(key, family, parsed.body)
            return True
        if parsed.code in (NO_SUCH_ORDER, ARCHIVED):
            self._forgotten(order, number, key)
        return parsed.code in (NO_SUCH_ORDER, ARCHIVED)

    def _forgotten(self, order: Order, number: str, key: str) -> None:
        """The exchange forgets orders that ended without a trade: nothing more was filled of it."""
        if self._state.monotonic_ms() - order.since_ms < FORGOTTEN_MS or number.startswith("a"):
            return
        name = order.numbers.get(number, next(iter(order.live), ""))
        row = {"symbol": order.where.symbol, "clientOrderId": name, "orderId": number, "status": "EXPIRED"}
        self._exposures.learn(key, order.where.family, row)


def _alive(order: Order) -> Iterable[str]:
    """Give the numbers under which an order may still trade; one that has none yet is asked for by its name."""
    triggered = order.algo and any(not number.startswith("a") for number in order.numbers)
    found = [
        number for number, name in order.numbers.items()
        if name in order.live and not (triggered and number.startswith("a"))
    ]  # fmt: skip
    return found or ([""] if order.live and not order.algo else [])


def positions_in(rows: Iterable[Any]) -> dict[tuple[str, str], Decimal] | None:
    """Read positions by symbol and side ("" in one-way mode); None when a row cannot be read."""
    found: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        try:
            side = row.get("positionSide", "BOTH")
            found[row["symbol"], "" if side == "BOTH" else side] = Decimal(row["positionAmt"])
        except (KeyError, TypeError, AttributeError, InvalidOperation):
            return None
    return found if all(position.is_finite() for position in found.values()) else None


def _rows(answer: VenueReply) -> list[Any] | None:
    body = answers.parse(answer).body if answer.status == 200 else None
    return body if isinstance(body, list) else None
