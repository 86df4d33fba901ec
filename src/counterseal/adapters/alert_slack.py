"""Alerts to a Slack channel, by an incoming webhook."""

import json

from counterseal.adapters.alert_http import Https, checked_url, judge
from counterseal.core.alerts.model import Message
from counterseal.core.secret import Secret

# What Slack answers to a message without text when the webhook itself is good.
_GOOD = (b"no_text", b"invalid_payload", b"missing_text_or_fallback_or_attachments")
_JSON = {"Content-Type": "application/json"}


class Slack:
    """Posts to the URL in the secret."""

    def __init__(self, secret: Secret, where: str, https: Https) -> None:
        self._url = checked_url(secret.reveal().decode("utf-8", "replace").strip(), where)
        self._https = https

    async def send(self, message: Message) -> None:
        """Post one message. Raises SinkError."""
        text = f"*{_escaped(message.headline)}*\n{_escaped(message.body)}"
        judge(await self._https.post(self._url, json.dumps({"text": text}).encode(), _JSON))

    async def probe(self) -> bool:
        """Post a message without text: a good webhook complains of the text, a bad one of itself. Raises SinkError."""
        answer = await self._https.post(self._url, b'{"text":""}', _JSON)
        if answer.status != 400 or not answer.body.strip().startswith(_GOOD):
            judge(answer)
        return True

    async def close(self) -> None:
        """Give up connections."""
        await self._https.close()


def _escaped(text: str) -> str:
    """No link, no mention: what comes from outside shall not call everybody of a workspace."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
