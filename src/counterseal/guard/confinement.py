"""The guard's sandbox: what it needs of this installation, found in the settings before it closes behind itself."""

from pathlib import Path

from counterseal.adapters import alert_secrets, config_file, sandbox
from counterseal.adapters.home import Home
from counterseal.adapters.sandbox import Report, profiles
from counterseal.adapters.venue_place import exchange_of
from counterseal.core.config.model import Config
from counterseal.guard.alerting import build
from counterseal.guard.alerting.build import Plan


def confine(home: Home, mode: str) -> Report:
    """Enter the guard's sandbox; `mode` of model.SANDBOXES. Before any thread or event loop exists.

    Settings that cannot be read are no reason not to start: the ladder is kept without them, and the exchange is out of
    reach until a start with good ones. Raises SandboxError when what is required is missing.
    """
    config = config_file.read(home.config)
    for folder in (home.guard_journal, home.guard_spool):
        folder.mkdir(mode=0o700, exist_ok=True)
    if not isinstance(config, Config):
        profile = profiles.guard(home, ports=(), resolves=False, ca_file=None)
        return sandbox.enter(profile, required=mode == "require")
    _, port = exchange_of(config.venue)
    profile = profiles.guard(
        home,
        ports=[port, *build.ports(config, home)],
        resolves=build.resolves(config),
        ca_file=Path(config.venue.ca_file) if config.venue.ca_file else None,
        binds=bool(config.venue.egress),
    )
    profile = profiles.reading(profile, alert_secrets.folder_of(home), *build.files(config, home))
    return sandbox.enter(profile, required=mode == "require")


def plan_alerts(home: Home) -> Plan | None:
    """Make the alert channels, which reads their secrets; None without settings."""
    config = config_file.read(home.config)
    return build.plan(config, home) if isinstance(config, Config) else None
