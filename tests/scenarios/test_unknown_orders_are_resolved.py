"""An answer is lost, the exchange breaks, the gateway is killed: who asks again gets the truth, nothing is doubled."""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import json
import os
import signal
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from laws import check_l1_l2_l4, orders_of
from stack import Reply, Stack, wait
from wire import Wire

from counterseal.adapters import control_socket

SPOT, USDM, COINM, BATCH = "/api/v3/order", "/fapi/v1/order", "/dapi/v1/order", "/fapi/v1/batchOrders"
ALGO, OCO = "/fapi/v1/algoOrder", "/api/v3/orderList/oco"
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
FUTURE = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=90000.0"
CONTRACT = "symbol=BTCUSD_PERP&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=90000.0"
STOP = "symbol=BTCUSDT&side=SELL&algoType=CONDITIONAL&type=STOP_MARKET&quantity=0.01&triggerPrice=80000.0"
PAIR = (
    "symbol=BTCUSDT&side=SELL&quantity=0.001&aboveType=LIMIT_MAKER&abovePrice=120000.00&belowType=STOP_LOSS"
    "&belowStopPrice=80000.00"
)
BIRTHS = [
    (SPOT, f"{ORDER}&newClientOrderId=", "clientOrderId"),
    (USDM, f"{FUTURE}&newClientOrderId=", "clientOrderId"),
    (COINM, f"{CONTRACT}&newClientOrderId=", "clientOrderId"),
    (ALGO, f"{STOP}&clientAlgoId=", "clientAlgoId"),
    (OCO, f"{PAIR}&aboveClientOrderId=over&belowClientOrderId=under&listClientOrderId=", "listClientOrderId"),
]


@pytest.fixture(scope="module", name="stack")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    options = ("--fault-control", "--no-limits", "--volatility", "0")
    with Stack(tmp_path_factory.mktemp("resolver"), paper_options=options) as stack:
        yield stack
        check_l1_l2_l4(stack)
        assert check_resolved(stack) > 0


def check_resolved(stack: Stack) -> int:
    """Every resolved order against the exchange's own journal: ACCEPTED was born, ABSENT not by then."""
    name_of = {entry["id"]: entry["client_ids"] for entry in stack.journal() if entry["type"] == "intent"}
    born: dict[str, int] = {}
    for row in stack.received():
        names = [order["clientOrderId"] for order in orders_of(row)] if row["code"] is None else []
        for name in [*names, *([row["algo"]["clientAlgoId"]] if "algo" in row else [])]:
            born.setdefault(name, row["t"])
    count = 0
    for entry in stack.journal():
        if entry["type"] == "resolved" and len(name_of[entry["id"]]) == 1:
            (name,) = name_of[entry["id"]]
            assert (born.get(name, entry["t"] + 1) <= entry["t"]) == (entry["outcome"] == "ACCEPTED"), entry
            count += 1
    return count


def unknown(reply: Reply) -> bool:
    """Whether the bot was told that nobody knows."""
    return reply.status == 503 and reply.reason == "outcome_unknown"


def until_told(stack: Stack, method: str, path: str, query: str, seconds: float) -> tuple[Reply, float]:
    """Ask again until the answer is not UNKNOWN; gives it and how long that took."""
    began = time.monotonic()
    while True:
        reply = stack.call(method, path, query)
        if not unknown(reply) or time.monotonic() - began > seconds:
            return reply, time.monotonic() - began
        time.sleep(0.02)


def births(stack: Stack, path: str) -> int:
    """How many requests for a new order the exchange received on this path."""
    return sum(row["method"] == "POST" and row["path"] == path for row in stack.received())


@pytest.mark.threat(53)
@pytest.mark.parametrize(("path", "order", "field"), BIRTHS, ids=lambda value: value if value[0] == "/" else "")
def test_executed_and_never_answered(stack: Stack, path: str, order: str, field: str) -> None:
    """Found on the endpoint of its kind; the repetition gets it, as does a query, and there is one."""
    name, before = f"lost{path[1]}{len(path)}", births(stack, path)
    stack.fault("reset_after_execute", "POST", path)
    assert unknown(stack.call("POST", path, order + name))
    reply, took_s = until_told(stack, "POST", path, order + name, 3.0)
    assert (reply.status, reply.body[field]) == (200, name)
    assert took_s < 3.0
    assert births(stack, path) == before + 1
    assert stack.status()["gateway"]["unknown_requests"]["count"] == 0


def test_a_batch_of_which_nobody_says_anything(stack: Stack) -> None:
    """Each leg is asked for, and the answer has one element for each."""
    legs = [dict(pair.split("=") for pair in f"{FUTURE}&newClientOrderId=batch{n}".split("&")) for n in range(3)]
    query = "batchOrders=" + quote(json.dumps(legs, separators=(",", ":")))
    stack.fault("status_after_execute:502:<html>bad gateway</html>", "POST", BATCH)
    assert unknown(stack.call("POST", BATCH, query))
    reply, _ = until_told(stack, "POST", BATCH, query, 3.0)
    assert [row["clientOrderId"] for row in reply.body] == ["batch0", "batch1", "batch2"]
    assert births(stack, BATCH) == 1


def test_a_cancel_of_which_nobody_says_anything(stack: Stack) -> None:
    """The order itself says that it is cancelled."""
    assert stack.call("POST", SPOT, f"{ORDER}&newClientOrderId=cancel-me").status == 200
    stack.fault("reset_after_execute", "DELETE", SPOT)
    assert unknown(stack.call("DELETE", SPOT, "symbol=BTCUSDT&origClientOrderId=cancel-me"))
    wait(lambda: stack.journal()[-1]["type"] == "resolved", 3, "the cancel to be resolved")
    assert stack.journal()[-1]["outcome"] == "ACCEPTED"
    assert stack.call("GET", SPOT, "symbol=BTCUSDT&origClientOrderId=cancel-me").body["status"] == "CANCELED"


