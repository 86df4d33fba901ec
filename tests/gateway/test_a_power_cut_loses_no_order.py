"""PWR-1 in `process` durability: what the page cache had not given to the disk is gone, and with it intents of orders
that left. A start on another boot asks the exchange, and knows every order before it opens (ruling 19).

The exchange is the paper exchange; the journal is cut at real bytes and opened as a start opens it. `PWR1_STATES` sets
how many states are judged.
"""

import asyncio
import json
import os
import random  # noqa: TID251 - seeded
import shutil
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.rig import MemoryJournal
from tests.limits.gateway_side import GatewaySide
from tests.limits.house import House, Network
from tests.limits.lines import Answer, Credential, Through
from tests.limits.virtual_loop import LoopClock, VirtualLoop, run_virtually

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.adapters.journal_segments import path_of
from counterseal.adapters.journal_start import open_journal
from counterseal.core import record
from counterseal.core.boots import RECONCILED, RECOVERED_ORDER
from counterseal.core.budget.share import Lane
from counterseal.core.outcome import Outcome
from counterseal.core.record import FIRST_PREV, VERSION
from counterseal.core.tlog import leaf_hash
from counterseal.gateway.budget import NoRoom
from counterseal.gateway.recovery import Fold, Recovered, recovered_record
from counterseal.paper.faulted import Reply

ALL_STATES = 1_000
STATES = int(os.environ.get("PWR1_STATES", "200"))
FEW = 25
SECTOR = 512
MONDAY_MS = 1_795_392_000_000
# Two bots share an account, so that nobody can tell whose an order of ours is there.
ACCOUNTS = {"solo": "acct1", "one": "acct2", "two": "acct2"}
SPOT, USDM = "/api/v3/order", "/fapi/v1/order"
FAMILY = {SPOT: "spot", USDM: "usdm"}
RESTING = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002&price=80000.00"
AT_ONCE = "symbol=ETHUSDT&side=BUY&type=MARKET&quantity=0.01"
Order = tuple[str, str]


