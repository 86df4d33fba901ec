"""Weights, order counts, 429 and 418, on windows aligned to the clock."""

from pathlib import Path

import pytest
from tests.paper.harness import START_MS, Answer, Rig

from counterseal.paper import endpoints


@pytest.fixture
def tight(tmp_path: Path) -> Rig:
    limits = {"spot_weight": 20, "futures_weight": 5, "sapi_ip": 2, "spot_orders_10s": 3, "futures_orders_10s": 2}
    return Rig(tmp_path, limits=limits, ban_after=2)


def test_headers_tell_the_weight_used(rig: Rig) -> None:
    assert rig.public("/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"] == "1"
    assert rig.public("/api/v3/depth", symbol="BTCUSDT").headers["X-MBX-USED-WEIGHT"] == "6"
    assert rig.public("/api/v3/depth", symbol="BTCUSDT", limit=500).headers["X-MBX-USED-WEIGHT-1M"] == "31"
    assert rig.public("/fapi/v1/ping").headers["X-MBX-USED-WEIGHT-1M"] == "1"
    assert rig.public("/dapi/v1/ping").headers["X-MBX-USED-WEIGHT-1M"] == "2"
    assert rig.signed("GET", "/sapi/v1/account/status").headers["X-SAPI-USED-IP-WEIGHT-1M"] == "1"
    rig.wait(60_000 - START_MS % 60_000)
    assert rig.public("/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_a_spot_order_costs_nothing_when_it_succeeds_and_its_weight_when_it_fails(rig: Rig) -> None:
    assert rig.order().headers["X-MBX-USED-WEIGHT-1M"] == "0"
    assert rig.order(quantity="0.000001").headers["X-MBX-USED-WEIGHT-1M"] == "1"
    assert rig.futures_order().headers["X-MBX-USED-WEIGHT-1M"] == "0"


def test_429_with_retry_after_until_the_window_ends(tight: Rig) -> None:
    tight.wait(10_000)
    answers = [tight.public("/api/v3/depth", symbol="BTCUSDT") for _ in range(5)]
    assert [answer.status for answer in answers] == [200] * 4 + [429]
    assert answers[-1].code == -1003
    assert "current limit is 20 request weight per 1 MINUTE" in answers[-1].body["msg"]
    assert answers[-1].headers["X-MBX-USED-WEIGHT-1M"] == "25"
    seconds = int(answers[-1].headers["Retry-After"])
    tight.wait((seconds - 1) * 1000)
    assert tight.public("/api/v3/ping").status == 429
    tight.wait(1000)
    assert tight.public("/api/v3/ping").status == 200


def test_who_goes_on_after_429_is_banned_for_longer_each_time(tight: Rig) -> None:
    def statuses(count: int) -> list[int]:
        return [tight.public("/api/v3/depth", symbol="BTCUSDT").status for _ in range(count)]

    assert statuses(8) == [200] * 4 + [429, 429, 418, 418]
    assert tight.public("/api/v3/ping").headers["Retry-After"] == "120"
    assert "IP banned until" in tight.public("/api/v3/ping").body["msg"]
    assert tight.public("/fapi/v1/ping").status == 200
    other = tight.raw("GET", "/api/v3/ping", peer="10.0.0.9")
    assert other.status == 200
    tight.wait(120_000)
    assert statuses(7) == [200] * 4 + [429, 429, 418]
    assert tight.public("/api/v3/ping").headers["Retry-After"] == "240"


def test_sapi_counts_each_endpoint_apart_and_never_bans(tight: Rig) -> None:
    statuses = [tight.signed("GET", "/sapi/v1/account/status").status for _ in range(8)]
    assert statuses == [200, 200, 429, 429, 429, 429, 429, 429]
    assert tight.signed("GET", "/sapi/v1/account/apiTradingStatus").status == 200


def test_too_many_orders_is_1015_per_account(tight: Rig) -> None:
    answers = [tight.order() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[2].headers["X-MBX-ORDER-COUNT-10S"] == "3"
    assert answers[2].headers["X-MBX-ORDER-COUNT-1D"] == "3"
    assert (answers[3].code, answers[3].headers["Retry-After"]) == (-1015, "10")
    assert answers[3].body["msg"] == "Too many new orders; current limit is 3 orders per 10 SECOND."
    other = tight.add_key("other")
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    assert tight.signed("POST", "/api/v3/order", key=other, **params).status == 200


def test_a_taker_fill_gives_back_one_a_maker_fill_five(rig: Rig) -> None:
    for _ in range(6):
        rig.order()
    counts = rig.signed("GET", "/api/v3/rateLimit/order").body
    assert [row["count"] for row in counts] == [6, 6]
    rig.order(type="MARKET")
    assert rig.signed("GET", "/api/v3/rateLimit/order").body[0]["count"] == 6
    rig.order(price="99000")
    rig.set_price("spot", "BTCUSDT", "98000")
    assert rig.signed("GET", "/api/v3/rateLimit/order").body[0]["count"] == 2


def test_futures_counts_are_plain(tight: Rig) -> None:
    assert tight.futures_order().headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert tight.futures_order(type="MARKET").headers["X-MBX-ORDER-COUNT-1M"] == "2"
    assert tight.futures_order().code == -1015


def test_orders_of_portfolio_margin_count_in_a_pool_of_their_own(tmp_path: Path) -> None:
    rig = Rig(tmp_path, limits={"papi_orders": 3, "futures_orders_10s": 1})

    def order(side: str, **what: str) -> Answer:
        limit = {"type": "LIMIT", "side": "BUY", "timeInForce": "GTC", "price": "96000", **what}
        return rig.signed("POST", f"/papi/v1/{side}/order", **limit)

    assert order("um", symbol="BTCUSDT", quantity="0.01").headers["X-MBX-ORDER-COUNT-1M"] == "1"
    assert order("cm", symbol="BTCUSD_PERP", quantity="1").headers["X-MBX-ORDER-COUNT-1M"] == "2"
    assert rig.futures_order().headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert order("um", symbol="BTCUSDT", quantity="0.01").status == 200
    refused = order("um", symbol="BTCUSDT", quantity="0.01")
    assert (refused.status, refused.code) == (429, -1015)
    assert len(rig.signed("GET", "/papi/v1/um/openOrders").body) == 3, "one account, whichever way its orders came"
    rig.journal.close()


@pytest.mark.parametrize(
    ("path", "params", "weight"),
    [
        ("/api/v3/ticker/24hr", {"symbol": "BTCUSDT"}, 2), ("/api/v3/ticker/24hr", {}, 80),
        ("/api/v3/ticker/24hr", {"symbols": '["A","B"]'}, 2), ("/api/v3/depth", {"limit": "5000"}, 250),
        ("/api/v3/depth", {"limit": "fish"}, 5), ("/api/v3/openOrders", {}, 80),
        ("/api/v3/myTrades", {"orderId": "1"}, 5),
        ("/api/v3/ticker", {"symbols": '["A","B"]'}, 8), ("/fapi/v1/klines", {"limit": "1500"}, 10),
        ("/fapi/v1/depth", {}, 10), ("/fapi/v1/fundingRate", {}, 0),
    ],
)  # fmt: skip
def test_weight_rules(path: str, params: dict[str, str], weight: int) -> None:
    assert endpoints.weight(endpoints.load()["GET", path].rule, params) == weight
