"""Alerts all the way, with real processes: a real mail server and an HTTPS endpoint hear what happens, an operator
answers, nothing is lost over a kill of the guard, and no secret of a channel stands anywhere but in its file.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from stack import Stack, wait
from tests import leaks
from tests.adapters import alert_parts
from tests.adapters.alert_parts import Asked, Authority, Fake, authority, https

from counterseal.adapters import control_socket

alert_parts.require("httpx", "aiosmtplib", "aiosmtpd", "apprise")

TOKEN, PASSWORD = "hook-Zq41xLw77Qa0dMeVbN2-90210", "mail-correct-horse-battery-90210"
SETTINGS = """
[alerts]
label = "desk-7"
detail = "full"
escalate_after_s = 30
outside_s = 10

[alerts.channels.hook]
kind = "webhook"
ca_file = "{ca}"

[alerts.channels.mail]
kind = "smtp"
host = "127.0.0.1"
port = {mail_port}
user = "alerts@desk.example"
sender = "alerts@desk.example"
recipients = ["desk@example.com"]
ca_file = "{ca}"
digest_minutes = 0

[alerts.channels.many]
kind = "apprise"
"""


@dataclass
class Told(Stack):
    """A stack whose guard has two channels. `fake` is the endpoint, `mail_port` the mail server's."""

    fake: Fake = field(default_factory=Fake)
    outside: Fake = field(default_factory=Fake)
    trust: Authority = field(default_factory=lambda: Authority(Path(), Path()))
    mail_port: int = 0

    def config_text(self) -> str:
        return super().config_text() + SETTINGS.format(ca=self.trust.ca, mail_port=self.mail_port)

    def _prepare(self) -> None:
        folder = self.home.root / "alerts"
        secrets = {
            "hook": f"{self.fake.url}/{TOKEN}\nAuthorization: Bearer {TOKEN}\n",
            "mail": PASSWORD,
            "many": f"{self.outside.url.replace('http', 'json')}/many/{TOKEN}",
            "outside": f"{self.outside.url}/{TOKEN}",
        }
        super()._prepare()
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, text in secrets.items():
            path = folder / f"{name}.secret"
            path.touch(0o600)
            path.write_text(text)
            leaks.exempt(path)
        self.virtual_secrets += [
            leaks.plant("webhook token", TOKEN.encode()),
            leaks.plant("mail password", PASSWORD.encode()),
        ]

    def alerts(self) -> dict[str, Any]:
        return dict(control_socket.call(self.home.control_socket, "alert_list", 5.0))

    def codes(self) -> list[str]:
        """The codes that the endpoint heard, in order."""
        return [code for asked in self.fake.asked for code in json.loads(asked.body)["codes"]]


@pytest.fixture(scope="module", name="world")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Told, Any]]:
    from tests.adapters.test_alert_smtp import Box, knowing, serving

    trust = authority(tmp_path_factory.mktemp("trust"))
    with ExitStack() as stack:
        fake = stack.enter_context(https(trust.server_context()))
        outside = stack.enter_context(https(None))
        box: Box = stack.enter_context(serving(trust, knowing("alerts@desk.example", PASSWORD)))
        told = Told(
            tmp_path_factory.mktemp("told"), paper_options=("--no-limits", "--volatility", "0"), fake=fake,
            outside=outside, trust=trust, mail_port=box.port,
        )  # fmt: skip
        yield stack.enter_context(told), box


def test_every_channel_has_proven_itself_before_anything_happens(world: tuple[Told, Any]) -> None:
    told, _ = world
    channels = {"hook": "well", "mail": "well", "many": "unproven"}  # apprise has no way to ask
    wait(lambda: {n: c["state"] for n, c in told.alerts()["channels"].items()} == channels, 10, "the channels' proofs")
    assert json.loads(told.fake.asked[0].body)["kind"] == "heartbeat"
    code, printed = told.attempt("alert", "test")
    assert code == 0 and "hook: taken" in printed and "mail: taken" in printed and "many: taken" in printed
    assert {channel["state"] for channel in told.alerts()["channels"].values()} == {"well"}


@pytest.mark.slow
def test_somebody_outside_hears_that_all_is_well(world: tuple[Told, Any]) -> None:
    told, _ = world
    wait(lambda: f"/{TOKEN}" in {asked.path for asked in told.outside.asked}, 25, "a sign of life outside")


