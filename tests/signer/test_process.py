"""The signer as a process: greets, signs, refuses, survives garbage, ends with its lifeline."""

import hashlib
import hmac
import os
import socket
import time
from pathlib import Path

import pytest
from tests.homes import HMAC_SECRET
from tests.signer.conftest import RunningSigner

from counterseal.core.messages import HeldKey, Hello, HelloRequest, Refused, Sign, Signed

ORDER = (("symbol", "LTCBTC"), ("side", "BUY"), ("type", "MARKET"), ("quantity", "1"))


def _order(number: int, **changes: object) -> Sign:
    fields = {
        "id": number,
        "key_ref": "main",
        "family": "spot",
        "method": "POST",
        "path": "/api/v3/order",
        "pairs": ORDER,
        "recv_window_ms": 2000,
        "offset_ms": 0,
    }
    return Sign(**(fields | changes))  # type: ignore[arg-type]


def test_greets_with_the_keys_that_the_exchange_knows_and_answers_a_request(signer: RunningSigner) -> None:
    (hello,) = signer.receive()

    assert isinstance(hello, Hello)
    assert hello.keys == (
        HeldKey("main", "api-key-main", "hmac", "paper"),
        HeldKey("modern", "api-key-modern", "ed25519", "paper"),
    )
    assert signer.ask(HelloRequest("gateway")) == [hello]


def test_signs_a_batch_with_its_own_clock_in_order(signer: RunningSigner) -> None:
    signer.receive()
    before_ms = time.time_ns() // 1_000_000

    answers = signer.ask(*(_order(number, offset_ms=1000) for number in range(50)))

    assert [answer.id for answer in answers if isinstance(answer, Signed)] == list(range(50))
    for answer in answers:
        assert isinstance(answer, Signed)
        payload, _, signature = answer.query.partition(b"&signature=")
        assert payload.startswith(b"symbol=LTCBTC&side=BUY&type=MARKET&quantity=1&recvWindow=2000&timestamp=")
        assert payload.endswith(b"=%d" % answer.timestamp_ms)
        assert hmac.new(HMAC_SECRET, payload, hashlib.sha256).hexdigest().encode() == signature
        assert before_ms + 1000 <= answer.timestamp_ms <= time.time_ns() // 1_000_000 + 1000


def test_refuses_what_is_outside_its_table(signer: RunningSigner) -> None:
    signer.receive()
    asked = [
        _order(1, path="/sapi/v1/capital/withdraw/apply", pairs=()),
        _order(2, path="/api/v3/order/../account"),
        _order(3, key_ref="unregistered"),
        _order(4, pairs=(*ORDER, ("timestamp", "1"))),
        _order(5, method="GET", path="/api/v3/depth", pairs=(("symbol", "LTCBTC"),)),
    ]

    reasons = [answer.reason for answer in signer.ask(*asked) if isinstance(answer, Refused)]

    assert reasons == ["not_in_table", "not_in_table", "unknown_key", "unknown_parameter", "not_in_table"]


def test_survives_garbage_and_answers_it_with_one_refusal(signer: RunningSigner) -> None:
    signer.receive()
    garbage = [
        b"\x00",
        b"\xff" * 100,
        b"\x01\x00\x00\x00\xff\x03",
        b"\x01\x00\x00\x00\x01\x03\xc1",
        bytes(65_537),
        b"",
    ]
    signer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)

    for packet in garbage:
        signer.socket.send(packet)
        assert signer.receive() == [Refused(0, "too_long" if len(packet) > 65_536 else "malformed")]

    assert isinstance(signer.ask(_order(7))[0], Signed)


def test_ends_when_the_lifeline_closes_though_the_socket_is_open(signer: RunningSigner) -> None:
    signer.receive()

    os.close(signer.lifeline)
    signer.lifeline = -1

    assert signer.process.wait(2) == 0


@pytest.mark.threat(27)
def test_cannot_be_dumped_and_carries_no_secret_in_argv_or_environ(signer: RunningSigner) -> None:
    signer.receive()
    proc = Path(f"/proc/{signer.process.pid}")

    assert "Max core file size        0                    0" in (proc / "limits").read_text()
    assert HMAC_SECRET not in (proc / "cmdline").read_bytes()
    if os.geteuid() == 0:
        assert HMAC_SECRET not in (proc / "environ").read_bytes()
    else:
        with pytest.raises(PermissionError):  # what an undumpable process refuses to others of its user
            (proc / "environ").read_bytes()
