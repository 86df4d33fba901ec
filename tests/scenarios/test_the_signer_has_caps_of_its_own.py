"""What the operator seals for the signer holds although the gateway would let everything pass."""

from collections.abc import Iterator

import pytest
from laws import check_l1_l2_l4
from stack import Stack, wait

ORDER = "symbol=BTCUSDT&side=BUY&type=MARKET&"


@pytest.fixture(scope="module", name="capped")
def _capped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A bot without any limit of its own, and caps that are set while everything runs."""
    options = ("--no-limits", "--volatility", "0", "--balance", "USDT=100000000")
    with Stack(tmp_path_factory.mktemp("capped"), paper_options=options) as stack:
        assert stack.call("POST", "/api/v3/order", f"{ORDER}quantity=0.01").status == 200
        stack.verb(
            "caps", "set", "main", "--max-quantity", "BTCUSDT=0.002", "--max-quantity", "BTCUSD_PERP=3",
            "--max-quote-quantity", "BTCUSDT=200", "--max-leverage", "5", "--max-per-minute", "6",
            "--home", str(stack.home.root),
        )  # fmt: skip
        wait(lambda: stack.call("GET", "/api/v3/account").status == 200, 10, "a signature of the signer started anew")
        yield stack
        check_l1_l2_l4(stack)


def refused(stack: Stack, path: str, query: str, reason: str, method: str = "POST") -> None:
    """Expect that the signer refused, that the journal says why, and that nothing reached the exchange."""
    mark = stack.journal_mark()
    with stack.nothing_received():
        reply = stack.call(method, path, query)
        assert reply.reason == "signer_refused", reply
    assert reason in str(stack.journal_since(mark))


@pytest.mark.threat(43)
def test_sizes_and_leverage_above_the_caps_are_not_signed(capped: Stack) -> None:
    refused(capped, "/api/v3/order", f"{ORDER}quantity=0.003", "over_quantity_cap")
    refused(capped, "/api/v3/order", f"{ORDER}quoteOrderQty=201", "over_quote_cap")
    refused(capped, "/api/v3/order", "symbol=ETHUSDT&side=BUY&type=MARKET&quantity=0.01", "over_quantity_cap")
    refused(capped, "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=6", "over_leverage_cap")

    assert capped.call("POST", "/api/v3/order", f"{ORDER}quantity=0.002").status == 200
    assert capped.call("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=5").status == 200


@pytest.mark.threat(43)
def test_contracts_lists_amendments_and_routed_orders_are_capped_too(capped: Stack) -> None:
    """Contracts by their number; each size of a list; an amendment by its new one."""
    contract = "symbol=BTCUSD_PERP&side=BUY&type=MARKET&quantity="
    refused(capped, "/dapi/v1/order", f"{contract}4", "over_quantity_cap")
    refused(capped, "/dapi/v1/order", f"{contract.replace('BTC', 'ETH')}1", "over_quantity_cap")
    waiting = (
        "symbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingTimeInForce=GTC&workingPrice=20000"
        "&workingQuantity={}&pendingSide=SELL&pendingQuantity={}&pendingType=MARKET"
    )
    refused(capped, "/api/v3/orderList/oto", waiting.format("0.003", "0.001"), "over_quantity_cap")
    refused(capped, "/api/v3/orderList/oto", waiting.format("0.001", "0.003"), "over_quantity_cap")
    amendment = "symbol=BTCUSDT&orderId=1&newQty=0.003"
    refused(capped, "/api/v3/order/amend/keepPriority", amendment, "over_quantity_cap", "PUT")
    refused(capped, "/api/v3/sor/order", f"{ORDER}quantity=0.003", "over_quantity_cap")

    assert capped.call("POST", "/dapi/v1/order", f"{contract}3").status == 200


@pytest.mark.threat(43)
def test_when_the_rate_is_spent_cancels_are_signed_still(capped: Stack) -> None:
    resting = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=20000"
    numbers = []
    for _ in range(20):
        reply = capped.call("POST", "/api/v3/order", resting)
        if reply.status != 200:
            break
        numbers.append(reply.body["orderId"])

    assert reply.reason == "signer_refused"
    assert 1 <= len(numbers) <= 6
    # Another price: the same order within the same millisecond would be a replay.
    refused(capped, "/api/v3/order", resting.replace("20000", "20001"), "over_rate_cap")
    for number in numbers:
        assert capped.call("DELETE", "/api/v3/order", f"symbol=BTCUSDT&orderId={number}").status == 200
    assert capped.call("DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT").status == 200
