"""What the tests of cancels by the WebSocket API share: orders that rest, a REST pool that is closed, ways."""

from __future__ import annotations

import json
from typing import Any

from tests.gateway.userdata.rig import Rig
from tests.limits.house import OURS
from tests.limits.lines import Answer

CANCEL = ("DELETE", "/fapi/v1/order")
LIMIT = "&type=LIMIT&timeInForce=GTC&price="
SOCKETS, REST = "usdm_ws_api_weight", "futures_weight"
PEER = "127.0.0.1"  # as which the paper exchange sees sockets of this rig


async def resting(rig: Rig, number: int) -> list[int]:
    """Place orders that stay open."""
    return [(await rig.order("usdm", f"{LIMIT}{80_000 + at}"))["orderId"] for at in range(number)]


async def close_rest(rig: Rig, path: str = "/fapi/v1/depth", query: str = "symbol=BTCUSDT") -> int:
    """Let the exchange say 429, because somebody else has spent the pool; gives for how many seconds."""
    windows = rig.exchange.exchange.windows
    windows.set_limit(REST, windows.used(REST, OURS, rig.exchange.now_ms))
    answer = await rig.ask("alpha", "GET", path, query)
    assert (answer.status, code(answer)) == (429, -1003), answer
    await rig.wait(0.3)
    return int(answer.headers["retry-after"])


async def cancel(rig: Rig, order: int) -> Answer:
    """Cancel an order as a bot."""
    return await rig.ask("alpha", *CANCEL, f"symbol=BTCUSDT&orderId={order}")


def code(answer: Answer) -> int | None:
    """The exchange's code, if any."""
    found = json.loads(answer.body).get("code")
    return found if isinstance(found, int) else None


def why(answer: Answer) -> str:
    """Our reason for a refusal."""
    return answer.headers.get("x-counterseal-reason", "")


def by_socket(rig: Rig) -> list[dict[str, Any]]:
    """The cancels that the exchange heard by its WebSocket API."""
    rows = rig.exchange.lines()
    return [row for row in rows if row["path"] == "order.cancel" and row["host"] == "usdm"]


def by_rest(rig: Rig) -> int:
    """How many it heard by REST."""
    return rig.mouth.count(*CANCEL)


def ways(rig: Rig) -> tuple[int, int]:
    """How many by the WebSocket API, how many by REST."""
    return len(by_socket(rig)), by_rest(rig)
