"""KREV-1: a key is deleted, its address unlisted or its permission taken at every point of an order's life.

At most one more request names the key (probes and exits, which are tried once a second, are not counted), people are
told within five seconds, and whatever became UNKNOWN is resolved by the key that stands by.
"""

import asyncio
import itertools
import os
from dataclasses import replace

import pytest
from tests.gateway.krev import (
    ANSWERED,
    BEFORE,
    DELETED,
    FAULTS,
    LOST,
    MAIN,
    PERMISSION,
    READER,
    SIGNED,
    UNLISTED,
    Case,
    Life,
    body,
    cases,
    live,
    trade_on,
)
from tests.limits.house import OURS

from counterseal.core.intent import Intent
from counterseal.core.key_refusal import Need, Probe
from counterseal.core.quarantine import PROBE_MS
from counterseal.gateway import quarantine
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted
from counterseal.gateway.guard_news import code_of
from counterseal.gateway.outbound import SignerRefused
from counterseal.gateway.quarantine import RESTRICTIONS
from counterseal.ports.venue import NotSent

ALL = cases()
# One of each fault and each moment in every run; the whole table where there is time.
SOME = [
    Case(DELETED, LOST, "order", "spot"),
    Case(UNLISTED, SIGNED, "replacement", "usdm"),
    Case(PERMISSION, BEFORE, "order", "usdm"),
    Case(PERMISSION, LOST, "market order", "spot"),
    Case(UNLISTED, ANSWERED, "cancel", "spot"),
]
ALERT_MS = 5_000
OTHER_ADDRESS = "203.0.113.8"


def prove(case: Case) -> None:
    """Let one case happen, and look at what came of it."""

    async def act(life: Life) -> None:
        await life.meet_the_point()
        await trade_on(life, 8)
        await asyncio.sleep(20)
        known_ms = life.known_ms()
        assert known_ms is not None, "the exchange has refused nothing"
        # Nobody asked with the key again.
        assert len(life.by_main()) <= 1, life.by_main()
        moments = [one.at_ms for one in life.exits()]
        assert all(later - earlier >= 990 for earlier, later in itertools.pairwise(moments)), moments
        # People were told, once, and in time.
        (told,) = life.told()
        assert told[0] - known_ms <= ALERT_MS
        assert told[2]["key"] == "main"
        assert told[2]["cause"] == ("permission" if case.fault == PERMISSION else told[2]["cause"])
        # What was unknown is known.
        assert not life.gateway.state.unknowns
        unknown = [row["id"] for row in life.records("outcome") if row["outcome"] == "UNKNOWN"]
        assert {row["id"] for row in life.records("resolved")} == set(unknown)
        if case.when == LOST and case.request in ("order", "market order") and case.fault != PERMISSION:
            asked = [one for one in life.house.seen if one.key == READER.api_key and one.method == "GET"]
            assert asked
            assert {row["outcome"] for row in life.records("resolved")} == {"ACCEPTED"}
        # Whoever asked was told why, in the exchange's own words.
        reason = "key_lacks_permission" if case.fault == PERMISSION else "key_quarantined"
        refused = [one for one in life.answers if one.headers.get("x-counterseal-reason") == reason]
        assert refused
        assert all((one.status, body(one)["code"]) == (401, -2015) for one in refused)
        await comes_back(life)

    live(case, act)


async def comes_back(life: Life) -> None:
    """The key is as it was: after the next probe orders go on."""
    life.give_back()
    life.house.exchange.faults.take({"clear": True})
    await asyncio.sleep(4 * PROBE_MS / 1000)
    answer = await life.order()
    assert answer.status == 200, answer.body
    assert life.gateway.state.quarantine.report(0) == []
    assert [row["what"] for row in life.records("event") if str(row.get("what")).startswith("key_")] == [
        "key_quarantined", "key_back",
    ]  # fmt: skip


@pytest.mark.threat(67)
@pytest.mark.parametrize("case", SOME, ids=str)
def test_a_key_goes_in_the_middle_of_an_orders_life(case: Case) -> None:
    assert case.request in {one.request for one in ALL}
    prove(case)


@pytest.mark.slow
@pytest.mark.threat(67)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_key_goes_at_every_point_of_an_orders_life(fault: str) -> None:
    """Twenty points for each fault; with COUNTERSEAL_KREV=1 each on both markets."""
    chosen = [case for case in ALL if case.fault == fault]
    assert len(chosen) == 20
    if os.environ.get("COUNTERSEAL_KREV"):
        chosen += [case._replace(market="usdm" if case.market == "spot" else "spot") for case in chosen]
    for case in chosen:
        try:
            prove(case)
        except AssertionError as fault_found:
            raise AssertionError(str(case)) from fault_found


