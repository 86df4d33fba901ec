"""LIM-2: 64 orders race for what a limit has left; never is it exceeded, and what is accepted is exactly what fits.

`LIM2_ROUNDS` says how many rounds: 10,000 is the whole, `make test` takes one in a hundred.
"""

# ruff: noqa: TID251 - randomness is seeded
import asyncio
import os
import random
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from tests.gateway.exposed import opened
from tests.gateway.rig import CONFIG, Rig, ScriptedVenue, _encode, on_virtual_time, why

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.ports.venue import ORDINARY, NotSent, Terms, VenueReply

WHOLE, RACERS = 10_000, 64
ROUNDS = int(os.environ.get("LIM2_ROUNDS", str(WHOLE // 100)))
PATH = "/fapi/v1/order"
PRICE = Decimal("100000.00")
EPSILON = Decimal("0.00000001")
REFUSALS = {"exposure_bot", "exposure_symbol", "exposure_account"}


class Racecourse(ScriptedVenue):
    """Adds up what everybody may come to owe from the moment an order comes; refuses some, drops some unread."""

    rng = random.Random(0)
    limit = Decimal(0)
    owed = Decimal(0)
    kept: dict[str, Decimal]
    troubled = False

    async def send(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """Take an order; what it is worth counts while it is on its way."""
        if not request.startswith(b"POST"):
            return await super().send(family, request, terms)
        params = dict(pair.split("=") for pair in request.split(b" ", 2)[1].decode().partition("?")[2].split("&"))
        value = Decimal(params["quantity"]) * max(PRICE, Decimal(params["price"]))
        self.owed += value
        assert self.owed <= self.limit, "over the limit with an order on its way"
        drawn = self.rng.random() if self.troubled else 1.0
        await self.clock.sleep(self.rng.random() / 20)
        if drawn < 0.4:
            self.owed -= value
            if drawn < 0.2:
                raise NotSent("scripted")
            return self._reply(400, {"code": -2019, "msg": "Margin is insufficient."})
        self.kept[params["newClientOrderId"]] = value
        return self._reply(200, self._body("POST", PATH, params))

    def _reply(self, status: int, body: Any) -> VenueReply:
        return VenueReply(status, {}, _encode(body), self.clock.monotonic_ns(), self.clock.monotonic_ns())

    def _body(self, method: str, path: str, params: Mapping[str, str]) -> Any:
        body = super()._body(method, path, params)
        return {**body, "orderId": len(self.sent) + len(self.kept), "executedQty": "0"} if method == "POST" else body


class Race:
    """Rounds on one gateway; between them everything is cancelled."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rig = Rig("max_repeats = 0\n")
        self.venue = Racecourse(self.rig.clock)
        self.venue.rng, self.venue.kept = self.rng, {}
        before = self.rig
        before.venue = self.venue
        self.rig = Rig(_settings("bot", Decimal(1)), after=before)
        self.counts: Counter[str] = Counter()
        self.number = 0

    async def round(self, scope: str, *, troubled: bool) -> None:
        """64 orders at once for a limit that some of them fill to the last digit."""
        rig, venue = self.rig, self.venue
        await rig.clock.advance(61)
        await rig.refresher.measure_offset()
        await rig.refresher.read_prices()
        quantities = [Decimal(self.rng.randint(1, 40)) / 1000 for _ in range(RACERS)]
        fits = self.rng.randrange(1, RACERS)
        short = EPSILON if self.rng.random() < 0.5 else Decimal(0)
        limit = sum(quantities[:fits], Decimal(0)) * PRICE - short
        found = load(CONFIG + _settings(scope, limit))
        assert isinstance(found, Config), found
        rig.state.config = found
        rig.plane.exposures.configure()
        rig.plane.exposures.state("main", "usdm", {}, rig.state.monotonic_ms())
        venue.limit, venue.troubled, venue.owed, venue.kept = limit, troubled, Decimal(0), {}
        asked = [self._order(quantity) for quantity in quantities]
        await rig.clock.advance(0.2)
        refused = Counter(why(each.result()) for each in asked)
        self.counts.update(f"{'troubled' if troubled else 'calm'} {reason}" for reason in refused.elements())
        assert set(refused) <= {None, "venue_unreachable", *REFUSALS}
        scope_total = rig.plane.exposures.tracker.book.bot("alpha").total
        assert scope_total == sum(venue.kept.values()) == venue.owed <= limit
        if not troubled:
            assert venue.owed == _first_fit([quantity * PRICE for quantity in quantities], limit)
        await self._clear()

    def _order(self, quantity: Decimal) -> "asyncio.Task[Any]":
        self.number += 1
        side = f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price=90000.00"
        return self.rig.start("POST", PATH, f"{side}&newClientOrderId=o{self.number}")

    async def _clear(self) -> None:
        rows = [
            {"symbol": "BTCUSDT", "clientOrderId": name, "status": "CANCELED", "executedQty": "0"}
            for name in self.venue.kept
        ]  # fmt: skip
        self.rig.plane.exposures.learn("main", "usdm", rows)
        assert self.rig.plane.exposures.tracker.book.bot("alpha").total == 0
        self.venue.sent.clear()
        self.rig.journal.records.clear()


def _settings(scope: str, limit: Decimal) -> str:
    if scope == "bot":
        return f"max_repeats = 0\nmax_exposure = {limit}\n"
    setting = f"max_exposure = {limit}" if scope == "account" else f"max_symbol_exposure = {{ BTCUSDT = {limit} }}"
    return f"max_repeats = 0\n[accounts.main]\n{setting}\n"


def _first_fit(values: list[Decimal], limit: Decimal) -> Decimal:
    """In the order of their coming each order that still fits."""
    total = Decimal(0)
    for value in values:
        total += value if total + value <= limit else 0
    return total


@pytest.mark.slow
@pytest.mark.threat(42)
@on_virtual_time
async def test_sixty_four_orders_race_at_the_limit() -> None:
    race = Race(6)
    await opened(race.rig)
    for number in range(ROUNDS):
        if number % 1_000 == 0:
            # The exchange's symbols are read anew before they are a day old.
            await race.rig.refresher.read_rules()
        await race.round(("bot", "symbol", "account")[number % 3], troubled=number % 2 == 1)
    orders = sum(race.counts.values())
    print(f"LIM-2: {ROUNDS} of {WHOLE} rounds, {orders} orders: {dict(sorted(race.counts.items()))}")
    assert orders == ROUNDS * RACERS
    assert {f"calm {reason}" for reason in REFUSALS} <= set(race.counts)
    await race.rig.end()
