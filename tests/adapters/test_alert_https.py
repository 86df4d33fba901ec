"""Slack, PagerDuty, webhooks against a real HTTPS server: what they send, how failures are called, what is hidden."""

# ruff: noqa: E402  what is tested needs a library that may be missing

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.adapters import alert_parts
from tests.adapters.alert_parts import MESSAGE, TEST, Authority, Fake, authority, https

alert_parts.require("httpx")

from counterseal.adapters.alert_http import MAX_ANSWER, Https, checked_url
from counterseal.adapters.alert_pagerduty import PagerDuty
from counterseal.adapters.alert_slack import Slack
from counterseal.adapters.alert_webhook import Webhook
from counterseal.adapters.home import HomeError
from counterseal.core.alerts.model import Failure, Message, Severity
from counterseal.core.secret import Secret
from counterseal.ports.alert_sink import AlertSink, SinkError

TOKEN = "T0KEN/B0TH/hUsh9Zq41xLw77Qa0dMeVbN2"
ROUTING = "R0ut1ngK3yOfTwoAndThirtyLetters9"


@pytest.fixture(scope="module", name="trust")
def _trust(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("trust"))


@pytest.fixture(name="fake")
def _fake(trust: Authority) -> Iterator[Fake]:
    with https(trust.server_context()) as fake:
        yield fake


def slack(fake: Fake, trust: Path, timeout_s: float = 5.0) -> Slack:
    return Slack(Secret(f"{fake.url}/services/{TOKEN}\n".encode()), "alerts/chat.secret", Https(trust, timeout_s))


def pager(fake: Fake, trust: Path, timeout_s: float = 5.0) -> PagerDuty:
    return PagerDuty(Secret(ROUTING.encode()), "alerts/pager.secret", Https(trust, timeout_s), fake.url)


def webhook(fake: Fake, trust: Path, timeout_s: float = 5.0) -> Webhook:
    text = f"{fake.url}/hook/{TOKEN}\nAuthorization: Bearer {TOKEN}\nX-Desk: 7\n"
    return Webhook(Secret(text.encode()), "alerts/hook.secret", Https(trust, timeout_s), "desk")


MAKERS: list[Callable[..., AlertSink]] = [slack, pager, webhook]


def do(sink: AlertSink, message: Message | None = MESSAGE) -> Any:
    """Send a message, or probe without one."""

    async def work() -> Any:
        try:
            return await (sink.probe() if message is None else sink.send(message))
        finally:
            await sink.close()

    return asyncio.run(work())


def fault(sink: AlertSink, message: Message | None = MESSAGE) -> SinkError:
    with pytest.raises(SinkError) as caught:
        do(sink, message)
    # Whatever went wrong: no word of it is a secret, nor is any of what led to it.
    shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert "http" not in shown and TOKEN not in shown and ROUTING not in shown and "127.0.0.1" not in shown
    return caught.value


def test_slack_gets_the_headline_and_the_text_and_no_mention(fake: Fake, trust: Authority) -> None:
    wild = Message(MESSAGE.kind, Severity.HIGH, "desk", "<!channel> & co", "see <http://evil|here>", "k", 0)

    do(slack(fake, trust.ca), wild)

    [asked] = fake.asked
    assert asked.path == f"/services/{TOKEN}"
    text = json.loads(asked.body)["text"]
    assert text == "*[desk] HIGH: &lt;!channel&gt; &amp; co*\nsee &lt;http://evil|here&gt;"


@pytest.mark.parametrize("body", [b"no_text", b"invalid_payload", b"missing_text_or_fallback_or_attachments"])
def test_slack_is_proven_by_its_complaint_of_an_empty_message(fake: Fake, trust: Authority, body: bytes) -> None:
    fake.answer = lambda _asked: (400, {}, body)

    assert do(slack(fake, trust.ca), None) is True
    assert json.loads(fake.asked[0].body) == {"text": ""}


