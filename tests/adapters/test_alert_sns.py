"""SNS against two stand-ins of AWS that were written by others: topic, SMS, failures, nothing shown."""

# ruff: noqa: E402  what is tested needs libraries that may be missing

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.adapters import alert_parts
from tests.adapters.alert_parts import MESSAGE, Asked, https

alert_parts.require("boto3")

import boto3

from counterseal.adapters.alert_sns import Sns
from counterseal.adapters.home import HomeError
from counterseal.core.alerts.model import Failure, Message
from counterseal.core.config.model import AlertChannel
from counterseal.core.secret import Secret
from counterseal.ports.alert_sink import SinkError

pytestmark = pytest.mark.slow  # the gate runs it
KEY_ID, KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = "eu-central-1"
_SERVERS = {
    "moto": (["-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"], {}),
    "ministack": (["-m", "ministack"], {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": "{port}"}),
}
# Their environment is their own: they bring some sixty packages.
PYTHON = Path(__file__).parents[2] / ".env" / "services" / "bin" / "python"


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@pytest.fixture(scope="module", name="aws", params=[*_SERVERS])
def _aws(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one of them."""
    alert_parts.require_file(PYTHON, "make services")
    port = _free()
    command, variables = _SERVERS[request.param]
    environ = {"PATH": os.environ["PATH"], **{name: value.format(port=port) for name, value in variables.items()}}
    folder = tmp_path_factory.mktemp("aws")
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [PYTHON, *(word.format(port=port) for word in command)], stdout=log, stderr=log, env=environ, cwd=folder
        )
        try:
            deadline = time.monotonic() + 60
            while not _answers(url):
                assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
                time.sleep(0.1)  # noqa: TID251
            yield url
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the guard's: nothing of AWS in it, and no machine that hands out roles."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")


def client(aws: str, service: str) -> Any:
    return boto3.client(
        service, endpoint_url=aws, region_name=REGION, aws_access_key_id=KEY_ID, aws_secret_access_key=KEY,
        config=boto3.session.Config(proxies={}),
    )  # fmt: skip


def sns(aws: str, secret: str | None = f"{KEY_ID}\n{KEY}\n", **more: Any) -> Sns:
    settings: dict[str, Any] = {"name": "bus", "kind": "sns", "region": REGION, "endpoint": aws, "timeout_s": 5} | more
    return Sns(AlertChannel(**settings), Secret(secret.encode()) if secret else None, "alerts/bus.secret", None)


def fault(sink: Sns, *, probe: bool = False) -> SinkError:
    with pytest.raises(SinkError) as caught:
        asyncio.run(sink.probe() if probe else sink.send(MESSAGE))  # type: ignore[arg-type]
    shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert KEY not in shown and KEY_ID not in shown and "127.0.0.1" not in shown and "arn:" not in shown
    return caught.value


def test_a_topic_gets_the_message(aws: str) -> None:
    """Heard by a queue that is subscribed to it."""
    topic = client(aws, "sns").create_topic(Name="alerts")["TopicArn"]
    queues = client(aws, "sqs")
    queue = queues.create_queue(QueueName="heard")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client(aws, "sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sink = sns(aws, topic=topic)

    assert asyncio.run(sink.probe()) is True
    asyncio.run(sink.send(MESSAGE))

    [heard] = queues.receive_message(QueueUrl=queue, WaitTimeSeconds=2)["Messages"]
    body = json.loads(heard["Body"])
    assert body["Subject"] == "[desk] CRITICAL: trading was halted"
    assert body["Message"] == f"{MESSAGE.headline}\n{MESSAGE.body}"


def test_a_topic_that_does_not_exist_is_found_by_the_probe(aws: str) -> None:
    gone = sns(aws, topic=f"arn:aws:sns:{REGION}:123456789012:gone")

    assert fault(gone, probe=True).failure is Failure.REFUSED
    assert fault(gone).failure is Failure.REFUSED


def test_telephones_get_an_sms(aws: str, request: pytest.FixtureRequest) -> None:
    sink = sns(aws, kind="sms", phones=("+4930901820", "+4930901821"))

    # ministack does not know the account's attributes for SMS.
    assert "ministack" in request.node.name or asyncio.run(sink.probe()) is True
    asyncio.run(sink.send(MESSAGE))


# -- what those stand-ins do not do, on a server of our own


def publish(answer: tuple[int, str], delay_s: float = 0.0, **more: Any) -> tuple[SinkError, list[Asked]]:
    """Send to a server that gives this answer."""
    status, code = answer
    with https(None) as fake:
        fake.delay_s = delay_s
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>for {KEY_ID}</Message></Error></ErrorResponse>"
        fake.answer = lambda _asked: (status, {"Content-Type": "text/xml"}, text.encode())
        found = fault(sns(fake.url, **({"topic": f"arn:aws:sns:{REGION}:123456789012:alerts"} | more)))
    return found, fake.asked


@pytest.mark.parametrize(
    ("answer", "failure", "detail"),
    [
        ((403, "AuthorizationError"), Failure.REFUSED, "answered AuthorizationError"),
        ((403, "InvalidClientTokenId"), Failure.REFUSED, "answered InvalidClientTokenId"),
        ((400, "InvalidParameter"), Failure.REFUSED, "answered InvalidParameter"),
        ((400, "Throttling"), Failure.RATE_LIMITED, "answered Throttling"),
        ((429, "Throttled"), Failure.RATE_LIMITED, "answered Throttled"),
        ((500, "InternalError"), Failure.TRANSIENT, "answered InternalError"),
        ((400, f"x {KEY} x"), Failure.REFUSED, "answered 400"),
    ],
)
def test_an_answer_is_judged_and_asked_for_once(answer: tuple[int, str], failure: Failure, detail: str) -> None:
    found, asked = publish(answer)

    assert (found.failure, found.detail) == (failure, detail)
    assert len(asked) == 1


def test_a_server_that_does_not_answer_in_time_is_given_up() -> None:
    found, _ = publish((200, ""), delay_s=2.0, timeout_s=1)

    assert (found.failure, found.detail) == (Failure.TRANSIENT, "no answer (ReadTimeoutError)")


def test_nobody_there() -> None:
    found = fault(sns(f"http://127.0.0.1:{_free()}", topic=f"arn:aws:sns:{REGION}:123456789012:alerts"))

    assert (found.failure, found.detail) == (Failure.TRANSIENT, "no answer (EndpointConnectionError)")


def test_without_keys_and_without_a_role_it_says_so() -> None:
    found = fault(sns("http://127.0.0.1:9", None, topic=f"arn:aws:sns:{REGION}:123456789012:alerts"))

    assert (found.failure, found.detail) == (Failure.REFUSED, "cannot be called (NoCredentialsError)")


def sms(status_of: dict[str, int]) -> tuple[Sns, Any]:
    """Telephones, and a server that answers by number."""
    server = https(None)
    fake = server.__enter__()
    error = "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"
    good = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"

    def answer(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        status = next(status for number, status in status_of.items() if number in asked.body.decode())
        return status, {"Content-Type": "text/xml"}, (good if status == 200 else error).encode()

    fake.answer = answer
    return sns(fake.url, kind="sms", phones=("+4930901820", "+4930901821")), server


def test_one_telephone_of_two_is_enough_and_the_text_is_short() -> None:
    sink, server = sms({"4930901820": 400, "4930901821": 200})
    try:
        long = Message(MESSAGE.kind, MESSAGE.severity, "desk", "x" * 300, "y", "k", 0)
        asyncio.run(sink.send(long))
    finally:
        server.__exit__(None, None, None)


def test_no_telephone_at_all_is_a_failure() -> None:
    sink, server = sms({"4930901820": 400, "4930901821": 400})
    try:
        assert fault(sink).failure is Failure.RATE_LIMITED
    finally:
        server.__exit__(None, None, None)


def test_a_call_that_hangs_does_not_let_another_one_begin() -> None:
    with https(None) as fake:
        fake.delay_s = 1.0
        sink = sns(fake.url, topic=f"arn:aws:sns:{REGION}:123456789012:alerts")

        async def work() -> str:
            first = asyncio.get_running_loop().create_task(sink.send(MESSAGE))
            await asyncio.sleep(0.5)
            first.cancel()
            with pytest.raises(SinkError) as caught:
                await sink.send(MESSAGE)
            await asyncio.sleep(1.5)
            return caught.value.detail

        assert asyncio.run(work()) == "an earlier message is still being sent"


@pytest.mark.parametrize("text", ["x", f"{KEY_ID}", f"{KEY_ID} {KEY} token more", f"{KEY}\n{KEY_ID}"])
def test_what_is_no_access_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(HomeError, match="no access key") as caught:
        sns("http://127.0.0.1:9", text, topic="t")
    assert KEY not in str(caught.value) and KEY_ID not in str(caught.value)


def test_the_library_is_imported_only_when_it_is_needed(tmp_path: Path) -> None:
    """Making the channel imports neither boto3 nor botocore: they take half a second."""
    code = (
        "import sys; from counterseal.adapters import alert_sns;"
        "from counterseal.core.config.model import AlertChannel;"
        "alert_sns.Sns(AlertChannel(name='a', kind='sns', topic='t'), None, '', None);"
        "print('boto3' in sys.modules, 'botocore' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}
    )
    assert found.stdout == "False False\n"
