"""Each row of `core.failing` that can exist today: what goes on, what is refused with which word, since when."""

from dataclasses import replace

import pytest
from tests.gateway.cells import proves
from tests.gateway.exposed import opened
from tests.gateway.failing_rig import FUTURES, Watched
from tests.gateway.rig import CONFIG, ORDER, MemoryJournal, ScriptedVenue, on_virtual_time, why
from tests.gateway.test_limits import ORDERS, SPOT, named, shrink, used

from counterseal.adapters.home import Home
from counterseal.adapters.unrecorded import Unrecorded
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.failing import TABLE, WELL_MS, Kind
from counterseal.core.failures import Sign
from counterseal.core.unknowns import Unknown
from counterseal.gateway.health import failing_report
from counterseal.gateway.reply import SINCE, Reply
from counterseal.gateway.service import _read_config
from counterseal.gateway.venue_links import StartError
from counterseal.ports.venue import ORDINARY, Terms, VenueReply

STATUS = "/sapi/v1/system/status"


class ClosedJournal(MemoryJournal):
    """A journal that says of itself why it is closed, and takes records all the same."""

    why = ""

    @property
    def closed(self) -> str:
        return self.why


class Deep(ScriptedVenue):
    """An exchange of which one answer is nested beyond what can be read."""

    path = STATUS

    async def send(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        answer = await super().send(family, request, terms)
        return answer._replace(body=b"[" * 100_000) if self.path.encode() in request else answer


class Broken(ScriptedVenue):
    """An exchange of which one answer is not even text."""

    async def send(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        answer = await super().send(family, request, terms)
        return answer._replace(body=b'{"status": \xff') if STATUS.encode() in request else answer


class DeepPrices(Deep):
    """With prices of spot that cannot be read."""

    path = "/api/v3/ticker/price"


def with_closed_journal(rig: Watched, reason: str) -> None:
    """Let the journal say so from now on."""
    rig.journal.__class__ = ClosedJournal
    rig.journal.why = reason  # type: ignore[attr-defined]


async def opens_after_ten_seconds(rig: Watched, since_ms: int, name: str) -> None:
    """One moment before ten seconds without the fault it is closed; then it opens, and the journal has the end."""
    rig.look()
    assert not await rig.passes()
    await rig.clock.advance(WELL_MS / 1000 - 0.001)
    await rig.refresher.measure_offset()
    rig.look()
    assert not await rig.passes()
    await rig.clock.advance(0.001)
    rig.look()
    assert await rig.passes()
    assert rig.told(name, "ended") == rig.state.told_ms(since_ms)


# -- positions


@proves("positions_stale")
@on_virtual_time
async def test_positions_that_are_too_old_close_what_a_limit_of_exposure_judges() -> None:
    """From 30 s on; it opens as soon as they are read."""
    rig = await Watched("[accounts.main]\nmax_exposure = 1000000\n").warm()
    await opened(rig)
    rig.plane.exposures.state("main", "usdm", {}, rig.now_ms)
    assert await rig.passes()
    # The scripted exchange's own answers list no positions.
    await rig.clock.advance(30.1)
    await rig.warm()
    began_ms = rig.now_ms
    await rig.meets("positions_stale", began_ms)
    await rig.clock.advance(0.5)
    await rig.meets("positions_stale", began_ms)
    assert rig.told("positions_stale") == rig.state.told_ms(began_ms)
    rig.plane.exposures.state("main", "usdm", {}, rig.now_ms)
    assert await rig.passes()
    await rig.end()


# -- the market


@proves("prices_old")
@on_virtual_time
async def test_old_prices_close_what_a_limit_of_exposure_judges_by_them() -> None:
    """For ten seconds after they are young again too."""
    rig = await Watched("max_exposure = 1000000\n").warm()
    await opened(rig)
    await rig.clock.advance(5.5)
    rig.look()
    await rig.meets("prices_old", 5_001)
    for _ in range(5):
        assert await rig.refresher.read_prices()
        rig.look()
        assert not await rig.passes()
        await rig.clock.advance(2)
    assert await rig.refresher.read_prices()
    rig.look()
    assert await rig.passes()
    await rig.end()


@proves("prices_old")
@on_virtual_time
async def test_old_prices_close_what_a_limit_judges_by_them() -> None:
    """From 5 s on; with a young price orders wait another ten seconds."""
    rig = await Watched("max_order_notional = 1000000").warm()
    await rig.clock.advance(5.5)
    rig.look()
    began_ms = 5_001
    await rig.clock.advance(1)
    await rig.meets("prices_old", began_ms)
    assert rig.told("prices_old") == rig.state.told_ms(began_ms)
    assert await rig.refresher.read_prices()
    rig.look()
    assert not await rig.passes()
    for _ in range(10):
        # Whoever asks all the time does not keep it closed.
        assert not await rig.passes()
        await rig.clock.advance(1)
        assert await rig.refresher.read_prices()
        rig.look()
    assert await rig.passes()
    await rig.end()


@on_virtual_time
async def test_without_such_a_limit_prices_close_nothing() -> None:
    """The row closes market and notional rules, not orders that need no price."""
    rig = await Watched().warm()
    await rig.clock.advance(60)
    rig.look()
    assert [row["state"] for row in failing_report(rig.state)] == ["prices_old", "prices_old"]
    assert await rig.passes()
    await rig.end()


@on_virtual_time
async def test_an_old_price_says_since_when_by_itself() -> None:
    """Before anybody looks: from the moment on at which it became too old."""
    rig = await Watched("max_order_notional = 1000000").warm()
    await rig.clock.advance(8)
    reply = await rig.ask("POST", FUTURES, ORDER)
    assert (why(reply), reply.headers[SINCE]) == ("price_unknown", str(rig.state.told_ms(5_001)))
    await rig.end()


@on_virtual_time
async def test_prices_are_as_old_as_they_are_on_a_host_that_slept() -> None:
    """The monotonic clock stands still while it sleeps. What tells the exchange's new time tells how long it was."""
    rig = await Watched("max_order_notional = 1000000").warm()
    rig.look()
    rig.venue.skew_ms += 3_600_000
    assert why(await rig.ask("POST", FUTURES, ORDER)) == "timestamp_outside_window"
    await rig.clock.advance(0.1)
    reply = await rig.ask("POST", FUTURES, ORDER)
    assert why(reply) == "price_unknown"
    assert why(await rig.ask("DELETE", FUTURES, "symbol=BTCUSDT&orderId=1")) is None
    await rig.end()


@on_virtual_time
async def test_symbols_are_read_at_once_after_a_day_of_sleep() -> None:
    """Too old from the first measurement on, and not for the hour until they are read by themselves."""
    rig = await Watched().warm()
    rig.refresher.start()
    await rig.clock.advance(60)
    rig.look()
    rig.venue.skew_ms += 25 * 3_600_000
    assert await rig.refresher.measure_offset()
    rig.look()
    assert [(row["state"], row["scope"]) for row in failing_report(rig.state) if row["state"] == "rules_old"] == [
        ("rules_old", "spot"), ("rules_old", "usdm"),
    ]  # fmt: skip
    assert not await rig.passes()
    await rig.clock.advance(3)
    rig.look()
    await rig.clock.advance(10)
    rig.look()
    assert await rig.passes()
    await rig.end()


@on_virtual_time
async def test_a_clock_that_drifts_makes_nothing_older() -> None:
    """Nor does an exchange whose clock is set back: only what no uncertainty explains is time that went by."""
    rig = await Watched("max_order_notional = 1000000").warm()
    await rig.clock.advance(4)
    rig.venue.skew_ms += 2
    assert await rig.refresher.measure_offset()
    assert await rig.passes()
    rig.venue.skew_ms -= 900_000
    assert await rig.refresher.measure_offset()
    assert rig.state.market("usdm").prices_at_ms == 0
    await rig.end()


@on_virtual_time
async def test_one_product_s_prices_that_cannot_be_read_leave_the_others_theirs() -> None:
    """Nested beyond what can be read: its own are old, the others are read."""
    rig = await Watched("max_order_notional = 1000000").warm()
    rig.venue.__class__ = DeepPrices
    rig.refresher.start()
    await rig.clock.advance(7)
    rig.look()
    assert [(row["state"], row["scope"]) for row in failing_report(rig.state)] == [("prices_old", "spot")]
    assert await rig.passes()
    rig.venue.__class__ = ScriptedVenue
    await rig.end()


@proves("rules_old")
@on_virtual_time
async def test_old_rules_close_their_product() -> None:
    """After 24 hours; spot goes on when only the futures' list is old."""
    rig = await Watched().warm()
    await rig.clock.advance(24 * 3600 + 1)
    await rig.refresher.measure_offset()
    rig.state.market("spot").rules_at_ms = rig.now_ms
    rig.look()
    began_ms = 24 * 3_600_000 + 1
    await rig.meets("rules_old", began_ms)
    assert rig.told("rules_old") == rig.state.told_ms(began_ms)
    assert why(await rig.ask("POST", "/api/v3/order", ORDER)) is None
    assert await rig.refresher.read_rules()
    await opens_after_ten_seconds(rig, began_ms, "rules_old")
    await rig.end()


@on_virtual_time
async def test_old_rules_say_since_when_by_themselves() -> None:
    """From a day after they were read on."""
    rig = await Watched().warm()
    await rig.clock.advance(24 * 3600 + 60)
    await rig.refresher.measure_offset()
    reply = await rig.ask("POST", FUTURES, ORDER)
    assert (why(reply), reply.headers[SINCE]) == ("rules_stale", str(rig.state.told_ms(24 * 3_600_000 + 1)))
    await rig.end()


@proves("symbol_closed")
@on_virtual_time
async def test_a_symbol_that_takes_cancels_only() -> None:
    """As exchangeInfo lists it; it opens with the next list that says so."""
    rig = await Watched().warm()
    row = {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "status": "CANCEL_ONLY"}
    rig.venue.script["/fapi/v1/exchangeInfo"] = [(200, {"symbols": [row]})]
    await rig.clock.advance(3600)
    await rig.refresher.measure_offset()
    assert await rig.refresher.read_rules()
    began_ms = rig.now_ms
    await rig.meets("symbol_closed", began_ms)
    assert rig.told("symbol_closed") == rig.state.told_ms(began_ms)
    rig.state.market("usdm").rules_at_ms = None
    assert await rig.refresher.read_rules()
    assert await rig.passes()
    await rig.end()


async def from_another_bot(rig: Watched, path: str, query: str) -> Reply:
    """Ask as bot beta, which may do what alpha may."""
    alpha = rig.state.config.bots["alpha"]
    rig.state.config = replace(rig.state.config, bots={"alpha": alpha, "beta": replace(alpha, name="beta")})
    (credential,) = rig.state.credentials.values()
    rig.state.credentials = {credential.key_id: replace(credential, bot="beta")}
    reply = await rig.ask("POST", path, query)
    rig.state.credentials = {credential.key_id: credential}
    return reply


@on_virtual_time
async def test_a_bot_that_asks_for_what_is_not_there_dates_no_other_bot_s_refusals() -> None:
    """Nor does another learn from the date that it asked."""
    rig = await Watched().warm()
    foreign = ORDER.replace("BTCUSDT", "NOSUCH")
    assert why(await rig.ask("POST", FUTURES, foreign)) == "unknown_symbol"
    await rig.clock.advance(5)
    reply = await from_another_bot(rig, FUTURES, f"{foreign}&newClientOrderId=beta")
    assert (why(reply), reply.headers[SINCE]) == ("unknown_symbol", str(rig.state.told_ms(5_000)))
    again = await rig.ask("POST", FUTURES, f"{foreign}&newClientOrderId=alpha")
    assert again.headers[SINCE] == str(rig.state.told_ms(0))
    await rig.end()


@on_virtual_time
async def test_a_bot_that_asks_for_what_has_no_price_hides_no_alert() -> None:
    """Prices are young, one is missing: that is no state of all. When all become old it is told, and since then."""
    rig = await Watched("max_order_notional = 1000000").warm()
    rules = rig.state.market("usdm").rules
    rig.state.market("usdm").rules = {**rules, "NEWUSDT": rules["BTCUSDT"]}
    asked = 0
    while rig.now_ms < 8_000:
        asked += 1
        reply = await rig.ask("POST", FUTURES, ORDER.replace("BTCUSDT", "NEWUSDT") + f"&newClientOrderId=new-{asked}")
        assert why(reply) == "price_unknown"
        await rig.clock.advance(1)
        rig.look()
    began = [each for each in rig.state.failures if each.scope == "usdm"]
    assert [(each.row.name, each.since_ms) for each in began] == [("prices_old", 5_001)]
    assert ("prices_old", "usdm") in [(fields["state"], fields["scope"]) for _, fields in rig.log.criticals]
    reply = await rig.ask("POST", FUTURES, ORDER)
    assert reply.headers[SINCE] == str(rig.state.told_ms(5_001))
    await rig.end()


# -- time


@proves("clock_uncertain")
@on_virtual_time
async def test_an_uncertain_clock() -> None:
    """Drift makes it uncertain within a quarter of an hour; ten seconds after a measurement orders go on."""
    rig = await Watched().warm()
    await rig.clock.advance(18 * 60)
    rig.look()
    assert rig.state.reading is not None
    began_ms = rig.state.reading.uncertain_from_ms()
    assert began_ms < rig.now_ms
    await rig.clock.advance(1)
    await rig.meets("clock_uncertain", began_ms)
    assert rig.told("clock_uncertain") == rig.state.told_ms(began_ms)
    assert await rig.refresher.measure_offset()
    await opens_after_ten_seconds(rig, began_ms, "clock_uncertain")
    await rig.end()


@proves("clock_uncertain", "exits", "reads")
@on_virtual_time
async def test_before_the_first_measurement_exits_and_reads_go_by_this_host_s_clock() -> None:
    """The signer signs by its own; the exchange judges. Orders that raise risk wait for the measurement."""
    rig = Watched()
    await rig.refresher.read_rules()
    rig.venue.sent.clear()
    await rig.clock.advance(2)
    await rig.meets("clock_uncertain", 0)
    await rig.end()


# -- the journal


@proves("journal_failing")
@on_virtual_time
async def test_a_failing_journal_stays_closed() -> None:
    """Exits go on through the reserve. That the journal may be well again changes nothing: a person restarts it."""
    rig = await Watched().warm()
    with_closed_journal(rig, "journal_unavailable")
    await rig.clock.advance(1)
    began_ms = rig.now_ms
    await rig.meets("journal_failing", began_ms)
    assert rig.told("journal_failing") == rig.state.told_ms(began_ms)
    with_closed_journal(rig, "")
    await rig.clock.advance(600)
    rig.look()
    assert not await rig.passes()
    await rig.end()


@proves("journal_slow")
@on_virtual_time
async def test_a_slow_journal_opens_by_itself() -> None:
    """Ten seconds after the disk is quick again."""
    rig = await Watched().warm()
    with_closed_journal(rig, "journal_slow")
    began_ms = rig.now_ms
    await rig.meets("journal_slow", began_ms)
    assert rig.told("journal_slow") == rig.state.told_ms(began_ms)
    with_closed_journal(rig, "")
    await opens_after_ten_seconds(rig, began_ms, "journal_slow")
    await rig.end()


@proves("journal_lost", "exits", "reads", "alert")
@on_virtual_time
async def test_with_journal_and_reserve_lost_exits_are_recorded_in_memory() -> None:
    """The very exit that finds it out goes on; each has its record in the ring and as a line."""
    rig, lines = await Watched().warm(), list[str]()
    ring = rig.plane.gate._unrecorded = Unrecorded(lines.append)
    rig.journal.failing = True
    assert why(await rig.ask("DELETE", FUTURES, "symbol=BTCUSDT&orderId=1")) is None
    began_ms = rig.now_ms
    rig.look()
    await rig.clock.advance(1)
    for kind, reply, was_sent in await rig.requests():
        assert was_sent == (kind is Kind.EXIT)
        assert why(reply) == {Kind.INCREASE: "journal_unavailable", Kind.EXIT: None, Kind.READ: "journal_lost"}[kind]
        assert reply.headers.get(SINCE) == (None if kind is Kind.EXIT else str(rig.state.told_ms(began_ms)))
    kept = [record["type"] for record in ring.records if record["type"] != "event"]
    assert kept == ["outcome", "intent", "outcome", "intent", "outcome"]
    assert [record["unrecorded"] for record in ring.records] == list(range(1, ring.count + 1))
    assert len(lines) == ring.count
    assert {fields["state"] for _, fields in rig.log.criticals} >= {"journal_failing", "journal_lost"}
    await rig.end()


@proves("journal_lost", "increase")
@on_virtual_time
async def test_a_lost_journal_takes_no_order() -> None:
    """Also where only its loss is known: the row closes by itself."""
    rig = await Watched().warm()
    rig.plane.gate._unrecorded = Unrecorded(lambda line: None)
    rig.plane.gate.note(Sign("journal_lost", is_failing=True))
    await rig.meets("journal_lost", rig.now_ms)
    await rig.clock.advance(600)
    rig.look()
    assert not await rig.passes()
    await rig.end()


@proves("witness_away")
@on_virtual_time
async def test_a_witness_that_keeps_nothing() -> None:
    """Ten seconds after it has kept a checkpoint again orders go on."""
    rig = await Watched().warm()
    with_closed_journal(rig, "witness_unreachable")
    began_ms = rig.now_ms
    await rig.meets("witness_away", began_ms)
    assert rig.told("witness_away") == rig.state.told_ms(began_ms)
    with_closed_journal(rig, "")
    await opens_after_ten_seconds(rig, began_ms, "witness_away")
    await rig.end()


@on_virtual_time
async def test_a_slow_journal_hides_no_witness_that_is_away() -> None:
    """The journal gives one reason at a time; the other state neither ends for it nor begins anew."""
    rig = await Watched().warm()
    with_closed_journal(rig, "witness_unreachable")
    rig.look()
    await rig.clock.advance(60)
    with_closed_journal(rig, "journal_slow")
    for _ in range(12):
        rig.look()
        await rig.clock.advance(1)
    with_closed_journal(rig, "witness_unreachable")
    rig.look()
    events = [(each["state"], each["phase"]) for each in (*rig.journal.records, *rig.journal._queued)]
    assert [phase for name, phase in events if name == "witness_away"] == ["began"]
    await rig.end()


@proves("replay_marks_lost")
@on_virtual_time
async def test_marks_that_cannot_be_kept() -> None:
    """After ten seconds all that was lost is too old to be played again."""
    rig = await Watched().warm()
    rig.marks_failed = True
    rig.look()
    began_ms = rig.now_ms
    await rig.meets("replay_marks_lost", began_ms)
    assert rig.told("replay_marks_lost") == rig.state.told_ms(began_ms)
    rig.marks_failed = False
    await opens_after_ten_seconds(rig, began_ms, "replay_marks_lost")
    await rig.end()


# -- keys and policy


@proves("signer_dead")
@on_virtual_time
async def test_a_dead_signer_closes_everything_that_is_signed() -> None:
    """From the first who found it out; the next signature opens it."""
    rig = await Watched().warm()
    rig.signer.silent = True
    (await rig.requests()).clear()
    began_ms = rig.told("signer_dead") - rig.state.offset_ms() - rig.state.told_ms(0)
    assert 3_000 <= began_ms <= 4_000
    await rig.meets("signer_dead", began_ms)
    rig.signer.silent = False
    assert await rig.passes()
    await rig.clock.advance(15)
    rig.look()
    assert rig.told("signer_dead", "ended") == rig.state.told_ms(began_ms)
    await rig.end()


@proves("policy_load_failed")
@on_virtual_time
async def test_with_a_policy_that_could_not_be_loaded_all_goes_on() -> None:
    """Under the old one, told and shown until a sound one is loaded."""
    rig = await Watched().warm()
    began_ms = rig.now_ms
    rig.plane.gate.note(Sign("policy_load_failed", is_failing=True))
    await rig.meets("policy_load_failed", began_ms)
    assert rig.told("policy_load_failed") == rig.state.told_ms(began_ms)
    assert [row["state"] for row in failing_report(rig.state)] == ["policy_load_failed"]
    rig.plane.gate.note(Sign("policy_load_failed", is_failing=False))
    assert failing_report(rig.state) == []
    await rig.end()


@proves("policy_absent")
@pytest.mark.parametrize("text", [None, "", "[venue]\nenvironment = 5\n"])
def test_without_a_policy_nothing_starts(tmp_path, text: str | None) -> None:  # type: ignore[no-untyped-def]
    """One sentence, in which the file or the line is named."""
    home = Home(tmp_path)
    if text is not None:
        home.config.write_text(text)
    with pytest.raises(StartError, match=r"venue|counterseal\.toml"):
        _read_config(home)


@proves("policy_absent")
@on_virtual_time
async def test_a_policy_without_bots_allows_nobody_anything() -> None:
    """Not even to cancel: which key would be a bot's stands nowhere else."""
    rig = await Watched().warm()
    empty = load(CONFIG.split("[bots.alpha]", maxsplit=1)[0])
    assert isinstance(empty, Config)
    rig.state.config = empty
    for _, reply, was_sent in await rig.requests():
        assert (why(reply), was_sent) == ("purpose_not_allowed", False)
    await rig.end()


# -- the exchange's limits


@proves("budget_spent")
@on_virtual_time
async def test_after_a_429() -> None:
    """Three exits go on; orders and reads wait, and say since when; with Retry-After over all goes on."""
    rig = await Watched().warm()
    rig.venue.script["/fapi/v3/balance"] = [(429, {"code": -1003, "msg": "x"}, {"retry-after": "30"})]
    assert (await rig.ask("GET", "/fapi/v3/balance")).status == 429
    began_ms = rig.now_ms
    await rig.clock.advance(1)
    await rig.meets("budget_spent", began_ms)
    assert rig.told("budget_spent") == rig.state.told_ms(began_ms)
    await rig.clock.advance(29.5)
    assert await rig.passes()
    await rig.clock.advance(11)
    rig.look()
    assert rig.told("budget_spent", "ended") == rig.state.told_ms(began_ms)
    await rig.end()


@on_virtual_time
async def test_a_429_is_dated_by_itself() -> None:
    """Though another limit of the same row has been spent for hours."""
    rig = await Watched().warm()
    rig.plane.gate.meet("budget_spent", "usdm", rig.now_ms, 24 * 3_600_000)
    await rig.clock.advance(3600)
    await rig.warm()
    rig.venue.script["/fapi/v3/balance"] = [(429, {"code": -1003, "msg": "x"}, {"retry-after": "30"})]
    assert (await rig.ask("GET", "/fapi/v3/balance")).status == 429
    reply = await rig.ask("POST", FUTURES, ORDER)
    assert (why(reply), reply.headers[SINCE]) == ("venue_backoff", str(rig.state.told_ms(rig.now_ms)))
    await rig.end()


@proves("banned")
@on_virtual_time
async def test_after_a_418() -> None:
    """Nothing leaves, exits included, until the ban is over."""
    rig = await Watched().warm()
    rig.venue.script["/fapi/v3/balance"] = [(418, {"code": -1003, "msg": "x"}, {"retry-after": "60"})]
    assert (await rig.ask("GET", "/fapi/v3/balance")).status == 418
    began_ms = rig.now_ms
    await rig.clock.advance(1)
    await rig.meets("banned", began_ms)
    assert rig.told("banned") == rig.state.told_ms(began_ms)
    await rig.clock.advance(59.5)
    assert await rig.passes()
    await rig.end()


# -- the exchange


@proves("exchange_away")
@on_virtual_time
async def test_an_exchange_that_fails() -> None:
    """After five failures orders and reads of that host wait for a probe; exits are tried each time."""
    rig = await Watched().warm()
    await rig.clock.advance(1)
    for lane in ("TRADE", "ACCOUNT"):
        for _ in range(5):
            rig.plane.budget.breakers.note("usdm", lane, ok=False, sent_ms=rig.now_ms, now_ms=rig.now_ms)
    began_ms = rig.now_ms
    await rig.meets("exchange_away", began_ms)
    assert rig.told("exchange_away") == rig.state.told_ms(began_ms)
    await rig.end()


@proves("exchange_away", "exits")
@on_virtual_time
async def test_an_exit_that_cannot_leave_says_since_when() -> None:
    """The host cannot be reached at all: refused, because no byte left, and tried anew each time."""
    rig = await Watched().warm()
    rig.venue.down.add(FUTURES)
    first = await rig.ask("DELETE", FUTURES, "symbol=BTCUSDT&orderId=1")
    await rig.clock.advance(2)
    second = await rig.ask("DELETE", FUTURES, "symbol=BTCUSDT&orderId=2")
    assert why(first) == why(second) == "venue_unreachable"
    assert first.headers[SINCE] == second.headers[SINCE] == str(rig.state.told_ms(0))
    assert len(rig.venue.sent) == 2
    await rig.clock.advance(11)
    third = await rig.ask("DELETE", FUTURES, "symbol=BTCUSDT&orderId=3")
    assert third.headers[SINCE] == str(rig.state.told_ms(13_000))
    await rig.end()


@proves("maintenance")
@on_virtual_time
async def test_maintenance_is_asked_for_and_closes_orders() -> None:
    """Every 30 s; ten seconds after the exchange says that all is normal orders go on."""
    rig = await Watched().warm()
    rig.refresher.start()
    rig.venue.script[STATUS] = [
        (200, {"status": 0, "msg": "normal"}), (200, {"status": 1, "msg": "system maintenance"}),
        (200, {"status": 0, "msg": "normal"}),
    ]  # fmt: skip
    rig.health.start()
    await rig.clock.advance(29)
    assert await rig.passes()
    await rig.clock.advance(1.25)
    began_ms = 30_000
    await rig.meets("maintenance", began_ms)
    assert rig.told("maintenance") == rig.state.told_ms(began_ms)
    await rig.clock.advance(39)
    assert not await rig.passes()
    await rig.clock.advance(1.5)
    assert await rig.passes()
    rig.health.stop()
    await rig.end()


@on_virtual_time
async def test_what_was_asked_before_the_start_holds_for_the_first_order() -> None:
    """The gateway asks while it warms up, and opens with the answer."""
    rig = await Watched().warm()
    rig.venue.script[STATUS] = [(200, {"status": 1, "msg": "system maintenance"})]
    rig.health.ask()
    await rig.clock.advance(0.1)
    rig.health.start()
    assert not await rig.passes()
    await rig.clock.advance(1)
    assert sum(sent.path == STATUS for sent in rig.venue.sent) == 1
    rig.health.stop()
    await rig.end()


@on_virtual_time
async def test_an_answer_that_cannot_be_read_does_not_end_the_asking() -> None:
    """Else maintenance would be in force for ever, or never be heard of."""
    rig = await Watched().warm()
    rig.venue.script[STATUS] = [(200, {"status": 1, "msg": "system maintenance"})]
    rig.refresher.start()
    rig.health.start()
    await rig.clock.advance(1)
    assert not await rig.passes()
    for odd in (Deep, Broken):
        rig.venue.__class__ = odd
        await rig.clock.advance(30)
        assert not await rig.passes()
    rig.venue.__class__ = ScriptedVenue
    rig.venue.script[STATUS] = [(200, {"status": 0, "msg": "normal"})]
    await rig.clock.advance(41)
    assert await rig.passes()
    rig.health.stop()
    await rig.end()


@on_virtual_time
async def test_one_answer_that_is_missing_makes_nobody_deaf() -> None:
    """Maintenance begins with answers that do not come: it is asked for again half a minute later."""
    rig = await Watched().warm()
    rig.refresher.start()
    rig.venue.script[STATUS] = ["not_sent", (200, {"status": 1, "msg": "system maintenance"})]
    rig.health.start()
    await rig.clock.advance(30.5)
    assert not await rig.passes()
    rig.health.stop()
    await rig.end()


@on_virtual_time
async def test_who_waits_for_room_is_judged_again_when_it_comes() -> None:
    """Law L7 up to the send: what began to fail meanwhile closes the order, which has left nothing reserved."""
    rig = await Watched().warm()
    await rig.clock.advance(1)
    shrink(rig, ORDERS, 10)
    await rig.clock.advance(8.85)
    for number in range(7):
        assert why(await rig.ask("POST", SPOT, named(number))) is None
    waiting = rig.start("POST", SPOT, named(7))
    await rig.clock.advance(0.1)
    assert not waiting.done()
    rig.plane.gate.note(Sign("maintenance", is_failing=True))
    began_ms = rig.now_ms
    sent = len(rig.venue.sent)
    await rig.clock.advance(0.2)
    reply = waiting.result()
    assert (why(reply), reply.headers[SINCE]) == ("venue_maintenance", str(rig.state.told_ms(began_ms)))
    assert (len(rig.venue.sent), used(rig, "spot_orders_10s")) == (sent, 0)
    assert rig.journal.of("outcome")[-1]["outcome"] == "NOT_SENT"
    await rig.end()


# -- a reload


def configured(rig: Watched, products: str) -> None:
    """Take up another list of products, as a reload does."""
    found = load(CONFIG.replace('products = ["spot", "usdm"]', f"products = {products}"))
    assert isinstance(found, Config)
    rig.state.config = found
    rig.refresher.catch_up()


@on_virtual_time
async def test_what_no_bot_trades_any_more_ends() -> None:
    """Nobody reads its prices and symbols again: without an end it would be shown, and asked for, for ever."""
    rig = await Watched().warm()
    rig.refresher.start()
    rig.venue.down |= {"/fapi/v2/ticker/price", "/fapi/v1/exchangeInfo"}
    await rig.clock.advance(8)
    rig.state.market("usdm").rules_at_ms = rig.now_ms - 25 * 3_600_000
    rig.look()
    assert [(row["state"], row["scope"]) for row in failing_report(rig.state)] == [
        ("prices_old", "usdm"), ("rules_old", "usdm"),
    ]  # fmt: skip
    configured(rig, '["spot"]')
    rig.look()
    await rig.clock.advance(10)
    rig.look()
    assert (rig.state.failures.gated, failing_report(rig.state)) == ({}, [])
    assert not rig.state.market("usdm").prices_held
    await rig.end()


@on_virtual_time
async def test_the_symbols_of_a_new_product_are_read_at_once() -> None:
    """Not with the next hour; and again until it succeeds."""
    rig = await Watched().warm()
    rig.refresher.start()
    await rig.clock.advance(60)
    info = "/dapi/v1/exchangeInfo"
    rig.venue.script[info] = ["not_sent"]
    configured(rig, '["spot", "usdm", "coinm"]')
    rig.venue.sent.clear()
    await rig.clock.advance(2)
    assert [sent.path for sent in rig.venue.sent if sent.path.endswith("exchangeInfo")] == [info, info]
    assert rig.state.market("coinm").rules_fresh(rig.now_ms)
    configured(rig, '["spot", "usdm", "coinm"]')
    await rig.clock.advance(2)
    assert sum(sent.path.endswith("exchangeInfo") for sent in rig.venue.sent) == 2
    await rig.end()


# -- what nobody knows


@proves("unknown_orders")
@on_virtual_time
async def test_three_unknown_orders_of_a_symbol() -> None:
    """Since the third; it opens as soon as one of them is resolved."""
    rig = await Watched().warm()
    for number in range(3):
        await rig.clock.advance(1)
        rig.state.unknowns.add(
            Unknown(
                f"u{number}", "main", "usdm", frozenset({"BTCUSDT"}), frozenset(), True, rig.now_ms, lambda: None
            )
        )  # fmt: skip
    began_ms = rig.now_ms
    await rig.clock.advance(5)
    await rig.meets("unknown_orders", began_ms)
    assert rig.told("unknown_orders") == rig.state.told_ms(began_ms)
    rig.state.unknowns.drop("u1")
    assert await rig.passes()
    await rig.end()


@proves("unknown_orders", "increase")
@on_virtual_time
async def test_a_setting_waits_for_unknown_orders_too() -> None:
    """More leverage on a position of which nobody knows how large it is."""
    rig = await Watched().warm()
    for number in range(3):
        rig.state.unknowns.add(
            Unknown(
                f"u{number}", "main", "usdm", frozenset({"BTCUSDT"}), frozenset(), True, rig.now_ms, lambda: None
            )
        )  # fmt: skip
    reply = await rig.ask("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=20")
    assert (why(reply), reply.headers[SINCE]) == ("symbol_has_unknown_orders", str(rig.state.told_ms(0)))
    assert rig.venue.sent == []
    assert why(await rig.ask("POST", "/fapi/v1/leverage", "symbol=ETHUSDT&leverage=20")) is None
    await rig.end()


@proves("limits_store_behind")
@on_virtual_time
async def test_a_journal_that_may_lack_orders() -> None:
    """Until the exchange's own lists have been read."""
    rig = await Watched().warm()
    rig.state.unknowns.unread("main", "usdm", rig.now_ms)
    began_ms = rig.now_ms
    await rig.clock.advance(1)
    await rig.meets("limits_store_behind", began_ms)
    assert rig.told("limits_store_behind") == rig.state.told_ms(began_ms)
    rig.state.unknowns.is_read("main", "usdm")
    assert await rig.passes()
    await rig.end()


# -- this host


@proves("disk_nearly_full")
@on_virtual_time
async def test_a_disk_that_is_nearly_full() -> None:
    """Above 95 %, and when it does not answer; 95 % are still well."""
    rig = await Watched().warm()
    rig.host.disk = 0.95
    rig.look()
    assert await rig.passes()
    rig.host.disk = 0.951
    rig.look()
    began_ms = rig.now_ms
    await rig.meets("disk_nearly_full", began_ms)
    assert rig.told("disk_nearly_full") == rig.state.told_ms(began_ms)
    rig.host.disk = OSError(5, "Input/output error")
    await rig.clock.advance(60)
    rig.look()
    assert failing_report(rig.state)[0]["detail"] == "Input/output error"
    rig.host.disk = 0.5
    await opens_after_ten_seconds(rig, began_ms, "disk_nearly_full")
    await rig.end()


@proves("memory_nearly_full")
@on_virtual_time
async def test_memory_that_is_nearly_full() -> None:
    """Above 80 % of what this process may use."""
    rig = await Watched().warm()
    rig.host.memory = 0.81
    rig.look()
    began_ms = rig.now_ms
    await rig.meets("memory_nearly_full", began_ms)
    assert rig.told("memory_nearly_full") == rig.state.told_ms(began_ms)
    rig.host.memory = 0.8
    await opens_after_ten_seconds(rig, began_ms, "memory_nearly_full")
    await rig.end()


def hold_up_the_loop(rig: Watched, times: int) -> None:
    """Let something take 600 ms of the loop, so many times in a row."""
    if times:
        rig.clock._move(rig.clock.monotonic_ns() + 600_000_000)
        rig.clock.call_later(0.001, lambda: hold_up_the_loop(rig, times - 1))


def never_backward(rig: Watched) -> None:
    """Timers that come late are called at the time that it is by then."""
    move = rig.clock._move
    rig.clock._move = lambda to_ns: move(max(to_ns, rig.clock.monotonic_ns()))  # type: ignore[method-assign]


@proves("loop_lagging")
@on_virtual_time
async def test_a_loop_that_lags() -> None:
    """Two late looks are a hiccup, the third is a lag."""
    rig = await Watched().warm()
    never_backward(rig)
    rig.refresher.start()
    rig.health.start()
    await rig.clock.advance(0.1)
    rig.clock.call_later(0.01, lambda: hold_up_the_loop(rig, 2))
    await rig.clock.advance(5)
    assert await rig.passes()
    rig.clock.call_later(0.01, lambda: hold_up_the_loop(rig, 3))
    await rig.clock.advance(5)
    began_ms = rig.told("loop_lagging") - rig.state.told_ms(0)
    assert 6_000 < began_ms < 8_000
    await rig.meets("loop_lagging", began_ms)
    await rig.clock.advance(12)
    assert await rig.passes()
    assert rig.told("loop_lagging", "ended") == rig.state.told_ms(began_ms)
    rig.health.stop()
    await rig.end()


@proves("draining")
@on_virtual_time
async def test_a_gateway_that_stops() -> None:
    """New requests are refused, each since the first of them."""
    rig = await Watched().warm()
    rig.state.draining = True
    began_ms = rig.now_ms
    await rig.meets("draining", began_ms)
    assert rig.told("draining") == rig.state.told_ms(began_ms)
    await rig.end()


# -- all together


@on_virtual_time
async def test_exits_stay_open_when_everything_on_this_host_fails_at_once() -> None:
    """Law L6, with every state of the gate in force that does not take away what an exit needs."""
    rig = await Watched().warm()
    rig.plane.gate._unrecorded = Unrecorded(lambda line: None)
    for row in TABLE.values():
        if row.gated:
            rig.plane.gate.note(Sign(row.name, is_failing=True))
    for kind, reply, was_sent in await rig.requests():
        assert was_sent == (kind is Kind.EXIT) == (why(reply) is None)
    await rig.end()


@on_virtual_time
async def test_a_healthy_gateway_has_nothing_to_show() -> None:
    """Nothing is refused, nothing told; the hot path finds an empty mapping."""
    rig = await Watched().warm()
    rig.look()
    assert (rig.state.failures.gated, failing_report(rig.state), rig.journal.of("event")) == ({}, [], [])
    assert await rig.passes()
    await rig.end()