@pytest.mark.parametrize(
    ("status", "body"), [(403, b"invalid_token"), (404, b"no_service"), (410, b"channel_is_archived")]
)
def test_slack_is_not_proven_by_another_complaint(fake: Fake, trust: Authority, status: int, body: bytes) -> None:
    fake.answer = lambda _asked: (status, {}, body)

    assert fault(slack(fake, trust.ca), None).failure is Failure.REFUSED


def test_pagerduty_gets_an_event_of_its_own_api(fake: Fake, trust: Authority) -> None:
    fake.answer = lambda _asked: (202, {}, b'{"status":"success"}')

    do(pager(fake, trust.ca))

    [asked] = fake.asked
    assert asked.path == "/v2/enqueue" and asked.headers["Content-Type"] == "application/json"
    assert json.loads(asked.body) == {
        "routing_key": ROUTING, "event_action": "trigger", "dedup_key": MESSAGE.key,
        "payload": {
            "summary": "[desk] CRITICAL: trading was halted", "source": "desk", "severity": "critical",
            "timestamp": "2026-11-18T11:06:40.123+00:00",
            "custom_details": {"text": MESSAGE.body, "codes": ["ladder_halted"]},
        },
    }  # fmt: skip


def test_pagerduty_calls_nobody_for_a_probe_and_takes_a_test_back(fake: Fake, trust: Authority) -> None:
    fake.answer = lambda _asked: (202, {}, b"{}")

    assert do(pager(fake, trust.ca), None) is True
    do(pager(fake, trust.ca), TEST)

    events = [json.loads(asked.body) for asked in fake.asked]
    assert [event["event_action"] for event in events] == ["resolve", "trigger", "resolve"]
    assert events[1]["dedup_key"] == events[2]["dedup_key"]
    assert events[1]["payload"]["severity"] == "info"


@pytest.mark.parametrize("key", ["", "short", "R" * 33, "R" * 31 + "!", "R" * 16 + "\n" + "R" * 15])
def test_pagerduty_takes_only_a_routing_key(key: str) -> None:
    with pytest.raises(HomeError, match=r"alerts/pager\.secret holds no routing key") as caught:
        PagerDuty(Secret(key.encode()), "alerts/pager.secret", Https(None, 1), None)
    assert not key.strip() or key.strip() not in str(caught.value)


def test_a_webhook_gets_json_with_the_headers_of_its_secret(fake: Fake, trust: Authority) -> None:
    do(webhook(fake, trust.ca))

    [asked] = fake.asked
    assert asked.path == f"/hook/{TOKEN}"
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}" and asked.headers["X-Desk"] == "7"
    assert json.loads(asked.body) == {
        "kind": "alert", "severity": "critical", "installation": "desk", "title": "trading was halted",
        "text": MESSAGE.body, "key": MESSAGE.key, "at_ms": MESSAGE.at_ms, "codes": ["ladder_halted"],
    }  # fmt: skip


def test_a_webhook_proves_itself_by_a_sign_of_life(fake: Fake, trust: Authority) -> None:
    assert do(webhook(fake, trust.ca), None) is True
    assert json.loads(fake.asked[0].body)["kind"] == "heartbeat"


@pytest.mark.parametrize(
    "text",
    ["", "https://[", "https://a:b/c", "ftp://a/b", "http://example.com/x", "https://", "https://a b/c", "//a", "x"],
)
def test_a_url_that_is_none_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(HomeError, match="no https URL") as caught:
        checked_url(text, "alerts/hook.secret")
    assert len(text) < 2 or text not in str(caught.value)


