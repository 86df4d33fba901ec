"""adapters.log: one record is one line, and nothing in it shapes a terminal or shows a key."""

import json
from typing import Any

import pytest

from counterseal.adapters.log import make_logger
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.redact import MASK


class Lines:
    """A sink."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def msg(self, line: bytes) -> None:
        self.lines.append(line)

    info = warning = error = critical = msg


KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


@pytest.mark.threat(52)
@pytest.mark.threat(27)
@pytest.mark.parametrize("level", ["info", "warning", "critical"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\x1b[31m\nb\u202e", "a?[31m?b?"),
        (["BTC\u202eUSDT", 7, None], ["BTC?USDT", 7, None]),
        (("\ud800",), ["?"]),
        ({"why\n": {"key": [KEY]}}, {"why?": {"key": [MASK]}}),
        (7, 7),
        (None, None),
        (True, True),
        (0.5, 0.5),
    ],
)
def test_texts_are_cleaned_wherever_they_stand(level: str, value: Any, shown: Any) -> None:
    """As a field, in a list of symbols, in a table; other values stay."""
    sink = Lines()
    getattr(make_logger(sink, VirtualClock()), level)("something", symbols=value)
    (line,) = sink.lines
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    read = json.loads(line)
    assert (read["symbols"], read["level"], read["event"]) == (shown, level, "something")
