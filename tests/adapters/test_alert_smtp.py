"""Mail against a real SMTP server: STARTTLS and implicit TLS with a private CA, login, failures, nothing shown."""

# ruff: noqa: E402  what is tested needs libraries that may be missing

import asyncio
import email
import email.policy
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.adapters import alert_parts
from tests.adapters.alert_parts import MESSAGE, Authority, authority

alert_parts.require("aiosmtplib", "aiosmtpd")

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from counterseal.adapters.alert_smtp import Mail
from counterseal.adapters.home import HomeError
from counterseal.core.alerts.model import Failure, Message, Severity
from counterseal.core.config.model import AlertChannel
from counterseal.core.secret import Secret
from counterseal.ports.alert_sink import SinkError

USER, PASSWORD = "alerts@desk.example", "correct-horse-battery-staple-90210"


@dataclass
class Box:
    """A mail server's memory. `refuses` gives an answer for a recipient, `data` the one for a message."""

    port: int = 0
    mails: list[tuple[Envelope, EmailMessage]] = field(default_factory=list)
    rcpt: dict[str, str] = field(default_factory=dict)
    data: str = "250 taken"
    names: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    delay_s: float = 0.0
    quit: str = "221 Bye"

    async def handle_EHLO(
        self, server: SMTP, session: Any, _envelope: Envelope, name: str, answers: list[str]
    ) -> list[str]:
        session.host_name = name
        self.names.append(name)
        return answers

    async def handle_MAIL(self, _server: SMTP, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:
        envelope.mail_from = address
        self.commands.append("MAIL")
        return "250 OK"

    async def handle_RCPT(self, _server: SMTP, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, _server: SMTP, _session: Any, _envelope: Envelope) -> str:
        self.commands.append("RSET")
        return "250 OK"

    async def handle_QUIT(self, _server: SMTP, _session: Any, _envelope: Envelope) -> str:
        return self.quit

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Envelope) -> str:
        await asyncio.sleep(self.delay_s)
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        if self.data.startswith("250"):
            self.mails.append((envelope, mail))
        return self.data


def knowing(user: str, password: str) -> Callable[..., AuthResult]:
    """What a server judges a login by."""

    def knows(_server: SMTP, _session: Any, _envelope: Envelope, _mechanism: str, data: LoginPassword) -> AuthResult:
        # Without handled=False the client hangs after a wrong password.
        good = data.login == user.encode() and data.password == password.encode()
        return AuthResult(success=good, handled=False)

    return knows


KNOWS = knowing(USER, PASSWORD)


@contextmanager
def serving(
    trust: Authority, knows: Callable[..., AuthResult] = KNOWS, *, implicit: bool = False, plain: bool = False
) -> Iterator[Box]:
    """Serve mail on a free port; a plain one knows no TLS."""
    box = Box()
    context = trust.server_context()
    if implicit:
        kind = {"ssl_context": context, "auth_require_tls": False}
    else:
        kind = {} if plain else {"tls_context": context, "require_starttls": True}
    if not plain:
        kind |= {"authenticator": knows, "auth_required": True}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        box.port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **kind)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@pytest.fixture(scope="module", name="trust")
def _trust(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("trust"))


@pytest.fixture(name="box")
def _box(trust: Authority) -> Iterator[Box]:
    with serving(trust) as box:
        yield box


