"""What whoever asks the store of keys must be let reach: ports, names, files."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from counterseal.adapters import key_source, systemd_credentials
from counterseal.adapters.home import Home
from counterseal.adapters.venue_place import is_address
from counterseal.core.config.model import Keystore

_HTTPS = 443
# Where the machine's role gives credentials.
_METADATA = 80


@dataclass(frozen=True, slots=True)
class Reach:
    """`ports` of TCP; `resolves` tells whether a name is looked up; `files` are read."""

    ports: frozenset[int] = frozenset()
    resolves: bool = False
    files: tuple[Path, ...] = field(default=())


def of(home: Home, settings: Keystore) -> Reach:
    """Give what the store of these settings needs. Raises HomeError."""
    if settings.kind == "systemd":
        found = systemd_credentials.find(settings.credential or "")
        return Reach(files=() if found is None else (found,))
    if settings.kind not in key_source.REMOTE:
        return Reach()
    login = key_source.login_path(home, settings)
    files = [home.root / settings.ca_file] if settings.ca_file else []
    files += [login] if login else []
    if settings.kind == "vault":
        place = urlsplit(f"//{settings.address}") if settings.address else urlsplit(settings.url or "")
        return Reach(frozenset({place.port or _HTTPS}), resolves=False, files=tuple(files))
    endpoint = urlsplit(settings.endpoint or "")
    ports = {endpoint.port or _HTTPS} | (set() if login else {_METADATA})
    return Reach(frozenset(ports), not is_address(endpoint.hostname or "x"), tuple(files))
