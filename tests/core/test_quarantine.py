"""Keys that the exchange refuses: one probe, then only what it shows to be closed, until it takes the key again."""

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.key_refusal import WHOLE, Cause, Need, Probe
from counterseal.core.messages import HeldKey
from counterseal.core.quarantine import (
    EXIT_MS,
    MOST_PROBE_MS,
    PROBE_MS,
    SILENT_MS,
    SUSPECT_MS,
    UNEXPLAINED_MS,
    Phase,
    Quarantine,
)

KEY = HeldKey("main", "A" * 64, "hmac", "paper")
OTHER = HeldKey("reader", "B" * 64, "hmac", "paper")
TRADE, READ = Need("spot", changes=True), Need("spot", changes=False)
REFUSED, CLOSED = Probe(401, -2015), "key_quarantined"
FINE = Probe(200, None, {"ipRestrict": True, "enableReading": True, "enableSpotAndMarginTrading": True})
LACKS = Probe(200, None, {"ipRestrict": True, "enableReading": True, "enableSpotAndMarginTrading": False})


def shut(at_ms: int = 1_000) -> Quarantine:
    """A quarantine in which a key was refused and its probe too."""
    keys = Quarantine()
    assert keys.refused(KEY, TRADE, at_ms, at_ms)
    (change,) = keys.probed(KEY, REFUSED, at_ms + 50)
    assert not change.ended
    return keys


def reason(keys: Quarantine, need: Need, now_ms: int, *, is_exit: bool = False, bot: str = "grid") -> str | None:
    """Why a request is held back; one that is not leaves."""
    closed = keys.judge("main", need, now_ms, is_exit=is_exit, bot=bot)
    if closed is None and is_exit:
        keys.leaves("main", need, now_ms, bot)
    return None if closed is None else closed.reason


def test_nothing_is_held_back_before_a_refusal() -> None:
    keys = Quarantine()
    assert not keys
    assert reason(keys, TRADE, 0) is None
    assert not keys.holds_back("main", TRADE)
    assert not keys.is_shut("main")
    assert keys.next_ms() is None
    assert keys.due(10**9) == []
    assert keys.taken("main", TRADE, 0, 0) == ()
    keys.leaves("main", TRADE, 0, "grid")
    assert not keys


def test_after_a_refusal_nothing_but_the_probe_goes_on_until_it_is_back() -> None:
    keys = Quarantine()
    assert keys.refused(KEY, TRADE, 900, 1_000)
    assert keys
    assert reason(keys, TRADE, 1_001) == reason(keys, READ, 1_001) == "key_quarantined"
    assert keys.holds_back("main", READ)
    assert not keys.is_shut("main"), "it is not known yet"
    assert not keys.refused(KEY, TRADE, 950, 1_010), "one probe, however many requests were on their way"
    assert keys.report(1_010)[0]["why"] == "it is being tried"


def test_a_probe_that_fails_too_closes_the_key_for_all_but_exits() -> None:
    keys = shut()
    assert keys.is_shut("main")
    assert reason(keys, READ, 2_000) == "key_quarantined"
    closed = keys.judge("main", READ, 2_000, is_exit=False)
    assert closed is not None
    assert (closed.since_ms, closed.wait_ms) == (1_000, PROBE_MS + 1_050 - 2_000)
    assert keys.judge("reader", READ, 2_000, is_exit=False) is None


def test_exits_are_tried_once_a_second() -> None:
    keys = shut()
    assert reason(keys, TRADE, 2_000, is_exit=True) is None
    assert reason(keys, TRADE, 2_000 + EXIT_MS - 1, is_exit=True) == "key_quarantined"
    closed = keys.judge("main", TRADE, 2_400, is_exit=True, bot="grid")
    assert closed is not None
    assert closed.wait_ms == 600
    assert reason(keys, TRADE, 2_000 + EXIT_MS, is_exit=True) is None
    # An exit that is refused changes nothing.
    assert not keys.refused(KEY, TRADE, 3_000, 3_001)


