"""Countdowns of the exchange are signed on the guard's line and on no other: whoever may ask can switch them off."""

import os
import socket
import threading
from typing import Any

import pytest
from tests.signer.desks import TABLE, ask, desk, good

from counterseal.adapters import packets
from counterseal.core.binance.countdown import PATHS
from counterseal.core.caps import Caps
from counterseal.core.messages import Refused, Sign, Signed
from counterseal.signer import loop, table
from counterseal.signer.desk import Line

GUARDS = table.load_guards()
PAIRS = (("symbol", "BTCUSDT"), ("countdownTime", "120000"))


def countdown(family: str = "usdm", **changes: Any) -> Sign:
    """A countdown of two minutes."""
    return good(**({"family": family, "path": PATHS[family], "pairs": PAIRS} | changes))


@pytest.mark.parametrize("family", sorted(PATHS))
def test_the_guard_s_line_has_countdowns_signed_and_no_other_line_does(family: str) -> None:
    at = desk(guards=GUARDS)
    (signed,) = ask(at, countdown(family), line=Line(is_guards=True))

    assert isinstance(signed, Signed)
    assert signed.query.startswith(b"symbol=BTCUSDT&countdownTime=120000&recvWindow=5000&timestamp=")
    assert ask(at, countdown(family), line=Line()) == [Refused(1, "not_in_table")]
    assert ask(desk(), countdown(family), line=Line(is_guards=True)) == [Refused(1, "not_in_table")]


def test_the_guard_s_line_has_all_else_signed_by_the_same_judge() -> None:
    at, line = desk({"main": Caps(max_quantity={})}, guards=GUARDS), Line(is_guards=True)

    assert ask(at, good(), line=line) == [Refused(1, "over_quantity_cap")]
    assert ask(at, good(id=2, path="/sapi/v1/capital/withdraw/apply"), line=line) == [Refused(2, "not_in_table")]
    assert ask(at, countdown(id=3, pairs=(*PAIRS, ("amount", "1"))), line=line) == [Refused(3, "unknown_parameter")]
    assert ask(at, countdown(id=4, pairs=(*PAIRS, PAIRS[0])), line=line) == [Refused(4, "repeated_parameter")]
    assert isinstance(ask(at, countdown(id=5), line=line)[0], Signed)


def test_nothing_of_the_guard_s_own_is_in_the_table_of_all() -> None:
    assert GUARDS.keys() == {(family, "POST", path) for family, path in PATHS.items()}
    assert not GUARDS.keys() & TABLE.keys()
    assert all(entry.act is table.Act.CANCEL for entry in GUARDS.values())


@pytest.mark.parametrize("has_guard", [True, False])
def test_the_first_end_is_the_guard_s_where_there_is_one(has_guard: bool) -> None:
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
    lifeline, keep = os.pipe()
    serving = threading.Thread(
        target=loop.serve,
        args=([theirs for _, theirs in pairs], lifeline, desk(guards=GUARDS)),
        kwargs={"has_guard": has_guard},
    )
    serving.start()
    try:
        answers = []
        for ours, _ in pairs:
            ours.settimeout(10)
            packets.decode(ours.recv(65_536))  # the greeting
            ours.send(packets.encode([countdown()])[0])
            answers.append(packets.decode(ours.recv(65_536))[0])
    finally:
        os.close(keep)
        serving.join(10)
        for end in (*pairs[0], *pairs[1]):
            end.close()
        os.close(lifeline)
    assert [isinstance(answer, Signed) for answer in answers] == [has_guard, False]
