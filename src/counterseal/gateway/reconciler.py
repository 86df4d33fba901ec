"""After a start on another boot: asks the exchange for orders that the journal lacks, and remembers them."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from counterseal.adapters.tasks import Tasks
from counterseal.core import listings
from counterseal.core.boots import Symbol, reads_from
from counterseal.core.budget.share import Lane
from counterseal.core.config.model import Bot
from counterseal.core.listings import Found, Listing, is_held
from counterseal.core.orders import Entry
from counterseal.core.outcome import Answer, Outcome
from counterseal.core.ownership import may_trade, traders
from counterseal.core.queries import Question
from counterseal.core.subjects import Store
from counterseal.gateway import answers
from counterseal.gateway.asking import Asker
from counterseal.gateway.budget import OWN
from counterseal.gateway.state import State
from counterseal.gateway.turn import Turn
from counterseal.ports.journal import Journal

# How long a start waits for it, and the pauses between tries of what could not be read.
START_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# A list that goes on for longer than this is none of an hour of trading.
MAX_PAGES = 200
_NO_SUCH_SYMBOL = -1121
_NO_SUCH_ORDER = -2013
Rows = list[Mapping[str, Any]]


class Place(NamedTuple):
    """What is read as one: the orders of an account in one family, with whichever of its keys can; readers first."""

    account: str
    family: str
    keys: tuple[str, ...]


class Reconciler:
    """`state.unknowns` keeps orders that raise risk out of a place until all of it has been read."""

    def __init__(self, state: State, asker: Asker, journal: Journal, turn: Turn, tasks: Tasks, log: Any) -> None:
        self._state = state
        self._asker = asker
        self._journal = journal
        self._turn = turn
        self._tasks = tasks
        self._log = log
        self._left = 0
        self._begun_ms = 0
        self._counts = {"ours": 0, "foreign": 0}

    async def before_opening(self, since_ms: int | None, recent: Iterable[Symbol]) -> None:
        """Begin to read all that happened since (wall time), nothing for None; wait for five seconds at most."""
        if since_ms is None:
            return
        places, known = list(self._places()), set(recent)
        self._left, self._begun_ms = len(places), self._state.monotonic_ms()
        for place in places:
            self._state.unknowns.unread(place.account, place.family, self._begun_ms)
            symbols = {symbol for family, symbol in known if family == place.family} | self._named(place)
            self._tasks.spawn(self._read(place, symbols, since_ms), f"reconcile {place.account} {place.family}")
        if not places:
            self._done()
        until_ns = self._state.clock.monotonic_ns() + int(START_S * 1e9)
        while self._left and self._state.clock.monotonic_ns() < until_ns:
            await self._state.clock.sleep(0.005)
        if self._left:
            waiting = [f"{account} {family}" for account, family in self._state.unknowns.not_reconciled()]
            self._log.critical("not compared with the exchange yet: no order that raises risk there", waiting=waiting)

    # -- what to read

    def _places(self) -> Iterator[Place]:
        """Give each account and family in which a bot may have placed an order."""
        config = self._state.config
        found: dict[tuple[str, str], set[str]] = {}
        for bot in config.bots.values():
            if "trade" not in bot.purposes:
                continue
            for name in bot.keys:
                for family in sorted(set(bot.products) & listings.FAMILIES & set(self._state.hosts)):
                    found.setdefault((config.keys[name].account, family), set()).add(name)
        for (account, family), names in found.items():
            keys = sorted(names, key=lambda ref: ("account" not in config.keys[ref].functions, ref))
            yield Place(account, family, tuple(keys))

    def _named(self, place: Place) -> set[str]:
        """Give the symbols that the bots of a place are held to."""
        bots = [bot for bot in traders(self._state.config, place.account) if place.family in bot.products]
        return {symbol for bot in bots for symbol in bot.symbols if symbol != "*"}

    # -- reading

    async def _read(self, place: Place, symbols: set[str], since_ms: int) -> None:
        while not await self._is_read(place, set(symbols), since_ms):
            await self._state.clock.sleep(LONGEST_PAUSE_S)
        self._state.unknowns.is_read(place.account, place.family)
        self._left -= 1
        if not self._left:
            self._done()

    async def _is_read(self, place: Place, symbols: set[str], since_ms: int) -> bool:
        """Read all of a place; tell whether it could be done."""
        try:
            await self._read_place(place, symbols, reads_from(since_ms, await self._exchange_ms()))
        except Exception as error:  # noqa: BLE001 - whatever the exchange sent, it stays closed and is tried again
            self._log.critical("cannot read what the journal may lack", account=place.account, family=place.family,
                               error=type(error).__name__)  # fmt: skip
            return False
        return True

    async def _exchange_ms(self) -> int:
        """Give the exchange's time as soon as it is known: this host's may be anything after a cut."""
        while (now_ms := self._state.exchange_ms(self._state.monotonic_ms())) is None:
            await self._state.clock.sleep(FIRST_PAUSE_S)
        return now_ms

    async def _read_place(self, place: Place, symbols: set[str], from_ms: int) -> None:
        seen: dict[str, set[int]] = {}
        for listing in listings.of_family(place.family):
            async for found in self._orders(place, listing, "", from_ms):
                if found.symbol:
                    symbols.add(found.symbol)
                    _note(seen, found)
        for symbol in sorted(symbols):
            await self._read_symbol(place, symbol, from_ms, seen.setdefault(symbol, set()))
        # Of these only orders: what is older than the hour lies in the journal, and many symbols cost much.
        for symbol in sorted(await self._held(place) - symbols):
            await self._read_orders(place, symbol, from_ms)

    async def _held(self, place: Place) -> set[str]:
        """Give the symbols that what is held may come from, where bots are held to no symbols."""
        if all(bot.symbols != ("*",) for bot in traders(self._state.config, place.account)):
            return set()
        answer = await self._answer(place, listings.held(place.family), lambda body: is_held(place.family, body))
        # Without them nobody can tell which symbols two assets have.
        while not (rules := self._state.market(place.family).rules) and place.family == "spot":
            await self._state.clock.sleep(FIRST_PAUSE_S)
        pairs = {symbol: (rule.base, rule.quote) for symbol, rule in rules.items()}
        return listings.held_symbols(place.family, answer.body, pairs)

    async def _read_symbol(self, place: Place, symbol: str, from_ms: int, seen: set[int]) -> None:
        for listing in listings.of_symbol(place.family):
            if listing.store is not None:
                async for found in self._orders(place, listing, symbol, from_ms):
                    if listing.store is Store.ORDER and found.name.number is not None:
                        seen.add(found.name.number)
                continue
            async for rows in self._pages(place, listing, symbol, from_ms):
                for number in listings.traded(rows):
                    if number not in seen:
                        seen.add(number)
                        await self._read_one(place, symbol, number)

    async def _read_orders(self, place: Place, symbol: str, from_ms: int) -> None:
        for listing in listings.of_symbol(place.family):
            async for _ in self._orders(place, listing, symbol, from_ms):
                pass

    async def _read_one(self, place: Place, symbol: str, number: int) -> None:
        """An order that is older than its trades is in no list of that time."""
        answer = await self._answer(place, listings.one_order(place.family, symbol, number), _is_row)
        if isinstance(answer.body, dict):
            self._take(place, listings.found(Store.ORDER, answer.body))

    async def _orders(self, place: Place, listing: Listing, symbol: str, from_ms: int) -> AsyncIterator[Found]:
        """Take every order of a list, and give it."""
        if listing.store is None:
            return
        async for rows in self._pages(place, listing, symbol, from_ms):
            for row in rows:
                found = listings.found(listing.store, row)
                self._take(place, found)
                yield found

    async def _pages(self, place: Place, listing: Listing, symbol: str, from_ms: int) -> AsyncIterator[Rows]:
        """Give a list page by page; asks until each was read. Raises RuntimeError for a list without an end."""
        now_ms = await self._exchange_ms()
        pages, at_ms = 0, from_ms
        while True:
            asked: Question | None = listings.first_page(listing, symbol, at_ms, now_ms)
            while asked is not None:
                answer = await self._answer(place, asked, listings.is_list)
                rows: Rows = answer.body if answer.status == 200 else []
                yield rows
                asked, pages = listings.next_page(listing, symbol, rows, at_ms + listings.SLICE_MS), pages + 1
                if pages > MAX_PAGES:
                    raise RuntimeError(f"{listing.path} has no end")
            at_ms += listings.SLICE_MS + 1
            if not listing.pager or at_ms > now_ms:
                return

    async def _answer(self, place: Place, asked: Question, is_sound: Callable[[Any], bool]) -> Answer:
        """Ask until there is an answer that says something.

        Many questions are long work: they leave the room of exits, of orders and of what is asked of UNKNOWN ones.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            status = None
            for key in place.keys:
                given = await self._asker.ask(OWN, key, place.family, asked, Lane.ACCOUNT)
                if given is None:
                    continue
                answer, status = answers.parse(given), given.status
                if answer.status == 200 and is_sound(answer.body):
                    return answer
                if answer.status == 400 and answer.code in (_NO_SUCH_SYMBOL, _NO_SUCH_ORDER):
                    return answer
            self._log.warning("cannot read what the journal may lack", path=asked.path, status=status)
            await self._state.clock.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    # -- what is found

    def _take(self, place: Place, found: Found) -> None:
        """Remember an order of which no record exists: its id, and whose it is, if that is known."""
        name, ledger = found.name, self._state.ledger
        if name.client_id is None or ledger.get(place.family, name.client_id) is not None:
            return
        ours = listings.is_ours(name.client_id)
        bot = self._only_bot(place, found.symbol) if ours else ""
        entry = Entry(bot, "", b"", self._state.monotonic_ms(), Outcome.ACCEPTED, found.status)
        ledger.open(place.family, (name.client_id,), entry)
        if bot and name.number is not None:
            ledger.own(place.family, name.scope, name.number, bot)
        self._counts["ours" if ours else "foreign"] += 1
        self._write(_record(place, found, bot, ours=ours))
        self._log.warning("order that the journal lacks", account=place.account, symbol=found.symbol,
                          client_id=name.client_id, ours=ours, bot=bot or None)  # fmt: skip

    def _only_bot(self, place: Place, symbol: str) -> str:
        """Give the one bot that may have placed it, "" where several may."""
        bots = [bot.name for bot in traders(self._state.config, place.account) if _may_have_placed(bot, place, symbol)]
        return bots[0] if len(bots) == 1 else ""

    def _done(self) -> None:
        after_ms = self._state.monotonic_ms() - self._begun_ms
        self._write({"type": "reconciled", **self._counts, "after_ms": after_ms})
        self._log.warning("compared with the exchange after a new boot", **self._counts, after_ms=after_ms)

    def _write(self, record: Mapping[str, Any]) -> None:
        if not self._journal.failed:
            self._turn.write(record)


def _is_row(row: object) -> bool:
    return isinstance(row, dict)


def _note(seen: dict[str, set[int]], found: Found) -> None:
    if found.name.scope == found.symbol and found.name.number is not None:
        seen.setdefault(found.symbol, set()).add(found.name.number)


def _may_have_placed(bot: Bot, place: Place, symbol: str) -> bool:
    return place.family in bot.products and may_trade(bot, symbol)


def _record(place: Place, found: Found, bot: str, *, ours: bool) -> dict[str, Any]:
    name = found.name
    return {
        "type": "recovered_order",
        "account": place.account,
        "family": place.family,
        "symbol": found.symbol,
        "client_id": name.client_id,
        "numbers": [] if name.number is None else [(name.scope, name.number)],
        "order_status": found.status,
        "bot": bot,
        "foreign": not ours,
    }
