"""What operators ask of the alerts."""

import asyncio
from pathlib import Path

import pytest
from tests.guard.alerting.sinks import Rig, in_loop

from counterseal.adapters.control_link import ControlError
from counterseal.core.alerts.model import Severity
from counterseal.guard.alerting.verbs import AlertVerbs


def verbs(rig: Rig, *operators: str) -> AlertVerbs:
    return AlertVerbs(rig.alerts, lambda: operators)


@in_loop
async def test_the_list_holds_alerts_and_channels(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": Severity.INFO})
    rig.tell()
    found = await verbs(rig).table()["alert_list"]({})
    assert found["open"] == 1 and found["channels"]["mail"]["state"] == "unproven"


@in_loop
async def test_several_are_answered_at_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": Severity.INFO})
    rig.tell(key="a")
    rig.tell(key="b")
    assert await verbs(rig).ack({"numbers": "1,2", "operator": "alice"}) == {"1": "alice", "2": "alice"}
    # Who answered first stands.
    assert await verbs(rig).ack({"numbers": "1", "operator": "bob"}) == {"1": "alice"}


@pytest.mark.parametrize(
    ("args", "operators", "says"),
    [
        ({"numbers": "1"}, (), "an operator's name"),
        ({"numbers": "1", "operator": "a b"}, (), "an operator's name"),
        ({"numbers": "1", "operator": "eve"}, ("alice",), "not among guard.operators"),
        ({"operator": "alice"}, (), "named by its number"),
        ({"numbers": "x", "operator": "alice"}, (), "named by its number"),
        ({"numbers": "1,²", "operator": "alice"}, (), "named by its number"),
        ({"numbers": "7,1,8", "operator": "alice"}, ("alice",), "there is no alert 7, 8"),
    ],
)
@in_loop
async def test_an_answer_needs_a_name_and_a_number(
    args: dict[str, str], operators: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    rig = Rig(tmp_path, {"mail": Severity.INFO})
    rig.tell()
    with pytest.raises(ControlError, match=says):
        await verbs(rig, *operators).ack(args)


@in_loop
async def test_a_test_names_a_channel_that_exists(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {"mail": Severity.INFO})
    await rig.up()
    task = asyncio.get_running_loop().create_task(verbs(rig).test({"channel": "mail"}))
    await rig.clock.advance(2)
    assert await task == {"channels": {"mail": ""}}
    with pytest.raises(ControlError, match="there are mail"):
        await verbs(rig).test({"channel": "fax"})
    with pytest.raises(ControlError, match="there is no alert channel; add"):
        await verbs(Rig(tmp_path / "none", {})).test({})
    await rig.down()