def test_requests_that_were_on_their_way_are_probed_for_once() -> None:
    """Ten orders leave together; all are refused, one probe follows."""

    async def act(life: Life) -> None:
        life.take_away()
        await asyncio.gather(*[life.order() for _ in range(10)])
        await asyncio.sleep(1)
        probes = [one for one in life.house.seen if one.path.endswith("apiRestrictions")]
        assert len(probes) == 1
        assert len(life.told()) == 1

    live(Case(DELETED, BEFORE, "order", "spot"), act)


def test_a_refusal_that_the_probe_cannot_explain_quarantines_nothing() -> None:
    async def act(life: Life) -> None:
        life.house.exchange.faults.take({
            "fault": "answer:-2015", "when": "before", "times": 1, "match": {"method": "POST"},
        })  # fmt: skip
        assert body(await life.order())["code"] == -2015
        await asyncio.sleep(0.2)
        assert (await life.order()).status == 200
        assert life.told() == []

    live(Case(DELETED, BEFORE, "order", "spot"), act)


def test_what_the_settings_refuse_serves_exits_alone() -> None:
    """The guard says so; as long as it has said nothing, all goes on."""

    async def act(life: Life) -> None:
        wards = life.gateway.plane.wards
        wards.hear({"type": "keys", "refused": {"main": "the key can withdraw"}, "restricted": {"main": True}})
        refused = await life.order()
        assert refused.headers["x-counterseal-reason"] == "key_refused"
        assert (await life.request("query")).headers["x-counterseal-reason"] == "key_refused"
        cancelled = await life.request("cancel")
        assert (cancelled.status, body(cancelled)["status"]) == (200, "CANCELED")
        wards.hear({"type": "keys", "refused": {}, "restricted": {}})
        assert (await life.order()).headers["x-counterseal-reason"] == "key_refused", (
            "a guard that begins knows nothing"
        )
        wards.hear({"type": "keys", "refused": {}, "restricted": {"main": True}})
        assert (await life.order()).status == 200
        for nonsense in ({}, {"refused": [], "restricted": {}}, {"refused": {"main": 7}, "restricted": {}}):
            with pytest.raises(ValueError, match="not facts"):
                wards.hear({"type": "keys", **nonsense})

    live(Case(DELETED, BEFORE, "order", "spot"), act)


def test_a_quarantine_ends_when_the_signer_holds_another_key() -> None:
    async def act(life: Life) -> None:
        life.take_away()
        await life.order()
        await asyncio.sleep(1)
        assert (await life.order()).headers["x-counterseal-reason"] == "key_quarantined"
        held = life.gateway.signer._held
        fresh = held["main"]._replace(api_key="N" * 64)
        life.house.exchange.keys.add(replace(MAIN, api_key=fresh.api_key))
        life.gateway.signer._held = {**held, "main": fresh}
        life.gateway.plane.wards.keys_changed()
        assert (await life.order()).status == 200

    live(Case(DELETED, BEFORE, "order", "spot"), act)


def test_a_bot_that_hammers_its_cancels_is_let_through_once_a_second() -> None:
    async def act(life: Life) -> None:
        life.take_away()
        await life.order()
        await asyncio.sleep(0.5)
        answers = []
        for _ in range(50):
            answers.append(await life.request("cancel"))
            await asyncio.sleep(0.05)
        assert 2 <= len(life.exits()) <= 4
        held_back = [one for one in answers if one.headers.get("x-counterseal-reason") == "key_quarantined"]
        assert len(held_back) == 50 - len(life.exits())
        assert {one.headers["retry-after"] for one in held_back} == {"1"}

    live(Case(DELETED, BEFORE, "order", "usdm"), act)


def test_what_is_signed_already_does_not_leave_any_more() -> None:
    async def act(life: Life) -> None:
        held, clock = life.gateway.signer.keys()["main"], life.gateway.state

        def refuse(_asked: object) -> None:
            now_ms = clock.monotonic_ms()
            clock.quarantine.refused(held, Need("usdm", changes=True), now_ms, now_ms)

        life.gateway.signer.on_signing = refuse
        before = len(life.house.seen)
        answer = await life.order()
        assert answer.headers["x-counterseal-reason"] == "key_quarantined"
        query = await life.request("query")
        assert query.headers["x-counterseal-reason"] == "key_quarantined"
        assert len(life.house.seen) == before
        assert [row["outcome"] for row in life.records("outcome")][1:] == ["NOT_SENT"]

    live(Case(DELETED, BEFORE, "order", "spot"), act)


