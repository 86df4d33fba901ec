"""Who takes what, and who comes next."""

from counterseal.core.alerts.model import SEVERITIES, Severity
from counterseal.core.alerts.routing import KINDS, Route, at_least, meant_for, ordered

ROUTES = [Route("sms", at_least(Severity.CRITICAL)), Route("mail", frozenset({Severity.INFO, Severity.CRITICAL}))]


def test_a_severity_and_all_louder_ones() -> None:
    assert at_least(Severity.HIGH) == {Severity.HIGH, Severity.CRITICAL}
    assert at_least(Severity.INFO) == set(Severity)
    assert SEVERITIES == ("info", "medium", "high", "critical")


def test_a_channel_gets_its_severities_and_nothing_about_itself() -> None:
    assert meant_for(ROUTES, Severity.CRITICAL, "") == {"sms", "mail"}
    assert meant_for(ROUTES, Severity.CRITICAL, "mail") == {"sms"}
    assert meant_for(ROUTES, Severity.HIGH, "") == set()
    assert meant_for(ROUTES, Severity.INFO, "") == {"mail"}


def test_what_is_named_comes_first_and_what_is_not_keeps_its_order() -> None:
    assert ordered(("a", "b", "c"), ("c", "x")) == ("c", "a", "b")


def test_sms_is_for_what_is_critical_and_mail_for_all() -> None:
    assert KINDS["sms"] is Severity.CRITICAL and KINDS["pagerduty"] is Severity.HIGH
    assert KINDS["slack"] is Severity.MEDIUM and KINDS["smtp"] is Severity.INFO
