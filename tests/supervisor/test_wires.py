"""The descriptors that outlive the children, and what children see of the environment."""

import socket
from collections.abc import Iterator

import pytest

from counterseal.adapters.home import HomeError
from counterseal.supervisor.child import clean_environ
from counterseal.supervisor.wires import Wires, open_wires


@pytest.fixture(name="wires")
def _wires() -> Iterator[Wires]:
    wires = open_wires("127.0.0.1:0")
    yield wires
    wires.close()


def test_connections_queue_while_nobody_accepts(wires: Wires) -> None:
    host, _, port = wires.listen.rpartition(":")
    with socket.create_connection((host, int(port)), 1) as early:
        early.sendall(b"x")
        connection, _ = wires.listener.accept()
        with connection:
            assert connection.recv(1) == b"x"


def test_what_an_ended_gateway_left_is_dropped_and_the_pair_still_works(wires: Wires) -> None:
    wires.gateway_end.setblocking(False)  # as the gateway does, for every copy of the descriptor
    wires.gateway_end.send(b"asked by the one that ended")
    wires.signer_end.send(b"not fetched by the one that ended")

    wires.drop_stale()
    wires.gateway_end.send(b"fresh")

    assert wires.signer_end.recv(100) == b"fresh"
    with pytest.raises(BlockingIOError):
        wires.gateway_end.recv(100)


def test_an_address_that_cannot_be_bound_is_named(wires: Wires) -> None:
    with pytest.raises(HomeError, match=f"cannot listen on {wires.listen}"):
        open_wires(wires.listen)


def test_ipv6_is_written_in_brackets() -> None:
    try:
        wires = open_wires("[::1]:0")
    except HomeError:
        pytest.skip("this machine has no IPv6 loopback")
    assert wires.listen.startswith("[::1]:")
    wires.close()


@pytest.mark.threat(27)
def test_the_environment_of_a_child_is_what_python_needs() -> None:
    shell = {
        "PATH": "p",
        "LANG": "l",
        "TZ": "z",
        "PYTHONPATH": "y",
        "BINANCE_SECRET": "s",
        "LD_PRELOAD": "x",
        "HOME": "h",
    }

    assert clean_environ(shell) == {"PATH": "p", "LANG": "l", "TZ": "z", "PYTHONPATH": "y"}