def test_each_bot_has_its_own_turn_and_only_what_leaves_takes_it() -> None:
    keys = shut()
    for at_ms in range(2_000, 3_000, 100):
        assert reason(keys, TRADE, at_ms, is_exit=True, bot="spammer") == (CLOSED if at_ms > 2_000 else None)
    assert keys.judge("main", TRADE, 2_500, is_exit=True, bot="grid") is None
    assert keys.judge("main", TRADE, 2_501, is_exit=True, bot="grid") is None, "it was refused for something else"
    assert reason(keys, TRADE, 2_502, is_exit=True) is None
    assert reason(keys, TRADE, 2_503, is_exit=True) == "key_quarantined"
    (ward,) = keys.due(10**9)
    assert set(ward.exits) == {"spammer", "grid"}


def test_a_mere_suspicion_holds_up_no_exit() -> None:
    keys = Quarantine()
    keys.refused(KEY, TRADE, 1_000, 1_000)
    assert [reason(keys, TRADE, at_ms, is_exit=True) for at_ms in (1_001, 1_002, 1_003)] == [None] * 3
    assert reason(keys, TRADE, 1_004) == "key_quarantined"
    keys.probed(KEY, REFUSED, 1_050)
    assert reason(keys, TRADE, 1_060, is_exit=True) == "key_quarantined", "its last one left less than a second ago"


def test_a_suspicion_that_no_probe_can_settle_ends_in_time_and_is_told() -> None:
    keys = Quarantine()
    keys.refused(KEY, TRADE, 1_000, 1_000)
    assert keys.probed(KEY, Probe(0), 1_000 + SUSPECT_MS - 1) == ()
    (change,) = keys.probed(KEY, Probe(429, -1003), 1_000 + SUSPECT_MS)
    assert change.is_open_question
    assert (change.ward.ref, change.ward.asked) == ("main", TRADE)
    assert not keys
    assert reason(keys, TRADE, 11_001) is None
    assert not keys.refused(KEY, TRADE, 11_002, 11_002), "it is not suspected again at once"
    # What a probe has found closed stays so, however long the next ones say nothing.
    keys = shut()
    assert keys.probed(KEY, Probe(503), 900_000) == ()
    assert keys.is_shut("main")


def test_a_probe_that_is_taken_and_explains_nothing_closes_nothing_and_is_not_repeated_at_once() -> None:
    keys = Quarantine()
    assert keys.refused(KEY, TRADE, 1_000, 1_000)
    assert keys.probed(KEY, FINE, 1_050) == ()
    assert not keys
    assert not keys.refused(KEY, TRADE, 1_100, 1_100)
    assert keys.refused(KEY, READ, 1_100, 1_100), "of another kind nothing is known"
    assert keys.probed(KEY, FINE, 1_150) == ()
    assert keys.refused(KEY, TRADE, 1_050 + UNEXPLAINED_MS, 1_050 + UNEXPLAINED_MS)


def test_a_missing_permission_closes_what_needs_it_alone() -> None:
    keys = Quarantine()
    assert keys.refused(KEY, TRADE, 1_000, 1_000)
    (change,) = keys.probed(KEY, LACKS, 1_050)
    assert not change.ended
    assert change.ward.diagnosis is not None
    assert change.ward.diagnosis.cause is Cause.PERMISSION
    assert "Enable Spot & Margin Trading" in change.ward.diagnosis.text
    assert reason(keys, TRADE, 1_100) == "key_lacks_permission"
    assert reason(keys, READ, 1_100) is None
    assert not keys.is_shut("main")
    assert reason(keys, TRADE, 1_100, is_exit=True) is None
    assert reason(keys, TRADE, 1_200, is_exit=True) == "key_lacks_permission"
    assert keys.report(1_100)[0]["what"] == "trading on spot"
    # Still missing at the next probe, then given back.
    assert [ward.need for ward in keys.due(1_050 + PROBE_MS)] == [TRADE]
    assert keys.probed(KEY, LACKS, 1_050 + PROBE_MS) == ()
    (ended,) = keys.probed(KEY, FINE, 100_000)
    assert ended.ended
    assert not keys
    assert keys.refused(KEY, TRADE, 100_001, 100_001), "what was explained is no mystery"


