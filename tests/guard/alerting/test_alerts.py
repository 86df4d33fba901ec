"""Alerts at work: nothing waits, nothing is lost over a restart, channels that fail are told of."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.guard.alerting.sinks import Rig, in_loop

from counterseal.core.alerts.desk import Terms
from counterseal.core.alerts.model import Kind, Severity

C, M, I = Severity.CRITICAL, Severity.MEDIUM, Severity.INFO  # noqa: E741
ROOT = Path(__file__).parents[3]


def row(rig: Rig, code: str) -> dict[str, Any]:
    found = [each for each in rig.alerts.view()["alerts"] if each["code"] == code]
    return dict(found[0])


@in_loop
async def test_an_alert_is_told_logged_and_recorded(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": I})
    await rig.up()
    rig.tell("intruder_order", text="order 7 on main")
    await rig.clock.advance(1)

    assert rig.sinks["mail"].codes() == ["intruder_order"]
    assert {"type": "alert", "act": "raise", "number": 1, "severity": "CRITICAL", "code": "intruder_order",
            "text": "order 7 on main", "count": 1} in rig.records  # fmt: skip
    assert [fields["code"] for level, event, fields in rig.log.lines if (level, event) == ("critical", "alert")] == [
        "intruder_order"
    ]
    assert row(rig, "intruder_order")["sent"].keys() == {"mail"}
    await rig.down()
    assert rig.sinks["mail"].closed and rig.failed == []


@in_loop
async def test_it_may_be_raised_before_the_start_and_by_what_fails(tmp_path: Path) -> None:
    """A journal that fails does not keep anybody from being told."""
    rig = Rig(tmp_path, {"mail": I})

    def fails(_record: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    rig.alerts._record = fails
    rig.tell()
    await rig.up()
    assert rig.sinks["mail"].codes() == ["gateway_stuck"]
    await rig.down()


@in_loop
async def test_an_alert_that_makes_no_sense_harms_nobody(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": I})
    rig.tell(symbols=None)
    assert ("critical", "an alert could not be taken", {"code": "gateway_stuck", "error": "TypeError"}) in rig.log.lines
    await rig.down()


@pytest.mark.parametrize("was_sent", [False, True])
@in_loop
async def test_a_restart_loses_none_and_tells_none_twice(was_sent: bool, tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"sms": C, "mail": I}, digest_ms=60_000)
    if was_sent:
        await rig.up()
    rig.tell("intruder_order", key="order 7")
    rig.tell("stream_gap")
    rig.tell("alert_channel_back")  # collected for a minute
    if was_sent:
        await rig.clock.advance(30)
    await rig.down()

    rig.begin()
    await rig.up(900)
    told = [code for sink in rig.sinks.values() for code in sink.codes()]
    # What nobody answers is told again after the restart, too.
    again = [m for sink in rig.sinks.values() for _, m in sink.got if "told again" not in m.body]
    assert sorted(code for m in again for code in m.codes) == [
        "alert_channel_back", "intruder_order", "intruder_order", "stream_gap",
    ]  # fmt: skip
    assert told.count("intruder_order") > 2
    assert rig.tell("intruder_order", key="order 8") and row(rig, "intruder_order")["number"] == 4
    await rig.down()


@in_loop
async def test_an_answer_survives_a_restart_and_ends_the_telling(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"sms": C})
    await rig.up()
    rig.tell()
    await rig.clock.advance(1)
    assert rig.alerts.ack(1, "alice") is not None and rig.alerts.ack(2, "alice") is None
    assert {"type": "alert", "act": "ack", "number": 1, "operator": "alice", "uid": None} in rig.records
    await rig.down()

    rig.begin()
    await rig.up(1_000)
    assert len(rig.sinks["sms"].got) == 1
    await rig.down()


def test_kill_nine_right_after_the_call_loses_nothing(tmp_path: Path) -> None:
    """Raised, and killed before anything else could happen: the next start has it."""
    code = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.guard.alerting.sinks import Rig
from counterseal.core.alerts.model import Severity

async def work():
    rig = Rig(Path(sys.argv[1]), {"mail": Severity.INFO})
    for number in range(50):
        rig.tell("intruder_order", key=f"order {number}")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(work())
"""
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environ, check=False)
    assert done.returncode == -signal.SIGKILL

    async def after() -> None:
        rig = Rig(tmp_path, {"mail": I})
        assert rig.alerts.view()["open"] == 50
        await rig.up()
        await rig.clock.advance(10)
        assert "intruder_order" in rig.sinks["mail"].codes()
        assert all(entry.sent for entry in rig.alerts._desk.book)
        await rig.down()

    asyncio.run(after())


