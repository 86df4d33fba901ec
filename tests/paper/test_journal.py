"""The journal proves what arrived: one line a request, in order, without signature or secret."""

import os
import stat

from tests.paper.harness import Rig


def test_one_line_for_each_request_with_its_parameters_in_order(rig: Rig) -> None:
    rig.public("/api/v3/ping")
    placed = rig.order(newClientOrderId="mine")
    rig.order(quantity="0.000001")
    lines = rig.lines()
    assert [line["n"] for line in lines] == [1, 2, 3]
    assert [(line["status"], line["code"]) for line in lines] == [(200, None), (200, None), (400, -1013)]
    names = [name for name, _ in lines[1]["params"]]
    assert names == ["symbol", "side", "type", "timeInForce", "quantity", "price", "newClientOrderId", "timestamp"]
    assert lines[1]["key"] == rig.key.api_key[:8]
    assert lines[1]["headers"] == ["x-mbx-apikey"]
    assert lines[1]["order"]["clientOrderId"] == "mine"
    assert lines[1]["order"]["orderId"] == str(placed.body["orderId"])
    assert "order" not in lines[2]


def test_no_signature_no_whole_key_no_secret(rig: Rig) -> None:
    rig.order()
    text = (rig.home / "journal.jsonl").read_text("utf-8")
    assert "signature" not in text
    assert rig.key.api_key not in text
    assert rig.key.verifier not in text
    assert stat.S_IMODE(os.stat(rig.home / "journal.jsonl").st_mode) == 0o600


def test_what_is_refused_is_journalled_too(rig: Rig) -> None:
    rig.raw("GET", "/nope?a=b", {"Host": "x.binance.com"})
    rig.raw("GET", "/api/v3/account", {"X-MBX-APIKEY": "bad"})
    rig.raw("GET", b"/api/v3/ping?x=%FF")
    lines = rig.lines()
    assert [line["status"] for line in lines] == [404, 401, 400]
    assert (lines[0]["params"], lines[0]["host"]) == ([["a", "b"]], "x.binance.com")


def test_lists_and_batches_name_all_their_orders(rig: Rig) -> None:
    rig.signed("POST", "/api/v3/orderList/oco", symbol="BTCUSDT", side="SELL", quantity="1", aboveType="LIMIT_MAKER",
               abovePrice="110000", belowType="STOP_LOSS", belowStopPrice="90000")  # fmt: skip
    rig.signed("POST", "/fapi/v1/algoOrder", algoType="CONDITIONAL", symbol="BTCUSDT", side="SELL", type="STOP_MARKET",
               quantity="0.01", triggerPrice="95000", clientAlgoId="stop")  # fmt: skip
    lines = rig.lines()
    assert [row["type"] for row in lines[0]["orders"]] == ["STOP_LOSS", "LIMIT_MAKER"]
    assert lines[1]["algo"]["clientAlgoId"] == "stop"
