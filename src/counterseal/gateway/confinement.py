"""The gateway's sandbox: what it needs of this installation, found in the settings before it closes behind itself."""

from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

from counterseal.adapters import config_file, sandbox
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.sandbox import Report, profiles
from counterseal.core.config.model import Config, Venue

HTTPS_PORT = 443


def confine(home: Home, listeners: Iterable[int], mode: str) -> Report:
    """Enter the gateway's sandbox; `mode` of model.SANDBOXES. Before any thread or event loop exists.

    Raises HomeError when the settings cannot be read, SandboxError when what is required is missing.
    """
    config = config_file.read(home.config)
    if not isinstance(config, Config):
        raise HomeError("\n".join(map(str, config)))
    # A rule needs its folder to exist.
    (home.run / "replay").mkdir(mode=0o700, parents=True, exist_ok=True)
    host, port = _exchange(config.venue)
    profile = profiles.gateway(
        home,
        ports=[port],
        resolves=not _is_address(host),
        ca_file=Path(config.venue.ca_file) if config.venue.ca_file else None,
        listeners=listeners,
        binds=bool(config.venue.egress),
    )
    if config.journal.witness is not None:
        profile = profiles.appending(profile, home.root / config.journal.witness)
    # The leaf certificate is replaced while we run, so that its folder is readable, not the file.
    return sandbox.enter(profiles.reading(profile, CaFiles(home).directory), required=mode == "require")


def _exchange(venue: Venue) -> tuple[str, int]:
    """Host and port of every connection to the exchange; an empty host for the exchange's own names."""
    if venue.address is None:
        return "", HTTPS_PORT
    host, _, port = venue.address.rpartition(":")
    return host.strip("[]"), int(port)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
