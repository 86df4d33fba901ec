"""A bot places, queries and cancels an order; both journals tell the same story."""

from stack import Stack


def test_place_query_cancel(shared_stack: Stack) -> None:
    """The order that the exchange parsed is the order that the bot sent, and the exchange's own key signed it."""
    placed = shared_stack.call(
        "POST",
        "/api/v3/order",
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00&newClientOrderId=travel-1",
    )
    assert (placed.status, placed.body.get("status")) == (200, "NEW"), placed

    found = shared_stack.call("GET", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=travel-1")
    assert found.body["orderId"] == placed.body["orderId"]

    gone = shared_stack.call("DELETE", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=travel-1")
    assert gone.body["status"] == "CANCELED"

    theirs = next(
        r for r in shared_stack.received() if r["method"] == "POST" and r["order"]["clientOrderId"] == "travel-1"
    )
    assert dict(theirs["params"])["price"] == "90000.00"
    assert theirs["key"] == shared_stack.exchange_api_key[:8]
    ours = [r for r in shared_stack.journal() if r["type"] == "intent" and "travel-1" in r["client_ids"]]
    assert [dict(r["pairs"])["price"] for r in ours] == ["90000.00"]


def test_the_answer_says_where_time_went(shared_stack: Stack) -> None:
    """Our share and theirs of the latency, and the headers that SDKs read."""
    reply = shared_stack.call("GET", "/api/v3/account")
    assert "gateway;dur=" in reply.headers["server-timing"] and "venue;dur=" in reply.headers["server-timing"]
    assert int(reply.headers["x-mbx-used-weight-1m"]) > 0
    assert reply.headers["date"].endswith("GMT")
