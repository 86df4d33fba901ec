"""The descriptors that outlive the children, and what children see of the environment."""

import errno
import select
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.adapters.home import HomeError
from counterseal.supervisor.child import clean_environ
from counterseal.supervisor.wires import PAIR_BUFFER, Pair, Wires, open_wires

# What the kernel gives at most without a privilege, doubled as it counts its own overhead.
_SNDBUF = min(PAIR_BUFFER, int(Path("/proc/sys/net/core/wmem_max").read_text())) * 2


@pytest.fixture(name="wires")
def _wires() -> Iterator[Wires]:
    wires = open_wires("127.0.0.1:0")
    yield wires
    wires.close()


@pytest.fixture(name="patience")
def _patience() -> Iterator[None]:
    """Fail what turns round for ever."""

    def over(_number: int, _frame: object) -> None:
        pytest.fail("not done within 5 s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(5)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_connections_queue_while_nobody_accepts(wires: Wires) -> None:
    host, _, port = wires.listen.rpartition(":")
    with socket.create_connection((host, int(port)), 1) as early:
        early.sendall(b"x")
        connection, _ = wires.listener.accept()
        with connection:
            assert connection.recv(1) == b"x"


def test_what_an_ended_gateway_left_is_dropped_and_the_pair_still_works(wires: Wires) -> None:
    wires.pair.gateway_end.setblocking(False)  # as the gateway does, for every copy of the descriptor
    wires.pair.gateway_end.send(b"asked by the one that ended")
    wires.pair.signer_end.send(b"not fetched by the one that ended")

    wires.drop_stale()
    wires.pair.gateway_end.send(b"fresh")

    assert wires.pair.signer_end.recv(100) == b"fresh"
    with pytest.raises(BlockingIOError):
        wires.pair.gateway_end.recv(100)


def test_empty_packets_do_not_stop_the_dropping(wires: Wires) -> None:
    for packet in (b"", b"one", b"", b"two"):
        wires.pair.gateway_end.send(packet)

    wires.drop_stale()

    assert not wires.pair.shut
    with pytest.raises(BlockingIOError):
        wires.pair.signer_end.recv(100, socket.MSG_DONTWAIT)


@pytest.mark.parametrize("how", [socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR])
@pytest.mark.parametrize("who", ["gateway_end", "signer_end"])
@pytest.mark.usefixtures("patience")
def test_a_pair_that_a_copy_of_an_end_has_shut_is_emptied_and_replaced(wires: Wires, who: str, how: int) -> None:
    old, told = wires.pair, list[Pair]()
    wires.on_new_pair = lambda: told.append(wires.pair)
    old.gateway_end.send(b"asked")
    old.signer_end.send(b"not fetched")
    with getattr(old, who).dup() as copy:
        copy.shutdown(how)

    assert old.shut and select.select([old], [], [], 0)[0] == [old]
    wires.drop_stale()
    wires.renew_if_shut()

    assert told == [wires.pair] and wires.pair is not old and not wires.pair.shut
    assert old.signer_end.fileno() == old.gateway_end.fileno() == -1
    with pytest.raises(ValueError, match="closed"):
        old.fileno()
    for end in (wires.pair.signer_end, wires.pair.gateway_end):
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= _SNDBUF
    wires.pair.gateway_end.send(b"fresh")
    assert wires.pair.signer_end.recv(100) == b"fresh"


def test_a_pair_that_was_not_shut_stays(wires: Wires) -> None:
    old = wires.pair
    old.gateway_end.send(b"")  # legal, and no hang-up
    old.signer_end.send(b"x")

    wires.renew_if_shut()

    assert wires.pair is old and select.select([old], [], [], 0)[0] == []
    assert old.gateway_end.recv(100) == b"x"


def test_without_a_new_pair_the_old_one_stays(wires: Wires, monkeypatch: pytest.MonkeyPatch) -> None:
    old = wires.pair
    old.gateway_end.shutdown(socket.SHUT_RDWR)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "socketpair", _refused)
        with pytest.raises(OSError, match="no descriptor"):
            wires.renew_if_shut()
        assert wires.pair is old and old.fileno() >= 0

    wires.renew_if_shut()
    assert wires.pair is not old and not wires.pair.shut


def _refused(*_args: object) -> None:
    raise OSError(errno.EMFILE, "no descriptor")


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
