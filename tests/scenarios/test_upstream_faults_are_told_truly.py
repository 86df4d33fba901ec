"""What the exchange does wrong: nothing is sent twice, what may have happened is UNKNOWN, a ban is obeyed by
everyone.
"""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import json
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from laws import check_l1_l2_l4
from stack import Reply, Stack

from counterseal.paper import admin_socket

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
FUTURE = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=90000.0"
SPOT, USDM = "/api/v3/order", "/fapi/v1/order"
SYMBOLS = iter(["ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT"])


@pytest.fixture(scope="module", name="faulty")
def _faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    options = ("--fault-control", "--no-limits", "--volatility", "0")
    with Stack(tmp_path_factory.mktemp("faulty"), paper_options=options) as stack:
        yield stack
        check_l1_l2_l4(stack)


def last_outcome(stack: Stack, name: str) -> dict[str, Any]:
    """The terminal record of the last intent with this client id."""
    intent = [entry for entry in stack.journal() if entry["type"] == "intent" and name in entry["client_ids"]][-1]
    (end,) = [entry for entry in stack.journal() if entry["type"] == "outcome" and entry["id"] == intent["id"]]
    return end


def asked_to_change(stack: Stack) -> int:
    """How many requests that change something the exchange received: resolving asks with reads alone."""
    return sum(row["method"] != "GET" for row in stack.received())


def resolved(stack: Stack, path: str, order: str) -> Reply:
    """Repeat an UNKNOWN request until the gateway has found out; nothing that changes anything may be sent."""
    before, deadline = asked_to_change(stack), time.monotonic() + 10
    reply = stack.call("POST", path, order)
    while reply.status == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
        reply = stack.call("POST", path, order)
    assert asked_to_change(stack) == before
    return reply


def orders_at_paper(stack: Stack, name: str) -> int:
    """How many orders of this id the exchange took."""
    return len(
        {row["order"]["orderId"] for row in stack.received() if row.get("order", {}).get("clientOrderId") == name}
    )


def assert_unknown(reply: Reply) -> None:
    """The bot is told the truth in the exchange's words."""
    assert (reply.status, reply.code) == (503, -1007), reply
    assert reply.headers["x-counterseal-state"] == "UNKNOWN"
    assert reply.reason == "outcome_unknown"


@pytest.mark.threat(53)
@pytest.mark.parametrize(("path", "order"), [(SPOT, ORDER), (USDM, FUTURE)])
def test_reset_after_executing(faulty: Stack, path: str, order: str) -> None:
    """The order lives and nobody said so: UNKNOWN, one order; who repeats it sends nothing and soon gets the truth."""
    name = f"reset{path[1]}"
    faulty.fault("reset_after_execute", "POST", path)
    assert_unknown(faulty.call("POST", path, f"{order}&newClientOrderId={name}"))
    assert last_outcome(faulty, name)["outcome"] == "UNKNOWN"
    assert orders_at_paper(faulty, name) == 1
    again = resolved(faulty, path, f"{order}&newClientOrderId={name}")
    assert (again.status, again.body["clientOrderId"], again.body["status"]) == (200, name, "NEW")
    found = faulty.call("GET", path, f"symbol=BTCUSDT&origClientOrderId={name}")
    assert found.body["status"] == "NEW"


