"""Rules between the settings of alerts. The first line of each docstring is its text in the reference."""

from typing import TYPE_CHECKING

from counterseal.core.config.faults import FaultList, nearest, show_name

if TYPE_CHECKING:
    from counterseal.core.config.cross import Draft

# What belongs to which kind of channel: needed, and allowed besides. Settings that are not named here go with all.
_NEEDED = {"smtp": ("host", "sender", "recipients"), "sns": ("topic", "region"), "sms": ("phones", "region")}
_ALLOWED = {
    "smtp": ("port", "tls", "user", "ca_file"),
    "sns": ("endpoint", "ca_file"),
    "sms": ("endpoint", "ca_file"),
    "pagerduty": ("endpoint", "ca_file"),
    "slack": ("ca_file",),
    "webhook": ("ca_file",),
}
_OF_KINDS = frozenset(name for table in (_NEEDED, _ALLOWED) for names in table.values() for name in names)
_DEFAULTS = {"tls": "starttls"}


def channels_have_what_they_need(draft: "Draft", faults: FaultList) -> None:
    """`smtp` needs `host`, `sender`, `recipients`; `sns` `topic`, `region`; `sms` `phones`, `region`; no other's."""
    for channel, settings in draft.alert_channels.items():
        kind = settings.get("kind")
        if not isinstance(kind, str):
            continue
        needed, allowed = _NEEDED.get(kind, ()), _ALLOWED.get(kind, ())
        for name in needed:
            if name in settings and not settings[name]:
                path = ("alerts", "channels", channel, name)
                faults.add(path, f"is missing; a channel of kind {kind} needs it", f"add {name}")
        for name in sorted(_OF_KINDS - {*needed, *allowed}):
            if settings.get(name, _DEFAULTS.get(name)) not in (None, (), _DEFAULTS.get(name)):
                path = ("alerts", "channels", channel, name)
                faults.add(path, f"is no setting of a channel of kind {kind}", "remove it, or correct the kind")


def outside_is_no_channel(draft: "Draft", faults: FaultList) -> None:
    """No alert channel may be called `outside`: that is whom `alerts.outside_s` is about."""
    if "outside" in draft.alert_channels:
        cause = "is reserved for the sign of life to somebody outside"
        faults.add(("alerts", "channels", "outside"), cause, "use another name")


def severities_are_said_once(draft: "Draft", faults: FaultList) -> None:
    """Of `min_severity` and `severities` of an alert channel at most one may be given."""
    for channel, settings in draft.alert_channels.items():
        if settings.get("min_severity") and settings.get("severities"):
            cause = "is given beside min_severity, and nobody can tell which of the two holds"
            faults.add(("alerts", "channels", channel, "severities"), cause, "remove one of them")


def order_names_channels(draft: "Draft", faults: FaultList) -> None:
    """`alerts.order` may name only channels of `[alerts.channels.NAME]`."""
    for number, name in enumerate(draft.alerts.get("order", ()), 1):
        if name not in draft.alert_channels:
            close = nearest(name, draft.alert_channels)
            remedy = f"did you mean {show_name(close)}?" if close else "add a section [alerts.channels.NAME] for it"
            faults.add(("alerts", "order"), f"its entry {number} names no channel of this file", remedy)
