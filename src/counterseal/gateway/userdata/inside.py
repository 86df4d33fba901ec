"""What events mean to the gateway itself: unknown orders are asked for, exposure follows fills, intruders are told."""

from collections.abc import Callable
from typing import Any

from counterseal.adapters.tasks import Tasks
from counterseal.core import redact
from counterseal.core.ownership import ALGO_SCOPE
from counterseal.core.streams.allowance import Allowance
from counterseal.core.userdata.intruders import Once, Sender, sender
from counterseal.core.userdata.rows import Told, told
from counterseal.gateway.exposure import Exposures
from counterseal.gateway.polling import Polling
from counterseal.gateway.state import State
from counterseal.gateway.userdata.events import UserEvent

# An order may be heard of before what proves it to be ours: its answer, or the conditional order that became it.
SETTLE_S = 2.0
# So many orders at once are looked at again; of more it is told at once.
MOST_WAITING = 1_000
# So many records of intruders there are in an hour, of more their number once a minute: whoever places orders outside
# must not be able to fill the journal.
MOST_TOLD, TOLD_WINDOW_MS, SUM_S = 2_000, 3_600_000, 60.0
AGAIN_S, AGAIN_MOST_S = 1.0, 30.0
Whose = tuple[str, str]


class Inside:
    """Listens to every feed. `tell` puts fields on record."""

    def __init__(
        self, state: State, exposures: Exposures, polling: Polling, tasks: Tasks, tell: Callable[..., None], log: Any
    ) -> None:
        self._state = state
        self._exposures = exposures
        self._polling = polling
        self._tasks = tasks
        self._tell = tell
        self._log = log
        self._told = Once()
        # Of each order that nobody is known to own yet, what was heard last.
        self._waiting: dict[tuple[object, ...], Told] = {}
        self._records = Allowance(MOST_TOLD, TOLD_WINDOW_MS)
        self._untold = 0
        self._unread: dict[Whose, int] = {}

    # -- gaps

    def on_gap(self, account: str, family: str) -> None:
        """What was missed is asked for, where a limit of exposure rests on it."""
        whose = (account, family)
        if not self._exposures.active or not self._exposures.limits(account):
            return
        self._unread[whose] = self._unread.get(whose, 0) + 1
        self._tasks.spawn(self._catch_up(whose, self._unread[whose]), f"read what {account} {family} missed")

    async def _catch_up(self, whose: Whose, turn: int) -> None:
        """Ask until everything was answered, unless there was another gap meanwhile, or nothing is limited any more."""
        pause_s = AGAIN_S
        while self._unread.get(whose) == turn and self._exposures.limits(whose[0]):
            if await self._polling.catch_up(*whose):
                break
            await self._state.clock.sleep(pause_s)
            pause_s = min(2 * pause_s, AGAIN_MOST_S)
        if self._unread.get(whose) == turn:
            del self._unread[whose]

    def is_unread(self, account: str) -> bool:
        """Tell whether what the account's feeds have missed has not been read yet."""
        return any(whose[0] == account for whose in self._unread)

    # -- events

    def on_event(self, event: UserEvent) -> None:
        """Take one event."""
        for one in told(event.kind, event.body):
            self._take(event.account, event.family, one)

    def _take(self, account: str, family: str, one: Told) -> None:
        found = sender(family, account, one, self._state.ledger, self._state.config)
        if found is not Sender.OURS:
            self._settle(account, family, one)
            return
        self._learn(family, one)
        # What has no number was never born, and its name may be a living order's.
        if self._exposures.active and one.row is not None and one.number is not None:
            self._exposures.heard(account, family, one.row)

    def _learn(self, family: str, one: Told) -> None:
        """Whoever asks what became of it may look now; an order that is known by its id is known by number from now on.

        What the exchange refuses was never born, and proves nothing.
        """
        for name in one.names if one.status != "REJECTED" else ():
            self._state.ledger.learn(family, name, one.status)
            self._state.unknowns.seen(family, name)
        ledger = self._state.ledger
        owners = [owner for name in one.names for owner in ledger.owners(family, one.scope, name, one.number) if owner]
        places = ((one.scope, one.number), (one.symbol, one.became))
        for scope, number in places if owners else ():
            # What a placement proved is not taken over by what is only shown.
            if number is not None and ledger.owners(family, scope, None, number) == (None,):
                ledger.own(family, scope, number, owners[0])

    # -- intruders

    def _settle(self, account: str, family: str, one: Told) -> None:
        """Give what may prove it to be ours a moment to come."""
        order = (account, family, one.scope, one.number)
        if self._told.has(*order):
            return
        is_first = order not in self._waiting
        if is_first and len(self._waiting) >= MOST_WAITING:
            self._judge(account, family, one)
            return
        self._waiting[order] = one
        if is_first:
            self._state.clock.call_later(SETTLE_S, lambda: self._judge(account, family, self._waiting.pop(order)))

    def _judge(self, account: str, family: str, one: Told) -> None:
        found = sender(family, account, one, self._state.ledger, self._state.config)
        if found is Sender.OURS:
            self._take(account, family, one)
        elif self._told.is_new(account, family, one.scope, one.number):
            self._report(account, family, one, found)

    def _report(self, account: str, family: str, one: Told, found: Sender) -> None:
        if not self._records.take(self._state.monotonic_ms()):
            self._count()
            return
        self._log.critical("order that this gateway did not send", account=account, family=family, symbol=one.symbol,
                           order_id=one.number, sender=found.value)  # fmt: skip
        fields = {
            "account": account,
            "family": family,
            "symbol": one.symbol,
            "side": one.side,
            "order_id": one.number,
            "client_id": redact.line(one.names[0]) if one.names else None,
            "conditional": one.scope == ALGO_SCOPE,
        }
        if found is Sender.EXCHANGE:
            self._tell(what="exchange_order", **fields)
        else:
            self._tell(what="intruder", **fields)

    def _count(self) -> None:
        if not self._untold:
            self._state.clock.call_later(SUM_S, self._tell_number)
        self._untold += 1

    def _tell_number(self) -> None:
        orders, self._untold = self._untold, 0
        self._log.critical("more orders that this gateway did not send", orders=orders)
        self._tell(what="intruders", orders=orders)
