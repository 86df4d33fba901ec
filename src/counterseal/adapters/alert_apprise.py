"""Alerts by the many services that the library apprise knows."""

import importlib
from typing import Any

from counterseal.adapters.alert_thread import OneAtATime, silence
from counterseal.adapters.home import HomeError
from counterseal.core.alerts.model import Failure, Message, Severity
from counterseal.core.secret import Secret
from counterseal.ports.alert_sink import SinkError

_TYPES = {Severity.CRITICAL: "failure", Severity.HIGH: "warning", Severity.MEDIUM: "warning", Severity.INFO: "info"}


class Apprise:
    """Notifies the URLs in the secret, one a line. They name user and password, so that all of them are secret."""

    def __init__(self, secret: Secret, where: str, name: str) -> None:
        silence("apprise", "urllib3", "urllib3.connectionpool")
        library = importlib.import_module("apprise")
        self._notifier: Any = library.Apprise(asset=library.AppriseAsset(async_mode=False, app_id="Counterseal"))
        lines = [line.strip() for line in secret.reveal().decode("utf-8", "replace").splitlines() if line.strip()]
        if not lines or not all(self._notifier.add(line) for line in lines):
            raise HomeError(f"{where} holds a line that apprise does not know; write one of its URLs in each")
        self._thread = OneAtATime(f"apprise {name}")

    async def send(self, message: Message) -> None:
        """Notify all of them. Raises SinkError when one fails; the library does not say why."""
        done = await self._thread.run(
            lambda: self._notifier.notify(
                title=message.headline, body=message.body, notify_type=_TYPES[message.severity], body_format="text"
            )
        )
        if not done:
            raise SinkError(Failure.TRANSIENT, "not taken")

    async def probe(self) -> bool:
        """There is no way to ask a service that does not tell somebody."""
        return False

    async def close(self) -> None:
        """Nothing is kept open."""
