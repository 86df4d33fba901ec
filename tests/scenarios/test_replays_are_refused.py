"""A signed request works once (ruling 6); a client order id is used once, repeated it gives what became of it (12)."""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import json
import time
from urllib.parse import quote

import pytest
from stack import Reply, Stack, signed
from wire import Wire

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
FUTURE = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=90000.0"


def resend(stack: Stack, method: str, path: str, query: str, bot: str = "alpha") -> Reply:
    """Send bytes that were signed before."""
    return stack.send(method, f"{path}?{query}", {"X-MBX-APIKEY": stack.keys[bot].key_id})


def placed(stack: Stack) -> list[str]:
    """Client ids of the orders that the exchange took, in order."""
    return [
        row["order"]["clientOrderId"]
        for row in stack.received()
        if row["method"] == "POST" and "order" in row and row["status"] == 200
    ]


@pytest.mark.threat(18)
@pytest.mark.threat(54)
def test_the_same_signed_order_again(shared_stack: Stack) -> None:
    """Same and new connection: with an id the stored outcome, without one a refusal; the exchange sees one order."""
    named, nameless = (
        signed(shared_stack.keys["alpha"], f"{ORDER}&newClientOrderId=again-1"),
        signed(shared_stack.keys["alpha"], ORDER),
    )
    first = resend(shared_stack, "POST", "/api/v3/order", named)
    assert first.status == 200
    assert resend(shared_stack, "POST", "/api/v3/order", nameless).status == 200
    with shared_stack.nothing_received():
        for _ in range(3):
            repeated = resend(shared_stack, "POST", "/api/v3/order", named)
            assert (repeated.status, repeated.body) == (200, first.body)
            refused = resend(shared_stack, "POST", "/api/v3/order", nameless)
            assert (refused.code, refused.reason) == (-2010, "replayed")
        with Wire(shared_stack.port) as wire:
            key_id = shared_stack.keys["alpha"].key_id
            head = f"Host: 127.0.0.1:{shared_stack.port}\r\nX-MBX-APIKEY: {key_id}\r\nContent-Length: 0\r\n\r\n"
            for _ in range(2):
                wire.send(f"POST /api/v3/order?{nameless} HTTP/1.1\r\n{head}".encode())
                assert wire.reply().reason == "replayed"
    assert placed(shared_stack).count("again-1") == 1