class ClockedJournal(MemoryJournal):
    """The journal in memory, with the time that a real one writes."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__()
        self._loop_clock = clock

    def append(self, entry: Mapping[str, Any]) -> None:
        """Queue a record."""
        super().append({"t": self._loop_clock.wall_ns() // 1_000_000, **entry})


class Machine:
    """The exchange, and gateways that come and go in front of it."""

    def __init__(self, loop: VirtualLoop, home: Path) -> None:
        self.home = home
        self.loop = loop
        self.clock = LoopClock(loop, MONDAY_MS)
        self.house = House(home, self.clock, sorted(set(ACCOUNTS.values())))
        self.network = Network(self.house, self.clock, random.Random(1), fixed_s=0.002)
        self.starts = 0

    def gateway(self, recovered: Recovered | None = None, clock: LoopClock | None = None) -> GatewaySide:
        """A gateway as the journal of the one before left it; `clock` is its host's, where that is another."""
        self.starts += 1
        clock = clock or self.clock
        side = GatewaySide(self.network, clock, ACCOUNTS)
        side.journal = ClockedJournal(clock)  # type: ignore[assignment]  # keeps everything
        side.state.incarnation = f"{self.starts:08x}"
        if recovered is not None:
            side.state.ledger = recovered.ledger
        side._wire()
        side.line = Through(side.handler, clock, lambda: self.clock.wall_ns() // 1_000_000)
        return side

    def clock_off_by(self, delta_ms: int) -> LoopClock:
        """A host's clock that goes wrong."""
        clock = LoopClock(self.loop, MONDAY_MS)
        clock.step_wall(delta_ms)
        return clock

    def born(self) -> set[Order]:
        """Every order that the exchange took, by family and client id."""
        return {
            (FAMILY[one.path], dict(pair.split("=") for pair in one.query.split("&"))["newClientOrderId"])
            for one in self.house.served
            if one.method == "POST" and one.status == 200
        }

    def placed(self) -> int:
        """How many orders arrived."""
        return sum(one.method == "POST" for one in self.house.served)


async def ask(side: GatewaySide, bot: str, method: str, path: str, query: str) -> Answer:
    """A bot asks."""
    return await side.line.ask(Credential(*side.line.credential(bot, "")), method, path, query, signed=True)


def begun(boot: str, at_ms: int) -> dict[str, Any]:
    """The record of a start."""
    return {"type": "start", "t": at_ms, "incarnation": "x", "boot": boot, "durability": "process", "reconciles": None}


def framed(records: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """The records as they lie in a segment."""
    prev, frames = FIRST_PREV, []
    for number, entry in enumerate(records, 1):
        payload = json.dumps({"v": VERSION, "seq": number, "prev": prev, **entry}).encode()
        frames.append(record.frame(payload))
        prev = leaf_hash(payload).hex()
    return frames


def states(frames: Sequence[bytes], durable: int) -> Iterator[bytes]:
    """What may be on the disk when records from `durable` on were not synced: whole ones, and the next one torn."""
    for kept in range(durable, len(frames)):
        whole = record.MAGIC + b"".join(frames[:kept])
        yield whole
        for end in range(SECTOR, len(frames[kept]), SECTOR):
            yield whole + frames[kept][:end]
            yield whole + frames[kept][:end] + bytes(len(frames[kept]) - end)


def opened(machine: Machine, data: bytes) -> Recovered:
    """What a start makes of a segment."""
    folder = machine.home / "state"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path_of(folder, 1).write_bytes(data)
    start = open_journal(folder, 64 * 1024)
    fold = Fold(machine.clock.wall_ns() // 1_000_000, machine.clock.monotonic_ns() // 1_000_000)
    for entry in start.records:
        fold.take(entry)
    os.close(start.file)
    start.reserve.close()
    return fold.recovered()


async def restart(machine: Machine, recovered: Recovered, boot: str) -> GatewaySide:
    """Start a gateway as the service does, up to the moment at which it opens."""
    # In a minute of its own: the weight of all these starts is no single machine's.
    await machine.clock.sleep(61)
    side = machine.gateway(recovered)
    await side._read_once()
    since_ms = recovered.boots.since(boot, machine.clock.wall_ns() // 1_000_000)
    side.journal.records += [recovered_record(intent) for intent in recovered.open]
    await asyncio.gather(
        side.resolver.before_opening([*recovered.unresolved, *recovered.open]),
        side.plane.reconciler.before_opening(since_ms, recovered.boots.recent(since_ms)),
    )
    return side


async def trade(side: GatewaySide, rng: random.Random, count: int, done: list[tuple[str, str, str]]) -> None:
    """Each bot places orders, with ids of its own and without, and cancels some. `done` gets who sent what."""
    for bot in ACCOUNTS:
        path = rng.choice((SPOT, USDM))
        query = RESTING if rng.random() < 0.6 else AT_ONCE
        given = rng.random() < 0.5
        name = f"{bot}-{count}"
        answer = await ask(side, bot, "POST", path, f"{query}&newClientOrderId={name}" if given else query)
        assert answer.status == 200, answer.body
        name = json.loads(answer.body)["clientOrderId"]
        done.append((bot, path, f"{query}&newClientOrderId={name}"))
        if query == RESTING and rng.random() < 0.4:
            cancel = f"symbol=BTCUSDT&origClientOrderId={name}"
            assert (await ask(side, bot, "DELETE", path, cancel)).status == 200


async def judge(machine: Machine, recovered: Recovered, done: Sequence[tuple[str, str, str]], name: str) -> int:
    """Every order is known before it opens, and none can be placed again. Gives how many the journal lacked."""
    known = {order for order in machine.born() if recovered.ledger.get(*order) is not None}
    side = await restart(machine, recovered, "two")
    lacked = {(entry["family"], entry["client_id"]): entry for entry in side.journal.of(RECOVERED_ORDER)}
    assert set(lacked) == machine.born() - known, name
    assert {order for order in machine.born() if side.state.ledger.get(*order) is None} == set(), name
    for (_, client_id), entry in lacked.items():
        assert entry["foreign"] is not client_id.startswith("cs-"), name
        owner = "solo" if entry["account"] == "acct1" else ""
        assert entry["bot"] == ("" if entry["foreign"] else owner), name
    assert side.state.unknowns.not_reconciled() == (), name
    assert len(side.journal.of(RECONCILED)) == 1, name
    before = machine.placed()
    for bot, path, query in done[-4:]:
        await ask(side, bot, "POST", path, query)
    assert machine.placed() == before, f"{name}: an order was placed again"
    await side.end()
    return len(lacked)


async def _cut_often(loop: VirtualLoop, home: Path, states_wanted: int) -> tuple[int, int, int]:
    """Trade, cut, start, judge; gives how many states, rounds of trading, orders that the journal lacked."""
    machine, rng = Machine(loop, home), random.Random(55)
    side = machine.gateway()
    done: list[tuple[str, str, str]] = []
    records: list[Mapping[str, Any]] = [begun("one", machine.clock.wall_ns() // 1_000_000)]
    judged = lacked = rounds = 0
    while judged < states_wanted:
        rounds += 1
        synced = 1 + len(side.journal.records)
        await side._read_once()
        await trade(side, rng, rounds, done)
        frames = framed([*records, *side.journal.records])
        for data in states(frames, synced):
            lacked += await judge(machine, opened(machine, data), done, f"state {judged}")
            judged += 1
    await side.end()
    return judged, rounds, lacked


def _pwr_1(home: Path, states_wanted: int, capsys: pytest.CaptureFixture[str]) -> None:
    judged, rounds, lacked = run_virtually(lambda loop: _cut_often(loop, home, states_wanted))
    assert lacked > judged, "the states lose orders"
    with capsys.disabled():
        sys.stdout.write(
            f"\nPWR-1 in process: {judged} of {ALL_STATES} states in {rounds} rounds, {lacked} orders found\n"
        )


@pytest.mark.threat(55)
@pytest.mark.threat(53)
def test_pwr_1_in_process_a_few_states(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The disk keeps any beginning of what was written since the last sync; the exchange has it all."""
    _pwr_1(tmp_path, FEW, capsys)


@pytest.mark.slow
@pytest.mark.threat(55)
@pytest.mark.threat(53)
def test_pwr_1_in_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same with `PWR1_STATES` states."""
    _pwr_1(tmp_path, STATES, capsys)


Work = Callable[[Machine, GatewaySide, list[dict[str, Any]]], Coroutine[Any, Any, None]]


def after_a_cut(home: Path, work: Work) -> None:
    """Let bots place one order each, of which the journal keeps nothing but its start; then `work`."""

    async def run(loop: VirtualLoop) -> None:
        machine = Machine(loop, home)
        side = machine.gateway()
        await side._read_once()
        records = [begun("one", machine.clock.wall_ns() // 1_000_000)]
        for bot in ("solo", "one"):
            assert (await ask(side, bot, "POST", SPOT, RESTING)).status == 200
        await work(machine, side, records)
        await side.end()

    run_virtually(run)


def fold(machine: Machine, records: Sequence[Mapping[str, Any]]) -> Recovered:
    """What a start makes of these records."""
    return opened(machine, record.MAGIC + b"".join(framed(records)))


def test_what_was_found_is_owned_can_be_cancelled_and_is_remembered(tmp_path: Path) -> None:
    """The only bot of an account has it back; of two nobody knows whose it is, and either may cancel it."""

    async def work(machine: Machine, _side: GatewaySide, records: list[dict[str, Any]]) -> None:
        side = await restart(machine, fold(machine, records), "two")
        found = {entry["account"]: entry for entry in side.journal.of(RECOVERED_ORDER)}
        assert {account: (entry["bot"], entry["foreign"]) for account, entry in found.items()} == {
            "acct1": ("solo", False), "acct2": ("", False),
        }  # fmt: skip
        again = fold(machine, [*records, begun("two", 1), *side.journal.records])
        for account, bot in (("acct1", "solo"), ("acct2", "two")):
            entry = again.ledger.get("spot", found[account]["client_id"])
            assert entry is not None
            assert (entry.bot, entry.order_status) == (found[account]["bot"], "NEW")
            cancel = f"symbol=BTCUSDT&origClientOrderId={found[account]['client_id']}"
            assert (await ask(side, bot, "DELETE", SPOT, cancel)).status == 200
        await side.end()

    after_a_cut(tmp_path, work)


def test_the_same_boot_and_power_durability_ask_nothing(tmp_path: Path) -> None:
    """A kill loses nothing that was written, and `power` nothing that left."""

    async def work(machine: Machine, _side: GatewaySide, records: list[dict[str, Any]]) -> None:
        power = [{**entry, "durability": "power"} for entry in records]
        for kept, boot, asks in (
            (records, "one", False),
            (power, "two", False),
            (records, "", True),
            ([], "two", False),
        ):
            side = await restart(machine, fold(machine, kept), boot)
            assert bool(side.journal.of(RECONCILED)) is asks
            await side.end()

    after_a_cut(tmp_path, work)


def test_what_cannot_be_read_closes_new_risk_until_it_is_read(tmp_path: Path) -> None:
    """The gateway opens after five seconds all the same: exits pass, other families too; a restart goes on."""

    async def work(machine: Machine, _side: GatewaySide, records: list[dict[str, Any]]) -> None:
        machine.network.closed.add(b"/api/v3/allOrders?")
        begun_ns = machine.clock.monotonic_ns()
        side = await restart(machine, fold(machine, records), "two")
        assert machine.clock.monotonic_ns() - begun_ns < 61e9 + 6e9
        assert side.state.unknowns.not_reconciled() == (("acct1", "spot"), ("acct2", "spot"))
        refused = await ask(side, "solo", "POST", SPOT, RESTING)
        assert refused.headers["x-counterseal-reason"] == "account_not_reconciled"
        assert (await ask(side, "solo", "POST", USDM, AT_ONCE)).status == 200
        # Found among the open ones, so that it can be cancelled.
        name = next(entry["client_id"] for entry in side.journal.of(RECOVERED_ORDER) if entry["account"] == "acct1")
        cancel = f"symbol=BTCUSDT&origClientOrderId={name}"
        assert (await ask(side, "solo", "DELETE", SPOT, cancel)).status == 200
        # Killed now, on the same boot: what is unread is read by the next one.
        started = {**begun("two", machine.clock.wall_ns() // 1_000_000), "reconciles": records[0]["t"]}
        later = fold(machine, [*records, started, *side.journal.records])
        machine.network.closed.clear()
        await machine.clock.sleep(31)
        assert side.state.unknowns.not_reconciled() == ()
        await side.refresher.measure_offset()
        await side.refresher.read_prices()
        assert (await ask(side, "solo", "POST", SPOT, RESTING)).status == 200
        await side.end()
        after = await restart(machine, later, "two")
        assert len(after.journal.of(RECONCILED)) == 1
        await after.end()
        done = await restart(machine, fold(machine, [*records, started, *side.journal.records]), "two")
        assert done.journal.of(RECONCILED) == []
        await done.end()

    after_a_cut(tmp_path, work)


async def lose(side: GatewaySide) -> None:
    """An order that is executed at once and of which only its trade, and what the account holds, tells."""
    answer = await ask(side, "solo", "POST", SPOT, f"{AT_ONCE}&newClientOrderId=gone")
    assert answer.status == 200, answer.body


def reads(side: GatewaySide, recovered: Recovered, boot: str = "two") -> asyncio.Task[None]:
    """Let a gateway begin to read, as the service does."""
    since_ms = recovered.boots.since(boot, side.clock.wall_ns() // 1_000_000)
    work = side.plane.reconciler.before_opening(since_ms, recovered.boots.recent(since_ms))
    return asyncio.get_running_loop().create_task(work)


def is_known(side: GatewaySide) -> bool:
    """Whether everything was read, and the lost order found."""
    return side.state.unknowns.not_reconciled() == () and side.state.ledger.get("spot", "gone") is not None


@pytest.mark.parametrize("off_h", [-4.5, -7.0, 143.0, 24 * 365 * -26.0])
def test_a_clock_that_goes_wrong_after_the_cut_hides_nothing(tmp_path: Path, off_h: float) -> None:
    """Five hours without power, and a host's clock that is not set yet when the gateway starts: NTP sets it later."""

    async def work(machine: Machine, side: GatewaySide, records: list[dict[str, Any]]) -> None:
        await lose(side)
        await machine.clock.sleep(5 * 3_600)
        clock = machine.clock_off_by(int(off_h * 3_600_000))
        recovered = fold_by(clock, machine, records)
        after = machine.gateway(recovered, clock)
        await after.refresher.measure_offset()
        opening = reads(after, recovered)
        await machine.clock.sleep(20)
        assert after.state.unknowns.not_reconciled(), "nothing can be signed by such a clock"
        clock.step_wall(-int(off_h * 3_600_000))
        assert await after.refresher.measure_offset()
        assert await after.refresher.read_rules()
        await machine.clock.sleep(600)
        await opening
        assert is_known(after)
        await after.end()

    after_a_cut(tmp_path, work)


@pytest.mark.parametrize("off_h", [-4.5, 4.5])
def test_a_clock_that_goes_wrong_after_the_cut_keeps_nothing_unknown(tmp_path: Path, off_h: float) -> None:
    """Its intent is kept, its outcome lost: when it was sent tells the journal, not this clock."""

    async def work(machine: Machine, side: GatewaySide, records: list[dict[str, Any]]) -> None:
        await lose(side)
        kept = [entry for entry in side.journal.of("intent") if "gone" in entry["client_ids"]]
        await machine.clock.sleep(5 * 3_600)
        clock = machine.clock_off_by(int(off_h * 3_600_000))
        recovered = fold_by(clock, machine, [*records, *kept])
        after = machine.gateway(recovered, clock)
        await after.refresher.measure_offset()
        (entry,) = recovered.open
        opening = asyncio.get_running_loop().create_task(after.resolver.before_opening([entry]))
        await machine.clock.sleep(6)
        await opening
        clock.step_wall(-int(off_h * 3_600_000))
        assert await after.refresher.measure_offset()
        await machine.clock.sleep(30)
        known = after.state.ledger.get("spot", "gone")
        assert known is not None
        assert (known.outcome, known.order_status) == (Outcome.ACCEPTED, "FILLED")
        assert not after.state.unknowns
        await after.end()

    after_a_cut(tmp_path, work)


def fold_by(clock: LoopClock, machine: Machine, records: Sequence[Mapping[str, Any]]) -> Recovered:
    """What a start by another clock makes of these records."""
    real, machine.clock = machine.clock, clock
    try:
        return fold(machine, records)
    finally:
        machine.clock = real


def test_nothing_is_read_before_the_exchange_s_time_and_symbols_are_known(tmp_path: Path) -> None:
    """Without the one it is asked for another time, without the others nobody knows which symbols assets have."""

    async def work(machine: Machine, side: GatewaySide, records: list[dict[str, Any]]) -> None:
        await lose(side)
        recovered = fold(machine, records)
        after = machine.gateway(recovered)
        asked = len(machine.house.served)
        opening = reads(after, recovered)
        await machine.clock.sleep(10)
        assert len(machine.house.served) == asked
        assert await after.refresher.measure_offset()
        await machine.clock.sleep(60)
        assert ("acct1", "spot") in after.state.unknowns.not_reconciled()
        assert ("acct1", "usdm") not in after.state.unknowns.not_reconciled()
        assert await after.refresher.read_rules()
        await machine.clock.sleep(60)
        await opening
        assert is_known(after)
        await after.end()

    after_a_cut(tmp_path, work)


@pytest.mark.parametrize("body", [b"{}", b"[7]", b"null", b'{"code":0,"msg":"ok"}', b"[{},[]]"])
def test_a_list_that_is_none_is_not_taken_for_an_empty_one(tmp_path: Path, body: bytes) -> None:
    """The exchange, or something in front of it, answers 200 and says nothing: it stays closed, and is asked again."""

    async def work(machine: Machine, side: GatewaySide, records: list[dict[str, Any]]) -> None:
        await lose(side)
        real, lies = machine.network.carry, [True]

        async def carry(raw: bytes, lane: str = "", peer: str = "") -> Reply:
            reply = await real(raw, lane, peer)
            if lies[0] and b"/api/v3/allOrders?" in raw:
                reply.body = body
            return reply

        machine.network.carry = carry  # type: ignore[method-assign]
        after = await restart(machine, fold(machine, records), "two")
        assert after.state.unknowns.not_reconciled() == (("acct1", "spot"), ("acct2", "spot"))
        assert after.journal.of(RECONCILED) == []
        lies[0] = False
        await machine.clock.sleep(61)
        assert is_known(after)
        await after.end()

    after_a_cut(tmp_path, work)


def test_a_number_that_was_another_order_s_hides_no_id(tmp_path: Path) -> None:
    """Test networks begin anew, and their numbers with them; the id is what an order is repeated by."""

    async def work(machine: Machine, side: GatewaySide, records: list[dict[str, Any]]) -> None:
        await lose(side)
        await machine.clock.sleep(1)
        number = side.journal.of("outcome")[-1]["order_id"]
        recovered = fold(machine, records)
        recovered.ledger.own("spot", "ETHUSDT", number, "solo")
        after = await restart(machine, recovered, "two")
        assert is_known(after)
        before = machine.placed()
        refused = await ask(after, "solo", "POST", SPOT, f"{AT_ONCE}&newClientOrderId=gone")
        assert refused.headers["x-counterseal-reason"] == "duplicate_client_order_id"
        assert machine.placed() == before
        await after.end()

    after_a_cut(tmp_path, work)


def test_another_key_of_the_account_reads_what_the_first_cannot(tmp_path: Path) -> None:
    """One that the signer does not hold any more must not keep the account closed."""

    async def work(machine: Machine, side: GatewaySide, records: list[dict[str, Any]]) -> None:
        await lose(side)
        recovered = fold(machine, records)
        after = machine.gateway(recovered)
        await after._read_once()
        config = after.state.config
        gone = replace(config.keys["acct1"], name="a-gone")
        solo = replace(config.bots["solo"], keys=("a-gone", "acct1"))
        after.state.config = replace(config, keys={**config.keys, "a-gone": gone}, bots={**config.bots, "solo": solo})
        opening = reads(after, recovered)
        await machine.clock.sleep(61)
        await opening
        assert is_known(after)
        await after.end()

    after_a_cut(tmp_path, work)


def test_an_answer_that_breaks_it_closes_nothing_for_ever(tmp_path: Path) -> None:
    """It is tried again, and told."""

    async def work(machine: Machine, side: GatewaySide, records: list[dict[str, Any]]) -> None:
        await lose(side)
        recovered = fold(machine, records)
        after = machine.gateway(recovered)
        await after._read_once()
        real, broken = after.plane.reconciler._take, [True]

        def take(*given: Any) -> None:
            if broken[0]:
                raise RecursionError
            real(*given)

        after.plane.reconciler._take = take  # type: ignore[method-assign]
        opening = reads(after, recovered)
        await machine.clock.sleep(6)
        await opening
        assert after.state.unknowns.not_reconciled()
        broken[0] = False
        await machine.clock.sleep(61)
        assert is_known(after)
        assert len(after.journal.of(RECONCILED)) == 1
        await after.end()

    after_a_cut(tmp_path, work)


def test_reading_leaves_room_for_exits_orders_and_unknown_ones(tmp_path: Path) -> None:
    """It is long work, after the gateway has opened: it goes no further than bots' own reads of an account."""

    async def work(machine: Machine, side: GatewaySide, records: list[dict[str, Any]]) -> None:
        await lose(side)
        recovered = fold(machine, records)
        await machine.clock.sleep(61)
        after = machine.gateway(recovered)
        await after._read_once()
        endpoint = load_catalogue().get("spot", "GET", "/api/v3/allOrders")
        assert endpoint is not None
        held = []
        while True:
            try:
                held.append(after.plane.budget.take_own(endpoint, {"symbol": "X"}, "acct9", Lane.ACCOUNT))
            except NoRoom:
                break
        asked = sum("/api/v3/" in one.path for one in machine.house.served)
        opening = reads(after, recovered)
        await machine.clock.sleep(5)
        since = [one.path for one in machine.house.served[asked:]]
        assert not {"/api/v3/allOrders", "/api/v3/myTrades"} & set(since)
        await ask(after, "solo", "DELETE", SPOT, "symbol=BTCUSDT&orderId=1")
        assert (machine.house.served[-1].method, machine.house.served[-1].path) == ("DELETE", SPOT)
        for permit in held:
            after.plane.budget.close(permit)
        await machine.clock.sleep(61)
        await opening
        assert is_known(after)
        await after.end()

    after_a_cut(tmp_path, work)