def test_reset_before_executing_is_unknown_too(faulty: Stack) -> None:
    """From our side both look the same; the exchange was asked once."""
    before = asked_to_change(faulty)
    faulty.fault("reset_before", "POST", SPOT)
    assert_unknown(faulty.call("POST", SPOT, f"{ORDER}&newClientOrderId=before-1"))
    assert asked_to_change(faulty) == before + 1
    assert orders_at_paper(faulty, "before-1") == 0
    assert last_outcome(faulty, "before-1")["outcome"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("path", "fault", "outcome"),
    [
        (SPOT, "status_after_execute:503:Unknown error, please check your request or try again later.", "UNKNOWN"),
        (SPOT, "status:503:Service Unavailable.", "UNKNOWN"),
        (SPOT, "status:500:x", "UNKNOWN"),
        (SPOT, "status_after_execute:502:<html>bad gateway</html>", "UNKNOWN"),
        (SPOT, "status_after_execute:504:<html></html>", "UNKNOWN"),
        (SPOT, 'status:400:{"code":-1006,"msg":"An unexpected response was received."}', "UNKNOWN"),
        (SPOT, 'status:400:{"code":-1007,"msg":"Timeout"}', "UNKNOWN"),
        (SPOT, 'status_after_execute:200:{"orderId":', "UNKNOWN"),
        (
            SPOT,
            'status_after_execute:200:{"symbol":"ETHUSDT","orderId":1,"clientOrderId":"x","status":"NEW"}',
            "UNKNOWN",
        ),
        (SPOT, "status_after_execute:302:<html></html>", "UNKNOWN"),
        (SPOT, 'status:400:{"code":-1013,"msg":"Filter failure: NOTIONAL"}', "REJECTED"),
        (SPOT, "status:403:<html>blocked, request ip: 203.0.113.7</html>", "REJECTED"),
        (
            SPOT,
            'status:401:{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action, request ip: 203.0.113.7"}',
            "REJECTED",
        ),
        (USDM, 'status:503:{"code":-1008,"msg":"Request throttled by system-level protection."}', "REJECTED"),
        (USDM, 'status:503:{"code":-1001,"msg":"Service Unavailable."}', "REJECTED"),
        (USDM, "status_after_execute:503:Unknown error, please check your request or try again later.", "UNKNOWN"),
        (USDM, 'status_after_execute:408:{"code":-1007,"msg":"Timeout"}', "UNKNOWN"),
    ],
)
def test_each_answer_has_its_class(faulty: Stack, path: str, fault: str, outcome: str) -> None:
    """UNKNOWN unless proven; the address that an error text names does not reach the bot, nor does HTML."""
    name = f"class-{zlib.crc32(f'{path} {fault}'.encode())}"
    order = ORDER if path == SPOT else FUTURE
    if fault.startswith("status:") and outcome == "UNKNOWN":
        # It takes a quarter of a minute to prove that an order was never born, and three such close their symbol.
        order = order.replace("BTCUSDT", next(SYMBOLS))
    assert faulty.call("POST", f"{path}/test", ORDER if path == SPOT else FUTURE).status == 200, "the host is well"
    before = asked_to_change(faulty)
    faulty.fault(fault, "POST", path)
    reply = faulty.call("POST", path, f"{order}&newClientOrderId={name}")
    assert asked_to_change(faulty) == before + 1, "asked once"
    assert last_outcome(faulty, name)["outcome"] == outcome
    assert "203.0.113" not in json.dumps(reply.body)
    if outcome == "UNKNOWN":
        assert_unknown(reply)
    else:
        assert isinstance(reply.code, int)
        assert reply.code < 0


def test_reads_are_tried_three_times_and_signed_anew(faulty: Stack) -> None:
    """Two resets cost a bot 600 ms; three are told; each try has its own timestamp and signature."""
    before = len(faulty.received())
    faulty.fault("reset_after_execute", "GET", "/api/v3/account", times=2)
    began = time.monotonic()
    assert faulty.call("GET", "/api/v3/account").status == 200
    assert 0.6 <= time.monotonic() - began < 1.5
    rows = [row for row in faulty.received()[before:] if row["path"] == "/api/v3/account"]
    assert len({dict(map(tuple, row["params"]))["timestamp"] for row in rows}) == 3
    faulty.fault("reset_before", "GET", "/api/v3/account", times=3)
    reply = faulty.call("GET", "/api/v3/account")
    assert (reply.status, reply.code) == (503, -1007)
    assert faulty.call("GET", "/api/v3/account").status == 200


def test_an_order_behind_a_slow_one_is_not_held_up(faulty: Stack) -> None:
    """A second connection carries it; the slow one is answered when the exchange does."""
    from wire import Wire

    faulty.fault("delay:1500", "POST", SPOT)
    with Wire(faulty.port) as slow:
        slow.send(faulty.request("POST", SPOT, f"{ORDER}&newClientOrderId=slow-1"))
        time.sleep(0.1)
        began = time.monotonic()
        assert faulty.call("POST", SPOT, f"{ORDER}&newClientOrderId=quick-1").status == 200
        assert time.monotonic() - began < 0.5
        assert slow.reply().body["clientOrderId"] == "slow-1"


