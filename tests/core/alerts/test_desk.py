"""Who gets what next, who stands in for whom, what is told again."""

from tests.core.alerts.makers import WALL, alert, desk, entry

from counterseal.core.alerts.desk import MAX_REFUSALS, PATIENCE_MS, Desk, Parcel, Terms
from counterseal.core.alerts.health import SLOW_MS, Turn
from counterseal.core.alerts.model import Failure, Severity
from counterseal.core.alerts.routing import Route

C, H, M, I = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.INFO  # noqa: E741
T, R = Failure.TRANSIENT, Failure.REFUSED


def three(terms: Terms | None = None) -> Desk:
    return desk(terms, sms=C, chat=M, mail=I)


def take(
    one: Desk, now_ms: int = 0, key: str = "k", severity: Severity = C, code: str = "gateway_stuck", **more: str
) -> None:
    one.take(alert(key, code, severity, **more), now_ms, WALL)


def ready(one: Desk, now_ms: int) -> dict[str, Parcel]:
    """Every parcel that leaves now."""
    found = {name: one.next(name, now_ms) for name in one.names}
    return {name: parcel for name, parcel in found.items() if parcel is not None}


def done(one: Desk, now_ms: int, parcels: dict[str, Parcel]) -> None:
    for name, parcel in parcels.items():
        one.worked(name, parcel, now_ms, WALL)


def test_a_critical_alert_goes_to_everybody_who_takes_it_at_once() -> None:
    one = three()
    take(one)
    parcels = ready(one, 0)
    assert set(parcels) == {"sms", "chat", "mail"}
    assert ready(one, 0) == {}  # each is busy
    done(one, 100, parcels)
    assert ready(one, 10_000) == {}
    assert one.failing(10_000) == {} and not one.all_down()
    take(one, 10_000)  # the same again is only counted
    assert ready(one, 10_000) == {}


def test_severities_find_their_channels() -> None:
    one = three()
    take(one, severity=M)
    assert set(ready(one, 0)) == {"chat", "mail"}


def test_informational_ones_are_collected_into_one_message() -> None:
    one = three()
    for number in range(5):
        take(one, number, f"i{number}", I, "alert_channel_back")
    assert ready(one, 3_599_999) == {}
    assert len(ready(one, 3_600_000)["mail"].numbers) == 5


def test_a_digest_that_is_due_takes_along_what_else_waits() -> None:
    one = three()
    take(one, 0, "i", I)
    take(one, 3_600_000, "m", M)
    assert len(ready(one, 3_600_000)["mail"].numbers) == 2


def test_critical_ones_go_first_and_what_comes_meanwhile_is_told_together() -> None:
    one = desk(mail=I)
    take(one, 0, "m", M)
    take(one, 0, "c", C)
    first = ready(one, 0)["mail"]
    assert first.numbers == (2,)
    done(one, 0, {"mail": first})
    second = ready(one, 0)["mail"]
    assert second.numbers == (1,)
    done(one, 0, {"mail": second})
    for number in range(50):
        take(one, 1, f"c{number}", C)
        take(one, 1, f"m{number}", M, "stream_gap")
    third = ready(one, 1)["mail"]
    assert len(third.numbers) == 50 and third.message.severity is C
    done(one, 1, {"mail": third})
    # The critical budget is spent, and the others' too.
    take(one, 2, "late", C)
    done(one, 2, ready(one, 2))
    take(one, 3, "m", M)
    assert ready(one, 3) == {} and ready(one, 4_000)["mail"].numbers == (103,)


def test_others_may_leave_while_the_critical_budget_is_spent() -> None:
    one = desk(mail=I)
    for number in range(3):
        take(one, number, f"c{number}", C)
        parcels = ready(one, number)
        done(one, number, parcels)
    assert parcels == {}
    for key in ("m", "m2"):
        take(one, 3, key, M)
        found = ready(one, 3)["mail"]
        assert found.message.severity is M
        done(one, 3, {"mail": found})
    take(one, 4, "m3", M)
    assert ready(one, 4) == {}


def test_a_sign_of_life_that_is_a_message_counts_as_one() -> None:
    one = desk(mail=I)
    one.began("mail", 1_000)
    one.unprovable("mail", 1_000)
    due_ms = 1_000 + Terms().heartbeat_ms
    assert one.probe_due("mail", due_ms)
    for _ in range(2):
        one.began("mail", due_ms, is_message=True)
        one._channels["mail"].health.unprovable(due_ms - Terms().heartbeat_ms)
    assert not one.probe_due("mail", due_ms) and one.probe_due("mail", due_ms + 20_000)


