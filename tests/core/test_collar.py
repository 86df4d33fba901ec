"""The collar measures a limit from the market at the moment when the order can trade."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core import collar
from counterseal.core.intent import Intent, Leg
from counterseal.core.legs import leg_of

LAST = Decimal(100)
FIVE = Decimal(5)


def judged(**values: str) -> tuple[Intent, Leg]:
    leg = leg_of(values)
    intent = Intent(endpoint=None, pairs=(), values=values, symbols=(), legs=(leg,), client_ids=(), places=True)  # type: ignore[arg-type]  # the collar reads no endpoint
    return intent, leg


def outside(**values: str) -> str | None:
    return collar.outside(FIVE, *judged(**values), LAST)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        # plain orders
        ({"side": "BUY", "type": "LIMIT", "price": "105"}, None),
        ({"side": "BUY", "type": "LIMIT", "price": "105.01"}, "price"),
        ({"side": "SELL", "type": "LIMIT", "price": "94.99"}, "price"),
        ({"side": "BUY", "type": "MARKET"}, None),
        # a protective stop far away: possible, its limit near its trigger
        ({"side": "SELL", "type": "STOP_LOSS_LIMIT", "stopPrice": "50", "price": "48"}, None),
        ({"side": "SELL", "type": "STOP_LOSS_LIMIT", "stopPrice": "50", "price": "47"}, "price"),
        ({"side": "SELL", "type": "STOP_LOSS", "stopPrice": "1"}, None),
        ({"side": "BUY", "type": "STOP", "triggerPrice": "200", "price": "205"}, None),
        ({"side": "BUY", "type": "STOP", "triggerPrice": "200", "price": "211"}, "price"),
        ({"side": "SELL", "type": "TAKE_PROFIT", "triggerPrice": "300", "price": "300"}, None),
        ({"side": "BUY", "type": "TAKE_PROFIT_LIMIT", "stopPrice": "20", "price": "20"}, None),
        ({"side": "SELL", "type": "TRAILING_STOP_MARKET", "activatePrice": "300"}, None),
        # a trigger that has been passed fires at once: the limit is measured from the last price
        ({"side": "BUY", "type": "STOP", "triggerPrice": "50", "price": "50"}, "price"),
        ({"side": "BUY", "type": "TAKE_PROFIT", "triggerPrice": "200", "price": "200"}, "price"),
        ({"side": "SELL", "type": "STOP", "triggerPrice": "200", "price": "200"}, "price"),
        ({"side": "SELL", "type": "TAKE_PROFIT", "triggerPrice": "50", "price": "50"}, "price"),
        ({"side": "BUY", "type": "STOP", "triggerPrice": "100", "price": "105"}, None),
        # a trigger on an order that has none does not help
        ({"side": "BUY", "type": "LIMIT", "stopPrice": "200", "price": "200"}, "price"),
        # order lists
        ({"side": "SELL", "price": "104", "stopPrice": "50", "stopLimitPrice": "49"}, None),
        ({"side": "SELL", "price": "106", "stopPrice": "50", "stopLimitPrice": "49"}, "price"),
        ({"side": "SELL", "price": "104", "stopPrice": "50", "stopLimitPrice": "40"}, "stopLimitPrice"),
        ({"side": "SELL", "aboveType": "LIMIT_MAKER", "abovePrice": "104", "belowType": "STOP_LOSS_LIMIT",
          "belowStopPrice": "50", "belowPrice": "49"}, None),
        ({"side": "SELL", "aboveType": "LIMIT_MAKER", "abovePrice": "106", "belowType": "STOP_LOSS"}, "abovePrice"),
        ({"side": "SELL", "aboveType": "LIMIT_MAKER", "abovePrice": "104", "belowType": "STOP_LOSS_LIMIT",
          "belowStopPrice": "50", "belowPrice": "40"}, "belowPrice"),
        # lists whose pending orders come when the working one is filled: measured from there
        ({"workingSide": "BUY", "workingPrice": "106"}, "workingPrice"),
        ({"workingSide": "BUY", "workingPrice": "95", "pendingSide": "SELL", "pendingType": "LIMIT",
          "pendingPrice": "99.75"}, None),
        ({"workingSide": "BUY", "workingPrice": "95", "pendingSide": "SELL", "pendingType": "LIMIT",
          "pendingPrice": "99.76"}, "pendingPrice"),
        ({"workingSide": "SELL", "workingPrice": "105", "pendingSide": "BUY", "pendingType": "LIMIT",
          "pendingPrice": "99.75"}, None),
        ({"workingSide": "SELL", "workingPrice": "105", "pendingSide": "BUY", "pendingType": "LIMIT",
          "pendingPrice": "99.74"}, "pendingPrice"),
        # ... and from the last price where the working one trades at once
        ({"workingSide": "BUY", "workingPrice": "105", "pendingSide": "SELL", "pendingType": "LIMIT",
          "pendingPrice": "105"}, None),
        ({"workingSide": "BUY", "workingPrice": "105", "pendingSide": "SELL", "pendingType": "LIMIT",
          "pendingPrice": "105.01"}, "pendingPrice"),
        ({"workingSide": "BUY", "workingPegPriceType": "PRIMARY_PEG", "pendingSide": "SELL", "pendingType": "LIMIT",
          "pendingPrice": "105.01"}, "pendingPrice"),
        ({"workingSide": "BUY", "workingPrice": "95", "pendingSide": "SELL", "pendingAboveType": "LIMIT_MAKER",
          "pendingAbovePrice": "98", "pendingBelowType": "STOP_LOSS_LIMIT", "pendingBelowStopPrice": "50",
          "pendingBelowPrice": "48"}, None),
        ({"workingSide": "BUY", "workingPrice": "95", "pendingSide": "SELL", "pendingAboveType": "LIMIT_MAKER",
          "pendingAbovePrice": "98", "pendingBelowType": "STOP_LOSS_LIMIT", "pendingBelowStopPrice": "50",
          "pendingBelowPrice": "40"}, "pendingBelowPrice"),
        ({"workingSide": "BUY", "workingPrice": "95", "pendingSide": "SELL", "pendingAboveType": "LIMIT_MAKER",
          "pendingAbovePrice": "150"}, "pendingAbovePrice"),
        # a stop that the market has passed by the time the working order is filled
        ({"workingSide": "BUY", "workingPrice": "95", "pendingSide": "SELL", "pendingType": "STOP_LOSS_LIMIT",
          "pendingStopPrice": "150", "pendingPrice": "150"}, "pendingPrice"),
    ],
)  # fmt: skip
def test_from_where_a_limit_is_measured(values: dict[str, str], name: str | None) -> None:
    """From the last price, or from a trigger that still waits; the trigger itself is not measured."""
    assert outside(**values) == name


def test_legs_of_a_batch_are_measured_from_the_last_price() -> None:
    """A batch has no conditional orders: all prices of a leg are measured."""
    intent, _ = judged(batchOrders="[]")
    good = leg_of({"symbol": "A", "price": "105", "stopPrice": "95"})
    assert collar.outside(FIVE, intent, good, LAST) is None
    assert collar.outside(FIVE, intent, good._replace(prices=(LAST, Decimal("94.9"))), LAST) == "price"


positive = st.decimals(min_value="0.01", max_value="9999", places=2)


@given(
    side=st.sampled_from(("BUY", "SELL")),
    kind=st.sampled_from(("LIMIT", "STOP", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")),
    price=positive,
    trigger=st.none() | positive,
)
def test_no_fat_finger_passes(side: str, kind: str, price: Decimal, trigger: Decimal | None) -> None:
    """What passes trades within 5 % of the last price, or within 5 % of a trigger that the market must reach first."""
    values = {"side": side, "type": kind, "price": str(price)}
    if trigger is not None:
        values["stopPrice"] = str(trigger)
    passed = outside(**values) is None

    def near(market: Decimal) -> bool:
        return abs(price - market) * 20 <= market

    reaches: bool | None = None
    if trigger is not None and kind != "LIMIT":
        is_stop = kind.startswith("STOP")
        above_last, below_last = trigger >= LAST, trigger <= LAST
        reaches = above_last if is_stop == (side == "BUY") else below_last
    expected = near(trigger) if reaches and trigger is not None else near(LAST)
    assert passed == expected
