"""`X-MBX-TIME-UNIT: MICROSECOND`: spot replies with their times in microseconds."""

from __future__ import annotations

from counterseal.paper.errors import ApiError
from counterseal.paper.wire import Request

TIMES = frozenset({
    "time", "updateTime", "transactTime", "transactionTime", "workingTime", "serverTime", "closeTime", "openTime",
    "T",
})  # fmt: skip


def wants_microseconds(request: Request, family: str) -> bool:
    """Whether the header asks for microseconds; -1194 for any other unit."""
    unit = request.headers.get("x-mbx-time-unit")
    if unit is None or family != "api":
        return False
    if unit.upper() not in ("MICROSECOND", "MILLISECOND"):
        raise ApiError(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return unit.upper() == "MICROSECOND"


def scaled(value: object) -> object:
    """A copy of a reply with its times multiplied; -1 (not working yet) stays."""
    if isinstance(value, list):
        if len(value) == 12 and isinstance(value[0], int):  # a candle
            return [value[0] * 1000, *value[1:6], value[6] * 1000, *value[7:]]
        return [scaled(item) for item in value]
    if isinstance(value, dict):
        return {name: _field(name, item) for name, item in value.items()}
    return value


def _field(name: str, item: object) -> object:
    if name in TIMES and isinstance(item, int) and item > 0:
        return item * 1000
    return scaled(item)
