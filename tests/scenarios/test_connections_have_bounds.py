"""Slow bots, half requests, too many connections: each has a deadline or a cap, and good bots do not notice."""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import time

import pytest
from stack import Stack
from wire import Wire

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"


def test_an_order_that_comes_byte_by_byte_is_an_order(shared_stack: Stack) -> None:
    """Every split of the bytes is the same request."""
    with Wire(shared_stack.port) as wire:
        for byte in shared_stack.request("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=drip-1"):
            wire.send(bytes([byte]))
        assert wire.reply().body["clientOrderId"] == "drip-1"


def test_any_cut_into_two_is_the_same_request(shared_stack: Stack) -> None:
    """A cut at every byte of a read, on one connection."""
    with Wire(shared_stack.port) as wire:
        sample = shared_stack.request("GET", "/api/v3/openOrders", "symbol=ETHUSDT")
        for cut in range(1, len(sample)):
            data = shared_stack.request("GET", "/api/v3/openOrders", "symbol=ETHUSDT")
            reply = wire.send(data[:cut]).send(data[cut:]).reply()
            assert (reply.status, reply.body) == (200, []), cut


@pytest.mark.threat(36)
def test_a_head_has_five_seconds_in_all(shared_stack: Stack) -> None:
    """More bytes do not extend the deadline; the refusal says why and the connection ends."""
    mark = shared_stack.journal_mark()
    with Wire(shared_stack.port) as drip, Wire(shared_stack.port) as silent_half:
        silent_half.send(b"GET /api/v3/time HTTP/1.1\r\n")
        began = time.monotonic()
        data = iter(shared_stack.request("POST", "/api/v3/order", ORDER))
        while time.monotonic() - began < 4.5:
            drip.send(bytes([next(data)]))
            time.sleep(0.25)
        for wire in (drip, silent_half):
            reply = wire.reply()
            assert (reply.status, reply.reason) == (408, "header_timeout")
            assert wire.closed()
        assert 4.5 < time.monotonic() - began < 6.0
    assert shared_stack.denials_since(mark) == ["header_timeout"] * 2


@pytest.mark.threat(36)
@pytest.mark.slow
def test_a_body_has_ten_seconds_in_all(shared_stack: Stack) -> None:
    """A byte now and then does not keep a body open."""
    with Wire(shared_stack.port) as wire, shared_stack.nothing_received():
        data = shared_stack.request("POST", "/api/v3/order", ORDER).replace(
            b"Content-Length: 0", b"Content-Length: 500"
        )
        wire.send(data)
        began = time.monotonic()
        while time.monotonic() - began < 9.5:
            wire.send(b"a")
            time.sleep(0.5)
        assert wire.reply().reason == "header_timeout"
        assert 9.5 < time.monotonic() - began < 11.5
        assert wire.closed()


@pytest.mark.threat(65)
def test_one_address_has_a_cap_of_connections(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Those over it are told why and closed; those below go on; a freed place can be taken."""
    with Stack(tmp_path_factory.mktemp("cap"), connections=4) as stack:
        wires = [Wire(stack.port) for _ in range(4)]
        for wire in wires:
            assert wire.send(stack.request("GET", "/api/v3/account")).reply().status == 200
        mark = stack.journal_mark()
        for _ in range(3):
            with Wire(stack.port) as over:
                reply = over.reply()
                assert (reply.status, reply.code, reply.reason) == (429, -1003, "too_many_connections")
                assert over.closed()
        assert stack.denials_since(mark) == ["too_many_connections"] * 3
        assert wires[0].send(stack.request("GET", "/api/v3/account")).reply().status == 200
        wires.pop().__exit__(None, None, None)
        time.sleep(0.1)
        with Wire(stack.port) as again:
            assert again.send(stack.request("GET", "/api/v3/account")).reply().status == 200
        for wire in wires:
            wire.__exit__(None, None, None)


@pytest.mark.threat(4)
def test_pipelined_requests_of_two_bots_stay_their_owners(shared_stack: Stack) -> None:
    """Two credentials on one connection, written at once: answered in order, each under its own name, none lost."""
    mark = shared_stack.journal_mark()
    asked = []
    data = b""
    for number in range(100):
        bot = ("alpha", "beta", "ed")[number % 3]
        asked.append((bot, f"pipe-{number}"))
        data += shared_stack.request("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=pipe-{number}", bot=bot)
    with Wire(shared_stack.port) as wire:
        wire.send(data)
        answered = [wire.reply() for _ in asked]
    assert [reply.body["clientOrderId"] for reply in answered] == [name for _, name in asked]
    intents = [entry for entry in shared_stack.journal_since(mark) if entry["type"] == "intent"]
    assert [(entry["bot"], entry["client_ids"][0]) for entry in intents] == asked


@pytest.mark.threat(4)
def test_a_pipelined_request_is_judged_by_its_own_credential(shared_stack: Stack) -> None:
    """A good order does not vouch for the one behind it: no key, a foreign key, a wrong signature."""
    good = shared_stack.request("GET", "/api/v3/account")
    theirs = shared_stack.request("GET", "/api/v3/account", bot="beta")
    alpha, beta = shared_stack.keys["alpha"].key_id.encode(), shared_stack.keys["beta"].key_id.encode()
    behind = (
        (theirs.replace(b"X-MBX-APIKEY: " + beta + b"\r\n", b""), "credential_missing"),
        (theirs.replace(beta, alpha), "credential_or_signature"),
        (theirs.replace(b"signature=", b"signature=0"), "credential_or_signature"),
    )
    with Wire(shared_stack.port) as wire:
        for bad, reason in behind:
            wire.send(good + bad + good.replace(b"timestamp", b"timestamp"))
            assert [wire.reply().reason for _ in range(3)] == [None, reason, None]


@pytest.mark.threat(36)
@pytest.mark.slow
def test_a_bot_that_does_not_read_is_cut_off(shared_stack: Stack) -> None:
    """It asks for megabytes and reads nothing: its next requests are not begun, and after ten seconds it is ended."""
    served = shared_stack.status()["gateway"]["requests"]
    with Wire(shared_stack.port, receive_buffer=4096) as wire:
        ask = f"GET /api/v3/exchangeInfo HTTP/1.1\r\nHost: 127.0.0.1:{shared_stack.port}\r\n\r\n".encode()
        wire.send(ask * 500)
        time.sleep(2.0)
        connections = shared_stack.status()["gateway"]["connections"]
        held_back = shared_stack.status()["gateway"]["requests"]
        assert held_back - served < 400, "what it does not read is not fetched"
        deadline = time.monotonic() + 14.0
        while shared_stack.status()["gateway"]["connections"] >= connections:
            assert time.monotonic() < deadline, "still open"
            time.sleep(0.25)
        assert shared_stack.status()["gateway"]["requests"] == held_back


def test_a_bot_that_reads_slowly_gets_everything(shared_stack: Stack) -> None:
    """200 pipelined answers of a size that fills the socket's buffers: all come, in order, whole."""
    with Wire(shared_stack.port, receive_buffer=4096) as wire:
        ask = f"GET /api/v3/exchangeInfo HTTP/1.1\r\nHost: 127.0.0.1:{shared_stack.port}\r\n\r\n".encode()
        wire.send(ask * 200)
        time.sleep(0.5)
        for number in range(200):
            assert wire.reply().body["symbols"], number
