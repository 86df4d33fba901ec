"""What operators ask of the alerts: show, answer, test."""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.adapters.control_link import ControlError
from counterseal.core.config.grammar import parse_label
from counterseal.core.ladder import REFUSALS
from counterseal.guard.alerting.alerts import Alerts


class AlertVerbs:
    """Answers `alert_list`, `alert_ack`, `alert_test`. `operators` are the names that may answer; none is anybody."""

    def __init__(self, alerts: Alerts, operators: Callable[[], tuple[str, ...]]) -> None:
        self._alerts, self._operators = alerts, operators

    def table(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """Give the verbs by name; each takes arguments."""
        return {"alert_list": self.listed, "alert_ack": self.ack, "alert_test": self.test}

    async def listed(self, _args: Mapping[str, Any]) -> dict[str, Any]:
        """Give alerts and channels."""
        return self._alerts.view()

    async def ack(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Note who answers for alerts (`numbers`, with commas between them). Raises ControlError."""
        operator = parse_label(str(args.get("operator", "")))
        if operator is None:
            raise ControlError("an operator's name is 1 to 32 letters, digits, dots, _ and -")
        operators = self._operators()
        if operators and operator not in operators:
            raise ControlError(REFUSALS["unknown_operator"])
        numbers = str(args.get("numbers", "")).split(",")
        if not all(number.isascii() and number.isdigit() and len(number) < 12 for number in numbers):
            raise ControlError("an alert is named by its number; see: counterseal alert list")
        found = {number: self._alerts.ack(int(number), operator, args.get("uid")) for number in numbers}
        missing = [number for number, entry in found.items() if entry is None]
        if missing:
            raise ControlError(f"there is no alert {', '.join(missing)}; see: counterseal alert list")
        return {number: entry.acked_by for number, entry in found.items() if entry is not None}

    async def test(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Send a test by one channel (`channel`) or all. Raises ControlError."""
        name = str(args.get("channel", "")) or None
        channels = self._alerts.view()["channels"]
        if not channels:
            raise ControlError("there is no alert channel; add a section [alerts.channels.NAME] to counterseal.toml")
        if name is not None and name not in channels:
            raise ControlError(f"there is no alert channel of this name; there are {', '.join(channels)}")
        return {"channels": await self._alerts.test(name)}