@in_loop
async def test_a_full_disk_leaves_memory_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path, {"mail": I})
    await rig.up()
    real = os.pwrite

    def full(file: int, data: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    rig.tell("intruder_order")
    await rig.clock.advance(1)
    assert rig.alerts.view()["spool"] == "No space left on device"
    assert rig.sinks["mail"].codes() == ["intruder_order"]
    monkeypatch.setattr(os, "pwrite", real)
    await rig.clock.advance(6)
    assert rig.alerts.view()["spool"] == ""
    await rig.down()
    rig.begin()
    assert row(rig, "intruder_order")["number"] == 1
    await rig.down()


@in_loop
async def test_a_test_is_sent_by_one_channel_or_by_all(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"sms": C, "mail": I}, faults={"old": "it needs a library"})
    rig.sinks["sms"].mode = "refusing"
    await rig.up()
    task = asyncio.get_running_loop().create_task(rig.alerts.test(None))
    await rig.clock.advance(5)
    assert await task == {"sms": "answered 403", "mail": "", "old": "it needs a library"}
    one = asyncio.get_running_loop().create_task(rig.alerts.test("mail"))
    await rig.clock.advance(5)
    assert await one == {"mail": ""}
    assert [message.kind for _, message in rig.sinks["mail"].got].count(Kind.TEST) == 2
    await rig.down()


@in_loop
async def test_a_test_waits_for_its_turn_and_not_for_ever(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": I}, timeout_s=30)
    await rig.up()
    rig.sinks["mail"].mode = "hanging"
    rig.tell()
    await rig.clock.advance(1)
    task = asyncio.get_running_loop().create_task(rig.alerts.test("mail"))
    await rig.clock.advance(5)
    assert await task == {"mail": "still busy with an earlier message"}
    await rig.down()


@in_loop
async def test_a_channel_with_a_bug_fails_like_any_other_and_its_words_stay_inside(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"sms": C, "mail": I})
    rig.sinks["sms"].mode = "broken"
    await rig.up()
    rig.tell()
    await rig.clock.advance(5)
    view = rig.alerts.view()
    assert view["channels"]["sms"]["state"] == "down"
    assert view["channels"]["sms"]["detail"] == "fault: RuntimeError"
    assert "gateway_stuck" in rig.sinks["mail"].codes() and "alert_channel_down" in rig.sinks["mail"].codes()
    assert "secret-in-the-text" not in repr((view, rig.log.lines, rig.records))
    await rig.down()


@in_loop
async def test_a_channel_that_comes_back_is_told_and_gets_what_it_missed(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"chat": M, "mail": I})
    rig.sinks["chat"].mode = "down"
    await rig.up(10)
    rig.tell("stream_gap")
    await rig.clock.advance(10)
    assert rig.alerts.failing() == {"alert_channel_down": "chat"}
    assert rig.alerts.view()["channels"]["chat"]["waiting"] == 1
    rig.sinks["chat"].mode = "well"
    await rig.clock.advance(120)
    assert rig.sinks["chat"].codes() == ["stream_gap"]
    assert rig.alerts.states() == {} and rig.alerts.can_tell
    assert row(rig, "alert_channel_back")["beside"] == "chat"
    await rig.down()


