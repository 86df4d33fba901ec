"""After a 429 of USD-M's REST a cancel leaves by the WebSocket API: real processes, real TLS, a real signature."""

import pytest
from stack import Stack

from counterseal.paper.check import compare, read_exchange

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price="
CANCEL = "/fapi/v1/order"


@pytest.mark.threat(40)
@pytest.mark.parametrize("kind", ["ed25519", "hmac"])
def test_three_by_the_websocket_api_then_three_by_rest(tmp_path_factory: pytest.TempPathFactory, kind: str) -> None:
    with Stack(tmp_path_factory.mktemp("another-way"), exchange_kind=kind, paper_options=("--fault-control",)) as stack:
        orders = [stack.call("POST", CANCEL, f"{ORDER}{80_000 + at}").body["orderId"] for at in range(7)]
        stack.fault("answer:429", "GET", "/fapi/v1/depth")
        assert stack.call("GET", "/fapi/v1/depth", "symbol=BTCUSDT").status == 429
        for order in orders[:6]:
            reply = stack.call("DELETE", CANCEL, f"symbol=BTCUSDT&orderId={order}")
            assert (reply.status, reply.body["status"]) == (200, "CANCELED"), reply
        last = stack.call("DELETE", CANCEL, f"symbol=BTCUSDT&orderId={orders[6]}")
        assert (last.status, last.reason) == (429, "venue_backoff")
        heard = [row["path"] for row in stack.received() if row["path"] == "order.cancel" or row["method"] == "DELETE"]
        assert heard == ["order.cancel"] * 3 + [CANCEL] * 3
        told = [entry for entry in stack.journal() if entry.get("what") == "cancel_by_socket"]
        assert len(told) == 3
        report = compare(stack.journal(), read_exchange(stack.paper_home / "journal.jsonl"))
        assert (report.findings, report.intents) == ([], 13)
