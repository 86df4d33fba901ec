"""When too much is asked: how it is noticed, how many may begin, what is never refused."""

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.canonical import encode_query
from counterseal.core.intent import Intent
from counterseal.core.judge import judge
from counterseal.core.overload import (
    CALM_NS,
    LATE_NS,
    LEAST,
    MOST,
    PATIENCE_NS,
    Overload,
    may_be_exit,
)

LATE, IN_TIME = LATE_NS + 1, LATE_NS
TURN_NS = 10_000_000


class Loop:
    """Turns of a loop, each as long as the next; a request that finds no room is refused."""

    def __init__(self) -> None:
        self.overload = Overload()
        self.now_ns = 5_000_000_000

    def turn(self, late_ns: int, requests: int = 0) -> int:
        """Ask for so many in a turn; give how many began."""
        begun = 0
        for _ in range(requests):
            if self.overload.admits(self.now_ns):
                begun += 1
            else:
                self.overload.refused(self.now_ns)
        self.now_ns += TURN_NS
        self.overload.turned(late_ns, self.now_ns)
        return begun

    def overloaded(self, requests: int = 100) -> "Loop":
        """Be late until it shows."""
        for _ in range(PATIENCE_NS // TURN_NS + 1):
            assert self.turn(LATE, requests) == requests
        assert self.overload.since_ns == self.now_ns
        return self


def test_turns_in_time_refuse_nothing_however_many_there_are() -> None:
    """A burst is none of its affairs."""
    loop = Loop()
    assert [loop.turn(IN_TIME, 5_000) for _ in range(100)] == [5_000] * 100
    assert not loop.overload.lasts(loop.now_ns)
    assert loop.overload.refusals == 0


def test_one_turn_in_time_is_enough() -> None:
    """A hiccup, or several: only what lasts is too much."""
    loop = Loop()
    for _ in range(20):
        for _ in range(PATIENCE_NS // TURN_NS):
            assert loop.turn(LATE, 500) == 500
        assert loop.turn(IN_TIME, 500) == 500
    assert not loop.overload.lasts(loop.now_ns)


def test_late_turns_that_last_halve_what_begins_and_go_on_lowering_it() -> None:
    """Down to the least; what is over is refused and counted."""
    loop = Loop().overloaded(100)
    begun = [loop.turn(LATE, 100) for _ in range(12)]
    assert begun[:3] == [50, 37, 27]
    assert begun == sorted(begun, reverse=True)
    assert begun[-1] == LEAST
    assert loop.overload.refusals == sum(100 - each for each in begun)


def test_few_in_a_turn_are_never_refused() -> None:
    """A loop that is late for another reason lets the least go on."""
    loop = Loop().overloaded(4)
    assert [loop.turn(LATE, LEAST) for _ in range(20)] == [LEAST] * 20


def test_turns_in_time_let_one_more_begin_each() -> None:
    """Slowly up, quickly down."""
    loop = Loop().overloaded(40)
    assert [loop.turn(IN_TIME, 100) for _ in range(5)] == [20, 21, 22, 23, 24]
    assert loop.turn(LATE, 100) == 25
    assert loop.turn(LATE, 100) == 18


def test_it_never_grows_beyond_the_most() -> None:
    """However long it lasts."""
    loop = Loop().overloaded(2 * MOST + 100)
    assert [loop.turn(IN_TIME, MOST + 1) for _ in range(3)] == [MOST] * 3


def test_it_is_over_a_second_after_the_last_refusal() -> None:
    """Then nothing is refused any more, and it has to last again to come back."""
    loop = Loop().overloaded(100)
    loop.turn(IN_TIME, 60)
    last_ns = loop.now_ns - TURN_NS
    while loop.now_ns < last_ns + CALM_NS - TURN_NS:
        loop.turn(IN_TIME, 10)
    assert loop.overload.lasts(last_ns + CALM_NS - 1)
    assert not loop.overload.lasts(last_ns + CALM_NS)
    assert loop.overload.since_ns is None
    assert loop.turn(LATE, 500) == 500
    assert loop.turn(LATE, 500) == 500


def test_it_ends_without_a_turn_too() -> None:
    """The first request after a silence is not refused for what was before it."""
    loop = Loop().overloaded(100)
    loop.turn(LATE, 200)
    loop.now_ns += CALM_NS
    assert loop.turn(IN_TIME, 5_000) == 5_000


# -- what is never refused

TYPICAL = b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00&signature=ab%2Bc"


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("GET", "/api/v3/openOrders", b""),
        ("GET", "/fapi/v1/order", b"reduceOnly=true"),
        ("POST", "/api/v3/order", TYPICAL),
        ("POST", "/api/v3/order/test", TYPICAL),
        ("POST", "/api/v3/order/cancelReplace", TYPICAL),
        ("POST", "/fapi/v1/algoOrder", TYPICAL),
        ("POST", "/fapi/v1/batchOrders", b"batchOrders=%5B%7B%22symbol%22%3A%22BTCUSDT%22%7D%5D"),
        ("PUT", "/fapi/v1/order", TYPICAL),
        ("PUT", "/fapi/v1/batchOrders", TYPICAL),
    ],
)
def test_reads_and_what_raises_risk_are_no_exits(method: str, path: str, text: bytes) -> None:
    """Told by what stands in them, unread."""
    assert not may_be_exit(method, path, text)


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("DELETE", "/api/v3/order", TYPICAL),
        ("DELETE", "/fapi/v1/batchOrders", b""),
        ("POST", "/fapi/v1/order", TYPICAL + b"&reduceOnly=true"),
        ("POST", "/fapi/v1/order", TYPICAL + b"&closePosition=true"),
        ("POST", "/fapi/v1/order", TYPICAL + b"&%72educeOnly=true"),
        ("POST", "/fapi/v1/batchOrders", b"batchOrders=%5B%7B%22%72educeOnly%22%3A%22true%22%7D%5D"),
        ("POST", "/fapi/v1/batchOrders", rb'batchOrders=[{"\u0072educeOnly":"true"}]'),
        ("POST", "/fapi/v1/batchOrders", b"batchOrders=%5B%7B%22%5Cu0072educeOnly%22%3A%22true%22%7D%5D"),
        ("POST", "/fapi/v1/countdownCancelAll", b"symbol=BTCUSDT&countdownTime=1000"),
        ("PUT", "/api/v3/order/amend/keepPriority", TYPICAL),
        ("PUT", "/fapi/v1/listenKey", b""),
        ("POST", "/api/v3/userDataStream", b""),
        ("POST", "/nobody/knows", b""),
        ("PATCH", "/api/v3/order", b""),
    ],
)
def test_what_may_lower_risk_is_never_taken_for_anything_else(method: str, path: str, text: bytes) -> None:
    """Nor is what is asked rarely, and what is not known."""
    assert may_be_exit(method, path, text)


def test_an_order_that_reduces_is_known_as_the_gateway_would_write_it() -> None:
    """The names are those of the exchange, byte for byte."""
    pairs = (("symbol", "BTCUSDT"), ("side", "SELL"), ("reduceOnly", "true"))
    assert may_be_exit("POST", "/dapi/v1/order", encode_query(pairs))


@pytest.mark.parametrize("family", ["usdm", "coinm"])
def test_a_modification_is_no_exit_to_the_judge_either(family: str) -> None:
    """Whatever is refused unread is no exit by the judgement that reads all of it."""
    root = {"usdm": "/fapi", "coinm": "/dapi"}[family]
    endpoint = load_catalogue().get(family, "PUT", f"{root}/v1/order")
    assert endpoint is not None
    pairs = [("symbol", "BTCUSDT"), ("side", "SELL"), ("quantity", "1"), ("price", "90000"), ("orderId", "7")]
    intent = judge(endpoint, pairs, str)
    assert isinstance(intent, Intent)
    assert not intent.reduces