@pytest.mark.threat(18)
def test_a_payload_is_spent_on_every_path(shared_stack: Stack) -> None:
    """A signature covers no path: what was signed for a query cannot cancel, one for a test cannot place."""
    order = shared_stack.call("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=paths-1").body
    key = shared_stack.keys["alpha"]
    query = signed(key, f"symbol=BTCUSDT&orderId={order['orderId']}")
    assert resend(shared_stack, "GET", "/api/v3/order", query).status == 200
    test = signed(key, ORDER)
    assert resend(shared_stack, "POST", "/api/v3/order/test", test).status == 200
    open_orders = signed(key, "symbol=BTCUSDT")
    assert resend(shared_stack, "GET", "/api/v3/openOrders", open_orders).status == 200
    with shared_stack.nothing_received():
        for method, path, payload in (
            ("DELETE", "/api/v3/order", query),
            ("POST", "/api/v3/order", test),
            ("POST", "/fapi/v1/order", test),
            ("DELETE", "/api/v3/openOrders", open_orders),
            ("DELETE", "/fapi/v1/allOpenOrders", open_orders),
        ):
            assert resend(shared_stack, method, path, payload).reason == "replayed", path
        # The pairs in another order under the same timestamp are another text, and another signature, but no other
        # request.
        stamp = query.partition("timestamp=")[2][:13]
        turned = f"orderId={order['orderId']}&symbol=BTCUSDT&timestamp={stamp}"
        assert (
            resend(shared_stack, "DELETE", "/api/v3/order", f"{turned}&signature={key.sign(turned)}").reason
            == "replayed"
        )
    assert resend(shared_stack, "GET", "/api/v3/order", query).status == 200, "reads may repeat"
    assert shared_stack.call("GET", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=paths-1").body["status"] == "NEW"


@pytest.mark.threat(18)
def test_another_bots_key_does_not_revive_it(shared_stack: Stack) -> None:
    """The signature is the first bot's; under another key id it is none."""
    query = signed(shared_stack.keys["alpha"], ORDER)
    assert resend(shared_stack, "POST", "/api/v3/order", query).status == 200
    with shared_stack.nothing_received():
        for bot in ("beta", "ed", "rsa"):
            assert resend(shared_stack, "POST", "/api/v3/order", query, bot).reason == "credential_or_signature"


@pytest.mark.threat(18)
def test_settings_are_not_repeated_by_a_replay(shared_stack: Stack) -> None:
    """Leverage, margin type, batch and list orders as well."""
    legs = quote(json.dumps([dict(pair.split("=") for pair in FUTURE.split("&"))]), safe="")
    cases = (
        ("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=7"),
        ("POST", "/fapi/v1/batchOrders", f"batchOrders={legs}"),
    )
    for method, path, text in cases:
        query = signed(shared_stack.keys["alpha"], text)
        assert resend(shared_stack, method, path, query).status == 200
        with shared_stack.nothing_received():
            assert resend(shared_stack, method, path, query).reason == "replayed"


def test_a_repeated_cancel_gets_its_stored_outcome(shared_stack: Stack) -> None:
    """The bot that lost the answer asks the same again; a newly signed cancel reaches the exchange and hears that it
    is gone.
    """
    shared_stack.call("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=cancel-1")
    query = signed(shared_stack.keys["alpha"], "symbol=BTCUSDT&origClientOrderId=cancel-1")
    first = resend(shared_stack, "DELETE", "/api/v3/order", query)
    assert first.body["status"] == "CANCELED"
    with shared_stack.nothing_received():
        for _ in range(2):
            assert resend(shared_stack, "DELETE", "/api/v3/order", query).body == first.body
    anew = shared_stack.call("DELETE", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=cancel-1")
    assert anew.code == -2011


def test_a_cancel_of_everything_gets_its_stored_outcome_and_hits_no_newer_order(shared_stack: Stack) -> None:
    """Between the two an order was placed: the repetition does not reach the exchange."""
    shared_stack.call(
        "POST",
        "/api/v3/order",
        f"{ORDER.replace('BTC', 'ETH').replace('90000', '2000').replace('0.001', '0.01')}&newClientOrderId=all-1",
        bot="beta",
    )
    query = signed(shared_stack.keys["beta"], "symbol=ETHUSDT")
    first = resend(shared_stack, "DELETE", "/api/v3/openOrders", query, "beta")
    assert first.status == 200, first
    shared_stack.call(
        "POST",
        "/api/v3/order",
        f"{ORDER.replace('BTC', 'ETH').replace('90000', '2000').replace('0.001', '0.01')}&newClientOrderId=all-2",
        bot="beta",
    )
    with shared_stack.nothing_received():
        assert resend(shared_stack, "DELETE", "/api/v3/openOrders", query, "beta").body == first.body
    assert (
        shared_stack.call("GET", "/api/v3/order", "symbol=ETHUSDT&origClientOrderId=all-2", bot="beta").body["status"]
        == "NEW"
    )


@pytest.mark.threat(54)
@pytest.mark.parametrize(
    ("path", "order", "code"), [("/api/v3/order", ORDER, -2010), ("/fapi/v1/order", FUTURE, -4116)]
)
def test_each_cell_of_ruling_12(shared_stack: Stack, path: str, order: str, code: int) -> None:
    """Same bot and pairs: the stored outcome. Other pairs, or another bot: duplicate. Rejected: it is free again."""
    name = f"cell{path[1]}"
    first = shared_stack.call("POST", path, f"{order}&newClientOrderId={name}")
    assert first.status == 200
    with shared_stack.nothing_received():
        again = shared_stack.call("POST", path, f"{order}&newClientOrderId={name}")
        assert again.body == first.body
        turned = "&".join(reversed(f"{order}&newClientOrderId={name}".split("&")))
        assert shared_stack.call("POST", path, f"{turned}&recvWindow=4000").body == first.body, (
            "order and recvWindow are no pairs of it"
        )
        for bot, text in (
            ("alpha", order.replace("0.0", "0.00")),
            ("alpha", order.replace("BUY", "SELL")),
            ("beta", order),
            ("beta", order.replace("BUY", "SELL")),
            ("ed", order),
            ("alpha", f"{order}&newOrderRespType=RESULT"),
        ):
            reply = shared_stack.call("POST", path, f"{text}&newClientOrderId={name}", bot=bot)
            assert reply.code == code, (bot, text, reply)
            assert reply.reason.startswith("duplicate_client_order_id")
    found = f"symbol=BTCUSDT&origClientOrderId={name}"
    shared_stack.call("DELETE", path, found)
    with shared_stack.nothing_received():
        gone = shared_stack.call("POST", path, f"{order}&newClientOrderId={name}")
        assert gone.body == first.body, "cancelled, but younger than 60 s"
    bad = order.replace("price=90000", "price=1")
    rejected = shared_stack.call("POST", path, f"{bad}&newClientOrderId={name}-r")
    assert rejected.status == 400 and rejected.reason is None
    good = shared_stack.call("POST", path, f"{order}&newClientOrderId={name}-r")
    assert good.status == 200, "an order that was never born does not use up its id"


@pytest.mark.threat(54)
@pytest.mark.threat(55)
def test_after_a_restart_nothing_is_forgotten(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Replays, stored outcomes and other bots' ids: as before, from the journal and the file of marks."""
    with Stack(tmp_path_factory.mktemp("restart"), bots={"alpha": "hmac", "beta": "ed25519"}) as stack:
        key = stack.keys["alpha"]
        # Three seconds ahead: fresh for eight.
        ahead = int(time.time() * 1000) + 3_000
        nameless = signed(key, ORDER, ahead)
        named = signed(key, f"{ORDER}&newClientOrderId=r-1", ahead)
        asked = signed(key, "symbol=BTCUSDT&origClientOrderId=r-1", ahead)
        first = resend(stack, "POST", "/api/v3/order", named)
        assert resend(stack, "POST", "/api/v3/order", nameless).status == 200
        assert resend(stack, "GET", "/api/v3/order", asked).status == 200
        began = time.monotonic()
        assert stack.down() == 0
        stack.up()
        assert time.monotonic() - began < 7.0, "the payloads are still fresh, so that it is the replay that is refused"
        with stack.nothing_received():
            assert resend(stack, "POST", "/api/v3/order", nameless).reason == "replayed"
            assert resend(stack, "DELETE", "/api/v3/order", asked).reason == "replayed"
            assert resend(stack, "POST", "/api/v3/order", named).body == first.body
            assert stack.call("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=r-1").body == first.body
            assert stack.call("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=r-1", bot="beta").code == -2010
        assert placed(stack).count("r-1") == 1


@pytest.mark.threat(54)
def test_a_repetition_in_flight_waits_for_the_first(shared_stack: Stack) -> None:
    """Twenty connections with the same id at once: one order, twenty equal answers."""
    data = [shared_stack.request("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=race-1") for _ in range(20)]
    wires = [Wire(shared_stack.port) for _ in data]
    for wire, request in zip(wires, data, strict=True):
        wire.send(request)
    bodies = [wire.reply().body for wire in wires]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["status"] == "NEW"
    for wire in wires:
        wire.__exit__(None, None, None)
    assert placed(shared_stack).count("race-1") == 1