@pytest.mark.slow
def test_no_answer_in_twelve_seconds(faulty: Stack) -> None:
    """The exchange's own limit is ten; what does not come two later is UNKNOWN."""
    faulty.fault("stall_after_execute", "POST", SPOT)
    began = time.monotonic()
    assert_unknown(faulty.call("POST", SPOT, f"{ORDER}&newClientOrderId=stall-1"))
    assert 11.5 < time.monotonic() - began < 13.5
    assert orders_at_paper(faulty, "stall-1") == 1


def lines(stack: Stack) -> int:
    """Everything that the exchange received, the gateway's own reads too."""
    return len((stack.paper_home / "journal.jsonl").read_text().splitlines())


def until_limited(stack: Stack) -> Reply:
    """Let somebody else spend the address's weight; gives the exchange's 429."""
    others = {"do": "spend", "pool": "spot_weight", "subject": "127.0.0.1", "amount": 6_000}
    admin_socket.ask(stack.paper_home, others)
    reply = stack.call("GET", "/api/v3/account")
    assert (reply.status, reply.code, reply.reason) in ((429, -1003, None), (429, -1003, "venue_backoff")), reply
    return reply


@pytest.mark.threat(40)
def test_429_closes_a_product_and_418_everything(tmp_path_factory: pytest.TempPathFactory) -> None:
    """By the exchange's own counters: the refusal is local, names the wait, and not even our own reads go out."""
    options = ("--fault-control", "--volatility", "0")
    with Stack(tmp_path_factory.mktemp("wall"), paper_options=options) as stack:
        reply = until_limited(stack)
        if int(reply.headers["retry-after"]) < 10:
            # The minute of the counters is nearly over; the next one leaves time to look.
            time.sleep(int(reply.headers["retry-after"]) + 0.5)
            reply = until_limited(stack)
        wait_s = int(reply.headers["retry-after"])
        assert 0 < wait_s <= 60
        time.sleep(0.05)
        spot_before = spot_lines(stack)
        for method, path, query in (
            ("POST", SPOT, ORDER),
            ("GET", "/api/v3/account", ""),
        ):
            local = stack.call(method, path, query)
            assert (local.status, local.code, local.reason) == (429, -1003, "venue_backoff")
            assert 0 < int(local.headers["retry-after"]) <= wait_s
        assert stack.call("POST", USDM, FUTURE).status == 200, "futures have a pool of their own"
        time.sleep(2.5)
        assert spot_lines(stack) == spot_before, "not even the gateway's own prices"
        (wall,) = stack.limits()["closed"]
        assert (wall["place"], wall["closed_for_ms"]["spot"] > 0) == ("", True)
        exits = [stack.call("DELETE", SPOT, f"symbol=BTCUSDT&orderId={number}").reason for number in range(1, 6)]
        assert exits == [None, None, None, "venue_backoff", "venue_backoff"], "three exits are tried, no more"
        check_ban(stack)


def spot_lines(stack: Stack) -> int:
    """How many spot requests the exchange has had."""
    rows = map(json.loads, (stack.paper_home / "journal.jsonl").read_text().splitlines())
    return sum((row["path"] or "").startswith("/api/") for row in rows)


def check_ban(stack: Stack) -> None:
    """418 of one product closes all of them."""
    stack.fault(
        'status:418:{"code":-1003,"msg":"Way too many requests; IP(203.0.113.7) banned until 1795365320483."}',
        "GET",
        "/fapi/v3/positionRisk",
    )
    banned = stack.call("GET", "/fapi/v3/positionRisk")
    assert (banned.status, banned.code) == (418, -1003)
    assert "203.0.113" not in json.dumps(banned.body)
    time.sleep(0.05)
    before = lines(stack)
    for method, path, query in (
        ("POST", SPOT, ORDER),
        ("POST", USDM, FUTURE),
        ("GET", "/fapi/v3/positionRisk", ""),
        ("GET", "/dapi/v1/time", ""),
    ):
        local = stack.call(method, path, query) if query or "position" in path else stack.send(method, path)
        assert (local.status, local.code, local.reason) == (418, -1003, "venue_ban"), path
        assert 0 < int(local.headers["retry-after"]) <= 120
    time.sleep(2.5)
    assert lines(stack) == before, "nothing at all leaves until the ban is over"
    assert stack.limits()["closed"][0]["banned_for_ms"] > 0
