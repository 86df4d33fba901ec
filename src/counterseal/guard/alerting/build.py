"""From the settings to channels. Only what is configured is imported, so that the guard starts fast."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from counterseal.adapters import alert_needs, alert_secrets
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.tasks import Tasks
from counterseal.adapters.venue_place import exchange_of, is_address
from counterseal.core.alerts.desk import Terms
from counterseal.core.alerts.model import Detail, Severity
from counterseal.core.alerts.routing import KINDS, Route, at_least
from counterseal.core.config.model import AlertChannel, Config
from counterseal.core.secret import Secret
from counterseal.guard.alerting.alerts import Alerts, Channel, Record
from counterseal.guard.alerting.outside import OUTSIDE, Outside
from counterseal.ports.alert_sink import AlertSink
from counterseal.ports.clock import Clock

HTTPS_PORT = 443


_WITHOUT_SECRET = frozenset({"smtp", "sns", "sms"})
# What calls somebody outside is reached as a webhook is.
_OUTSIDE = AlertChannel(name=OUTSIDE, kind="webhook")


@dataclass(frozen=True, slots=True)
class Reachable:
    """What the sandbox was left open for at the start: ports, files, and whether names can be looked up."""

    ports: frozenset[int] = frozenset()
    files: frozenset[Path] = frozenset()
    resolves: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What the settings ask for, made before the sandbox closes: secrets are read, hosts and files are known."""

    channels: tuple[Channel, ...]
    faults: Mapping[str, str]
    outside: Outside | None
    terms: Terms
    reachable: Reachable = Reachable()


def ports(config: Config, home: Home) -> frozenset[int]:
    """Give the ports that channels are reached at, for the sandbox. Secrets that cannot be read name none."""
    return frozenset[int]().union(*ports_by_name(config, home).values())


def ports_by_name(config: Config, home: Home) -> dict[str, frozenset[int]]:
    """Give the same for each channel, and for the call outside."""
    channels = [*config.alert_channels.values(), *([_OUTSIDE] if config.alerts.outside_s is not None else [])]
    return {channel.name: _ports_of(channel, home) for channel in channels}


def _ports_of(channel: AlertChannel, home: Home) -> frozenset[int]:
    if channel.kind == "smtp":
        return frozenset({channel.port or (465 if channel.tls == "implicit" else 587)})
    if channel.endpoint is not None:
        return frozenset({_port_of(channel.endpoint)})
    return frozenset({HTTPS_PORT}) | _ports_of_secret(home, channel)


def files(config: Config, home: Home) -> tuple[Path, ...]:
    """Give the files that channels read after the start, for the sandbox."""
    return tuple(files_by_name(config, home).values())


def files_by_name(config: Config, home: Home) -> dict[str, Path]:
    """Give the same for each channel that has one."""
    found = {name: _ca_file(channel, home) for name, channel in config.alert_channels.items()}
    return {name: path for name, path in found.items() if path is not None}


def plan(config: Config, home: Home, environ: Mapping[str, str] | None = None) -> Plan:
    """Make every channel that can be made; what cannot counts as a channel that is down. Reads secrets."""
    environ = os.environ if environ is None else environ
    made: list[Channel] = []
    faults: dict[str, str] = {}
    missing = alert_needs.lacking(config)
    for channel in config.alert_channels.values():
        try:
            if channel.name in missing:
                raise HomeError(missing[channel.name])
            sink = _sink(channel, home, environ, config.alerts.label)
            made.append(Channel(_route(channel), sink, float(channel.timeout_s)))
        except HomeError as fault:
            faults[channel.name] = str(fault)
    reachable = Reachable(ports(config, home), frozenset(files(config, home)), resolves(config))
    return Plan(tuple(made), faults, _outside(config, home, environ, faults), _terms(config), reachable)


def resolves(config: Config) -> bool:
    """Tell whether the names of hosts have to be looked up: of the exchange, of channels, of somebody outside."""
    host, _ = exchange_of(config.venue)
    return not is_address(host) or bool(config.alert_channels) or config.alerts.outside_s is not None


def alerts(
    planned: Plan, clock: Clock, tasks: Tasks, log: Any, home: Home, record: Record, say: Callable[[str], object]
) -> Alerts:
    """Give the running part of a plan."""
    return Alerts(
        clock, tasks, log, planned.channels, planned.terms, home.guard_spool, record=record, faults=planned.faults,
        say=say,
    )  # fmt: skip


