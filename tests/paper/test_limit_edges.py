"""Each limit one below it, at it and one beyond; the assumptions about limits; and traffic that is not ours."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.paper.harness import START_MS, Answer, Rig

from counterseal.paper.charging import LimitRules
from counterseal.paper.director import traffic
from counterseal.paper.endpoints import Endpoint
from counterseal.paper.errors import ApiError
from counterseal.paper.limits import POOLS
from counterseal.paper.params import Spec

LIMIT = 6
Call = Callable[[Rig], Answer]


def _order(rig: Rig) -> Answer:
    return rig.order()


def _futures(rig: Rig) -> Answer:
    return rig.futures_order()


def _cancel_futures(rig: Rig) -> Answer:
    return rig.signed("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="nobody")


# pool: (limit, a call that uses one of it, and the code of its refusal)
EDGES: dict[str, tuple[int, Call, int]] = {
    "spot_weight": (LIMIT, lambda rig: rig.public("/api/v3/ping"), -1003),
    "spot_raw": (LIMIT, lambda rig: rig.public("/api/v3/ping"), -1003),
    "spot_orders_10s": (LIMIT, _order, -1015),
    "spot_orders_1d": (LIMIT, _order, -1015),
    "futures_weight": (LIMIT, lambda rig: rig.public("/fapi/v1/ping"), -1003),
    "futures_orders_10s": (LIMIT, _futures, -1015),
    "futures_orders_1m": (LIMIT, _futures, -1015),
    "futures_funding": (LIMIT, lambda rig: rig.public("/fapi/v1/fundingInfo"), -1003),
    "usdm_ws_api_weight": (LIMIT, _cancel_futures, -1003),
    "sapi_ip": (LIMIT, lambda rig: rig.signed("GET", "/sapi/v1/account/status"), -1003),
}


@pytest.mark.parametrize("pool", EDGES)
def test_one_below_at_and_one_beyond(tmp_path: Path, pool: str) -> None:
    limit, call, code = EDGES[pool]
    rig = Rig(tmp_path, limits={pool: limit})
    assert [call(rig).status != 429 for _ in range(limit)] == [True] * limit, "limit - 1 and limit are served"
    beyond = call(rig)
    assert (beyond.status, beyond.code) == (429, code)
    left_ms = POOLS[pool].window_ms - rig.now_ms % POOLS[pool].window_ms
    assert int(beyond.headers["Retry-After"]) * 1000 - left_ms in range(1000)
    rig.wait(left_ms - 1)
    assert call(rig).status == 429, "the last instant of the window"
    rig.wait(1)
    assert call(rig).status != 429, "windows are aligned to the clock"


def test_every_pool_of_the_facts_is_there() -> None:
    sizes = {name: pool.limit for name, pool in POOLS.items()}
    assert sizes["futures_weight"] == 2400
    assert (sizes["futures_orders_10s"], sizes["futures_orders_1m"]) == (300, 1200)
    assert (sizes["spot_weight"], sizes["spot_raw"]) == (6000, 300_000)
    assert (sizes["spot_orders_10s"], sizes["spot_orders_1d"]) == (100, 200_000)
    assert (sizes["sapi_ip"], sizes["sapi_uid"]) == (12_000, 180_000)


def test_coin_m_and_usd_m_share_their_weight(tmp_path: Path) -> None:
    rig = Rig(tmp_path, limits={"futures_weight": 4})
    answers = [rig.public(path) for path in ("/fapi/v1/ping", "/dapi/v1/ping") * 2]
    assert [answer.headers["X-MBX-USED-WEIGHT-1M"] for answer in answers] == ["1", "2", "3", "4"]
    assert rig.public("/dapi/v1/ping").status == rig.public("/fapi/v1/ping").status == 429
    assert rig.public("/api/v3/ping").status == 200


def test_order_counts_are_the_accounts_whichever_key_or_address(tmp_path: Path) -> None:
    rig = Rig(tmp_path, limits={"spot_orders_10s": 2})
    second = rig.add_key()
    place = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "96000",
    }
    statuses = [rig.signed("POST", "/api/v3/order", key=key, **place).status for key in (rig.key, second, second)]
    assert statuses == [200, 200, 429]


def test_futures_order_calls_weigh_in_the_websocket_pool_or_by_choice_in_the_rest_pool(tmp_path: Path) -> None:
    for choice, pool in (("ws", "usdm_ws_api_weight"), ("rest", "futures_weight")):
        (tmp_path / choice).mkdir()
        rig = Rig(tmp_path / choice, limit_rules=LimitRules(futures_order_pool=choice))
        assert _cancel_futures(rig).code == -2011
        used = {
            name: rig.exchange.windows.used(name, "127.0.0.1", rig.now_ms)
            for name in ("usdm_ws_api_weight", "futures_weight")
        }
        assert used.pop(pool) == 1
        assert list(used.values()) == [0]
        rig.journal.close()


def test_a_ban_reaches_one_family_or_by_choice_everything(tmp_path: Path) -> None:
    for reach, elsewhere in (("family", 200), ("all", 418)):
        (tmp_path / reach).mkdir()
        rig = Rig(tmp_path / reach, limits={"spot_weight": 1}, ban_after=1, limit_rules=LimitRules(ban_reach=reach))
        assert [rig.public("/api/v3/ping").status for _ in range(4)] == [200, 429, 418, 418]
        assert rig.public("/fapi/v1/ping").status == elsewhere
        rig.journal.close()


def test_bans_double_up_to_three_days(tmp_path: Path) -> None:
    rig = Rig(tmp_path, limits={"spot_weight": 1}, ban_after=0)
    lengths = []
    for _ in range(14):
        rig.public("/api/v3/ping")
        lengths.append(int(rig.public("/api/v3/ping").headers["Retry-After"]))
        rig.wait(lengths[-1] * 1000 + 60_000)
    assert lengths[:4] == [120, 240, 480, 960]
    assert lengths[-1] == 3 * 86_400


def test_going_on_in_a_raw_pool_bans_unless_assumed_otherwise(tmp_path: Path) -> None:
    for bans, last in ((True, 418), (False, 429)):
        (tmp_path / str(bans)).mkdir()
        rig = Rig(tmp_path / str(bans), limits={"spot_raw": 1}, ban_after=1, limit_rules=LimitRules(raw_bans=bans))
        assert [rig.public("/api/v3/ping").status for _ in range(3)] == [200, 429, last]
        rig.journal.close()


def test_retry_after_can_be_missing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, limits={"spot_weight": 1}, ban_after=1, limit_rules=LimitRules(retry_after=False))
    answers = [rig.public("/api/v3/ping") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 429, 418]
    assert all("Retry-After" not in answer.headers for answer in answers)


def test_the_unfilled_count_gives_back_what_is_assumed(tmp_path: Path) -> None:
    rig = Rig(tmp_path, limit_rules=LimitRules(maker_gives_back=2, taker_gives_back=0))
    for _ in range(4):
        rig.order()
    rig.order(type="MARKET")
    assert rig.signed("GET", "/api/v3/rateLimit/order").body[0]["count"] == 5
    rig.order(price="99000")
    rig.set_price("spot", "BTCUSDT", "98000")
    assert rig.signed("GET", "/api/v3/rateLimit/order").body[0]["count"] == 4


def test_somebody_on_our_address_uses_up_our_weight(rig: Rig) -> None:
    rig.exchange.director.traffic.append(traffic("spot_weight=50/1"))
    rig.public("/api/v3/ping")
    rig.wait(10_000)
    assert rig.public("/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"] == "502"
    other = rig.raw("GET", "/api/v3/ping", peer="10.0.0.9")
    assert other.headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_somebody_on_our_account_uses_up_our_orders(rig: Rig) -> None:
    rig.exchange.director.traffic.append(traffic("spot_orders_10s@main=20/1"))
    rig.order()
    rig.wait(5_000)
    assert rig.order().status == 429
    assert START_MS % 10_000 == 0


def test_a_long_pause_spends_one_window_at_most(rig: Rig) -> None:
    rig.exchange.director.traffic.append(traffic("spot_weight=10/1"))
    rig.public("/api/v3/ping")
    rig.wait(86_400_000)
    assert int(rig.public("/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"]) <= 601


@pytest.mark.parametrize("text", ["", "spot_weight", "moon=1/1", "spot_weight=x/1", "spot_weight=1/0"])
def test_malformed_traffic_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        traffic(text)


def test_a_stranger_trades_on_our_account(rig: Rig) -> None:
    reply = rig.exchange.admin.run({"do": "foreign", "method": "POST", "path": "/api/v3/order", "params": {
        "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "120000",
        "newClientOrderId": "by-hand"}})  # fmt: skip
    assert reply["result"]["status"] == "NEW"
    assert [row["clientOrderId"] for row in rig.signed("GET", "/api/v3/openOrders").body] == ["by-hand"]


def test_uid_endpoints_weigh_on_the_account_each_apart_and_never_ban(tmp_path: Path) -> None:
    rig = Rig(tmp_path, limits={"sapi_uid": 6000}, ban_after=0)
    rule = {"kind": "fixed", "value": 3000}
    path = "/sapi/v1/sub-account/subAccountApi"
    endpoint = Endpoint("GET", path, "USER_DATA", True, rule, Spec(["email"], True, False), False, "UID")
    charging = rig.exchange.charging
    for used in ("3000", "6000"):
        headers: dict[str, str] = {}
        assert charging.by_address(endpoint, {}, "127.0.0.1", rig.now_ms, headers).cost == 0
        charging.by_account(endpoint, {}, "main", rig.now_ms, headers)
        assert headers == {"X-SAPI-USED-UID-WEIGHT-1M": used}
    for _ in range(3):
        with pytest.raises(ApiError) as caught:
            charging.by_account(endpoint, {}, "main", rig.now_ms, {})
        assert caught.value.status == 429
    charging.by_account(endpoint, {}, "other", rig.now_ms, {})
    assert rig.signed("GET", "/sapi/v1/account/status").status == 200