def test_a_channel_that_is_slow_is_not_waited_for() -> None:
    one = desk(sms=C, chat=M, mail=I)
    routes = desk(sms=C, night=H)
    take(one)
    ready(one, 0)
    assert one.tick(SLOW_MS) == []
    # Only one channel takes critical ones here; after two seconds the other hears it, too.
    quiet = desk(sms=C, mute=I)
    quiet._channels["mute"].route = type(quiet._channels["mute"].route)("mute", frozenset({I}))
    take(quiet)
    assert set(ready(quiet, 0)) == {"sms"}
    quiet.tick(SLOW_MS - 1)
    assert ready(quiet, SLOW_MS - 1) == {}
    quiet.tick(SLOW_MS)
    assert set(ready(quiet, SLOW_MS)) == {"mute"}
    assert routes.names == ("sms", "night")


def only(severity: Severity = C) -> Desk:
    """One channel that takes the severity, one that takes none of it."""
    one = desk(sms=severity, mute=I)
    one._channels["mute"].route = type(one._channels["mute"].route)("mute", frozenset({I}))
    return one


def test_a_channel_that_fails_has_the_others_told_at_once() -> None:
    one = only()
    take(one)
    [(name, parcel)] = ready(one, 0).items()
    assert one.failed(name, parcel, T, "no connection", None, 100) is Turn.NONE
    assert set(ready(one, 100)) == {"mute"}


def test_a_channel_that_is_known_to_fail_is_not_waited_for() -> None:
    one = only()
    one.failed("sms", None, T, "no connection", None, 0)
    take(one, 10)
    assert set(ready(one, 10)) == {"mute"}


def test_a_high_alert_has_more_patience_and_a_medium_one_none_at_all() -> None:
    one = only(H)
    take(one, severity=H)
    assert set(ready(one, 0)) == {"sms"}
    one._channels["sms"].health.worked(
        1,
    )
    one._channels["sms"].health.began(PATIENCE_MS - 1)
    one.tick(PATIENCE_MS - 1)
    assert "mute" not in ready(one, PATIENCE_MS - 1)
    one.tick(PATIENCE_MS)
    assert "mute" in ready(one, PATIENCE_MS)
    medium = only(M)
    medium.failed("sms", None, T, "no connection", None, 0)
    take(medium, severity=M)
    medium.tick(10**6)
    assert "mute" not in ready(medium, 10**6)


def test_an_alert_about_a_channel_does_not_go_to_it() -> None:
    one = three()
    take(one, severity=H, beside="chat")
    assert set(ready(one, 0)) == {"mail"}
    alone = desk(chat=M)
    take(alone, severity=H, beside="chat")
    assert ready(alone, 0) == {}


def test_what_nobody_answers_is_told_again_on_one_channel_after_the_other() -> None:
    one = desk(Terms(escalate_ms=100_000, order=("chat",)), sms=C, chat=M, mail=I)
    assert one.names == ("chat", "sms", "mail")
    take(one)
    done(one, 0, ready(one, 0))
    told = []
    for step in range(1, 4):
        one.tick(step * 100_000 - 1)
        assert ready(one, step * 100_000 - 1) == {}
        one.tick(step * 100_000)
        parcels = ready(one, step * 100_000)
        told += list(parcels)
        assert all(f"told again for the {step}. time" in p.message.body for p in parcels.values())
        done(one, step * 100_000, parcels)
    assert sorted(told) == ["chat", "mail", "sms"]
    one.acknowledge(1, "alice", WALL)
    one.tick(10**7)
    assert ready(one, 10**7) == {}


def test_escalation_goes_first_where_it_has_not_been_and_past_what_does_not_work() -> None:
    one = only()
    one._terms = Terms(escalate_ms=100_000)
    take(one)
    done(one, 0, ready(one, 0))
    one.tick(100_000)
    parcels = ready(one, 100_000)
    assert set(parcels) == {"mute"}
    done(one, 100_000, parcels)
    one.failed("mute", None, R, "answered 404", None, 150_000)
    one.tick(200_000)
    assert set(ready(one, 200_000)) == {"sms"}
    # With nothing that works, it is tried all the same.
    one.failed("sms", None, R, "answered 404", None, 200_000)
    one.tick(300_000)
    one.tick(400_000)
    assert set(ready(one, 400_000)) == {"mute", "sms"}


def test_without_channels_nothing_is_told_and_nothing_fails() -> None:
    one = desk(Terms(escalate_ms=1))
    take(one)
    one.tick(10**6)
    assert one.names == () and one.failing(0) == {} and not one.all_down()


