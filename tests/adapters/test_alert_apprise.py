"""apprise against a real HTTP server and a real mail server: what arrives, and what failures are called."""

# ruff: noqa: E402  what is tested needs libraries that may be missing

import asyncio
import json
import logging

import pytest
from tests.adapters import alert_parts
from tests.adapters.alert_parts import MESSAGE, https

alert_parts.require("apprise")

from counterseal.adapters.alert_apprise import Apprise
from counterseal.adapters.home import HomeError
from counterseal.core.alerts.model import Failure
from counterseal.core.secret import Secret
from counterseal.ports.alert_sink import SinkError

PASSWORD = "hush-hush-90210-hush"


def test_a_message_arrives_at_every_url(caplog: pytest.LogCaptureFixture) -> None:
    with https(None) as first, https(None) as second, caplog.at_level(logging.DEBUG):
        lines = [f"{fake.url.replace('http', 'json')}/x?+X-Token={PASSWORD}" for fake in (first, second)]
        sink = Apprise(Secret("\n".join(lines).encode()), "alerts/many.secret", "many")
        asyncio.run(sink.send(MESSAGE))

    for fake in (first, second):
        [asked] = fake.asked
        body = json.loads(asked.body)
        assert body["title"] == MESSAGE.headline and body["type"] == "failure"
        assert body["message"].splitlines() == MESSAGE.body.splitlines()
        assert asked.headers["X-Token"] == PASSWORD
    assert PASSWORD not in caplog.text


def test_one_that_fails_is_a_failure_without_a_word_of_the_url() -> None:
    with https(None) as good, https(None) as bad:
        bad.answer = lambda _asked: (500, {}, b"")
        lines = [f"{fake.url.replace('http', 'json')}/{PASSWORD}" for fake in (good, bad)]
        sink = Apprise(Secret("\n".join(lines).encode()), "alerts/many.secret", "many")
        with pytest.raises(SinkError) as caught:
            asyncio.run(sink.send(MESSAGE))

    assert caught.value.failure is Failure.TRANSIENT
    assert PASSWORD not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"


def test_it_has_no_probe() -> None:
    sink = Apprise(Secret(b"json://127.0.0.1:9/"), "alerts/many.secret", "many")
    assert asyncio.run(sink.probe()) is False
    asyncio.run(sink.close())


@pytest.mark.parametrize("text", ["", f"nothing-known://{PASSWORD}", f"json://127.0.0.1/\n{PASSWORD}"])
def test_a_line_that_it_does_not_know_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(HomeError, match="apprise does not know") as caught:
        Apprise(Secret(text.encode()), "alerts/many.secret", "many")
    assert PASSWORD not in str(caught.value)
