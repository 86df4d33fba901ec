"""core.wsapi.limits: the rows that the exchange would write, from the headers of its answer."""

import json

import pytest

from counterseal.core.wsapi.limits import rows

LIMITS = {"spot_weight": 6000, "spot_orders_10s": 100, "spot_orders_1d": 200_000, "futures_weight": 2400,
          "futures_orders_10s": 300, "futures_orders_1m": 1200}  # fmt: skip
HEADERS = {
    "X-MBX-Used-Weight": "7",
    "X-MBX-Used-Weight-1m": "7",
    "X-MBX-Order-Count-10s": "1",
    "X-MBX-Order-Count-1m": "2",
    "X-MBX-Order-Count-1d": "3",
}


def row(kind: str, interval: str, number: int, limit: int, count: int) -> dict[str, object]:
    """One row."""
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit, "count": count}


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (
            "spot",
            [
                row("ORDERS", "SECOND", 10, 100, 1),
                row("ORDERS", "DAY", 1, 200_000, 3),
                row("REQUEST_WEIGHT", "MINUTE", 1, 6000, 7),
            ],
        ),
        (
            "usdm",
            [
                row("ORDERS", "SECOND", 10, 300, 1),
                row("ORDERS", "MINUTE", 1, 1200, 2),
                row("REQUEST_WEIGHT", "MINUTE", 1, 2400, 7),
            ],
        ),
    ],
)
def test_what_headers_tell(family: str, expected: list[dict[str, object]]) -> None:
    """Orders first, then weight; each market has windows of its own."""
    assert json.loads(rows(family, HEADERS, LIMITS.__getitem__)) == expected
    assert rows("coinm", HEADERS, LIMITS.__getitem__) == rows("usdm", HEADERS, LIMITS.__getitem__)


@pytest.mark.parametrize(
    "headers", [{}, {"Date": "now"}, *({"X-MBX-Used-Weight-1m": told} for told in ("many", "", "9" * 5000, "\u0663"))]
)
def test_what_tells_nothing(headers: dict[str, str]) -> None:
    """No row, and nothing that is no number gets into the frame."""
    assert rows("spot", headers, LIMITS.__getitem__) == b"[]"


def test_a_count_is_a_json_number() -> None:
    """Whatever the header had in front of it."""
    (found,) = json.loads(rows("usdm", {"X-MBX-Used-Weight-1m": "007"}, LIMITS.__getitem__))
    assert found["count"] == 7
