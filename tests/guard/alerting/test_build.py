"""From the settings to channels: what is missing is told with the way out, and nobody's secret is."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.adapters import alert_parts
from tests.adapters.alert_parts import authority

from counterseal.adapters import alert_needs
from counterseal.adapters.home import Home
from counterseal.core.alerts.model import Detail, Severity
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.guard.alerting import build

alert_parts.require("httpx", "aiosmtplib", "boto3", "apprise")

HUSH = "hush-Zq41xLw77Qa0dMeVbN2-hush"
TESTNET = '[venue]\nenvironment = "testnet"\n'
ALL = """
[alerts]
label = "desk"
detail = "symbols"
order = ["sms"]
escalate_after_s = 60
dedupe_s = 30
heartbeat_minutes = 5
outside_s = 60
[alerts.channels.mail]
kind = "smtp"
host = "smtp.example.com"
sender = "a@example.com"
recipients = ["b@example.com"]
user = "a"
digest_minutes = 5
[alerts.channels.bus]
kind = "sns"
region = "eu-central-1"
topic = "arn:aws:sns:eu-central-1:123456789012:alerts"
[alerts.channels.sms]
kind = "sms"
region = "eu-central-1"
phones = ["+4930901820"]
endpoint = "http://127.0.0.1:4566"
[alerts.channels.pager]
kind = "pagerduty"
min_severity = "critical"
[alerts.channels.chat]
kind = "slack"
severities = ["medium"]
timeout_s = 3
[alerts.channels.hook]
kind = "webhook"
[alerts.channels.many]
kind = "apprise"
"""
SECRETS = {
    "mail": HUSH, "pager": "R" * 32, "chat": f"https://hooks.example.com:8443/{HUSH}",
    "hook": f"https://hook.example.com/{HUSH}\nAuthorization: {HUSH}", "many": f"json://127.0.0.1:9099/{HUSH}",
    "outside": f"https://life.example.com:444/{HUSH}",
}  # fmt: skip


def config(text: str = ALL) -> Config:
    found = load(TESTNET + text)
    assert isinstance(found, Config), found
    return found


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    (tmp_path / "alerts").mkdir(mode=0o700)
    for name, text in SECRETS.items():
        keep(home, name, text)
    return home


def keep(home: Home, name: str, text: str) -> Path:
    path = home.root / "alerts" / f"{name}.secret"
    path.touch(0o600)
    path.write_text(text)
    return path


def test_every_kind_is_made_with_its_route(home: Home) -> None:
    plan = build.plan(config(), home, {})
    assert plan.faults == {} and plan.outside is not None
    made = {channel.route.name: channel for channel in plan.channels}
    assert {name: type(channel.sink).__name__ for name, channel in made.items()} == {
        "mail": "Mail", "bus": "Sns", "sms": "Sns", "pager": "PagerDuty", "chat": "Slack", "hook": "Webhook",
        "many": "Apprise",
    }  # fmt: skip
    assert made["pager"].route.severities == {Severity.CRITICAL} == made["sms"].route.severities
    assert made["chat"].route.severities == {Severity.MEDIUM} and made["chat"].timeout_s == 3
    assert made["bus"].route.severities == {Severity.HIGH, Severity.CRITICAL}
    assert made["mail"].route.severities == set(Severity) and made["mail"].route.digest_ms == 300_000
    terms = plan.terms
    assert (terms.label, terms.detail, terms.order) == ("desk", Detail.SYMBOLS, ("sms",))
    assert (terms.escalate_ms, terms.dedupe_ms, terms.heartbeat_ms) == (60_000, 30_000, 300_000)


def test_the_sandbox_learns_the_ports_and_nothing_else(home: Home, tmp_path: Path) -> None:
    assert build.ports(config(), home) == {443, 444, 587, 4566, 8443, 9099}
    implicit = ALL.replace(
        'host = "smtp.example.com"', 'host = "smtp.example.com"\ntls = "implicit"\nca_file = "ca.pem"'
    )
    assert 465 in build.ports(config(implicit), home)
    assert build.files(config(implicit), home) == (tmp_path / "ca.pem",)
    assert 2525 in build.ports(config(ALL.replace('user = "a"', "port = 2525")), home)
    keep(home, "hook", "https://[broken")
    keep(home, "chat", "").chmod(0o644)
    assert build.ports(config(), home) == {443, 444, 587, 4566, 9099}


@pytest.mark.parametrize(
    ("name", "harm", "says"),
    [
        ("chat", lambda path: path.unlink(), "chat.secret is missing"),
        ("mail", lambda path: path.unlink(), "mail.secret is missing"),
        ("outside", lambda path: path.unlink(), "outside.secret is missing"),
        ("chat", lambda path: path.chmod(0o644), "open to other users"),
        ("pager", lambda path: path.write_text(HUSH), "no routing key"),
        ("hook", lambda path: path.write_text(f"ftp://{HUSH}"), "no https URL"),
        ("outside", lambda path: path.write_text(f"http://{HUSH}"), "no https URL"),
        ("many", lambda path: path.write_text(HUSH), "apprise does not know"),
        ("chat", lambda path: path.write_text(" \n"), "is empty"),
        ("chat", lambda path: path.write_text("x" * 20_000), "is empty, or larger"),
    ],
)
def test_a_channel_that_cannot_be_made_is_down_and_the_others_are_made(
    name: str, harm: Callable[[Path], object], says: str, home: Home
) -> None:
    harm(home.root / "alerts" / f"{name}.secret")
    plan = build.plan(config(), home, {})
    assert list(plan.faults) == [name] and says in plan.faults[name] and HUSH not in plan.faults[name]
    assert len(plan.channels) == (7 if name == "outside" else 6)
    assert (plan.outside is None) == (name == "outside")


def test_a_secret_may_be_a_credential_of_systemd(home: Home, tmp_path: Path) -> None:
    text = ALL.replace('kind = "slack"', 'kind = "slack"\ncredential = "desk-chat"')
    folder = tmp_path / "credentials"
    folder.mkdir()
    assert "there are none here" in build.plan(config(text), home, {}).faults["chat"]
    environ = {"CREDENTIALS_DIRECTORY": str(folder)}
    assert "cannot be opened" in build.plan(config(text), home, environ).faults["chat"]
    (folder / "desk-chat").write_text(SECRETS["chat"])
    (folder / "desk-chat").chmod(0o444)
    assert "open to others" in build.plan(config(text), home, environ).faults["chat"]
    (folder / "desk-chat").chmod(0o440)
    assert build.plan(config(text), home, environ).faults == {}


def test_a_library_that_is_missing_is_named_with_the_command_that_installs_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_needs.importlib.util, "find_spec", lambda _name: None)
    missing = alert_needs.lacking(config())
    assert missing["mail"] == (
        "alerts.channels.mail needs aiosmtplib, which is not installed; run: pip install 'counterseal[alerts]'"
    )
    assert "pip install 'counterseal[alerts-aws]'" in missing["sms"] and "[alerts-apprise]" in missing["many"]
    assert missing["outside"].startswith("alerts.outside_s needs httpx")
    plan = build.plan(config(), home, {})
    assert plan.channels == () and plan.faults == missing and plan.outside is None
    assert alert_needs.lacking(config("")) == {}


def test_only_what_is_configured_is_imported(tmp_path: Path) -> None:
    """The guard of somebody without channels starts as fast as before."""
    code = (
        "import sys; from pathlib import Path; from counterseal.adapters.home import Home;"
        "from counterseal.core.config.loader import load; from counterseal.guard.alerting import build;"
        f"build.plan(load({TESTNET!r}), Home(Path('.')), {{}});"
        "print([name for name in ('httpx', 'aiosmtplib', 'boto3', 'apprise', 'requests') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}
    )
    assert found.stdout == "[]\n"


def test_certificates_of_an_own_authority_are_used(home: Home, tmp_path: Path) -> None:
    authority(tmp_path / "trust")
    text = ALL.replace('kind = "webhook"', 'kind = "webhook"\nca_file = "trust/ca.pem"')
    assert build.plan(config(text), home, {}).faults == {}
    wrong = ALL.replace('kind = "webhook"', 'kind = "webhook"\nca_file = "none.pem"')
    assert "holds no certificates" in build.plan(config(wrong), home, {}).faults["hook"]