def _terms(config: Config) -> Terms:
    settings = config.alerts
    return Terms(
        label=settings.label, detail=Detail(settings.detail), order=settings.order, dedupe_ms=settings.dedupe_s * 1_000,
        escalate_ms=settings.escalate_after_s * 1_000, heartbeat_ms=settings.heartbeat_minutes * 60_000,
    )  # fmt: skip


def _route(channel: AlertChannel) -> Route:
    if channel.severities:
        severities = frozenset(Severity[word.upper()] for word in channel.severities)
    else:
        least = Severity[channel.min_severity.upper()] if channel.min_severity else KINDS[channel.kind]
        severities = at_least(least)
    return Route(channel.name, severities, channel.digest_minutes * 60_000)


def _sink(channel: AlertChannel, home: Home, environ: Mapping[str, str], label: str) -> AlertSink:
    found = alert_secrets.fetch(home, channel.name, channel.credential, environ)
    path = alert_secrets.path_of(home, channel.name)
    if found is None and (channel.kind not in _WITHOUT_SECRET or channel.user is not None):
        raise HomeError(f"{path} is missing; write what is secret about the channel into it, with mode 0600")
    secret, where = found if found is not None else (None, str(path))
    ca_file = _ca_file(channel, home)
    if channel.kind == "smtp":
        from counterseal.adapters.alert_smtp import Mail

        return Mail(channel, secret, ca_file)
    if channel.kind in ("sns", "sms"):
        from counterseal.adapters.alert_sns import Sns

        return Sns(channel, secret, where, ca_file)
    assert secret is not None  # noqa: S101  the kinds that go without one have been made
    if channel.kind == "apprise":
        from counterseal.adapters.alert_apprise import Apprise

        return Apprise(secret, where, channel.name)
    return _by_https(channel, secret, where, ca_file, label)


def _by_https(channel: AlertChannel, secret: Secret, where: str, ca_file: Path | None, label: str) -> AlertSink:
    from counterseal.adapters.alert_http import Https

    https = Https(ca_file, channel.timeout_s)
    if channel.kind == "slack":
        from counterseal.adapters.alert_slack import Slack

        return Slack(secret, where, https)
    if channel.kind == "pagerduty":
        from counterseal.adapters.alert_pagerduty import PagerDuty

        return PagerDuty(secret, where, https, channel.endpoint)
    from counterseal.adapters.alert_webhook import Webhook

    return Webhook(secret, where, https, label)


def _outside(config: Config, home: Home, environ: Mapping[str, str], faults: dict[str, str]) -> Outside | None:
    if config.alerts.outside_s is None:
        return None
    try:
        found = alert_secrets.fetch(home, OUTSIDE, None, environ)
        if found is None:
            raise HomeError(f"{alert_secrets.path_of(home, OUTSIDE)} is missing; write the URL into it, with mode 0600")
        missing = alert_needs.lacking(config).get(OUTSIDE)
        if missing is not None:
            raise HomeError(missing)
        from counterseal.adapters.alert_http import Https, checked_url

        secret, where = found
        url = checked_url(secret.reveal().decode("utf-8", "replace"), where)
        return Outside(url, Https(None, 10.0), float(config.alerts.outside_s))
    except HomeError as fault:
        faults[OUTSIDE] = str(fault)
        return None


def _ca_file(channel: AlertChannel, home: Home) -> Path | None:
    return home.root / channel.ca_file if channel.ca_file is not None else None


def _ports_of_secret(home: Home, channel: AlertChannel) -> frozenset[int]:
    """URLs are secret, and their ports are not. apprise has URLs of its own kind: they go where they name a port."""
    try:
        found = alert_secrets.fetch(home, channel.name, channel.credential, os.environ)
    except HomeError:
        return frozenset()
    lines = found[0].reveal().decode("utf-8", "replace").splitlines() if found is not None else []
    return frozenset(port for line in lines if "://" in line and (port := _port_of(line.strip())) > 0)


def _port_of(url: str) -> int:
    """The port of a URL; 0 for what names none that is known."""
    try:
        parts = urlsplit(url)
        return parts.port or {"http": 80, "https": HTTPS_PORT}.get(parts.scheme, 0)
    except ValueError:
        return 0
