"""A view that is kept and told what has changed gives what a new one gives: the same figures, the same breaches.

`TOUCH_STORIES` says how many stories are told; `make test` takes some by seed.
"""

import os
import random  # noqa: TID251 - seeded
from decimal import Decimal
from typing import Any

from tests.core.guardrails.views import market, trade
from tests.core.positions.shapes import D, spot_fill, usdm_fill

from counterseal.core.guardrails.base import DAY_MS
from counterseal.core.guardrails.breach import Breach
from counterseal.core.guardrails.judge import Judge, Judged
from counterseal.core.guardrails.limits import Action, Limit, Measure
from counterseal.core.guardrails.measure import Touch, View
from counterseal.core.guardrails.money import Range
from counterseal.core.guardrails.portions import Market
from counterseal.core.guardrails.pricing import Key, Name
from counterseal.core.ladder import FLEET, Kind, Scope
from counterseal.core.market import SymbolRule
from counterseal.core.positions.books import FOREIGN
from counterseal.core.positions.marks import Pair
from counterseal.core.positions.reading import Place
from counterseal.core.positions.statements import Held

WHOLE = 2_000
STORIES = int(os.environ.get("TOUCH_STORIES", "12"))
STEPS = 40
BOTS = ("alpha", "beta", "gamma")
MEMBERS = {"grid": ("alpha", "beta"), "alone": ("gamma",)}
SYMBOLS = {"usdm": ("BTCUSDT", "ETHUSDT", "BTCUSDC"), "spot": ("BTCUSDT", "ETHBTC"), "coinm": ("BTCUSD_PERP",)}
RULES = {
    "BTCUSDT": SymbolRule("BTC", "USDT", "TRADING"), "ETHUSDT": SymbolRule("ETH", "USDT", "TRADING"),
    "BTCUSDC": SymbolRule("BTC", "USDC", "TRADING"), "ETHBTC": SymbolRule("ETH", "BTC", "TRADING"),
    "BTCUSD_PERP": SymbolRule("BTC", "USD", "TRADING", Decimal(100)),
}  # fmt: skip
ASSETS = ("BTC", "ETH", "BNB")
SCOPES = (
    FLEET, *(Scope(Kind.ACCOUNT, name) for name in ("one", "two")), *(Scope(Kind.BOT, bot) for bot in BOTS),
    *(Scope(Kind.STRATEGY, name) for name in MEMBERS),
)  # fmt: skip


class Board:
    """Prices that change."""

    def __init__(self) -> None:
        self.pairs: dict[Name, Pair] = {}

    def symbol(self, family: str, symbol: str) -> Pair | None:
        return self.pairs.get((family, symbol))

    def asset(self, asset: str) -> Pair | None:
        return self.pairs.get(("", asset))


def limits() -> list[Limit]:
    """Give a limit of every measure for everybody, and some of symbols."""
    terms = (D("0.6"), D("0.8"), D("0.25"), Action.HALT)
    found = [
        Limit(scope, measure, D(3) if measure in (Measure.OPEN_ORDERS, Measure.LEVERAGE) else D(1_000), "", *terms)
        for scope in SCOPES for measure in Measure if measure is not Measure.SYMBOL_POSITION
    ]  # fmt: skip
    for scope in SCOPES:
        own = Scope(Kind.SYMBOL, "BTCUSDT") if scope == FLEET else scope
        found.append(Limit(own, Measure.SYMBOL_POSITION, D(900), "BTCUSDT", *terms))
        found.append(Limit(scope, Measure.SYMBOL_POSITION, D(500), "*", *terms))
    return found


