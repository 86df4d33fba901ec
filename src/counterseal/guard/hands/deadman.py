"""The dead-man's switch at work: countdowns over what the gateway says rests are renewed, silent bots' orders go.

What `core.deadman` decides is done here. The gateway knows nothing of orders from before its own start: what it said
before then, and what the exchange lists at ours, counts as resting until the exchange lists no such order any more. A
countdown that may still run from an earlier life of ours, where only stops rest, is switched off at the start.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from counterseal.adapters.tasks import Tasks
from counterseal.core.binance.countdown import PATHS
from counterseal.core.budget.share import Lane
from counterseal.core.config.model import Bot, Config
from counterseal.core.deadman import DEAF_MS, HEARTBEAT_MS, Acts, Care, Running, Sweep, View, decide
from counterseal.core.open_orders import LISTS, Open
from counterseal.core.outcome import Outcome, classify
from counterseal.core.resting import Place
from counterseal.guard.hands.asker import Asker
from counterseal.guard.hands.cancelling import sides_of
from counterseal.guard.hands.listing import Listing
from counterseal.guard.hands.proof import Proof
from counterseal.ports.clock import Clock

LOOK_S = 0.5
# How soon what a cancel did not bring is tried again.
AGAIN_MS = 5_000
_POOL = "futures_weight"
Cancel = Callable[[str, str, frozenset[str], Callable[[Open], bool]], Awaitable[Proof]]
# Whose order it is, by account, family and client id; None where nobody knows.
Owner = Callable[[str, str, str], str | None]
# Asks whose open orders are of which nobody knows it, by account, family and client ids; without ids for all there are.
Learn = Callable[[str, str, Sequence[str]], Awaitable[None]]
# Tells people: "unset", "fired", "swept" or "left", where, and the rest in words.
Tell = Callable[[str, Place, str], None]
# A countdown that cannot be set for so long is told, and again after so long.
UNSET_MS, UNSET_AGAIN_MS = 10_000, 60_000


class DeadMan:
    """Renews, ends, cancels. `cancel` is the guard's own cancel-all with a predicate."""

    def __init__(
        self,
        config: Callable[[], Config],
        asker: Asker,
        listing: Listing,
        cancel: Cancel,
        owner: Owner,
        clock: Clock,
        tasks: Tasks,
        warn: Callable[..., None],
        tell: Tell,
        learn: Learn,
    ) -> None:
        self._config, self._asker, self._listing = config, asker, listing
        self._alert, self._learn = tell, learn
        # Since when a countdown cannot be set, and when that was told.
        self._unset: dict[Place, tuple[int, int | None]] = {}
        self._cancel, self._owner, self._clock, self._tasks, self._warn = cancel, owner, clock, tasks, warn
        self._resting: dict[Place, frozenset[str]] = {}
        # Of orders that the gateway does not know: whose they may be.
        self._older: dict[Place, frozenset[str]] = {}
        self._since_ms = 0
        self._seen_ms: dict[str, int] = {}
        self._heard_ms = self._now_ms()
        self._running: dict[Place, Running] = {}
        self._protected: dict[Place, tuple[int, bool]] = {}
        self._swept_ms: dict[Place, int] = {}
        self._told: dict[str, tuple[Place, ...]] = {}
        self._has_heard = False
        # Account and family: None once what rested there at our start is known, else when to look again.
        self._adopting: dict[tuple[str, str], int | None] = {}

    # -- what is heard

    def on_beat(self, message: Mapping[str, Any]) -> None:
        """Take what the gateway says rests, and for how long each bot has been silent. Raises ValueError."""
        beat, now_ms = read_beat(message), self._now_ms()
        if beat.since_ms < self._since_ms:
            # Another gateway: of what rested under the one before it knows nothing.
            self._older = _merged(self._older, self._resting)
        for place in self._older.keys() & (self._resting.keys() - beat.resting.keys()):
            # Perhaps the last that rested there: it is looked for at once.
            self._protected.pop(place, None)
        self._since_ms, self._resting = beat.since_ms, beat.resting
        self._seen_ms = {bot: now_ms - silent_ms for bot, silent_ms in beat.silent_ms.items()}
        self._heard_ms, self._has_heard = now_ms, True

    # -- what is done

    async def keep(self) -> None:
        """Look twice a second, for ever."""
        while True:
            try:
                await self.look()
            except Exception as fault:  # noqa: BLE001 - what one look meets must not end the switch
                self._warn("a look of the dead-man's switch failed", why=type(fault).__name__)
            await self._clock.sleep(LOOK_S)

    async def look(self) -> Acts:
        """Decide and do once."""
        await self._adopt()
        await self._read_protected()
        now_ms, cares = self._now_ms(), cares_of(self._config())
        self._look_at_running(now_ms)
        acts = decide(self._view(now_ms), cares, self._running, now_ms, self._weight_1m())
        self._tell("no countdown where stops would vanish with it", acts.bare)
        self._tell("countdowns last longer than configured: too many for what they may cost", acts.stretched)
        await asyncio.gather(
            *(self._set(place, countdown) for place, countdown in acts.renew),
            *(self._set(place, 0) for place in acts.end),
        )
        for one in acts.sweep:
            # It takes its time to prove itself: heartbeats go on meanwhile.
            self._tasks.spawn(self._sweep(one), f"sweep {one.place.symbol}")
        return acts

    async def stop(self) -> None:
        """Renew every countdown a last time: the next guard has all of it, and without one the exchange cancels."""
        await asyncio.gather(*(self._set(place, one.countdown_ms) for place, one in list(self._running.items())))

    def symbols(self, account: str, family: str) -> frozenset[str]:
        """Give the symbols where orders are known to rest that can raise risk."""
        return frozenset(place.symbol for place in self._all_resting() if place[:2] == (account, family))

    def report(self) -> dict[str, Any]:
        """What `status` shows."""
        now_ms = self._now_ms()
        return {
            "running": [
                {"place": " ".join(place), "countdown_ms": one.countdown_ms, "renewed_ms_ago": now_ms - one.at_ms}
                for place, one in sorted(self._running.items())
            ],
            "told": {what: [" ".join(place) for place in places] for what, places in self._told.items()},
            "gateway_heard_ms_ago": now_ms - self._heard_ms if self._has_heard else None,
        }

    def _tell(self, what: str, places: tuple[Place, ...]) -> None:
        """Warn when it begins to hold for other places."""
        if places != self._told.get(what, ()):
            self._warn(what, places=[" ".join(each) for each in places])
        self._told[what] = places

    def _look_at_running(self, now_ms: int) -> None:
        """Tell people of countdowns that have run out."""
        over = [place for place, one in self._running.items() if now_ms >= one.at_ms + one.countdown_ms]
        for place in over:
            del self._running[place]
            deaf_s = (now_ms - self._heard_ms) // 1000
            why = "the gateway was not heard" if deaf_s * 1000 > DEAF_MS else "every bot with orders there was silent"
            why = "it could not be renewed" if place in self._unset else why
            self._alert("fired", place, f"{' '.join(place)}: {why}; the exchange has cancelled its plain orders")
        wanted = self._all_resting().keys() | self._running.keys()
        self._unset = {place: since for place, since in self._unset.items() if place in wanted}

    def _could_not(self, place: Place, what: str, why: str) -> None:
        now_ms = self._now_ms()
        since_ms, told_ms = self._unset.get(place, (now_ms, None))
        is_due = now_ms - since_ms >= UNSET_MS and (told_ms is None or now_ms - told_ms >= UNSET_AGAIN_MS)
        self._unset[place] = since_ms, now_ms if is_due else told_ms
        if is_due:
            took_s = (now_ms - since_ms) // 1000
            self._alert("unset", place, f"{' '.join(place)}: a countdown could not be {what} for {took_s} s: {why}")

    def _view(self, now_ms: int) -> View:
        protected = frozenset(place for place, (_, is_so) in self._protected.items() if is_so)
        silent = {bot: now_ms - seen_ms for bot, seen_ms in self._seen_ms.items()}
        return View(self._all_resting(), silent, now_ms - self._heard_ms, protected)

    def _all_resting(self) -> dict[Place, frozenset[str]]:
        return _merged(self._older, self._resting)

    def _weight_1m(self) -> int:
        return self._asker.purse.own(_POOL, Lane.TRADE, Lane.ACCOUNT)

    async def _set(self, place: Place, countdown_ms: int) -> None:
        """Renew a countdown, or switch it off; an answer that does not come is made good by the next look."""
        pairs = (("symbol", place.symbol), ("countdownTime", str(countdown_ms)))
        now_ms = self._now_ms()
        told = await self._asker.send(place.account, place.family, "POST", PATHS[place.family], pairs, Lane.TRADE)
        is_done = told.reply is not None and classify(place.family, told.answer, {}) is Outcome.ACCEPTED
        if not is_done:
            self._warn("a countdown could not be set", place=" ".join(place), countdown_ms=countdown_ms, why=told.why,
                       status=None if told.reply is None else told.reply.status)  # fmt: skip
            why = told.why if told.reply is None else f"answered {told.reply.status}"
            self._could_not(place, "set" if countdown_ms else "switched off", why)
        else:
            self._unset.pop(place, None)
        if countdown_ms and (is_done or told.left):
            # What may have arrived runs; it is renewed at once unless that is known.
            self._running[place] = Running(now_ms if is_done else now_ms - HEARTBEAT_MS, countdown_ms)
        elif is_done:
            self._running.pop(place, None)

    async def _sweep(self, one: Sweep) -> None:
        """Cancel the orders of bots that are gone: by owner, or all that may raise risk where nobody else has any."""
        now_ms, place = self._now_ms(), one.place
        if now_ms < self._swept_ms.get(place, -AGAIN_MS) + AGAIN_MS:
            return
        self._swept_ms[place] = now_ms
        self._warn("orders of a bot that is silent are cancelled", place=" ".join(place), bots=sorted(one.bots))

        def is_theirs(order: Open) -> bool:
            if order.protects:
                return False
            owner = self._owner(place.account, place.family, order.client_id)
            return owner in one.bots or (owner is None and one.alone)

        await self._learn(place.account, place.family, ())
        self._alert("swept", place, f"{' '.join(place)}: {', '.join(sorted(one.bots))}")
        proof = await self._cancel(place.account, place.family, frozenset({place.symbol}), is_theirs)
        if not proof.done:
            self._warn("not all of them are gone", left=list(proof.left))
            self._alert("left", place, f"{' '.join(place)}: {', '.join(proof.left)}")

    async def _read_protected(self) -> None:
        """Read, for each place that may get a countdown, whether a stop rests there while a position is open."""
        now_ms = self._now_ms()
        resting = self._all_resting()
        self._protected = {place: known for place, known in self._protected.items() if place in resting}
        wanted = [place for place in resting if place.family in LISTS and self._is_due(place, now_ms)]
        for account, family in sorted({(place.account, place.family) for place in wanted}):
            symbols = [place.symbol for place in wanted if (place.account, place.family) == (account, family)]
            await self._read_places(account, family, frozenset(symbols))

    def _is_due(self, place: Place, now_ms: int) -> bool:
        known = self._protected.get(place)
        running = self._running.get(place)
        period = HEARTBEAT_MS if running is None else min(HEARTBEAT_MS, running.countdown_ms // 4)
        return known is None or now_ms - known[0] >= period

    async def _read_places(self, account: str, family: str, symbols: frozenset[str]) -> None:
        orders, held = await self._listing.open_orders(account, family, symbols, Lane.TRADE), None
        if family in PATHS and any(each.protects for each in orders or ()):
            held = await self._listing.positions(account, family, Lane.TRADE)
        now_ms, sides = self._now_ms(), None if held is None else sides_of(held)
        for symbol in symbols:
            place, here = Place(account, family, symbol), [each for each in orders or () if each.symbol == symbol]
            if orders is not None and all(each.protects for each in here):
                self._older.pop(place, None)
            if orders is None:
                # What is not known stays as it was; what was never known is as if a stop rested there.
                was_so = self._protected.get(place, (0, True))[1]
                self._protected[place] = now_ms - HEARTBEAT_MS + AGAIN_MS, was_so
                continue
            self._protected[place] = (
                now_ms,
                any(each.protects and (sides is None or (symbol, each.position_side) in sides) for each in here),
            )

    async def _adopt(self) -> None:
        """Take over what rests from before our start, and switch off countdowns where only stops do."""
        for where, bots in traders_of(self._config()).items():
            again_ms = self._adopting.get(where, self._now_ms())
            if again_ms is not None and self._now_ms() >= again_ms:
                is_done = await self._adopt_place(where, bots)
                self._adopting[where] = None if is_done else self._now_ms() + HEARTBEAT_MS

    async def _adopt_place(self, where: tuple[str, str], bots: frozenset[str]) -> bool:
        account, family = where
        symbols = await self._listing.busy(account, Lane.TRADE) if family == "usdm" else None
        if family == "usdm" and symbols is None:
            return False
        orders = await self._listing.open_orders(account, family, symbols, Lane.TRADE)
        if orders is None:
            return False
        await self._learn(account, family, [each.client_id for each in orders])
        raising = [each for each in orders if not each.protects]
        for each in raising:
            # Of whom nobody knows it is every bot's that trades there.
            owner = self._owner(account, family, each.client_id)
            place, whose = Place(account, family, each.symbol), bots if owner is None else frozenset({owner})
            self._older[place] = self._older.get(place, frozenset()) | whose
        if family in PATHS:
            bare = {each.symbol for each in orders} - {each.symbol for each in raising}
            await asyncio.gather(*(self._set(Place(account, family, symbol), 0) for symbol in sorted(bare)))
        return True

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000


class Beat(NamedTuple):
    """What a message of the gateway says: for how long it has run, what rests, how long each bot has been silent."""

    since_ms: int
    resting: dict[Place, frozenset[str]]
    silent_ms: dict[str, int]


def read_beat(message: Mapping[str, Any]) -> Beat:
    """Read it whole. Raises ValueError."""
    since_ms, bots = message.get("since_ms"), message.get("bots")
    if type(since_ms) is not int or not isinstance(bots, dict):
        raise ValueError("not a beat")
    resting: dict[Place, frozenset[str]] = {}
    silent: dict[str, int] = {}
    for name, row in bots.items():
        silent_ms, places = (row.get("silent_ms"), row.get("resting")) if isinstance(row, dict) else (None, None)
        if type(silent_ms) is not int or not isinstance(places, list):
            raise ValueError("not what is known of a bot")
        silent[name] = silent_ms
        for place in places:
            if not isinstance(place, list) or len(place) != 3 or not all(isinstance(text, str) for text in place):
                raise ValueError("not a place where orders rest")
            key = Place(*place)
            resting[key] = resting.get(key, frozenset()) | {name}
    return Beat(since_ms, resting, silent)


def _merged(one: Mapping[Place, frozenset[str]], other: Mapping[Place, frozenset[str]]) -> dict[Place, frozenset[str]]:
    return {place: one.get(place, frozenset()) | other.get(place, frozenset()) for place in one.keys() | other.keys()}


def cares_of(config: Config) -> dict[str, Care]:
    """Give what is configured for each bot."""
    return {name: _care(bot) for name, bot in config.bots.items()}


def _care(bot: Bot) -> Care:
    return Care(bot.deadman_s * 1000, (bot.max_silence_s or 0) * 1000, bot.deadman_over_stops)


def traders_of(config: Config) -> dict[tuple[str, str], frozenset[str]]:
    """Give by account and family the bots that may trade there."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for bot in config.bots.values():
        accounts = {config.keys[key].account for key in bot.keys} if "trade" in bot.purposes else set()
        for place in itertools.product(sorted(accounts), [each for each in LISTS if each in bot.products]):
            found[place] = found.get(place, frozenset()) | {bot.name}
    return found