def test_a_message_that_is_refused_again_and_again_is_given_up_on_that_channel() -> None:
    one = desk(mail=I, chat=I)
    take(one, severity=M)
    for step in range(MAX_REFUSALS):
        parcel = one.next("mail", step * 100_000)
        assert parcel is not None
        one.failed("mail", parcel, R, "answered 400", None, step * 100_000)
        one.worked("mail", None, step * 100_000 + 50_000, WALL)  # the channel itself is well
    assert one.next("mail", 10**6) is None
    assert one.next("chat", 10**6) is not None


def test_a_transient_failure_keeps_the_message() -> None:
    one = desk(mail=I)
    take(one, severity=M)
    for step in range(5):
        parcel = one.next("mail", step * 100_000)
        assert parcel is not None
        one.failed("mail", parcel, T, "no connection", None, step * 100_000)


def test_what_was_answered_or_removed_meanwhile_is_no_trouble() -> None:
    one = desk(mail=I)
    take(one)
    parcel = ready(one, 0)["mail"]
    assert one.worked("mail", Parcel(parcel.message, (1, 99)), 0, WALL) is Turn.NONE


def test_channels_that_are_down_are_told_with_since_when() -> None:
    one = desk(sms=C, mail=I)
    assert one.failed("sms", None, R, "answered 403", None, 1_000) is Turn.DOWN
    assert one.failing(2_000) == {"alert_channel_down": (1_000, "sms")} and not one.all_down()
    one.failed("mail", None, R, "answered 403", None, 3_000)
    assert one.failing(4_000) == {"alert_channel_down": (3_000, "mail, sms"), "alerts_down": (1_000, "mail, sms")}
    assert one.all_down()
    assert one.worked("sms", None, 5_000, WALL) is Turn.BACK
    assert one.failing(5_000) == {"alert_channel_down": (2_000, "mail")}


def test_a_failure_that_lasts_is_told_by_a_tick() -> None:
    one = desk(sms=C)
    one.failed("sms", None, Failure.RATE_LIMITED, "answered 429", 60_000, 0)
    assert one.tick(29_000) == [] and one.tick(30_000) == [("sms", Turn.DOWN)]


def test_probes_keep_a_channel_busy() -> None:
    one = desk(sms=C)
    assert not one.probe_due("sms", 0) and one.probe_due("sms", 1_000)
    one.began("sms", 1_000)
    take(one, 1_000)
    assert ready(one, 1_000) == {} and not one.probe_due("sms", 1_000)
    one.unprovable("sms", 1_100)
    assert set(ready(one, 1_100)) == {"sms"} and not one.health("sms").has_probe


def test_what_an_earlier_run_has_kept_goes_to_the_channels_that_are_left() -> None:
    one = desk(mail=I)
    one.restore([entry(4, waiting={"gone", "mail"}), entry(5, alert=alert("other"), waiting={"gone"})])
    one.tick(0)
    assert sorted(ready(one, 0)["mail"].numbers) == [4, 5]


def test_other_channels_take_over_what_was_meant_for_those_that_are_gone() -> None:
    """What was told is not told again, and nobody gets more messages by that than without."""
    one = three()
    take(one, 0, "told")
    done(one, 100, ready(one, 0))
    take(one, 5_000, "waits", C)
    one.health("sms").began(5_000)
    one.reconfigure([Route("mail", frozenset({M, I})), Route("pager", frozenset({C}))], Terms(dedupe_ms=1), 6_000)
    assert one.names == ("mail", "pager") and one.book.dedupe_ms == 1
    assert set(ready(one, 6_000)) == {"mail"}  # it was meant for the old one of this name
    one.tick(8_000)
    assert set(ready(one, 8_000)) == {"pager"}  # nobody has taken it: everybody is told


def test_a_channel_in_the_place_of_one_that_is_sending_waits_for_its_end() -> None:
    one = desk(mail=I)
    take(one, 0, "a")
    parcels = ready(one, 0)
    one.reconfigure([Route("mail", frozenset({C}))], Terms(), 100)
    take(one, 100, "b")
    assert ready(one, 200) == {}
    one.replaced("mail", parcels["mail"], WALL)
    assert ready(one, 300)["mail"].numbers == (2,)
    one.replaced("gone", None, WALL)


def test_what_was_sent_before_counts_on() -> None:
    one = desk(mail=I)
    for at in range(2):
        take(one, at, f"k{at}")
        done(one, at, ready(one, at))
    one.reconfigure([Route("mail", frozenset({C}))], Terms(), 10)
    take(one, 10, "third")
    assert ready(one, 10) == {}
    assert ready(one, 5_000)["mail"].numbers == (3,)