def test_a_late_refusal_of_a_key_that_was_replaced_is_nobodys() -> None:
    async def act(life: Life) -> None:
        wards, held = life.gateway.plane.wards, life.gateway.signer.keys()["main"]
        endpoint = life.gateway.state.catalogue.get("spot", "GET", "/api/v3/account")
        assert endpoint is not None
        wards.told(held._replace(api_key="O" * 64), endpoint, 401, -2015, 10**9)
        wards.told(held._replace(ref="main.0"), endpoint, 401, -2015, 10**9)
        assert not life.gateway.state.quarantine

    live(Case(DELETED, BEFORE, "order", "spot"), act)


@pytest.mark.parametrize("environment", ["production", "testnet", "demo"])
def test_a_key_of_another_environment_is_told_and_neither_signs_nor_is_shown(environment: str) -> None:
    async def act(life: Life) -> None:
        gateway = life.gateway
        held = {ref: key._replace(environment=environment) for ref, key in gateway.signer.keys().items()}
        gateway.signer._held = held
        gateway.plane.wards.keys_changed()
        gateway.plane.wards.keys_changed()
        told = [fields for _, event, fields in gateway.criticals if code_of(event, fields) == "key_environment"]
        assert [(fields["key"], fields["sealed_for"], fields["here"]) for fields in told] == [
            (ref, environment, "paper") for ref in sorted(held)
        ]
        before = len(life.house.seen)
        assert (await life.order()).headers["x-counterseal-reason"] == "no_key"
        outbound = gateway.plane.wards.outbound
        assert outbound is not None
        endpoint = gateway.state.catalogue.get("spot", "GET", "/api/v3/account")
        assert endpoint is not None
        admitted = Admitted(
            "bot00", None, endpoint, Intent(endpoint, (), {}, (), (), (), places=False), None, (), 0, None
        )
        permit = gateway.plane.budget.take_own(endpoint, {}, "main")
        with pytest.raises(SignerRefused, match="other_environment"):
            await outbound.sign(admitted, held["main"])
        with pytest.raises(NotSent):
            await outbound.send(admitted, b"timestamp=1", held["main"], permit)
        gateway.plane.budget.close(permit)
        assert len(life.house.seen) == before

    live(Case(DELETED, BEFORE, "order", "spot"), act)


