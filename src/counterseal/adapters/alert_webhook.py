"""Alerts as JSON to any URL that takes it."""

import json
import re
from collections.abc import Mapping

from counterseal.adapters.alert_http import Https, checked_url, judge
from counterseal.adapters.home import HomeError
from counterseal.core.alerts.model import Kind, Message, Severity
from counterseal.core.secret import Secret

_HEADER = re.compile(r"([A-Za-z0-9-]{1,64}): ?([\x21-\x7e][\x20-\x7e]{0,1023})")


class Webhook:
    """Posts to the URL in the first line of the secret; the lines after it are headers (`Authorization: Bearer ...`).

    It is a machine that listens: a sign of life bothers nobody, and is the probe.
    """

    def __init__(self, secret: Secret, where: str, https: Https, label: str) -> None:
        url, *headers = secret.reveal().decode("utf-8", "replace").strip().splitlines() or [""]
        self._url = checked_url(url.strip(), where)
        self._headers = Secret(json.dumps(dict(_header(line, where) for line in headers if line.strip())).encode())
        self._https = https
        self._label = label

    async def send(self, message: Message) -> None:
        """Post one message. Raises SinkError."""
        headers: Mapping[str, str] = json.loads(self._headers.reveal())
        body = json.dumps(as_data(message)).encode()
        judge(await self._https.post(self._url, body, {"Content-Type": "application/json", **headers}))

    async def probe(self) -> bool:
        """Post a sign of life. Raises SinkError."""
        await self.send(Message(Kind.HEARTBEAT, Severity.INFO, self._label, "sign of life", "", "heartbeat", 0))
        return True

    async def close(self) -> None:
        """Give up connections."""
        await self._https.close()


def as_data(message: Message) -> dict[str, object]:
    """Give a message as JSON holds it."""
    return {
        "kind": message.kind.value, "severity": message.severity.name.lower(), "installation": message.label,
        "title": message.title, "text": message.body, "key": message.key, "at_ms": message.at_ms,
        "codes": list(message.codes),
    }  # fmt: skip


def _header(line: str, where: str) -> tuple[str, str]:
    found = _HEADER.fullmatch(line.strip())
    if found is None:
        raise HomeError(f"{where} holds a line that is no header; after the URL write lines like Name: value")
    return found[1], found[2]
