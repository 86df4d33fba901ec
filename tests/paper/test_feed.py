"""The feed tells everybody who listens, in order, and costs nothing when nobody does."""

from decimal import Decimal

from counterseal.paper.feed import BalanceEvent, CancelNamed, Event, Feed, OrderEvent
from counterseal.paper.orders import Order


class Ear:
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.heard: list[Event | int] = []

    def take(self, event: Event) -> None:
        self.heard.append(event)

    def flush(self, now_ms: int) -> None:
        self.heard.append(now_ms)


def order(status: str = "NEW") -> Order:
    made = Order(1, "a", "main", "BTCUSDT", "BUY", "LIMIT", "GTC", Decimal(1), Decimal(1), 0)
    made.status = status
    return made


def test_everybody_hears_the_same_in_the_same_order() -> None:
    feed, ears = Feed(), [Ear(), Ear()]
    for ear in ears:
        feed.listen(ear)
    placed, gone = order(), order("CANCELED")
    feed.order("NEW", placed, 5)
    feed.ended(gone, 6)
    feed.cancel_named([gone], "c1")
    feed.flush(7)
    assert ears[0].heard == ears[1].heard
    assert ears[0].heard == [
        OrderEvent("NEW", placed, 5), OrderEvent("CANCELED", gone, 6), CancelNamed((gone,), "c1"), 7,
    ]  # fmt: skip


def test_an_order_that_self_trade_prevention_ended_has_its_own_word() -> None:
    feed, ear = Feed(), Ear()
    feed.listen(ear)
    feed.ended(order("EXPIRED_IN_MATCH"), 1)
    assert [event.kind for event in ear.heard if isinstance(event, OrderEvent)] == ["TRADE_PREVENTION"]


def test_a_change_of_nothing_is_not_told() -> None:
    feed, ear = Feed(), Ear()
    feed.listen(ear)
    feed.balance("main", "USDT", Decimal(0), 1)
    feed.balance("main", "USDT", Decimal(2), 1, "FUNDING_FEE", "BTCUSDT")
    assert ear.heard == [BalanceEvent("main", "USDT", Decimal(2), 1, "FUNDING_FEE", "BTCUSDT")]


def test_nobody_listening() -> None:
    feed = Feed()
    feed.order("NEW", order(), 1)
    feed.config("main", None, 1)
    feed.position("main", "BTCUSDT", "BOTH", "MARGIN_TRANSFER", 1)
    feed.margin_call("main", [("BTCUSDT", "BOTH")], 1)
    feed.flush(1)