def test_an_operator_can_ask_what_is_unknown_and_ends_nothing_that_is_not(stack: Stack) -> None:
    """Over the control socket, through supervisor and gateway."""
    assert control_socket.call(stack.home.control_socket, "unknown_list", 5.0)["left_off"] == 0
    assert stack.attempt("unknown", "list")[0] == 0
    told = {"id": "none-1", "as": "accepted", "operator": "jane"}
    with pytest.raises(control_socket.ControlError, match="no request of that id"):
        control_socket.call(stack.home.control_socket, "unknown_end", 5.0, told)


def test_a_duplicate_that_is_this_very_order(stack: Stack) -> None:
    """The exchange says that the id is live, as when it executed an earlier try: the bot gets that order."""
    query, before = f"{ORDER}&newClientOrderId=twice", births(stack, SPOT)
    stack.fault('status_after_execute:400:{"code":-2010,"msg":"Duplicate order sent."}', "POST", SPOT)
    reply = stack.call("POST", SPOT, query)
    assert (reply.status, reply.body["clientOrderId"], reply.body["status"]) == (200, "twice", "NEW")
    assert births(stack, SPOT) == before + 1


@pytest.mark.threat(55)
@pytest.mark.parametrize(("fault", "told"), [("delay:1500", 200), ("stall_after_execute", 200)])
def test_the_gateway_is_killed_with_the_answer_on_its_way(stack: Stack, fault: str, told: int) -> None:
    """The next one asks before it opens, so that the first repetition is told the truth already."""
    name = f"killed-{fault[:5]}"
    stack.fault(fault, "POST", SPOT)
    with Wire(stack.port) as wire:
        wire.send(stack.request("POST", SPOT, f"{ORDER}&newClientOrderId={name}"))
        wait(lambda: any(e["type"] == "intent" and name in e["client_ids"] for e in stack.journal()), 3, "the intent")
        time.sleep(0.3)
        before = stack.pids()["gateway"]
        os.kill(before, signal.SIGKILL)
        wait(lambda: serves(stack, before), 10, "the next gateway")
    reply = stack.call("POST", SPOT, f"{ORDER}&newClientOrderId={name}")
    if unknown(reply):
        # The exchange had not executed it when it was asked: it waits for the body of a request that was cut off.
        reply, _ = until_told(stack, "POST", SPOT, f"{ORDER}&newClientOrderId={name}", 5.0)
    assert (reply.status, reply.body["clientOrderId"]) == (told, name)
    ends = [entry["type"] for entry in stack.journal() if entry["type"] in ("recovered", "resolved")]
    assert ends[-2:] == ["recovered", "resolved"]


def serves(stack: Stack, before: int) -> bool:
    """Whether another gateway process than `before` serves."""
    try:
        status = stack.status()
    except control_socket.ControlError:
        return False
    return bool((status["gateway"] or {}).get("serving")) and status["children"]["gateway"]["pid"] != before


@pytest.mark.slow
@pytest.mark.threat(53)
def test_never_arrived(stack: Stack) -> None:
    """After some sixteen seconds it is proven that it never will: then the same order is a new one."""
    query = f"{ORDER}&newClientOrderId=gone"
    stack.fault("reset_before", "POST", SPOT)
    before = births(stack, SPOT)
    assert unknown(stack.call("POST", SPOT, query))
    reply, took_s = until_told(stack, "POST", SPOT, query, 35.0)
    assert (reply.status, reply.body["status"]) == (200, "NEW")
    assert 15.0 < took_s < 30.0
    assert births(stack, SPOT) <= before + 2
    (found,) = [entry for entry in stack.journal() if entry["type"] == "resolved" and "gone" in entry["freed"]]
    assert found["outcome"] == "ABSENT"


@pytest.mark.slow
def test_reads_are_down_too(stack: Stack) -> None:
    """Critical after a minute, and the symbol takes exits alone; when reads answer again it is found and opens."""
    query = f"{ORDER.replace('BTCUSDT', 'ETHUSDT').replace('90000.00', '3000.00').replace('0.001', '0.01')}"
    stack.fault("reset_after_execute", "POST", SPOT)
    stack.fault("reset", "GET", SPOT, times=1000)
    assert unknown(stack.call("POST", SPOT, f"{query}&newClientOrderId=dark"))
    time.sleep(61)
    assert stack.status()["gateway"]["unknown_requests"]["overdue"] == 1
    log = [json.loads(line) for line in (stack.home.logs / "gateway.jsonl").read_text().splitlines()]
    (line,) = [line for line in log if line["level"] == "critical" and "still UNKNOWN" in line["event"]]
    assert line["symbols"] == ["ETHUSDT"]
    refused = stack.call("POST", SPOT, f"{query}&newClientOrderId=next")
    assert (refused.code, refused.reason) == (-2010, "symbol_unresolved")
    assert stack.call("POST", SPOT, f"{ORDER}&newClientOrderId=elsewhere").status == 200
    assert stack.call("DELETE", SPOT, "symbol=ETHUSDT&origClientOrderId=dark").status == 200
    stack.paper_control("/paper/admin", {"do": "fault", "clear": True})
    wait(lambda: stack.status()["gateway"]["unknown_requests"]["count"] == 0, 70, "the order to be found")
    assert stack.call("POST", SPOT, f"{query}&newClientOrderId=next").status == 200
