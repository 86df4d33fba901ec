"""Orders of bots that may rest at the exchange and raise risk: what a dead-man's switch is for.

What is not known to have ended counts as resting: a switch that is set in vain costs a little of the limits, one that
is not set leaves orders alone with the market.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from counterseal.core.exposure.rows import Shown, orders_in, shown
from counterseal.core.intent import Intent
from counterseal.core.legs import ALGO_ORDERS, LISTS
from counterseal.core.outcome import Outcome

# Of more than so many the oldest are forgotten: a bot that places so many has others at the same places.
MOST = 50_000
_NEVER_REST = frozenset({"IOC", "FOK"})
_UNBORN = frozenset({Outcome.REJECTED, Outcome.NOT_SENT, Outcome.ABSENT})
# What cancels all plain orders of a symbol, and all conditional ones.
_SWEEPS = {"/api/v3/openOrders": False, "/fapi/v1/allOpenOrders": False, "/dapi/v1/allOpenOrders": False,
           "/fapi/v1/algoOpenOrders": True, "/dapi/v1/algoOpenOrders": True}  # fmt: skip
Name = tuple[str, str]


class Place(NamedTuple):
    """A symbol of a product of an account."""

    account: str
    family: str
    symbol: str


class _Order:
    """`known_ms` is when the exchange confirmed it, None as long as it may be on its way; `number` is the one there."""

    __slots__ = ("bot", "is_algo", "known_ms", "number", "place")

    def __init__(self, bot: str, place: Place, *, is_algo: bool) -> None:
        self.bot = bot
        self.place = place
        self.is_algo = is_algo
        self.known_ms: int | None = None
        self.number = ""


@dataclass(slots=True)
class Resting:
    """All such orders by family and client id. Times are monotonic ms. `faults` counts what could not be taken."""

    faults: int = 0
    _orders: dict[Name, _Order] = field(default_factory=dict)
    _numbered: dict[tuple[Place, str], Name] = field(default_factory=dict)
    _placed: dict[Place, dict[Name, _Order]] = field(default_factory=dict)
    # By bot and place, so that nobody has to look through all of them every second.
    _counts: dict[tuple[str, Place], int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._orders)

    def place(self, bot: str, account: str, intent: Intent) -> None:
        """Count what is about to be sent, but for what can only reduce or cannot rest."""
        ids, legs, path = intent.client_ids, intent.legs, intent.endpoint.path
        if not ids or not legs or intent.reduces or intent.values.get("timeInForce") in _NEVER_REST:
            return
        family, is_list, is_algo = intent.endpoint.family, path in LISTS, path in ALGO_ORDERS
        for number, client_id in enumerate(ids[1:] if is_list else ids):
            leg = legs[min(number, len(legs) - 1)]
            if (leg.type == "MARKET" and not is_list) or leg.reduces:
                continue
            self._add((family, client_id), _Order(bot, Place(account, family, leg.symbol), is_algo=is_algo))
        while len(self._orders) > MOST:
            self._forget(next(iter(self._orders)))

    def confirm(self, family: str, client_id: str, now_ms: int) -> None:
        """The exchange has told of an order that it is open: as `settle` does, for the answer of nearly every order."""
        order = self._orders.get((family, client_id))
        if order is not None and order.known_ms is None:
            order.known_ms = now_ms

    def settle(
        self,
        account: str,
        intent: Intent,
        outcome: Outcome,
        body: Any,
        freed: Iterable[str],
        begun_ms: int,
        now_ms: int,
    ) -> None:
        """Take over what became of a request that was begun at `begun_ms`; `freed` are the ids of refused legs."""
        family = intent.endpoint.family
        self.resolve(family, freed if outcome not in _UNBORN else intent.client_ids)
        if outcome is not Outcome.ACCEPTED:
            return
        path = intent.endpoint.path
        if intent.endpoint.method == "DELETE" and path in _SWEEPS:
            self._sweep(Place(account, family, intent.values.get("symbol", "")), begun_ms, is_algo=_SWEEPS[path])
        self.see(account, family, body, now_ms)

    def resolve(self, family: str, freed: Iterable[str]) -> None:
        """Forget what was never born."""
        for client_id in freed:
            self._forget((family, client_id))

    def see(self, account: str, family: str, body: Any, now_ms: int) -> None:
        """Take over what an answer or an event tells of orders."""
        for row in orders_in(body):
            seen = shown(row)
            if seen is not None:
                # A conditional order that was triggered has ended with what became of it.
                is_over = seen.ended or row.get("algoStatus") == "FINISHED"
                self._see(account, family, seen._replace(ended=is_over), now_ms)

    def _see(self, account: str, family: str, seen: Shown, now_ms: int) -> None:
        place = Place(account, family, seen.symbol)
        # A cancel may bear any id, another order's too: what it ended is the one that is named first.
        told = seen.names[:1] if seen.ended else seen.names
        names = [(family, name) for name in told if (family, name) in self._orders]
        if len(names) > 1:
            # An amendment: the order goes on under its new id.
            self._forget(names.pop(0))
        numbered = self._numbered.get((place, seen.number))
        for name in names or ([] if numbered is None else [numbered]):
            order = self._orders[name]
            # The exchange takes the id of an order that has ended again: the number tells which of them is shown.
            if order.place.account != account or (order.number and seen.number and order.number != seen.number):
                continue
            if seen.ended:
                self._forget(name)
                continue
            order.known_ms = now_ms if order.known_ms is None else order.known_ms
            if seen.number and not order.number:
                order.number = seen.number
                self._numbered[order.place, seen.number] = name

    def _sweep(self, place: Place, begun_ms: int, *, is_algo: bool) -> None:
        """All that was known before the cancel was begun is gone; what was on its way then may have come after it."""
        gone = [
            name for name, order in self._placed.get(place, {}).items()
            if order.is_algo is is_algo and order.known_ms is not None and order.known_ms <= begun_ms
        ]  # fmt: skip
        for name in gone:
            self._forget(name)

    def _add(self, name: Name, order: _Order) -> None:
        self._forget(name)
        self._orders[name] = order
        self._placed.setdefault(order.place, {})[name] = order
        whose = (order.bot, order.place)
        self._counts[whose] = self._counts.get(whose, 0) + 1

    def _forget(self, name: Name) -> None:
        order = self._orders.pop(name, None)
        if order is None:
            return
        if order.number:
            self._numbered.pop((order.place, order.number), None)
        there, whose = self._placed[order.place], (order.bot, order.place)
        del there[name]
        if not there:
            del self._placed[order.place]
        self._counts[whose] -= 1
        if not self._counts[whose]:
            del self._counts[whose]

    def owners(self) -> Iterator[tuple[Place, str, str]]:
        """Give each order: where it rests, its client id, whose it is."""
        for (_, client_id), order in self._orders.items():
            yield order.place, client_id, order.bot

    def of_bots(self) -> dict[str, list[Place]]:
        """Give where each bot has any."""
        found: dict[str, list[Place]] = {}
        for bot, place in sorted(self._counts):
            found.setdefault(bot, []).append(place)
        return found