def mail(box: Box, ca: Path, *, password: str | None = PASSWORD, **more: Any) -> Mail:
    settings: dict[str, Any] = {
        "name": "mail", "kind": "smtp", "host": "127.0.0.1", "port": box.port, "user": USER, "timeout_s": 5,
        "sender": "alerts@desk.example", "recipients": ("desk@example.com", "boss@example.com"),
    }  # fmt: skip
    return Mail(AlertChannel(**settings | more), Secret(password.encode()) if password else None, ca)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Do it, and leave the connection the turns of the loop that closing takes."""

    async def do() -> Any:
        try:
            return await work
        finally:
            await asyncio.sleep(0.05)

    return asyncio.run(do())


def send(sink: Mail, message: Message = MESSAGE) -> None:
    run(sink.send(message))


def fault(sink: Mail, *, probe: bool = False) -> SinkError:
    with pytest.raises(SinkError) as caught:
        run(sink.probe() if probe else sink.send(MESSAGE))
    shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert PASSWORD not in shown and "@" not in shown and "127.0.0.1" not in shown
    return caught.value


def test_a_mail_arrives_by_starttls_with_login(box: Box, trust: Authority) -> None:
    send(mail(box, trust.ca))

    [(envelope, found)] = box.mails
    assert envelope.mail_from == "alerts@desk.example"
    assert envelope.rcpt_tos == ["desk@example.com", "boss@example.com"]
    assert found["Subject"] == "[desk] CRITICAL: trading was halted"
    assert found["To"] == "desk@example.com, boss@example.com" and found["Auto-Submitted"] == "auto-generated"
    assert found["Message-ID"] == f"<{MESSAGE.key}.{MESSAGE.at_ms}@desk.example>"
    assert found.get_content().splitlines() == MESSAGE.body.splitlines()
    # This host's own name is not told.
    assert set(box.names) == {"desk.example"}


def test_a_mail_arrives_by_implicit_tls(trust: Authority) -> None:
    with serving(trust, implicit=True) as box:
        send(mail(box, trust.ca, tls="implicit"))

        assert len(box.mails) == 1


def test_a_probe_goes_as_far_as_the_recipients_and_no_further(box: Box, trust: Authority) -> None:
    assert run(mail(box, trust.ca).probe()) is True
    assert box.mails == [] and box.commands == ["MAIL", "RSET"]


def test_a_probe_finds_a_recipient_that_does_not_exist(box: Box, trust: Authority) -> None:
    box.rcpt["boss@example.com"] = "550 no such user boss@example.com"

    assert fault(mail(box, trust.ca), probe=True).failure is Failure.REFUSED


def test_a_wrong_password_is_refused(box: Box, trust: Authority) -> None:
    found = fault(mail(box, trust.ca, password="wrong-horse"))

    assert (found.failure, found.detail) == (Failure.REFUSED, "login not accepted (535)")


def test_without_tls_nothing_is_said(trust: Authority) -> None:
    """Neither the password nor a mail goes to a server that offers no STARTTLS."""
    with serving(trust, plain=True) as box:
        found = fault(mail(box, trust.ca))

        assert (found.failure, found.detail) == (Failure.REFUSED, "the server offers no TLS or no login")
        assert box.mails == []


@pytest.mark.parametrize("implicit", [False, True])
def test_a_certificate_of_somebody_else_is_not_accepted(implicit: bool, trust: Authority, tmp_path: Path) -> None:
    with serving(trust, implicit=implicit) as box:
        tls = "implicit" if implicit else "starttls"
        assert fault(mail(box, authority(tmp_path).ca, tls=tls)).detail == "its certificate is not accepted"
        assert box.mails == []
    other = authority(tmp_path / "other", "other.example")
    with serving(other, implicit=implicit) as wrong:
        assert fault(mail(wrong, other.ca, tls=tls)).detail == "its certificate is not accepted"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [("554 no", Failure.REFUSED), ("452 too much mail", Failure.TRANSIENT), ("421 later", Failure.TRANSIENT)],
)
def test_an_answer_to_the_message_is_judged(answer: str, failure: Failure, box: Box, trust: Authority) -> None:
    box.data = answer

    found = fault(mail(box, trust.ca))

    assert (found.failure, found.detail) == (failure, f"not accepted ({answer[:3]})")


@pytest.mark.parametrize(("answer", "failure"), [("550 no", Failure.REFUSED), ("451 later", Failure.TRANSIENT)])
def test_recipients_that_are_all_refused_are_a_failure(
    answer: str, failure: Failure, box: Box, trust: Authority
) -> None:
    box.rcpt = {"desk@example.com": answer, "boss@example.com": answer}

    assert fault(mail(box, trust.ca)).failure is failure


def test_one_recipient_of_two_is_enough(box: Box, trust: Authority) -> None:
    box.rcpt = {"boss@example.com": "550 no"}

    send(mail(box, trust.ca))

    assert [envelope.rcpt_tos for envelope, _ in box.mails] == [["desk@example.com"]]


def test_a_server_that_does_not_answer_in_time_is_given_up(box: Box, trust: Authority) -> None:
    box.delay_s = 3.0

    assert fault(mail(box, trust.ca, timeout_s=1)).failure is Failure.TRANSIENT


def test_without_a_user_there_is_no_login(trust: Authority) -> None:
    with serving(trust, plain=False, knows=lambda *_: AuthResult(success=False, handled=False)) as box:
        assert fault(mail(box, trust.ca, user=None, password=None)).failure is Failure.REFUSED


def test_nobody_there(trust: Authority) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = fault(mail(Box(port=taken.getsockname()[1]), trust.ca))

    assert (found.failure, found.detail) == (Failure.TRANSIENT, "no connection")


def test_a_goodbye_that_fails_does_not_send_the_mail_again(box: Box, trust: Authority) -> None:
    box.quit = "500 what?"

    send(mail(box, trust.ca))

    assert len(box.mails) == 1


def test_a_title_cannot_add_a_header(box: Box, trust: Authority) -> None:
    """Texts come without control characters; if one came all the same, nothing is sent."""
    wild = Message(MESSAGE.kind, Severity.HIGH, "desk", "x\r\nBcc: evil@example.com", "b", "k", 0)

    with pytest.raises(ValueError, match=r"[Hh]eader"):
        send(mail(box, trust.ca), wild)

    assert box.mails == []


def test_the_library_logs_nothing(box: Box, trust: Authority, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        send(mail(box, trust.ca))

    assert PASSWORD not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("aiosmtplib")]


def test_a_file_that_holds_no_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(HomeError, match=r"empty\.pem holds no certificates"):
        mail(Box(), tmp_path / "empty.pem")
