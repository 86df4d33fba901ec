"""A gateway in strange hands shuts its pair with the signer; shutdown(2) reaches the supervisor's copies as well."""

import os
import socket
import time
from collections.abc import Iterator
from functools import partial

import pytest
from tests import passphrases
from tests.supervisor.conftest import Running, wait_until

from counterseal.adapters import age_box, secret_memory
from counterseal.adapters.home import Home, replace_private
from counterseal.core.secret import Secret

HOWS = [socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR]


def _order(home: Home, how: int, then: str) -> None:
    (home.run / "shut").write_text(f"{how:d} {then}")


def _shut(supervisor: Running, how: int, then: str) -> None:
    """Have the present gateway do it, woken by a connection that the next one serves or that is lost with it."""
    _order(supervisor.home, how, then)
    host, _, port = supervisor.status()["supervisor"]["listen"].rpartition(":")
    with socket.create_connection((host, int(port)), 5):
        wait_until(lambda: not (supervisor.home.run / "shut").exists(), 2)


def _both_replaced(supervisor: Running, before: dict[str, int]) -> bool:
    now = supervisor.pids()
    return all(now[name] not in (None, pid) for name, pid in before.items())


def _recovers(supervisor: Running, before: dict[str, int]) -> None:
    """Status is answered within a second, both are others, signatures come again, and SIGTERM ends in order."""
    begun = time.monotonic()
    supervisor.status()
    assert time.monotonic() - begun < 1
    wait_until(partial(_both_replaced, supervisor, before), 5)
    supervisor.wait_ready()
    assert "&signature=" in supervisor.connect()["query"]
    assert supervisor.end() == 0


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("then", ["leave", "stay"])
def test_a_gateway_that_shuts_the_pair_is_replaced_with_the_signer(supervisor: Running, how: int, then: str) -> None:
    before = supervisor.pids()

    _shut(supervisor, how, then)

    _recovers(supervisor, before)
    if then == "stay":
        assert "gateway shut its connection to the signer" in supervisor.log.read_text()


def test_again_and_again(supervisor: Running) -> None:
    for _ in range(3):
        before = supervisor.pids()
        _shut(supervisor, socket.SHUT_RDWR, "leave")
        wait_until(partial(_both_replaced, supervisor, before), 5)
        supervisor.wait_ready()
    assert "&signature=" in supervisor.connect()["query"]
    assert supervisor.end() == 0


@pytest.fixture(name="begun_badly")
def _begun_badly(home: Home) -> Iterator[Running]:
    _order(home, socket.SHUT_RDWR, "leave")
    running = Running(home)
    with running.process:
        yield running
        if running.process.poll() is None:
            running.process.kill()


def test_a_first_gateway_that_shuts_the_pair_at_its_start(begun_badly: Running) -> None:
    # With code 7, or killed before it came to that.
    assert "gateway ended " in begun_badly.log.read_text()
    assert begun_badly.status()["children"]["gateway"]["restarts"] == 1
    assert "&signature=" in begun_badly.connect()["query"]
    assert begun_badly.end() == 0


@pytest.fixture(name="locked")
def _locked(home: Home) -> Iterator[Running]:
    """A supervisor whose signer has a passphrase, given once through a pipe."""
    if secret_memory.best(4096).level != secret_memory.MEMFD_SECRET:
        pytest.skip("without memfd_secret a passphrase is needed for each signer")
    passphrase = b"correct horse battery staple 17"
    identity = age_box.identity_secret(home, "signer")
    replace_private(home.signer_identity, passphrases.lock(identity, Secret(passphrase)))
    ours, theirs = os.pipe()
    os.write(theirs, passphrase + b"\n")
    os.close(theirs)
    try:
        running = Running(home, ours)
    finally:
        os.close(ours)
    with running.process:
        yield running
        if running.process.poll() is None:
            running.process.kill()


@pytest.mark.parametrize("how", HOWS)
def test_the_passphrase_is_not_needed_again(locked: Running, how: int) -> None:
    before = locked.pids()

    _shut(locked, how, "stay")

    _recovers(locked, before)