class Story:
    """Two accounts in three markets, and one thing after the other that happens there."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.markets: dict[Key, Market] = {}
        for account in ("one", "two"):
            for family in SYMBOLS:
                made = market(family, account, balances={"USDT": "500", "BTC": "1"})
                made.truth.books.rules = RULES
                self.markets[account, family] = made
        self.board = Board()
        for family, symbols in SYMBOLS.items():
            for symbol in symbols:
                self.price((family, symbol))
        for asset in ASSETS:
            self.price(("", asset))

    def price(self, name: Name) -> tuple[set[Key], set[Name]]:
        """Change a price, or have none any more."""
        one = D(self.rng.randrange(50, 150))
        self.board.pairs[name] = Pair(one, one + self.rng.randrange(3))
        if self.rng.random() < 0.1:
            del self.board.pairs[name]
        return set(), {name}

    def step(self) -> tuple[set[Key], set[Name]]:
        """Let something happen; gives the markets and prices that it is of."""
        rng = self.rng
        if rng.random() < 0.5:
            names = [(family, symbol) for family, symbols in SYMBOLS.items() for symbol in symbols]
            return self.price(rng.choice([*names, *(("", asset) for asset in ASSETS)]))
        key = rng.choice(sorted(self.markets))
        happening = rng.choice((self.trade, self.trade, self.state, self.order, self.move))
        happening(key, self.markets[key])
        return {key}, set()

    def trade(self, key: Key, one: Market) -> None:
        """Book a fill of somebody."""
        owner, side, symbol = self.rng.choice((*BOTS, FOREIGN)), self.rng.choice(("BUY", "SELL")), self.symbol(key)
        make = spot_fill if key[1] == "spot" else usdm_fill
        more: dict[str, Any] = {"n": "1", "N": "BNB"} if self.rng.random() < 0.3 else {}
        trade(one, owner, make(side, str(self.rng.randrange(1, 9)), "100", s=symbol, **more))

    def state(self, key: Key, one: Market) -> None:
        """State a position, or that there is none any more."""
        place = Place(self.symbol(key))
        one.truth.positions[place] = Held(D(self.rng.randrange(-9, 9)), D(100))
        if self.rng.random() < 0.4:
            del one.truth.positions[place]

    def order(self, key: Key, one: Market) -> None:
        """Open an order, or end one."""
        number, owner = self.rng.randrange(6), self.rng.choice((*BOTS, None))
        status = self.rng.choice(("NEW", "CANCELED"))
        body = {"s": self.symbol(key), "c": "x", "i": number, "X": status, "S": "BUY"}
        one.orders.event("ORDER_TRADE_UPDATE", {"o": body}, owner, 0)

    def move(self, _key: Key, one: Market) -> None:
        """Move money."""
        one.truth.books.move(self.rng.choice((*BOTS, FOREIGN)), self.rng.choice((*ASSETS, "USDT")), D(3))

    def symbol(self, key: Key) -> str:
        return self.rng.choice(SYMBOLS[key[1]])

    def view(self) -> View:
        return View(list(self.markets.values()), self.board, MEMBERS)


def figures(view: View) -> dict[tuple[str, str], Range | int | None]:
    """Give every figure of everybody."""
    found: dict[tuple[str, str], Range | int | None] = {}
    for scope in SCOPES:
        found |= {(str(scope), "size"): view.size(scope), (str(scope), "worth"): view.worth(scope)}
        found |= {(str(scope), "futures"): view.futures_size(scope), (str(scope), "backed"): view.futures_worth(scope)}
        found[str(scope), "orders"] = view.open_orders(scope)
        sizes = view.symbol_sizes(scope, sorted(view.symbols(scope)))
        found |= {(str(scope), symbol): size for symbol, size in sizes.items()}
    return found


def in_order(judged: Judged) -> list[Breach]:
    """Give the breaches, each with its cuts in some order."""
    return [one._replace(cuts=tuple(sorted(one.cuts))) for one in judged.breaches]


def test_what_is_kept_is_what_is_made_anew() -> None:
    told = partial = 0
    for seed in range(STORIES):
        story = Story(seed)
        kept, keeping, making = story.view(), Judge(limits()), Judge(limits())
        assert in_order(keeping.look(kept, 0, DAY_MS)) == in_order(making.look(story.view(), 0, DAY_MS))
        for _ in range(STEPS):
            touch = kept.touch(*story.step())
            found, wanted = keeping.look(kept, 0, DAY_MS, touch), making.look(story.view(), 0, DAY_MS)
            assert in_order(found) == in_order(wanted), seed
            assert set(found.blind) <= set(wanted.blind)
            assert keeping.bases == making.bases
            assert keeping.watched.levels() == making.watched.levels()
            assert figures(kept) == figures(story.view()), seed
            told += len(found.breaches)
            partial += FLEET in touch.scopes and len(touch.scopes) < len(SCOPES)
    print(f"\n{STORIES} of {WHOLE} stories, {STORIES * STEPS} steps, {told} breaches, {partial} steps touched a part")
    assert told > STORIES
    assert partial > STORIES


def test_looking_at_everything_finds_what_nobody_has_told() -> None:
    for seed in range(5):
        story = Story(seed)
        view = story.view()
        figures(view)
        for _ in range(STEPS):
            story.step()
        touch = view.touch_all()
        assert {Scope(Kind.ACCOUNT, "one"), Scope(Kind.ACCOUNT, "two"), FLEET} <= touch.scopes
        assert figures(view) == figures(story.view())


def test_what_nobody_holds_touches_nobody() -> None:
    story = Story(1)
    view = story.view()
    Judge(limits()).look(view, 0, DAY_MS)
    assert view.touch((), {("usdm", "SOLUSDT")}) == Touch(frozenset(), frozenset())
    assert view.touch({("three", "usdm")}, ()) == Touch(frozenset(), frozenset())


def test_whose_last_order_has_gone_is_touched_too() -> None:
    story = Story(1)
    one = story.markets["one", "usdm"]
    body = {"s": "BTCUSDT", "c": "x", "i": 1, "S": "BUY"}
    one.orders.event("ORDER_TRADE_UPDATE", {"o": {**body, "X": "NEW"}}, "beta", 0)
    view = story.view()
    assert view.open_orders(Scope(Kind.BOT, "beta")) == 1
    one.orders.event("ORDER_TRADE_UPDATE", {"o": {**body, "X": "CANCELED"}}, "beta", 0)
    touch = view.touch({("one", "usdm")}, ())
    assert Scope(Kind.BOT, "beta") in touch.scopes
    assert Scope(Kind.STRATEGY, "alone") not in touch.scopes
    assert view.open_orders(Scope(Kind.BOT, "beta")) == 0


def test_a_limit_of_a_symbol_that_is_held_no_more_stands_no_more() -> None:
    story = Story(1)
    one = story.markets["one", "usdm"]
    story.board.pairs["usdm", "BTCUSDT"] = Pair(D(100), D(100))
    one.truth.positions[Place("BTCUSDT")] = Held(D(10), D(100))
    judge, view = Judge(limits()), story.view()
    judge.look(view, 0, DAY_MS)
    own = (Scope(Kind.ACCOUNT, "one"), "max_symbol_position", "BTCUSDT")
    assert own in judge.watched.levels()
    del one.truth.positions[Place("BTCUSDT")]
    judge.look(view, 0, DAY_MS, view.touch({("one", "usdm")}, ()))
    assert own not in judge.watched.levels()
