"""What a reload takes up of the alerts: all that the sandbox, which was closed at the start, still lets through.

A channel that cannot be made anew goes on as it was; what has to wait for a restart is said.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from counterseal.adapters.home import Home
from counterseal.core.config.model import Config
from counterseal.guard.alerting import build
from counterseal.guard.alerting.alerts import Channel
from counterseal.guard.alerting.build import Plan, Reachable
from counterseal.guard.alerting.outside import OUTSIDE


class Renewed(NamedTuple):
    """A plan to go on with, and what of the settings it does not do, one sentence each."""

    plan: Plan
    notes: tuple[str, ...]


def renewed(before: Plan, config: Config, home: Home, environ: Mapping[str, str] | None = None) -> Renewed:
    """Make the channels of changed settings beside those that run. Reads secrets, and may import what they need."""
    found = build.plan(config, home, environ)
    barred = {**found.faults, **_barred(found, config, home, before.reachable)}
    made = {channel.route.name: channel for channel in found.channels}
    running = {channel.route.name: channel for channel in before.channels}
    channels: list[Channel] = []
    faults, notes = dict(found.faults), []
    for name in config.alert_channels:
        if name not in barred:
            channels.append(made[name])
        elif name in running:
            channels.append(running[name])
            faults.pop(name, None)
            notes.append(f"alert channel {name} goes on as it was: {barred[name]}")
        else:
            faults[name] = barred[name]
            notes.append(f"alert channel {name} does not work: {barred[name]}")
    outside = found.outside
    if OUTSIDE in barred:
        outside = before.outside
        if outside is None:
            faults[OUTSIDE] = barred[OUTSIDE]
        else:
            faults.pop(OUTSIDE, None)
        notes.append(f"the call outside {'goes on as it was' if outside else 'is not made'}: {barred[OUTSIDE]}")
    plan = replace(found, channels=tuple(channels), faults=faults, outside=outside, reachable=before.reachable)
    return Renewed(plan, tuple(notes))


def _barred(found: Plan, config: Config, home: Home, open_for: Reachable) -> dict[str, str]:
    """Give the channels that the sandbox keeps from what they need, with the reason."""
    barred: dict[str, str] = {}
    for name, ports in build.ports_by_name(config, home).items():
        lacks = sorted(ports - open_for.ports)
        if lacks:
            which = ", ".join(map(str, lacks))
            barred[name] = f"the guard's sandbox was closed without port {which}; it opens with a restart"
    for name, path in build.files_by_name(config, home).items():
        if path not in open_for.files:
            barred[name] = f"the guard's sandbox was closed without {path.name}; it opens with a restart"
    if not open_for.resolves and build.resolves(config):
        asked = [*config.alert_channels, *([OUTSIDE] if found.outside is not None else [])]
        barred |= dict.fromkeys(
            asked, "the guard's sandbox was closed to the look-up of names; it opens with a restart"
        )
    return barred
