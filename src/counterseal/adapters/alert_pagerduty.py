"""Alerts as events of PagerDuty (Events API v2)."""

import json
import re
from datetime import UTC, datetime

from counterseal.adapters.alert_http import Https, checked_url, judge
from counterseal.adapters.home import HomeError
from counterseal.core.alerts.model import Kind, Message, Severity
from counterseal.core.secret import Secret

ENDPOINT = "https://events.pagerduty.com"
_SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.INFO: "info",
}
_KEY = re.compile(r"[A-Za-z0-9]{32}")
_PROBE = "counterseal-sign-of-life"


class PagerDuty:
    """Sends events with the routing key in the secret."""

    def __init__(self, secret: Secret, where: str, https: Https, endpoint: str | None) -> None:
        key = secret.reveal().decode("utf-8", "replace").strip()
        if not _KEY.fullmatch(key):
            raise HomeError(f"{where} holds no routing key; it is 32 letters and digits, from an Events API v2 service")
        self._key = Secret(key.encode())
        self._url = checked_url(f"{endpoint or ENDPOINT}/v2/enqueue", "endpoint")
        self._https = https

    async def send(self, message: Message) -> None:
        """Trigger an event; one that is a test is resolved at once. Raises SinkError."""
        moment = datetime.fromtimestamp(message.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        payload = {
            "summary": message.headline[:1024], "source": message.label, "severity": _SEVERITIES[message.severity],
            "timestamp": moment, "custom_details": {"text": message.body, "codes": list(message.codes)},
        }  # fmt: skip
        await self._event({"event_action": "trigger", "dedup_key": message.key, "payload": payload})
        if message.kind is not Kind.ALERT:
            await self._event({"event_action": "resolve", "dedup_key": message.key})

    async def probe(self) -> bool:
        """Resolve what was never triggered: a good key is accepted, and nobody is called. Raises SinkError."""
        await self._event({"event_action": "resolve", "dedup_key": _PROBE})
        return True

    async def close(self) -> None:
        """Give up connections."""
        await self._https.close()

    async def _event(self, event: dict[str, object]) -> None:
        body = json.dumps({"routing_key": self._key.reveal().decode(), **event}).encode()
        judge(await self._https.post(self._url, body, {"Content-Type": "application/json"}))