def test_a_line_that_is_no_header_is_refused_and_not_shown() -> None:
    with pytest.raises(HomeError, match="no header") as caught:
        Webhook(Secret(b"https://a.example/x\nBearer hush-hush"), "alerts/hook.secret", Https(None, 1), "desk")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("status", "headers", "failure", "retry_after_ms"),
    [
        (400, {}, Failure.REFUSED, None),
        (401, {}, Failure.REFUSED, None),
        (404, {}, Failure.REFUSED, None),
        (302, {"Location": "/elsewhere"}, Failure.REFUSED, None),
        (429, {"Retry-After": "7"}, Failure.RATE_LIMITED, 7_000),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, Failure.RATE_LIMITED, None),
        (429, {}, Failure.RATE_LIMITED, None),
        (408, {}, Failure.TRANSIENT, None),
        (500, {}, Failure.TRANSIENT, None),
        (503, {"Retry-After": "3"}, Failure.TRANSIENT, 3_000),
    ],
)
def test_an_answer_is_judged(
    make: Callable[..., AlertSink], status: int, headers: dict[str, str], failure: Failure, retry_after_ms: int | None,
    fake: Fake, trust: Authority,
) -> None:  # fmt: skip
    fake.answer = lambda _asked: (status, headers, b"words of theirs")

    found = fault(make(fake, trust.ca))

    assert (found.failure, found.retry_after_ms, found.detail) == (failure, retry_after_ms, f"answered {status}")
    assert len(fake.asked) == 1  # nobody is followed, nothing is repeated


@pytest.mark.parametrize("make", MAKERS)
def test_a_server_that_does_not_answer_in_time_is_given_up(
    make: Callable[..., AlertSink], fake: Fake, trust: Authority
) -> None:
    fake.delay_s = 1.0

    assert fault(make(fake, trust.ca, 0.2)).detail == "no answer in time"


@pytest.mark.parametrize("make", MAKERS)
def test_nobody_there(make: Callable[..., AlertSink], trust: Authority) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = Fake(url=f"https://127.0.0.1:{taken.getsockname()[1]}")
        found = fault(make(away, trust.ca))

    assert (found.failure, found.detail) == (Failure.TRANSIENT, "no connection")


@pytest.mark.parametrize("make", MAKERS)
def test_a_certificate_of_somebody_else_is_not_accepted(
    make: Callable[..., AlertSink], fake: Fake, tmp_path: Path
) -> None:
    """Neither one of another authority, nor one for another name; nothing is sent to it."""
    assert fault(make(fake, authority(tmp_path).ca)).detail == "its certificate is not accepted"
    other = authority(tmp_path / "other", "other.example")
    with https(other.server_context()) as wrong:
        assert fault(make(wrong, other.ca)).detail == "its certificate is not accepted"
        assert wrong.asked == []
    assert fake.asked == []


@pytest.mark.parametrize("make", MAKERS)
def test_a_connection_that_breaks_is_told_as_one(make: Callable[..., AlertSink], trust: Authority) -> None:
    """A server that hangs up in the middle of its answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            with trust.server_context().wrap_socket(connection, server_side=True) as tls:
                tls.recv(65_536)
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        found = fault(make(Fake(url=f"https://127.0.0.1:{listener.getsockname()[1]}"), trust.ca))
        thread.join()

    assert (found.failure, found.detail) == (Failure.TRANSIENT, "the connection broke")


def test_an_endless_answer_is_cut(fake: Fake, trust: Authority) -> None:
    fake.answer = lambda _asked: (200, {}, b"x" * 1_000_000)

    async def work() -> bytes:
        client = Https(trust.ca, 5)
        try:
            return (await client.post(Secret(f"{fake.url}/".encode()), b"", {})).body
        finally:
            await client.close()

    assert len(asyncio.run(work())) == MAX_ANSWER


def test_a_proxy_of_the_environment_is_not_used(fake: Fake, trust: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    do(slack(fake, trust.ca))

    assert len(fake.asked) == 1


def test_the_library_logs_no_url(fake: Fake, trust: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """It would by default, at level info, and the URL is the secret."""
    with caplog.at_level(logging.DEBUG):
        do(slack(fake, trust.ca))

    assert TOKEN not in caplog.text and "127.0.0.1" not in caplog.text


def test_a_file_that_holds_no_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(HomeError, match=r"empty\.pem holds no certificates"):
        Https(tmp_path / "empty.pem", 1)
