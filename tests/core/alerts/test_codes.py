"""The table of codes."""

import re

import pytest

from counterseal.core.alerts.codes import CODES, UNKNOWN, Code, code_of
from counterseal.core.failing import TABLE


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.name)
def test_every_code_says_what_happened_and_what_to_do(code: Code) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", code.name)
    assert code.title and code.remedy and len(code.title) <= 120
    assert not code.title.endswith(".") and not code.remedy.endswith(".")


def test_a_code_that_nobody_knows_is_told_as_one_that_has_none() -> None:
    assert code_of("gateway_stuck").name == "gateway_stuck"
    assert code_of("no_such_code") is UNKNOWN


def test_every_state_that_fails_critically_has_a_code() -> None:
    wanted = {f"failing_{row.name}" for row in TABLE.values() if row.alert.startswith("critical")}
    assert wanted == {name for name in CODES if name.startswith("failing_")}
