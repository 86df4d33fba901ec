"""What the gateway itself is asked: the one call, its words, and that it is nothing anywhere else."""

import pytest
from tests.core.test_policy import EMPTY, catalogue

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.judge import Denial, judge
from counterseal.core.own_calls import HALT, HALT_PATH, MAX_CAUSE, OWN, OWN_CALLS, read_cause
from counterseal.core.policy import may_call, refusal_of


def judged(*pairs: tuple[str, str]) -> object:
    found = judge(HALT, [*pairs, ("timestamp", "1"), ("recvWindow", "5000")], lambda: "id")
    return found if isinstance(found, Denial) else dict(found.values)


def test_a_bot_that_may_do_nothing_may_halt_itself() -> None:
    assert OWN_CALLS == {("POST", HALT_PATH): HALT}
    assert refusal_of(HALT) is None and may_call(EMPTY, HALT) is None
    assert HALT.purpose == HALT.product == OWN and HALT.signed and not HALT.mutating


def test_what_may_be_said_with_it() -> None:
    said = {"scope": "bot", "cancel": "true", "cause": "odd fills, more than expected"}
    assert judged(*said.items()) == said
    assert judged(("scope", "bot"), ("cancel", "FALSE")) == {"scope": "bot", "cancel": "false"}
    assert judged(("scope", "bot")) == {"scope": "bot"}


@pytest.mark.threat(62)
@pytest.mark.parametrize("scope", ["fleet", "account", "bot beta", "BOT", "BETA", "strategy", ""])
def test_the_scope_cannot_be_widened(scope: str) -> None:
    assert judged(("scope", scope)) == Denial("malformed_value", "scope")
    assert judged(("scope", scope), ("cause", "x")) == Denial("malformed_value", "scope")


@pytest.mark.parametrize("cause", ["", "x" * (MAX_CAUSE + 1), "two\nlines", "\u202e"])
def test_a_cause_is_one_line(cause: str) -> None:
    assert read_cause(cause) is None
    assert judged(("scope", "bot"), ("cause", cause)) == Denial("malformed_value", "cause")


@pytest.mark.threat(62)
def test_a_signature_for_something_else_never_halts() -> None:
    """Nor is a halt a request to the exchange: no endpoint knows its parameter."""
    assert judged() == Denial("mandatory_parameter", "scope")
    assert judged(("symbol", "BTCUSDT"), ("scope", "bot")) == Denial("unknown_parameter", "symbol")
    assert [each.name for each in catalogue() if knows(each)] == []


def knows(endpoint: Endpoint) -> bool:
    return "scope" in endpoint.params or endpoint.path == HALT_PATH