def test_a_halt_is_told_and_answered(world: tuple[Told, Any]) -> None:
    told, box = world
    told.attempt("halt", "bot", "alpha", "--operator", "alice", "--cause", "a drill")
    wait(lambda: "ladder_halted" in told.codes(), 5, "the webhook to hear of it")
    wait(lambda: any("CRITICAL" in mail["Subject"] for _, mail in box.mails), 5, "a mail about it")
    [alert] = [each for each in told.alerts()["alerts"] if each["code"] == "ladder_halted"]
    assert "a drill" in alert["text"] and alert["severity"] == "CRITICAL"

    code, printed = told.attempt("alert", "list")
    assert code == 0 and "OPEN" in printed and "ladder_halted" in printed
    code, printed = told.attempt("alert", "ack", str(alert["number"]), "--operator", "alice")
    assert code == 0 and "alice answers for it" in printed
    code, printed = told.attempt("alert", "ack", "4711", "--operator", "alice")
    assert code == 1 and "there is no alert 4711" in printed
    told.attempt("resume", "bot", "alpha", "--operator", "alice")


def test_one_channel_that_refuses_is_told_by_the_other(world: tuple[Told, Any]) -> None:
    told, box = world

    def refuse(_asked: Asked) -> tuple[int, dict[str, str], bytes]:
        return 410, {}, b""

    told.fake.answer, well = refuse, told.fake.answer
    code, printed = told.attempt("alert", "test", "hook")
    assert code == 1 and "hook: NOT TAKEN: answered 410" in printed
    wait(lambda: any("alert channel" in mail["Subject"] for _, mail in box.mails), 10, "a mail about the webhook")
    told.fake.answer = well
    wait(lambda: told.alerts()["channels"]["hook"]["state"] == "well", 20, "the webhook to be well again")


def test_a_guard_that_is_killed_has_lost_none(world: tuple[Told, Any]) -> None:
    told, _ = world
    told.attempt("halt", "bot", "alpha", "--operator", "bob", "--cause", "before the kill")
    before = told.pids()["guard"]
    os.kill(before, signal.SIGKILL)
    wait(lambda: told.pids().get("guard") not in (None, before), 10, "another guard")

    def kept() -> bool:
        try:
            return any("before the kill" in each["text"] for each in told.alerts()["alerts"])
        except control_socket.ControlError:
            return False

    wait(kept, 10, "the alert of before the kill")
    told.attempt("resume", "bot", "alpha", "--operator", "bob")


@pytest.mark.slow
def test_a_reload_takes_up_changed_channels_and_says_what_waits(world: tuple[Told, Any]) -> None:
    """What the sandbox of the running guard was closed to takes a restart."""
    told, _ = world
    before, guard = told.home.config.read_text(), told.pids()["guard"]
    port = told.fake.url.rsplit(":", 1)[1]
    more = '\n[alerts.channels.more]\nkind = "webhook"\nca_file = "{}"\n[alerts.channels.late]\nkind = "webhook"\n'
    for name, url in (("more", f"https://127.0.0.1:{port}/more"), ("late", "https://127.0.0.1:9/late")):
        path = told.home.root / "alerts" / f"{name}.secret"
        path.touch(0o600)
        path.write_text(url)
    told.write_config(before.replace('[alerts.channels.many]\nkind = "apprise"\n', "") + more.format(told.trust.ca))
    code, printed = told.attempt("reload")
    assert code == 0 and "alert channel late does not work: the guard's sandbox was closed without port 9" in printed
    wait(lambda: told.alerts()["channels"].keys() == {"hook", "mail", "more", "late"}, 5, "the new channels")
    wait(lambda: told.alerts()["channels"]["more"]["state"] == "well", 10, "the new webhook's proof")
    told.attempt("halt", "bot", "alpha", "--operator", "alice", "--cause", "by the new one")
    wait(lambda: any(b"by the new one" in a.body and a.path == "/more" for a in told.fake.asked), 5, "the new webhook")
    told.attempt("resume", "bot", "alpha", "--operator", "alice")
    assert told.pids()["guard"] == guard
    told.write_config(before)
    assert told.attempt("reload")[0] == 0
    wait(lambda: "more" not in told.alerts()["channels"], 5, "the old channels")


def test_no_secret_of_a_channel_is_anywhere_else(world: tuple[Told, Any]) -> None:
    told, _ = world
    found, files, _ = leaks.Scanner(told.virtual_secrets).scan_files(told.root)
    assert files > 10 and found == []
