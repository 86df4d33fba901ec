"""The watch in the guard: made with the hands it reads by, and asked for what hands and gateway must know."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from counterseal.adapters.tasks import Tasks
from counterseal.core.alerts.model import Alert
from counterseal.core.config.model import Config
from counterseal.guard.hands.asker import Asker
from counterseal.guard.responding import Responding
from counterseal.guard.states import Failing
from counterseal.guard.watch.streams import Links
from counterseal.guard.watch.watch import Calls, Watch
from counterseal.ports.clock import Clock

# A start is no gap: a snapshot may be 10 s old, so the first one need not be there before half of that.
GRACE_NS = 5_000_000_000
# How long the first reads wait for the signer's keys; without them they would be tried again only a second later.
KEYS_S, STEP_S = 1.0, 0.005


class Watching:
    """The watch, and what of it fails. `record` writes into the guard's journal, whose `records` it begins with.

    `on_change` is called when other things fail than before; `links` lead to the exchange's streams of prices.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        asker: Asker,
        responding: Responding,
        raise_: Callable[[Alert], None],
        record: Callable[[Mapping[str, Any]], object],
        records: Iterable[Mapping[str, Any]],
        on_change: Callable[[], None],
        clock: Clock,
        tasks: Tasks,
        log: Any,
        links: Links | None = None,
    ) -> None:
        self._clock, self._on_change = clock, on_change
        self._failing: Mapping[str, Any] = {}
        self._begun_ns = clock.monotonic_ns()
        calls = Calls(responding.on_breach, responding.on_intruder, raise_, self._take, record)
        self.watch = Watch(
            config, asker, clock, tasks, log, calls, lambda: asker.exchange_ms(clock.monotonic_ns() // 1_000_000), links
        )
        for each in records:
            self.watch.fold(each)

    async def start(self, has_keys: Callable[[], bool]) -> None:
        """Watch from the moment on at which the signer has said which keys there are."""
        until_ns = self._clock.monotonic_ns() + int(KEYS_S * 1e9)
        while not has_keys() and self._clock.monotonic_ns() < until_ns:
            await self._clock.sleep(STEP_S)
        self.watch.start()

    def failing(self) -> Failing:
        """Give what of the watch fails, as the gateway hears it."""
        if self._clock.monotonic_ns() - self._begun_ns < GRACE_NS:
            return {}
        return {name: (str(row["detail"]), tuple(row["accounts"])) for name, row in self._failing.items()}

    def bought(self, account: str) -> Mapping[str, Decimal] | None:
        """Give what bots bought on spot and still hold, by symbol; None where nobody knows."""
        return self.watch.bought(account)

    def close(self) -> None:
        """Give up the watch's own connections."""
        self.watch.close()

    def held(self, account: str, family: str, bot: str) -> Mapping[tuple[str, str], Decimal] | None:
        """Give what one bot holds in a market, by symbol and side; None where the books cannot be relied on now."""
        known = self.watch.positions(account, family)
        if known is None or not known.is_fresh:
            return None
        return {
            (place.symbol, place.side): lot.amount
            for whose, where, place, lot in self.watch.lots(bot) if (whose, where) == (account, family)
        }  # fmt: skip

    def _take(self, failing: Mapping[str, Any]) -> None:
        self._failing = failing
        self._on_change()
