"""Loosened limits in the guard: on record before they hold, told, and over by whichever clock is the first."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from tests.core.test_overrides import TEXT, TWO

from counterseal.adapters.control_link import ControlError
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.alerts.model import Alert
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.overrides import REFUSALS
from counterseal.guard.overriding import AGAIN_NS, Overriding
from counterseal.ports.journal import JournalError

OPERATORS = '[guard]\noperators = ["jane", "joe"]\n'
ASKED = {"bot": "alpha", "limit": "max_order_notional", "symbol": "", "value": "250", "until": "1h", "cause": "a test",
         "operator": "jane"}  # fmt: skip


class Guard:
    """The overrides over a journal, a line and alerts in memory."""

    def __init__(self, more: str = "", after: "Guard | None" = None, *, has_settings: bool = True) -> None:
        found = load(TEXT + more)
        assert isinstance(found, Config), found
        self.written = found if has_settings else None
        self.clock = after.clock if after else VirtualClock(1_000_000)
        self.records: list[dict[str, Any]] = list(after.records) if after else []
        self.sent: list[dict[str, Any]] = []
        self.alerts: list[Alert] = []
        self.changes = 0
        self.is_broken = False
        self.overriding = Overriding(
            self, list(self.records), lambda: self.written, lambda m: self.sent.append(dict(m)), self.alerts.append,
            self.count, self.clock,
        )  # fmt: skip

    def count(self) -> None:
        self.changes += 1

    def write(self, record: Mapping[str, Any]) -> None:
        if self.is_broken:
            raise JournalError("full")
        self.records.append(dict(record))

    def try_write(self, record: Mapping[str, Any]) -> bool:
        if not self.is_broken:
            self.records.append(dict(record))
        return not self.is_broken

    def ask(self, verb: str = "override_set", **args: str) -> dict[str, Any]:
        given: dict[str, Any] = {**ASKED, "uid": 1000, **args}
        answer: dict[str, Any] = asyncio.run(self.overriding.table()[verb](given))
        return answer

    def refusal(self, verb: str = "override_set", **args: str) -> str:
        with pytest.raises(ControlError) as refused:
            self.ask(verb, **args)
        return str(refused.value)

    def pass_s(self, seconds: float) -> None:
        asyncio.run(self.clock.advance(seconds))
        self.overriding.look()

    def limit(self) -> Decimal | None:
        config = self.overriding.config
        assert config is not None
        return config.bots["alpha"].max_order_notional

    def codes(self) -> list[str]:
        return [alert.code for alert in self.alerts]


def test_a_limit_is_loosened_on_record_told_and_over_by_itself() -> None:
    guard = Guard()
    assert guard.ask()["is_done"] and guard.limit() == 250 and guard.changes == 1
    [record] = guard.records
    assert record["act"] == "set" and record["operators"] == ["jane"] and record["uid"] == 1000
    [row] = guard.sent[-1]["rows"]
    assert row["value"] == "250" and row["left_ms"] == 3_600_000
    guard.pass_s(3_599)
    assert guard.limit() == 250
    guard.pass_s(1)
    assert guard.limit() == 100 and guard.changes == 2 and guard.sent[-1]["rows"] == []
    assert guard.records[-1]["act"] == "end" and guard.records[-1]["why"] == "time"
    assert guard.codes() == ["limit_overridden", "override_ended"]
    assert guard.overriding.config is guard.written


def test_two_persons_are_needed_where_the_settings_name_two() -> None:
    guard = Guard(OPERATORS)
    assert not guard.ask()["is_done"] and guard.limit() == 100
    assert guard.records[-1]["act"] == "wish" and guard.codes() == ["limit_overridden"]
    assert guard.refusal() == REFUSALS["second_operator"]
    assert guard.refusal(operator="mallory") == REFUSALS["unknown_operator"]
    [wish] = guard.ask("override_list")["wishes"]
    assert wish["operator"] == "jane" and guard.ask("override_list")["operators"] == list(TWO)
    assert not guard.ask(operator="joe", value="251")["is_done"], "another value is another wish"
    assert guard.ask(operator="jane", value="251")["is_done"]
    [held] = guard.ask("override_list")["overrides"]
    assert held["operators"] == ["joe", "jane"] and guard.limit() == 251


def test_one_person_ends_it_before_its_time() -> None:
    guard = Guard(OPERATORS)
    guard.ask()
    guard.ask(operator="joe")
    assert guard.ask("override_end", operator="jane")["value"] == "250"
    assert guard.limit() == 100 and guard.records[-1]["operator"] == "jane"
    assert guard.refusal("override_end") == REFUSALS["not_overridden"]


def test_a_clock_that_is_put_back_makes_none_last() -> None:
    guard = Guard()
    guard.ask()
    guard.clock.step_wall(-86_400_000)
    guard.pass_s(3_600)
    assert guard.limit() == 100


def test_a_clock_that_is_put_forward_ends_it() -> None:
    guard = Guard()
    guard.ask()
    guard.clock.step_wall(3_600_000)
    guard.pass_s(0)
    assert guard.limit() == 100


def test_a_guard_that_comes_after_goes_on_with_it_and_its_time() -> None:
    guard = Guard()
    guard.ask()
    guard.pass_s(1_800)
    after = Guard(after=guard)
    assert after.limit() == 250
    after.pass_s(1_799)
    assert after.limit() == 250
    after.pass_s(1)
    assert after.limit() == 100
    assert Guard(after=after).limit() == 100


def test_without_the_journal_nothing_is_loosened_and_everything_ends() -> None:
    guard = Guard()
    guard.ask()
    guard.is_broken = True
    assert "journal cannot be written" in guard.refusal(limit="max_leverage", value="20")
    assert guard.ask("override_end")["value"] == "250" and guard.limit() == 100


def test_the_gateway_hears_of_them_now_and_again() -> None:
    guard = Guard()
    guard.overriding.look()
    assert guard.sent == [{"type": "overrides", "rows": []}]
    guard.overriding.look()
    assert len(guard.sent) == 1
    guard.pass_s(AGAIN_NS / 1e9)
    assert len(guard.sent) == 2


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"until": "25h"}, REFUSALS["malformed_until"]), ({"until": ""}, REFUSALS["malformed_until"]),
        ({"cause": ""}, "a cause is one line"), ({"cause": "x" * 201}, "a cause is one line"),
        ({"cause": "a\nb"}, "a cause is one line"), ({"operator": "x y"}, "an operator's name"),
        ({"value": "50"}, REFUSALS["not_looser"]), ({"limit": "share"}, REFUSALS["unknown_limit"]),
        ({"bot": "beta"}, REFUSALS["unknown_bot"]), ({"symbol": "BTCUSDT"}, REFUSALS["no_symbol"]),
    ],
)  # fmt: skip
def test_what_is_no_override_is_refused_in_words(args: dict[str, str], said: str) -> None:
    guard = Guard()
    assert said in guard.refusal(**args)
    assert guard.records == [] and guard.limit() == 100


def test_without_settings_nobody_may_loosen_anything() -> None:
    guard = Guard(has_settings=False)
    assert "no settings" in guard.refusal()
    assert guard.overriding.config is None and guard.ask("override_list")["operators"] == []


def test_other_settings_are_taken_up_beside_it() -> None:
    guard = Guard()
    guard.ask()
    found = load(TEXT.replace("max_leverage = 5", "max_leverage = 6"))
    assert isinstance(found, Config)
    guard.written = found
    config = guard.overriding.config
    assert config is not None and config.bots["alpha"].max_leverage == 6 and guard.limit() == 250
    assert guard.overriding.config is config
