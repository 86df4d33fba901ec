"""DUP-1 and DUP-2: whatever the exchange, the network and kills do, an order is born once, and who repeats it is told.

`DUP1_OPERATIONS` and `DUP2_REPETITIONS` say how many; `make test` takes a part.
"""

# ruff: noqa: TID251 - randomness is seeded
import asyncio
import json
import os
import random
from collections import Counter

import pytest
from tests.gateway.rig import Rig, on_virtual_time, why
from tests.gateway.tiny_exchange import ORDER, SYMBOLS, TinyExchange

from counterseal.gateway.reply import Reply

OPERATIONS = int(os.environ.get("DUP1_OPERATIONS", "10000"))
REPETITIONS = int(os.environ.get("DUP2_REPETITIONS", "500"))
PER_RUN = 1_000
BODY = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=1.00"


class Nemesis:
    """One history: bots that place and repeat, an exchange that fails, a gateway that is killed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rig = Rig()
        self.venue = TinyExchange(self.rig.clock, rng=self.rng)
        self.rig = self._start(None)
        self.asked: list[tuple[str, str]] = []
        self.running: list[asyncio.Task[Reply]] = []
        self.answers = Counter[str]()
        self.kills = 0

    def _start(self, after: Rig | None) -> Rig:
        first = self.rig if after is None else after
        first.venue = self.venue
        return Rig(after=first)

    async def run(self, operations: int) -> None:
        """So many operations, then calm."""
        await self._open()
        for number in range(operations):
            await self._step(number)
        self.venue.calm = True
        await self.rig.clock.advance(240)
        self._collect()

    async def _open(self) -> None:
        await self.rig.warm()
        self.rig.refresher.start()
        self.rig.tasks.spawn(self.rig.resolver.before_opening(self.rig.left), "open")
        await self.rig.clock.advance(0.1)

    async def _step(self, number: int) -> None:
        drawn = self.rng.random()
        if drawn < 0.45 or not self.asked:
            self._place(f"n{number}", self.rng.choice(SYMBOLS))
        elif drawn < 0.9:
            # Mostly those of a moment ago: they are the ones whose fate is open.
            self._place(*self.rng.choice(self.asked[-20:] if self.rng.random() < 0.8 else self.asked))
        elif drawn < 0.905:
            await self._kill()
        await self.rig.clock.advance(self.rng.choice((0.0, 0.02, 0.5, 2.0)))
        self._collect()

    def _place(self, name: str, symbol: str) -> None:
        if (name, symbol) not in self.asked[-200:]:
            self.asked.append((name, symbol))
        query = f"symbol={symbol}&{BODY}&newClientOrderId={name}"
        self.running.append(self.rig.start("POST", ORDER, query))

    async def _kill(self) -> None:
        """As kill -9: what is in the journal stays, what is on its way to the exchange too."""
        self.kills += 1
        for task in self.running:
            task.cancel()
        await self.rig.end()
        await asyncio.gather(*self.running, return_exceptions=True)
        self.running = []
        self.rig = self._start(self.rig)
        await self._open()

    def _collect(self) -> None:
        for task in self.running:
            if task.done():
                self.answers[why(task.result()) or str(task.result().status)] += 1
        self.running = [task for task in self.running if not task.done()]

    def check(self) -> Counter[str]:
        """Each id was born once; each resolution is what the exchange knows; nothing is left open. Gives outcomes."""
        assert self.running == []
        born = Counter(one.client_id for one in self.venue.born)
        assert [name for name, count in born.items() if count > 1] == []
        records = self.rig.journal.records
        intents = {entry["id"]: entry for entry in records if entry["type"] == "intent"}
        ends = Counter(entry["id"] for entry in records if entry["type"] in ("outcome", "recovered"))
        assert set(ends.values()) <= {1}
        assert set(ends) == set(intents), "every intent has one end"
        outcomes = Counter[str]()
        for entry in records:
            if entry["type"] == "resolved":
                self._check_resolved(intents[entry["id"]], entry)
                outcomes[entry["outcome"]] += 1
        unknown = sum(e["outcome"] == "UNKNOWN" for e in records if e["type"] in ("outcome", "recovered"))
        assert sum(outcomes.values()) == unknown
        assert len(self.rig.state.unknowns) == 0
        return outcomes

    def _check_resolved(self, intent: dict, entry: dict) -> None:  # type: ignore[type-arg]  # journal records
        """Of requests sent until then, ABSENT has none that was ever born, ACCEPTED one that was born by then."""
        (name,) = intent["client_ids"]
        sent = {number for number, (known, at) in enumerate(self.venue.requests) if known == name and at <= entry["t"]}
        births = [one.at_ms for one in self.venue.born if one.client_id == name and one.request in sent]
        if entry["outcome"] == "ACCEPTED":
            assert min(births, default=entry["t"] + 1) <= entry["t"], entry
        else:
            assert births == [], entry


@pytest.mark.threat(53)
def test_dup_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Seeded histories under random faults and kills: laws L1 and L2 hold in each."""
    answers, outcomes, kills, born = Counter[str](), Counter[str](), 0, 0
    for seed in range(-(-OPERATIONS // PER_RUN)):

        async def history(seed: int = seed) -> Nemesis:
            nemesis = Nemesis(seed)
            await nemesis.run(PER_RUN)
            outcomes.update(nemesis.check())
            await nemesis.rig.end()
            return nemesis

        found = asyncio.run(history())
        answers.update(found.answers)
        kills += found.kills
        born += len(found.venue.born)
    with capsys.disabled():
        print(f"\nDUP-1: {OPERATIONS} operations, {kills} kills, {born} orders born, none twice; unknown ones came to"
              f" {dict(outcomes)}; bots were told {dict(answers)}")  # fmt: skip
    assert outcomes["ACCEPTED"] > 0
    assert outcomes["ABSENT"] > 0


QUERY = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&newClientOrderId="


@pytest.mark.threat(54)
@on_virtual_time
async def test_dup_2() -> None:
    """The same id during flight, after its acceptance, after a restart, a minute later, a day later: sent once."""
    rig = await Rig().warm()
    rig.refresher.start()
    names = [f"r{number}" for number in range(max(1, REPETITIONS // 5))]
    for name in names:
        rig.venue.delay_s = 0.05
        tasks = [rig.start("POST", ORDER, QUERY + name)]
        await rig.clock.advance(0.01)
        tasks.append(rig.start("POST", ORDER, QUERY + name))
        await rig.clock.advance(0.05)
        tasks.append(rig.start("POST", ORDER, QUERY + name))
        await rig.clock.advance(0)
        told = [(task.result().status, json.loads(task.result().body).get("clientOrderId")) for task in tasks]
        assert told == [(200, name)] * 3
        # A hundred orders in ten seconds are the exchange's limit.
        await rig.clock.advance(0.1)
    await rig.end()
    restarted = Rig(after=rig)
    await _repeat_later(restarted, names)
    sent = Counter(sent.params["newClientOrderId"] for sent in rig.venue.sent if sent.method == "POST")
    assert sent == Counter(names)
    await restarted.end()


async def _repeat_later(rig: Rig, names: list[str]) -> None:
    """They rest, and answer for as long as they do; filled, they answer for a minute, and never again go out."""
    rig.venue.delay_s = 0.0
    await _read_once(rig)
    for name in names:
        assert (await rig.ask("POST", ORDER, QUERY + name)).status == 200
        rig.state.ledger.learn("spot", name, "FILLED")
    for seconds in (61, 86_400):
        await rig.clock.advance(seconds)
        await _read_once(rig)
        for name in names:
            assert why(await rig.ask("POST", ORDER, QUERY + name)) == "duplicate_client_order_id"


async def _read_once(rig: Rig) -> None:
    for read in (rig.refresher.measure_offset, rig.refresher.read_prices, rig.refresher.read_rules):
        await read()
