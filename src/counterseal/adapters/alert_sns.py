"""Alerts to an SNS topic of AWS, or by it as SMS to telephones."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterseal.adapters.alert_thread import OneAtATime, silence
from counterseal.adapters.home import HomeError
from counterseal.core.alerts.model import Failure, Message
from counterseal.core.alerts.text import short
from counterseal.core.config.model import AlertChannel
from counterseal.core.secret import Secret
from counterseal.ports.alert_sink import SinkError

_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
_THROTTLED = re.compile(r"Throttl|TooManyRequests|RequestLimit")
_WORD = re.compile(r"[A-Za-z.]{1,64}")
# What a subject may hold: no control characters, at most 99 of ASCII.
_SUBJECT = 99


class Sns:
    """Publishes with the access keys in the secret, or without one with what the machine's role gives."""

    def __init__(self, channel: AlertChannel, secret: Secret | None, where: str, ca_file: Path | None) -> None:
        silence("boto3", "botocore", "urllib3", "urllib3.connectionpool")
        self._channel = channel
        self._keys = _keys(secret, where)
        self._ca_file = ca_file
        self._thread = OneAtATime(f"sns {channel.name}")
        self._client: Any = None

    async def send(self, message: Message) -> None:
        """Publish one message; an SMS counts as sent when one telephone's was taken. Raises SinkError."""
        await self._do(lambda client: self._publish(client, message))

    async def probe(self) -> bool:
        """Ask for the topic's attributes, or for the account's for SMS. Raises SinkError."""
        topic = self._channel.topic
        await self._do(
            lambda client: client.get_topic_attributes(TopicArn=topic) if topic else client.get_sms_attributes()
        )
        return True

    async def close(self) -> None:
        """Nothing is kept open that the end of the process does not close."""

    def _publish(self, client: Any, message: Message) -> None:
        if self._channel.topic is not None:
            subject = message.headline.encode("ascii", "replace").decode()[:_SUBJECT]
            client.publish(TopicArn=self._channel.topic, Subject=subject, Message=f"{message.headline}\n{message.body}")
            return
        kind = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}}
        faults: list[Exception] = []
        for phone in self._channel.phones:
            try:
                client.publish(PhoneNumber=phone, Message=short(message), MessageAttributes=kind)
            except Exception as fault:  # noqa: BLE001  the others shall hear it all the same
                faults.append(fault)
        if len(faults) == len(self._channel.phones):
            raise faults[0]

    async def _do(self, work: Callable[[Any], object]) -> None:
        def call() -> SinkError | None:
            try:
                work(self._connected())
            except Exception as fault:  # noqa: BLE001  the library's words may hold keys; ours do not
                return _judged(fault)
            return None

        error = await self._thread.run(call)
        if error is not None:
            raise error

    def _connected(self) -> Any:
        """The client, made in the thread: reading the service's description takes a while."""
        if self._client is None:
            boto3 = importlib.import_module("boto3")
            config = importlib.import_module("botocore.config").Config(
                connect_timeout=self._channel.timeout_s, read_timeout=self._channel.timeout_s, proxies={},
                retries={"total_max_attempts": 1},
            )  # fmt: skip
            key_id, key, token = (part.reveal().decode() if part else None for part in self._keys)
            self._client = boto3.session.Session().client(
                "sns", region_name=self._channel.region, endpoint_url=self._channel.endpoint, config=config,
                aws_access_key_id=key_id, aws_secret_access_key=key, aws_session_token=token,
                verify=str(self._ca_file) if self._ca_file else None,
            )  # fmt: skip
        return self._client


def _keys(secret: Secret | None, where: str) -> tuple[Secret | None, Secret | None, Secret | None]:
    """Two lines, the key's id and the key; a third is a session's token. Raises HomeError."""
    if secret is None:
        return None, None, None
    lines = secret.reveal().decode("utf-8", "replace").split()
    if len(lines) not in (2, 3) or not _KEY_ID.fullmatch(lines[0]):
        raise HomeError(f"{where} holds no access key of AWS; write its id in the first line and the key in the second")
    key_id, key, token = (*(Secret(line.encode()) for line in lines), None)[:3]
    return key_id, key, token


def _judged(fault: Exception) -> SinkError:
    """Say whose fault it was by the service's code, never by its words."""
    response = getattr(fault, "response", None)
    if not isinstance(response, dict):
        kind = type(fault).__name__
        if kind in ("NoCredentialsError", "PartialCredentialsError", "NoRegionError", "ParamValidationError"):
            return SinkError(Failure.REFUSED, f"cannot be called ({kind})")
        return SinkError(Failure.TRANSIENT, f"no answer ({kind})")
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    word = code if _WORD.fullmatch(code) else str(status)
    if status == 429 or _THROTTLED.search(code):
        return SinkError(Failure.RATE_LIMITED, f"answered {word}")
    return SinkError(Failure.TRANSIENT if status >= 500 else Failure.REFUSED, f"answered {word}")
