"""What happens has a code, and what is the same thing has one key."""

import ast
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from counterseal.core.alerts.codes import CODES, UNKNOWN
from counterseal.core.alerts.model import Severity
from counterseal.core.guardrails.breach import Breach
from counterseal.core.guardrails.limits import Action, Level
from counterseal.core.ladder import Kind, Scope
from counterseal.gateway import guard_news
from counterseal.guard.alerting import sources

SOURCE = Path(__file__).parents[3] / "src" / "counterseal"
AT = 1_795_000_000_000


def critical(**message: Any) -> Any:
    return sources.of_critical({"type": "critical", **message}, AT)


def test_what_the_gateway_calls_critical_has_its_code_and_its_place() -> None:
    alert = critical(code="user_data_missing", text="no user data", account="main", family="spot")
    assert (alert.code, alert.severity, alert.text) == ("user_data_missing", Severity.CRITICAL, "no user data")
    assert alert.dedup_key == "user_data_missing main spot" and alert.title.endswith(": main spot")
    assert critical(code="unknown_overdue", text="x", bot="grid").code == "unknown_request"


def test_what_it_names_anew_is_told_under_the_code_for_the_rest() -> None:
    """Two of them are two things; the same with other words is one."""
    first, again, other = (
        critical(code=code, text=text) for code, text in (("new_thing", "a"), ("new_thing", "b"), ("other", "a"))
    )
    assert first.code == "gateway_critical" == other.code
    assert first.dedup_key == again.dedup_key != other.dedup_key
    assert critical().code == "gateway_critical"


def test_what_comes_as_an_event_too_is_told_once() -> None:
    assert critical(code="foreign_order", text="x") is None


def test_what_the_guard_itself_has_told_the_gateway_is_not_told_again() -> None:
    """As loudly as the guard does it: the gateway calls it critical whatever it is."""
    assert critical(code="failing_monitor_stale", text="x") is None
    assert critical(code="failing_guard_silent", text="x").code == "failing_guard_silent"


def test_what_others_spend_is_told_once_a_pool() -> None:
    spent = {"type": "event", "what": "foreign_spend", "pool": "spot weight", "key": "10.0.0.5", "endpoint": "",
             "header": 900, "ours": 20, "in_flight": 1}  # fmt: skip
    alert = sources.of_spend(spent, AT, is_noise=False)
    assert alert.code == "intruder_weight" and alert.severity is Severity.CRITICAL
    assert "the exchange counts 900, ours are 20, 1 are in flight" in alert.text
    assert sources.of_spend(spent | {"header": 990}, AT, is_noise=False).dedup_key == alert.dedup_key
    noise = sources.of_spend(spent, AT, is_noise=True)
    assert noise.code == "foreign_weight" and noise.severity is Severity.MEDIUM


@pytest.mark.parametrize("code", sorted({*guard_news.CODES.values()} - sources.HEARD_AS_EVENT))
def test_every_code_of_the_gateway_is_known(code: str) -> None:
    """None falls among the nameless ones."""
    assert critical(code=code, text="x").code != "gateway_critical"


@pytest.mark.parametrize(
    ("level", "code"),
    [(Level.WARN, "limit_warning"), (Level.EMERGENCY, "limit_threshold"), (Level.LIMIT, "limit_passed")],
)
def test_a_breach_is_told_by_its_level(level: Level, code: str) -> None:
    breach = Breach(Scope(Kind.BOT, "grid"), "max_position", Decimal(80), Decimal(100), level, Action.ALERT, "BTCUSDT")
    alert = sources.of_breach(breach, AT)
    assert alert is not None and alert.code == code and alert.symbols == ("BTCUSDT",)
    assert alert.dedup_key == f"{code} bot grid max_position BTCUSDT" and alert.text == str(breach)


def test_a_breach_of_a_symbol_names_it_and_a_clear_one_is_nothing() -> None:
    breach = Breach(Scope(Kind.SYMBOL, "ETHUSDT"), "x", Decimal(1), Decimal(1), Level.WARN, Action.ALERT)
    alert = sources.of_breach(breach, AT)
    assert alert is not None and alert.symbols == ("ETHUSDT",)
    fleet = sources.of_breach(breach._replace(scope=Scope(Kind.FLEET)), AT)
    assert fleet is not None and fleet.symbols == ()
    assert sources.of_breach(breach._replace(level=Level.CLEAR), AT) is None


@pytest.mark.parametrize(
    ("what", "severity"),
    [("unset", Severity.CRITICAL), ("fired", Severity.CRITICAL), ("swept", Severity.HIGH), ("left", Severity.CRITICAL)],
)
def test_the_dead_man_s_switch_is_told_by_what_it_did(what: str, severity: Severity) -> None:
    alert = sources.of_deadman(what, "main", "usdm", "BTCUSDT", "x", AT)
    assert (alert.code, alert.severity, alert.symbols) == (f"deadman_{what}", severity, ("BTCUSDT",))
    assert alert.dedup_key == f"deadman_{what} main usdm BTCUSDT"
    assert sources.of_deadman(what, "main", "usdm", "", "x", AT).symbols == ()


def named() -> set[str]:
    """Every text in the sources that is a code, apart from the table itself."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if path.name != "codes.py" and "paper" not in path.parts:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in CODES}
    return found


def test_every_code_is_used_somewhere() -> None:
    """States that fail are named by the gateway as it goes."""
    unused = {name for name in CODES if not name.startswith("failing_")} - named()
    assert unused == {UNKNOWN.name}
