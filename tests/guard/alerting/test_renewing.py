"""A reload takes up changed alert channels; what the closed sandbox does not let through is said."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.adapters import alert_parts
from tests.guard.alerting.sinks import REFUSED, Rig, Sink, in_loop
from tests.guard.alerting.test_build import ALL, HUSH, SECRETS, config, keep

from counterseal.adapters.home import Home
from counterseal.core.alerts.desk import Terms
from counterseal.core.alerts.model import Severity
from counterseal.core.alerts.routing import Route, at_least
from counterseal.guard.alerting import build
from counterseal.guard.alerting.alerts import Channel
from counterseal.guard.alerting.build import Plan, Reachable
from counterseal.guard.alerting.renewing import Renewed, renewed

C, M, I = Severity.CRITICAL, Severity.MEDIUM, Severity.INFO  # noqa: E741
alert_parts.require("httpx", "aiosmtplib", "boto3", "apprise")


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    (tmp_path / "alerts").mkdir(mode=0o700)
    for name, text in SECRETS.items():
        keep(home, name, text)
    return home


def again(before: Plan, text: str, home: Home) -> Renewed:
    return renewed(before, config(text), home, {})


def names(plan: Plan) -> set[str]:
    return {channel.route.name for channel in plan.channels}


def test_what_needs_nothing_new_is_taken_up_at_once(home: Home) -> None:
    before = build.plan(config(), home, {})
    text = ALL.replace('severities = ["medium"]', 'severities = ["high"]').replace("escalate_after_s = 60", "")
    text = text.replace('[alerts.channels.many]\nkind = "apprise"\n', '[alerts.channels.more]\nkind = "slack"\n')
    keep(home, "more", f"https://more.example.com/{HUSH}")
    found = again(before, text, home)
    assert (found.notes, found.plan.faults) == ((), {})
    assert names(found.plan) == (names(before) - {"many"}) | {"more"}
    chat = next(each for each in found.plan.channels if each.route.name == "chat")
    assert chat.route.severities == {Severity.HIGH}
    assert (before.terms.escalate_ms, found.plan.terms.escalate_ms) == (60_000, 300_000)
    assert found.plan.outside is not None and found.plan.reachable == before.reachable


def test_what_the_sandbox_was_closed_to_is_said_and_goes_on_as_it_was(home: Home) -> None:
    before = build.plan(config(), home, {})
    text = ALL.replace('host = "smtp.example.com"', 'host = "smtp.example.com"\nport = 2525')
    text = text.replace('kind = "pagerduty"', 'kind = "pagerduty"\nca_file = "new.pem"')
    text += '[alerts.channels.late]\nkind = "webhook"\n'
    (home.root / "new.pem").write_text("")
    keep(home, "late", f"https://late.example.com:9443/{HUSH}")
    keep(home, "outside", f"https://life.example.com:7443/{HUSH}")
    found = again(before, text, home)
    assert sorted(found.notes)[0] == (
        "alert channel late does not work: the guard's sandbox was closed without port 9443; it opens with a restart"
    )
    said = " ".join(found.notes)
    assert "channel mail goes on as it was: the guard's sandbox was closed without port 2525" in said
    assert "channel pager goes on as it was" in said and "call outside goes on as it was" in said
    assert len(found.notes) == 4 and HUSH not in said
    assert set(found.plan.faults) == {"late"} and "late" not in names(found.plan)
    assert {c.route.name: c.sink for c in found.plan.channels}["mail"] is next(
        c.sink for c in before.channels if c.route.name == "mail"
    )
    assert found.plan.outside is before.outside


def test_a_secret_that_cannot_be_read_anew_leaves_the_channel_as_it_was(home: Home) -> None:
    before = build.plan(config(), home, {})
    (home.root / "alerts" / "chat.secret").chmod(0o644)
    found = again(before, ALL, home)
    assert len(found.notes) == 1 and "chat goes on as it was" in found.notes[0] and found.plan.faults == {}


def test_a_guard_that_could_look_up_no_names_takes_up_no_channel(home: Home) -> None:
    blind = replace(build.plan(config(""), home, {}), reachable=Reachable(frozenset({443, 444}), frozenset(), False))
    found = again(blind, '[alerts]\noutside_s = 60\n[alerts.channels.pager]\nkind = "pagerduty"\n', home)
    assert names(found.plan) == set() and found.plan.outside is None
    assert set(found.plan.faults) == {"pager", "outside"}
    assert all("look-up of names" in note for note in found.notes) and len(found.notes) == 2
    ended = again(build.plan(config(), home, {}), "", home)
    assert (names(ended.plan), ended.plan.outside, ended.notes) == (set(), None, ())


# -- while they run


def channel(rig: Rig, name: str, least: Severity = I) -> Channel:
    rig.sinks[name] = Sink(rig.clock)
    return Channel(Route(name, at_least(least)), rig.sinks[name], 10.0)


@in_loop
async def test_alerts_go_by_the_new_channels_from_then_on(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": I, "sms": C})
    await rig.up()
    old = rig.sinks["sms"]
    rig.alerts.take_up((channel(rig, "pager"), channel(rig, "sms", C)), Terms(label="new"), {"chat": "no secret"})
    rig.tell()
    await rig.clock.advance(15)
    assert rig.sinks["pager"].got[0][1].label == "new"
    assert "gateway_stuck" in rig.sinks["sms"].codes() and old.got == [] and rig.sinks["mail"].got == []
    assert old.closed and rig.sinks["mail"].closed and not rig.sinks["sms"].closed
    assert "alert_channel_down" in rig.sinks["pager"].codes()  # the one that could not be made
    assert rig.alerts.view()["channels"].keys() == {"pager", "sms", "chat"}
    assert {row["state"] for name, row in rig.alerts.view()["channels"].items() if name != "chat"} == {"well"}
    await rig.down()
    assert rig.failed == []


@in_loop
async def test_what_is_on_its_way_by_an_old_channel_is_told_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": I, "gone": I})
    await rig.up()
    slow, gone = rig.sinks["mail"], rig.sinks["gone"]
    slow.mode = gone.mode = "slow"
    rig.tell("alerts_down")
    await rig.clock.advance(1)
    rig.alerts.take_up((channel(rig, "mail"),), Terms(), {})
    await rig.clock.advance(30)
    assert slow.codes() == gone.codes() == ["alerts_down"]
    assert rig.sinks["mail"].codes() == []
    rig.tell("intruder_order")
    await rig.clock.advance(1)
    assert rig.sinks["mail"].codes() == ["intruder_order"]
    await rig.down()
    assert rig.failed == []


@in_loop
async def test_an_old_channel_that_fails_is_not_held_against_the_new_one(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": I})
    await rig.up()
    rig.sinks["mail"].mode = "hanging"
    rig.tell()
    await rig.clock.advance(0.1)
    rig.alerts.take_up((channel(rig, "mail"),), Terms(), {})
    await rig.clock.advance(11)
    assert rig.alerts.failing() == {} and rig.sinks["mail"].codes() == ["gateway_stuck"]
    assert REFUSED.detail not in str(rig.log.lines)
    await rig.down()
    assert rig.failed == []