@in_loop
async def test_when_nobody_can_be_told_it_is_told_here(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"sms": C, "mail": I})
    for sink in rig.sinks.values():
        sink.mode = "down"
    await rig.up(10)
    assert not rig.alerts.can_tell
    assert rig.said == ["no alert channel works: nobody can be told; see counterseal alert list"]
    assert {"type": "alert", "act": "alerts_down", "channels": ["sms", "mail"]} in rig.records
    states = rig.alerts.states()
    assert states["alerts_down"]["detail"] == "mail, sms" and 5_000 < states["alerts_down"]["since_ms_ago"] < 10_000
    rig.tell("intruder_order")
    rig.sinks["mail"].mode = "well"
    await rig.clock.advance(120)
    assert "intruder_order" in rig.sinks["mail"].codes() and rig.alerts.can_tell
    await rig.down()


@in_loop
async def test_a_channel_that_could_not_be_made_is_down_from_the_start(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": I}, faults={"sms": "boto3 is missing"})
    await rig.up()
    assert rig.alerts.failing() == {"alert_channel_down": "sms"} and rig.alerts.can_tell
    assert "alert_channel_down" in rig.sinks["mail"].codes()
    assert rig.alerts.view()["channels"]["sms"]["detail"] == "boto3 is missing"
    rig.sinks["mail"].mode = "refusing"
    rig.tell()
    await rig.clock.advance(5)
    assert rig.alerts.states()["alerts_down"]["detail"] == "sms, mail"
    await rig.down()

    alone = Rig(tmp_path / "other", {}, faults={"sms": "boto3 is missing"})
    await alone.up()
    assert alone.alerts.failing() == {"alert_channel_down": "sms", "alerts_down": "sms"}
    assert not alone.alerts.can_tell
    await alone.down()


@in_loop
async def test_without_channels_alerts_stand_in_the_list_and_nothing_fails(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {})
    await rig.up()
    rig.tell()
    await rig.clock.advance(10)
    assert rig.alerts.failing() == {} and rig.alerts.can_tell and rig.alerts.view()["open"] == 1
    await rig.down()


@in_loop
async def test_the_list_fits_a_packet_whatever_happens(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": I})
    for number in range(400):
        rig.tell("intruder_order", key=f"{number} " + "é" * 500, text="\u2603 " * 400)
    view = rig.alerts.view()
    assert len(json.dumps(view)) < 160_000 and view["left_off"] > 0
    await rig.down()


@in_loop
async def test_what_the_spool_holds_of_another_version_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").write_text('{"number": 3, "new": "form"}\n')
    rig = Rig(tmp_path, {"mail": I})
    assert rig.alerts.view()["alerts"] == []
    await rig.down()


@in_loop
async def test_nothing_is_sent_after_the_end(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": I})
    await rig.up()
    rig.tell()
    await rig.down()
    await rig.clock.advance(60)
    assert rig.sinks["mail"].got == []


@in_loop
async def test_the_list_hides_no_code_behind_many_of_another(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": I})
    rig.tell("journal_failing")
    await rig.clock.advance(1)
    for number in range(90):
        rig.tell("intruder_order", key=f"order {number}")
    rig.tell("stream_gap")
    codes = [each["code"] for each in rig.alerts.view()["alerts"]]
    assert codes[:2] == ["intruder_order", "journal_failing"] and len(codes) == 60
    await rig.down()


@in_loop
async def test_what_is_settled_is_forgotten_after_a_day(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"chat": M}, Terms(heartbeat_ms=600_000))
    await rig.up()
    rig.tell("stream_gap")
    await rig.clock.advance(5)
    assert len(rig.alerts.view()["alerts"]) == 1
    rig.clock.step_wall(86_400_000)
    await rig.clock.advance(1_250)
    assert rig.alerts.view()["alerts"] == []
    await rig.down()