def test_a_permission_to_trade_that_has_ended_closes_trading_alone() -> None:
    ended = FINE._replace(expired=True)
    keys = Quarantine()
    keys.refused(KEY, TRADE, 1_000, 1_000)
    keys.probed(KEY, ended, 1_050)
    assert reason(keys, TRADE, 1_100) == "key_lacks_permission"
    assert reason(keys, READ, 1_100) is None


def test_a_deleted_key_whose_permission_had_gone_before() -> None:
    """The narrow ward is there when the whole key is refused: both stand, the wider one answers."""
    keys = Quarantine()
    keys.refused(KEY, TRADE, 1_000, 1_000)
    keys.probed(KEY, LACKS, 1_050)
    assert keys.refused(KEY, READ, 2_000, 2_000)
    changes = keys.probed(KEY, REFUSED, 2_050)
    assert [change.ward.need for change in changes] == [WHOLE]
    assert reason(keys, READ, 2_100) == reason(keys, TRADE, 2_100) == "key_quarantined"
    assert [ward.ref for ward in keys.due(10**9)] == ["main"], "each key is tried once"
    ended = keys.probed(KEY, LACKS, 40_000)
    assert [(change.ended, change.ward.need) for change in ended] == [(True, WHOLE)]
    assert reason(keys, READ, 40_001) is None
    assert reason(keys, TRADE, 40_001) == "key_lacks_permission"


def test_probes_come_less_and_less_often() -> None:
    keys, at_ms, gaps = shut(), 1_050, []
    for _ in range(6):
        next_ms = keys.next_ms()
        assert next_ms is not None
        assert keys.due(next_ms - 1) == []
        assert [ward.asked for ward in keys.due(next_ms)] == [TRADE]
        gaps.append(next_ms - at_ms)
        assert keys.probed(KEY, REFUSED, next_ms) == ()
        at_ms = next_ms
    assert gaps == [PROBE_MS, 2 * PROBE_MS, 4 * PROBE_MS, 8 * PROBE_MS, MOST_PROBE_MS, MOST_PROBE_MS]


def test_a_probe_without_an_answer_says_nothing_and_is_repeated_soon() -> None:
    keys = Quarantine()
    keys.refused(KEY, TRADE, 1_000, 1_000)
    assert keys.probed(KEY, Probe(0), 1_050) == ()
    assert reason(keys, READ, 1_100) == "key_quarantined"
    assert keys.next_ms() == 1_050 + SILENT_MS
    assert keys.probed(KEY, Probe(503, -1008), 4_000) == ()
    assert keys.probed(OTHER, REFUSED, 4_001) == ()
    (change,) = keys.probed(KEY, REFUSED, 5_000)
    assert change.ward.phase is Phase.SHUT


def test_what_the_exchange_takes_again_ends_it() -> None:
    keys = shut()
    assert keys.taken("main", TRADE, 999, 3_000) == (), "it had left before the refusal"
    (change,) = keys.taken("main", TRADE, 2_500, 3_000)
    assert (change.ended, change.ward.ref) == (True, "main")
    assert not keys
    assert not keys.refused(KEY, TRADE, 2_999, 3_100), "it had left before the key was known to be good"
    assert keys.refused(KEY, TRADE, 3_000, 3_100)


def test_a_refusal_that_ends_before_its_probe_is_told_to_nobody() -> None:
    keys = Quarantine()
    keys.refused(KEY, TRADE, 1_000, 1_000)
    assert keys.taken("main", READ, 1_010, 1_020) == ()
    assert not keys


def test_another_key_under_the_name_ends_it_and_so_does_none() -> None:
    keys = shut()
    assert keys.keep({"main": KEY}, 2_000) == ()
    (change,) = keys.keep({"main": KEY._replace(api_key="C" * 64)}, 2_000)
    assert change.ended
    assert not keys
    keys = shut()
    keys.taken("reader", READ, 2_000, 2_000)
    (change,) = keys.keep({}, 2_100)
    assert change.ward.ref == "main"


