"""The guard's hands: one object with all that the guard does at the exchange."""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from counterseal.adapters.tasks import Tasks
from counterseal.core.binance.catalogue import Catalogue
from counterseal.core.config.model import Config
from counterseal.core.holdings import Holding
from counterseal.core.lots import ZERO
from counterseal.core.open_orders import Open
from counterseal.core.reach import FAMILIES
from counterseal.core.reducing import GUARD_PREFIX
from counterseal.core.resting import Place
from counterseal.guard.hands import cancelling, flattening
from counterseal.guard.hands.asker import Asker
from counterseal.guard.hands.cancelling import Canceller, Scope
from counterseal.guard.hands.deadman import DeadMan, Learn, Owner, Tell
from counterseal.guard.hands.flattening import Flattener, Goal
from counterseal.guard.hands.listing import Listing
from counterseal.guard.hands.market import Market
from counterseal.guard.hands.parts import Part
from counterseal.guard.hands.proof import Proof, joined
from counterseal.ports.clock import Clock
from counterseal.ports.signing import SigningClient
from counterseal.ports.venue import Venue

# How long positions that could not be closed are tried a second time.
AGAIN_S = 10.0


def _nobody_knows(_account: str, _family: str, _client_id: str) -> str | None:
    return None


def _nobody(_what: str, _place: Place, _text: str) -> None:
    """Nobody is told."""


async def _nothing_learnt(_account: str, _family: str, _ids: Sequence[str]) -> None:
    """Nobody is asked."""


def _nothing_known(_account: str) -> Mapping[str, Decimal] | None:
    return None


class Hands:
    """Asks, cancels, reduces, keeps the dead-man's switch.

    `config` gives the settings in force, `incarnation` is new with every start. `register` is told the client ids of an
    account and family before they are sent, `record` gets journal records and must not fail, `warn` a sentence and
    fields. `bought` gives what bots bought on spot by symbol, None where nobody knows; `owner` whose order a client id
    is, None where nobody knows, and `learn` asks for what is not known. `tell_of_dead_man` tells people what became of
    countdowns and of silent bots' orders.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        catalogue: Catalogue,
        hosts: Mapping[str, str],
        venue: Venue,
        signer: SigningClient,
        clock: Clock,
        tasks: Tasks,
        incarnation: str,
        register: Callable[[str, str, Sequence[str]], None],
        record: Callable[[Mapping[str, Any]], object],
        warn: Callable[..., None],
        bought: Callable[[str], Mapping[str, Decimal] | None] = _nothing_known,
        owner: Owner = _nobody_knows,
        tell_of_dead_man: Tell = _nobody,
        learn: Learn = _nothing_learnt,
    ) -> None:
        self._config, self._clock, self._tasks, self._warn = config, clock, tasks, warn
        self.asker = Asker(config, catalogue, hosts, venue, signer, clock, warn)
        self.listing = Listing(self.asker)
        self.market = Market(self.asker, clock)
        self._canceller = Canceller(self.asker, self.listing, clock, self._window_s)
        numbers = itertools.count(1)
        self._flattener = Flattener(
            self.asker, self.listing, self.market, clock, tasks,
            lambda: f"{GUARD_PREFIX}{incarnation}-{next(numbers)}", register, record, bought,
        )  # fmt: skip
        self.dead_man = DeadMan(
            config, self.asker, self.listing, self._cancel_of, owner, clock, tasks, warn, tell_of_dead_man, learn
        )

    # -- life

    async def start(self) -> None:
        """Measure exchange time and read the symbols once, then keep both fresh, and the dead-man's switch."""
        await self.asker.measure()
        self._tasks.spawn(self.asker.keep_time(), "measure exchange time")
        self._tasks.spawn(self._read_symbols(), "read the exchange's symbols")
        self._tasks.spawn(self.dead_man.keep(), "keep the dead-man's switch")

    async def _read_symbols(self) -> None:
        while True:
            for family in self.families():
                await self.market.refresh(family)
            await self._clock.sleep(60.0)

    def families(self) -> list[str]:
        """The families on which some bot may trade."""
        config = self._config()
        used = {family for bot in config.bots.values() if "trade" in bot.purposes for family in bot.products}
        return [family for family in FAMILIES if family in used]

    def on_beat(self, message: Mapping[str, Any]) -> None:
        """Take what the gateway says every second. Raises ValueError for nonsense."""
        self.dead_man.on_beat(message)

    def report(self) -> dict[str, Any]:
        """What `status` shows."""
        reading = self.asker.purse.reading
        return {"exchange_time_known": reading is not None, "dead_man": self.dead_man.report()}

    # -- letting go

    async def cancel_all(
        self,
        account: str,
        family: str,
        symbols: Collection[str] | None = None,
        only: Callable[[Open], bool] | None = None,
        *,
        everything: bool = False,
        deadline_s: float = cancelling.DEADLINE_S,
    ) -> Proof:
        """Cancel what rests there, but what protects a position that is open; of it too with `everything`."""
        chosen = None if symbols is None else frozenset(symbols)
        likely = self.dead_man.symbols(account, family)
        return await self._canceller.cancel_all(Scope(account, family, chosen, only, everything, likely), deadline_s)

    async def flatten(
        self, account: str, family: str, symbol: str | None = None, deadline_s: float = flattening.DEADLINE_S
    ) -> Proof:
        """Cancel, close what is held, and at last cancel the stops that have nothing to protect any more."""
        symbols = None if symbol is None else frozenset({symbol})
        # On spot a stop locks what is to be sold.
        likely = self.dead_man.symbols(account, family)
        scope = Scope(account, family, symbols, None, everything=family == "spot", likely=likely)
        first = await self._canceller.cancel_all(scope, proves=False)

        def to_zero(one: Holding) -> Decimal | None:
            return ZERO if symbol in (None, one.symbol) else None

        closed = await self.reduce(account, family, to_zero, deadline_s)
        if not closed.done and family != "spot":
            # Orders of bots that close the same position may stand in the way; conditional ones stay.
            plain = Scope(account, family, symbols, lambda order: not order.is_algo, everything=True)
            await self._canceller.cancel_all(plain, proves=False)
            closed = await self.reduce(account, family, to_zero, min(deadline_s, AGAIN_S))
        last = await self.cancel_all(account, family, symbols)
        # What the first one left may be gone with the last: that one tells.
        return joined([first._replace(done=True, left=(), kept=()), closed, last])

    async def reduce(
        self,
        account: str,
        family: str,
        targets: Callable[[Holding], Decimal | None],
        deadline_s: float = flattening.DEADLINE_S,
        fresh: Sequence[Holding] | None = None,
        bot: str = "",
    ) -> Proof:
        """Let each position stay as large as |target|; None leaves it alone.

        `fresh` are positions that need not be read before the first orders: confirmed just now, or when they tell.
        """
        part = targets if isinstance(targets, Part) else None
        return await self._flattener.reduce(Goal(account, family, targets, bot, part), deadline_s, fresh)

    # -- for the parts

    def _window_s(self) -> float:
        return self._config().gateway.order_recv_window_ms / 1000

    async def _cancel_of(
        self, account: str, family: str, symbols: frozenset[str], only: Callable[[Open], bool]
    ) -> Proof:
        return await self.cancel_all(account, family, symbols, only)