def test_a_key_that_works_from_another_of_our_addresses_was_unlisted_here() -> None:
    """With several addresses the probe leaves from the one that was refused; another one shows why it was."""

    async def act(life: Life) -> None:
        life.house.exchange.keys.change(MAIN.api_key, {"ips": (OURS,)})
        for _ in range(4):
            await life.order()
            await asyncio.sleep(0.2)
        (told,) = life.told()
        assert (told[2]["cause"], told[2]["is_certain"]) == ("address", True)
        probes = [one for one in life.house.served if one.path.endswith("apiRestrictions")]
        assert [(one.peer, one.code) for one in probes] == [(OTHER_ADDRESS, -2015), (OURS, None)]

    live(Case(UNLISTED, BEFORE, "order", "spot"), act, (OURS, OTHER_ADDRESS))


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_where_the_exchange_tells_no_permissions_an_account_is_read_instead(
    market: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on testnet and demo."""
    monkeypatch.setattr(quarantine, "WITHOUT_WALLET", frozenset({"paper"}))

    async def act(life: Life) -> None:
        life.take_away()
        await life.order()
        await asyncio.sleep(1)
        assert life.seen_probes() == [{"spot": "/api/v3/account", "usdm": "/fapi/v3/balance"}[market]]
        assert len(life.told()) == 1
        life.give_back()
        await asyncio.sleep(PROBE_MS / 1000)
        assert (await life.order()).status == 200

    live(Case(DELETED, BEFORE, "order", market), act)


def test_a_probe_without_room_or_signature_says_nothing_and_is_tried_again() -> None:
    async def act(life: Life) -> None:
        wards = life.gateway.plane.wards
        life.take_away()
        life.house.exchange.faults.take({
            "fault": "reset", "when": "before", "times": 3, "match": {"path": "/sapi/v1/account/apiRestrictions"},
        })  # fmt: skip
        await life.order()
        await asyncio.sleep(1)
        assert life.told() == []
        assert [row["phase"] for row in wards.report()] == ["suspect"]
        await asyncio.sleep(8)
        assert len(life.told()) == 1

    live(Case(DELETED, BEFORE, "order", "spot"), act)


def test_a_permission_to_trade_that_ends_is_a_missing_one() -> None:
    async def act(life: Life) -> None:
        until_ms = life.house.exchange.now_ms() + 500
        life.house.exchange.keys.change(MAIN.api_key, {"trading_until_ms": until_ms})
        assert (await life.order()).status == 200
        await asyncio.sleep(1)
        await life.order()
        await asyncio.sleep(0.5)
        (told,) = life.told()
        assert (told[2]["cause"], told[2]["of"]) == ("permission", "trading on spot")
        assert (await life.order()).headers["x-counterseal-reason"] == "key_lacks_permission"
        assert (await life.request("query")).status == 200

    live(Case(DELETED, BEFORE, "order", "spot"), act)


def test_an_exit_that_is_refused_here_takes_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(life: Life) -> None:
        life.take_away()
        await life.order()
        await asyncio.sleep(0.5)
        with monkeypatch.context() as patched:
            patched.setattr(life.gateway.handler._changes, "_shut", lambda *_: replies.denial("halted"))
            assert (await life.request("cancel")).headers["x-counterseal-reason"] == "halted"
        assert life.exits() == []
        assert body(await life.request("cancel"))["code"] == -2015
        assert len(life.exits()) == 1
        assert (await life.request("cancel")).headers["x-counterseal-reason"] == "key_quarantined"

    live(Case(DELETED, BEFORE, "order", "usdm"), act)


def test_while_no_probe_can_look_into_it_exits_go_on_and_the_key_is_not_closed_for_good() -> None:
    """The wallet is in maintenance: nobody can tell why one order was refused."""

    async def act(life: Life) -> None:
        faults = life.house.exchange.faults
        faults.take({"fault": "answer:502", "when": "before", "times": 99, "match": {"path": RESTRICTIONS[1]}})
        faults.take({"fault": "answer:-2015", "when": "before", "times": 1, "match": {"method": "POST"}})
        await life.order()
        await asyncio.sleep(1)
        assert (await life.order()).headers["x-counterseal-reason"] == "key_quarantined"
        faults.take({"fault": "answer:-2015", "when": "before", "times": 3, "match": {"method": "DELETE"}})
        assert [body(await life.request("cancel"))["code"] for _ in range(3)] == [-2015] * 3
        assert len(life.exits()) == 3
        await asyncio.sleep(12)
        assert (await life.order()).status == 200
        assert life.told() == []
        codes = [(code_of(event, fields), fields.get("key")) for _, event, fields in life.gateway.criticals]
        assert codes.count(("key_unasked", "main")) == 1
        assert [row["what"] for row in life.records("event") if "key_" in str(row.get("what"))] == ["key_untried"]

    live(Case(DELETED, BEFORE, "order", "spot"), act)


def test_a_probe_that_breaks_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(life: Life) -> None:
        wards, broken = life.gateway.plane.wards, []

        async def breaks(*_: object) -> Probe:
            broken.append(1)
            monkeypatch.undo()
            raise ValueError("x")

        monkeypatch.setattr(wards, "_tried", breaks)
        life.take_away()
        await life.order()
        await asyncio.sleep(4)
        assert broken == [1]
        assert len(life.told()) == 1
        assert "ValueError" in life.gateway.faults.pop()

    live(Case(DELETED, BEFORE, "order", "spot"), act)


def test_a_cancel_of_everything_that_must_ask_what_is_open_takes_a_turn_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(life: Life) -> None:
        monkeypatch.setattr(life.gateway.handler._changes._sweep, "is_due", lambda *_: True)
        life.take_away()
        await life.order()
        await asyncio.sleep(0.5)
        for _ in range(20):
            await life.ask("DELETE", "/api/v3/openOrders", "symbol=BTCUSDT")
            await asyncio.sleep(0.1)
        asked = [one for one in life.house.seen if one.path == "/api/v3/openOrders" and one.key == MAIN.api_key]
        assert 2 <= len(asked) <= 3
        assert {one.method for one in asked} == {"GET"}

    live(Case(DELETED, BEFORE, "order", "spot"), act)
