"""Makes positions smaller, one order at a time for each, every one derived from a position that was just read.

The first orders may be derived from what the watch knows, where no order of ours has been sent since it was stated:
none of them can turn a position, and the next ones come from a read again.

It stops for a position whose last order is UNKNOWN until that is proven, and never sends an order twice. When it does
not come inside in time it says what is left.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from counterseal.adapters.tasks import Tasks
from counterseal.core.holdings import SPOT, Holding, spot_holdings
from counterseal.core.lots import ZERO, bare_lot
from counterseal.core.numbers import decimal
from counterseal.core.open_orders import ROOTS
from counterseal.core.outcome import Outcome, classify
from counterseal.core.reducing import Dust, Reduce, Terms, order_pairs, to_target
from counterseal.core.resolver import End
from counterseal.guard.hands.asker import Asker, Told
from counterseal.guard.hands.listing import Listing
from counterseal.guard.hands.market import Market
from counterseal.guard.hands.parts import Part
from counterseal.guard.hands.proof import Proof
from counterseal.guard.hands.resolving import Unanswered
from counterseal.ports.clock import Clock

DEADLINE_S = 60.0
# How far from the market an order may trade: where it brings nothing the next one may go further.
COLLARS = tuple(map(Decimal, ("0.5", "1", "2", "4")))
# The largest order in units of the quote asset: a larger position is closed in slices.
MAX_SLICE = Decimal(250_000)
# Between a position that could not be made smaller and the next look at it.
PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
# How long a position may be told as it was before an order that was filled.
LAG_MS = 2_000
# So many refusals in a row that nothing was learnt from, and a position is left to people.
MOST_REFUSALS = 8
_GONE, _THROTTLED = -2022, -1008
_OVER_CAP = "the signer refuses: over_quantity_cap"
# What a refusal says that no other size or moment would change.
_HOPELESS = frozenset({-1121, -2014, -2015, -4061, -4140, -4141, -1013})
Targets = Callable[[Holding], Decimal | None]


class Goal(NamedTuple):
    """What shall become of the positions of an account: how large each may stay, whatever its side, None to leave it
    alone.
    """

    account: str
    family: str
    targets: Targets
    # Whose the positions are, where they are one bot's, and who is told what was closed of them.
    bot: str = ""
    part: Part | None = None


class _Effort:
    """What was tried for one position."""

    def __init__(self) -> None:
        self.collar = self.refusals = 0
        self.max_slice = MAX_SLICE
        self.not_before_ms = 0
        self.is_busy = False
        self.unknown = ""
        self.why = ""
        # After an order that was filled: how large the position can be at most, as long as nobody else makes it larger.
        self.expected: Decimal | None = None
        self.expected_until_ms = 0
        # When an order of ours was sent or answered last.
        self.touched_ms: int | None = None

    @property
    def is_given_up(self) -> bool:
        """Whether only people can help."""
        return not self.unknown and not self.is_busy and self.refusals >= MOST_REFUSALS

    def begin(self) -> None:
        """Forget what earlier orders met, but not one that is under way."""
        if not self.unknown and not self.is_busy:
            self.collar = self.refusals = self.not_before_ms = 0
            self.max_slice, self.why = MAX_SLICE, ""

    def is_known(self, one: Holding) -> bool:
        """Tell whether what was seen of a position has all that our orders have made of it."""
        if one.seen_ms is None:
            return True
        is_clear = not self.unknown and not self.is_busy
        return is_clear and (self.touched_ms is None or one.seen_ms > self.touched_ms)

    def waits_for(self, amount: Decimal, now_ms: int) -> str:
        """Tell why no order is sent now for a position of this amount, "" when one may be."""
        if self.unknown or self.is_busy:
            return self.unknown or "another order is under way"
        if self.expected is not None and abs(amount) > self.expected and now_ms < self.expected_until_ms:
            return "the exchange does not show yet what was traded"
        return self.why or "it waits" if self.is_given_up or now_ms < self.not_before_ms else ""


class Flattener:
    """Reduces. `register` is told the client ids before they are sent, `record` what is sent and what came of it.
    `bought` gives what bots bought on spot, by symbol; None where nobody knows.
    """

    def __init__(
        self,
        asker: Asker,
        listing: Listing,
        market: Market,
        clock: Clock,
        tasks: Tasks,
        next_id: Callable[[], str],
        register: Callable[[str, str, Sequence[str]], None],
        record: Callable[[Mapping[str, Any]], object],
        bought: Callable[[str], Mapping[str, Decimal] | None],
    ) -> None:
        self._asker, self._listing, self._market = asker, listing, market
        self._clock, self._tasks, self._next_id = clock, tasks, next_id
        self._register, self._record, self._bought = register, record, bought
        self._unanswered = Unanswered(asker, clock)
        # One at a time for each position, whoever asks.
        self._efforts: dict[tuple[str, str, str, str], _Effort] = {}

    async def reduce(self, goal: Goal, deadline_s: float = DEADLINE_S, fresh: Sequence[Holding] | None = None) -> Proof:
        """Bring positions to their targets. `fresh` are positions for the first orders, as far as they are that."""
        for (account, family, _, _), effort in self._efforts.items():
            if (account, family) == (goal.account, goal.family):
                effort.begin()
        if fresh is not None and not all(self._effort(goal, one).is_known(one) for one in fresh):
            fresh = None
        return await self._rounds(goal, self._now_ms() + int(deadline_s * 1000), fresh)

    async def _rounds(self, goal: Goal, until_ms: int, fresh: Sequence[Holding] | None) -> Proof:
        sent, pause_s = 0, PAUSE_S
        while True:
            is_read = fresh is None
            held = await self._held(goal) if fresh is None else list(fresh)
            fresh = None
            if isinstance(held, str) or held is None:
                if isinstance(held, str) or self._now_ms() >= until_ms:
                    return _unread(goal, sent, held)
            else:
                orders, dust, waiting = await self._plan(goal, held)
                if not orders and not is_read:
                    continue  # that there is nothing to do is believed only when it was read
                if not orders and not waiting:
                    return _ended(goal, sent, dust)
                if self._now_ms() >= until_ms or not self._has_hope(goal, orders, waiting):
                    return _ended(goal, sent, dust, [*[(one, "time is up") for one, _ in orders], *waiting])
                if orders:
                    brought = await self._send_all(goal, orders)
                    sent, pause_s = sent + len(orders), PAUSE_S
                    if any(brought):
                        continue
            left_s = (until_ms - self._now_ms()) / 1000
            await self._clock.sleep(max(0.001, min(pause_s, left_s)))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    # -- what to do

    async def _held(self, goal: Goal) -> list[Holding] | str | None:
        """Read the positions; None when they could not be read, a sentence where they never can."""
        if goal.family != "spot":
            return await self._listing.positions(goal.account, goal.family)
        bought = self._bought(goal.account)
        if bought is None:
            return "what bots bought is not known, so that nothing may be sold"
        await self._market.lots("spot")
        bases = self._market.bases()
        if any(amount and symbol not in bases for symbol, amount in bought.items()):
            return None  # what a symbol is made of is not known yet
        free = await self._listing.free(goal.account)
        return None if free is None else spot_holdings(free, bought, bases)

    async def _plan(
        self, goal: Goal, held: Sequence[Holding]
    ) -> tuple[list[tuple[Holding, Reduce]], list[Dust], list[tuple[Holding, str]]]:
        """Give the orders to send now, what no order can take away, and what has to wait with the reason."""
        lots = await self._market.lots(goal.family)
        orders, dust, waiting = [], [], []
        for one in held:
            target = goal.targets(one)
            effort = self._effort(goal, one)
            if target is None:
                continue
            lot = lots.get(one.symbol)
            if lot is None and one.side == SPOT:
                waiting.append((one, "its steps are not known"))
                continue
            price = one.mark or await self._market.price(goal.family, one.symbol)
            # A price has no step then, so that the order has none.
            terms = Terms(COLLARS[effort.collar] if lot is not None else None, effort.max_slice)
            order = to_target(one, abs(target).copy_sign(one.amount), lot or bare_lot(one.amount), price, terms)
            if isinstance(order, Dust):
                dust.append(order)
            elif order is not None and (why := effort.waits_for(one.amount, self._now_ms())):
                waiting.append((one, why))
            elif order is not None:
                orders.append((one, order))
        return orders, dust, waiting

    def _has_hope(
        self, goal: Goal, orders: Sequence[tuple[Holding, Reduce]], waiting: Sequence[tuple[Holding, str]]
    ) -> bool:
        return bool(orders) or not all(self._effort(goal, one).is_given_up for one, _ in waiting)

    def _effort(self, goal: Goal, one: Holding) -> _Effort:
        return self._efforts.setdefault((goal.account, goal.family, one.symbol, one.side), _Effort())

    # -- one order

    async def _send_all(self, goal: Goal, orders: Sequence[tuple[Holding, Reduce]]) -> list[bool]:
        if len(orders) == 1:  # most are: without a task of its own it leaves a turn of the loop earlier
            return [await self._send(goal, *orders[0])]
        return await asyncio.gather(*(self._send(goal, one, order) for one, order in orders))

    async def _send(self, goal: Goal, one: Holding, order: Reduce) -> bool:
        """Send one order; whether something was traded or learnt, so that the position is to be read at once."""
        effort = self._effort(goal, one)
        if effort.waits_for(one.amount, self._now_ms()):
            # Somebody else was first: what was read is old.
            return False
        effort.is_busy = True
        try:
            return await self._send_now(goal, one, order, effort)
        finally:
            effort.is_busy = False

    async def _send_now(self, goal: Goal, one: Holding, order: Reduce, effort: _Effort) -> bool:
        client_id = self._next_id()
        self._register(goal.account, goal.family, (client_id,))
        row = {
            "type": "guard_order", "account": goal.account, "family": goal.family, "symbol": order.symbol,
            "side": order.side, "position_side": order.position_side, "quantity": str(order.quantity),
            "price": None if order.price is None else str(order.price), "client_id": client_id,
            "position": str(one.amount), "bot": goal.bot or None,
        }  # fmt: skip
        self._record({**row, "act": "send"})
        effort.touched_ms = self._now_ms()
        told = await self._asker.send(
            goal.account, goal.family, "POST", f"{ROOTS[goal.family]}/order", order_pairs(order, client_id)
        )
        effort.touched_ms = self._now_ms()
        outcome = _outcome(goal.family, told, order.symbol, client_id)
        self._record({**row, "act": "answered", "outcome": outcome.value, "why": _reason(told)})
        if outcome is Outcome.UNKNOWN:
            effort.unknown = f"order {client_id} is unanswered"
            if goal.part is not None:
                # As if all of it had been closed: what is closed twice would be somebody else's.
                goal.part.filled(one, order.quantity)
            self._tasks.spawn(self._resolve(goal, one, order, client_id, told, effort), f"resolve {client_id}")
            return False
        if goal.part is not None and outcome is Outcome.ACCEPTED:
            goal.part.filled(one, _filled(told.answer.body))
        return self._learn(effort, one, outcome, told)

    async def _resolve(
        self, goal: Goal, one: Holding, order: Reduce, client_id: str, told: Told, effort: _Effort
    ) -> None:
        symbol = order.symbol
        end = await self._unanswered.resolve(goal.account, goal.family, symbol, client_id, told.sent_ms)
        self._record({
            "type": "guard_order", "act": "resolved", "account": goal.account, "family": goal.family, "symbol": symbol,
            "client_id": client_id, "outcome": "ACCEPTED" if end is End.TAKEN else "ABSENT",
        })  # fmt: skip
        if goal.part is not None and end is End.TAKEN:
            goal.part.doubt(one)
        elif goal.part is not None:
            goal.part.filled(one, order.quantity.copy_negate())
        effort.unknown, effort.touched_ms = "", self._now_ms()

    def _learn(self, effort: _Effort, one: Holding, outcome: Outcome, told: Told) -> bool:
        """Take from the answer how the next order is to be; whether to go on at once."""
        answer = told.answer
        if outcome is Outcome.ACCEPTED:
            effort.refusals, effort.why, filled = 0, "", _filled(answer.body)
            if filled:
                effort.expected, effort.expected_until_ms = abs(one.amount) - filled, self._now_ms() + LAG_MS
                return True
            # Nobody was there at that price: the next may go further.
            effort.collar = min(effort.collar + 1, len(COLLARS) - 1)
            effort.why = "nothing is offered within the collar"
            return False
        effort.why = _reason(told)
        if answer.code == _GONE:
            # It is gone, or smaller than it was: read anew.
            effort.refusals += 1
            return effort.refusals < MOST_REFUSALS
        if told.why == _OVER_CAP:
            # The signer's cap is in quantity: half of it may pass. Nothing was sent.
            effort.max_slice /= 2
            return effort.max_slice > 1
        # A wait for room, a host that is down, or overload, is no refusal of this order.
        effort.refusals += 0 if outcome is Outcome.NOT_SENT or answer.code == _THROTTLED else 1
        if answer.code in _HOPELESS:
            effort.refusals = MOST_REFUSALS
        if answer.code == _THROTTLED and not _is_exempt(one):
            # Only what can but reduce is exempt: others wait, and longer each time.
            effort.not_before_ms = self._now_ms() + int(LONGEST_PAUSE_S * 1000)
        return False

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000


def _is_exempt(one: Holding) -> bool:
    return one.side not in (SPOT, "LONG", "SHORT")


def _outcome(family: str, told: Told, symbol: str, client_id: str) -> Outcome:
    if told.reply is None:
        return Outcome.UNKNOWN if told.left else Outcome.NOT_SENT
    return classify(family, told.answer, {"symbol": symbol, "clientOrderId": client_id})


def _filled(body: Any) -> Decimal:
    told = body.get("executedQty") if isinstance(body, dict) else None
    return (decimal(told) if isinstance(told, str) else None) or ZERO


def _reason(told: Told) -> str:
    if told.reply is None:
        return told.why
    return f"answered {told.reply.status}" + ("" if told.answer.code is None else f", code {told.answer.code}")


def _unread(goal: Goal, sent: int, why: str | None) -> Proof:
    why = why or "positions could not be read"
    where = f"{goal.account} {goal.family}"
    return Proof(False, (f"{where}: {why}",), f"{where}: {sent} orders sent, {why}")


def _ended(goal: Goal, sent: int, dust: Sequence[Dust], late: Sequence[tuple[Holding, str]] = ()) -> Proof:
    where = f"{goal.account} {goal.family}"
    left = [f"{each.symbol}: {each.quantity} stays, {each.why}" for each in dust]
    left += [f"{one.symbol} {one.side}: {one.amount} is still open, {why}" for one, why in late]
    return Proof(not left, tuple(left), f"{where}: {sent} orders sent, {len(left)} positions left")