def test_what_the_settings_refuse_serves_exits_alone() -> None:
    keys = Quarantine()
    version = keys.version
    keys.hear({"main": "it can withdraw"}, {"main": True}, 1_000)
    assert keys
    assert keys.version > version
    assert keys.is_shut("main")
    assert keys.holds_back("main", READ)
    closed = keys.judge("main", READ, 5_000, is_exit=False)
    assert closed == ("key_refused", 1_000, 0)
    assert keys.judge("main", TRADE, 5_000, is_exit=True) is None
    assert keys.judge("main", TRADE, 5_000, is_exit=True) is None, "as often as it takes"
    version = keys.version
    keys.hear({"main": "it can withdraw"}, {}, 2_000)
    assert keys.version == version
    assert keys.report(3_000)[0]["since_ms_ago"] == 2_000
    keys.hear({}, {"other": True}, 3_000)
    assert keys.is_shut("main"), "nobody has asked for it since"
    keys.hear({}, {"main": True}, 3_000)
    assert not keys
    keys.hear({"main": "it can withdraw"}, {"main": True}, 4_000)
    assert keys.keep({}, 5_000) == ()
    assert not keys, "it is held no longer"


# -- why


def cause(keys: Quarantine, probe: Probe = REFUSED, *, fits: bool = True) -> tuple[Cause, bool]:
    keys.refused(KEY, TRADE, 10_000, 10_000)
    (change,) = keys.probed(KEY, probe, 10_050, fits=fits)
    assert change.ward.diagnosis is not None
    return change.ward.diagnosis[:2]


def test_what_is_known_of_the_key_and_of_others_goes_into_the_diagnosis() -> None:
    assert cause(Quarantine()) == (Cause.ENVIRONMENT, False), "it has never worked here"
    assert cause(Quarantine(), fits=False) == (Cause.ENVIRONMENT, True)
    keys = Quarantine()
    keys.taken("main", READ, 5, 5)
    assert cause(keys) == (Cause.KEY, False)
    keys = Quarantine()
    keys.hear({}, {"main": False}, 5)
    assert cause(keys) == (Cause.KEY, True)
    keys = Quarantine()
    keys.hear({}, {"main": True}, 5)
    keys.taken("reader", READ, 5, 5)
    assert cause(keys) == (Cause.KEY, False), "nothing is known of the other one since"
    keys.taken("reader", READ, 10_100, 10_100)
    assert keys.probed(KEY, REFUSED, 50_000) == ()
    assert "other keys work" in str(keys.report(50_000)[0]["why"])


def test_when_all_keys_are_refused_it_is_the_address() -> None:
    keys = Quarantine()
    keys.taken("main", READ, 5, 5)
    keys.taken("reader", READ, 5, 5)
    keys.refused(OTHER, READ, 9_000, 9_000)
    keys.probed(OTHER, REFUSED, 9_050)
    assert cause(keys) == (Cause.ADDRESS, False)


def test_a_probe_remembers_whether_the_key_is_bound_to_addresses() -> None:
    keys = Quarantine()
    keys.refused(KEY, READ, 1_000, 1_000)
    keys.probed(KEY, Probe(200, None, {"ipRestrict": False, "enableReading": True}), 1_050)
    keys.refused(OTHER, READ, 1_000, 1_000)
    keys.probed(OTHER, Probe(200, None, {"ipRestrict": 7}), 1_050)
    assert cause(keys) == (Cause.KEY, True)


# -- who else


def test_another_key_of_the_account_reads_in_its_place() -> None:
    text = """
[venue]
environment = "testnet"
[keys.main]
functions = ["trade", "settings"]
[keys.reader]
functions = ["account"]
[keys.both]
functions = ["account", "trade"]
[keys.setter]
functions = ["settings"]
[keys.elsewhere]
functions = ["account"]
account = "other"
"""
    config = load(text)
    assert isinstance(config, Config)
    held = {
        name: HeldKey(name, name * 9, "hmac", "testnet") for name in ("main", "reader", "both", "setter", "elsewhere")
    }
    keys = Quarantine()
    assert keys.stand_in("main", config, held, READ) == held["reader"]
    keys.refused(held["reader"], READ, 1, 1)
    assert keys.stand_in("main", config, held, READ) == held["both"]
    assert keys.stand_in("main", config, {**held, "both": KEY._replace(ref="both")}, READ) is None
    assert keys.stand_in("gone", config, held, READ) is None, "of whose account it was nobody knows"
