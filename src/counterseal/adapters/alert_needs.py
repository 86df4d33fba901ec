"""Which library each kind of alert channel needs, and the one command that installs what is missing."""

import importlib.util
from collections.abc import Mapping
from typing import NamedTuple

from counterseal.core.config.model import Config


class Need(NamedTuple):
    """A library, and the extra of this package that installs it."""

    library: str
    extra: str


NEEDS: Mapping[str, Need] = {
    "smtp": Need("aiosmtplib", "alerts"),
    "slack": Need("httpx", "alerts"),
    "pagerduty": Need("httpx", "alerts"),
    "webhook": Need("httpx", "alerts"),
    "sns": Need("boto3", "alerts-aws"),
    "sms": Need("boto3", "alerts-aws"),
    "apprise": Need("apprise", "alerts-apprise"),
}
OUTSIDE = NEEDS["webhook"]


def lacking(config: Config) -> dict[str, str]:
    """Give a sentence for every channel whose library is not installed, by its name; "outside" is `alerts.outside_s`.

    Nothing is imported for it.
    """
    found = {
        channel.name: _sentence(f"alerts.channels.{channel.name}", NEEDS[channel.kind])
        for channel in config.alert_channels.values()
        if _is_missing(NEEDS[channel.kind])
    }
    if config.alerts.outside_s is not None and _is_missing(OUTSIDE):
        found["outside"] = _sentence("alerts.outside_s", OUTSIDE)
    return found


def _is_missing(need: Need) -> bool:
    return importlib.util.find_spec(need.library) is None


def _sentence(what: str, need: Need) -> str:
    return f"{what} needs {need.library}, which is not installed; run: pip install 'counterseal[{need.extra}]'"
