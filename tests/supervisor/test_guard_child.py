"""The guard under its supervisor: what it hears, what it may ask, and that its pairs outlive it and the gateway."""

import json
import os
import signal
import socket
from contextlib import suppress
from typing import Any

import pytest
from tests.supervisor.conftest import HOWS, Running, wait_until

from counterseal.adapters.control_socket import ControlError


def told(supervisor: Running) -> list[dict[str, Any]]:
    path = supervisor.home.logs / "guard-told"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def states(supervisor: Running) -> list[str]:
    return [each["args"]["state"] for each in told(supervisor) if each["verb"] == "gateway_is"]


def order(supervisor: Running, words: str) -> None:
    """Have the tiny guard do something at its next verb."""
    (supervisor.home.run / "guard-does").write_text(words)
    with suppress(ControlError):  # one that is killed gives no answer
        supervisor.call("guard_status")


def test_it_is_started_and_asked_for_its_status(supervisor: Running) -> None:
    status = supervisor.status()
    assert status["children"]["guard"]["ready"]
    assert status["guard"]["verb"] == "guard_status"


@pytest.mark.parametrize("verb", ["halt", "resume", "flatten"])
def test_its_verbs_are_relayed_with_their_arguments_and_the_user(supervisor: Running, verb: str) -> None:
    supervisor.call(verb)
    (heard,) = [each for each in told(supervisor) if each["verb"] == verb]
    assert heard["args"] == {"uid": os.geteuid()}


def test_it_hears_how_the_gateway_is(supervisor: Running) -> None:
    assert states(supervisor) == ["starting", "serving"] or states(supervisor) == ["starting", "starting", "serving"]
    os.kill(supervisor.pids()["gateway"], signal.SIGKILL)
    wait_until(lambda: states(supervisor)[-3:] == ["ended", "starting", "serving"], 3)


def test_a_new_one_hears_it_too(supervisor: Running) -> None:
    (supervisor.home.logs / "guard-told").unlink()
    os.kill(supervisor.pids()["guard"], signal.SIGKILL)
    wait_until(lambda: states(supervisor) == ["serving"], 3)
    assert supervisor.status()["children"]["guard"]["restarts"] == 1


@pytest.mark.threat(61)
def test_what_one_guard_said_that_is_halted_the_next_one_is_told(supervisor: Running) -> None:
    """Also what no disk took: the supervisor remembers it."""
    trips = [{"kind": "fleet", "rung": "HALTED"}]
    order(supervisor, f"ladder {json.dumps(trips)}")
    (supervisor.home.logs / "guard-told").unlink()
    os.kill(supervisor.pids()["guard"], signal.SIGKILL)
    wait_until(lambda: states(supervisor) == ["serving"], 3)
    assert [each["args"]["trips"] for each in told(supervisor) if each["verb"] == "gateway_is"] == [trips]


def test_a_killed_guard_is_back_and_the_others_never_noticed(supervisor: Running) -> None:
    before = supervisor.pids()
    os.kill(before["guard"], signal.SIGKILL)
    assert "&signature=" in supervisor.connect()["query"]
    wait_until(lambda: supervisor.pids()["guard"] not in (None, before["guard"]), 3)
    supervisor.wait_ready()
    after = supervisor.pids()
    assert (after["signer"], after["gateway"]) == (before["signer"], before["gateway"])


@pytest.mark.threat(61)
def test_a_gateway_that_does_not_hear_it_is_killed_also_when_it_stands_still(supervisor: Running) -> None:
    before = supervisor.pids()["gateway"]
    os.kill(before, signal.SIGSTOP)
    order(supervisor, "stuck")
    wait_until(lambda: supervisor.pids()["gateway"] not in (None, before), 3)
    supervisor.wait_ready()
    assert "gateway does not hear the guard and is killed" in supervisor.log.read_text()
    assert "&signature=" in supervisor.connect()["query"]


@pytest.mark.parametrize("how", HOWS)
def test_a_guard_that_shuts_its_pair_with_the_signer_is_replaced_with_it(supervisor: Running, how: int) -> None:
    before = supervisor.pids()
    order(supervisor, f"shut {how:d}")
    wait_until(lambda: all(supervisor.pids()[name] not in (None, before[name]) for name in ("guard", "signer")), 5)
    supervisor.wait_ready()
    assert supervisor.pids()["gateway"] == before["gateway"]
    assert "guard shut its connection to the signer" in supervisor.log.read_text()
    assert "&signature=" in supervisor.connect()["query"]


@pytest.mark.parametrize("how", HOWS)
def test_a_gateway_that_shuts_its_pair_with_the_guard_is_replaced_alone(supervisor: Running, how: int) -> None:
    """The guard is handed its end of the new pair and goes on: a gateway in strange hands cannot restart it."""
    before = supervisor.pids()
    (supervisor.home.run / "shut").write_text(f"{how:d} stay guard")
    host, _, port = supervisor.status()["supervisor"]["listen"].rpartition(":")
    with socket.create_connection((host, int(port)), 5):
        wait_until(lambda: supervisor.pids()["gateway"] not in (None, before["gateway"]), 5)
    supervisor.wait_ready()
    after = supervisor.pids()
    assert (after["guard"], after["signer"]) == (before["guard"], before["signer"])
    assert [each["files"] for each in told(supervisor) if each["verb"] == "gateway_end"] == [1]
    assert "&signature=" in supervisor.connect()["query"]


def test_what_the_gateway_takes_up_the_guard_takes_up_too(supervisor: Running) -> None:
    supervisor.home.config.write_text("")
    supervisor.home.config.chmod(0o600)
    supervisor.call("reload_config")
    assert [each["files"] for each in told(supervisor) if each["verb"] == "reload_config"] == [1]
