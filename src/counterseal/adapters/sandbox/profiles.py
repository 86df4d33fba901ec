"""What each process may do once it has started. Everything else is refused by the kernel."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from counterseal.adapters.home import Home
from counterseal.adapters.sandbox import calls, paths
from counterseal.adapters.sandbox.landlock import (
    ALL,
    IOCTL_DEV,
    MAKE_DIR,
    MAKE_REG,
    READ,
    READ_FILE,
    REMOVE_FILE,
    TRUNCATE,
    WRITE_FILE,
    WRITES,
    Grant,
    Ruleset,
)
from counterseal.adapters.sandbox.rules import Rules

_APPEND = READ | WRITE_FILE | MAKE_REG
_KEEP = _APPEND | TRUNCATE
_DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class Profile:
    """A process's name, the paths, ports and signals that it may reach, and the system calls that it may make."""

    name: str
    ruleset: Ruleset
    calls: Rules


def signer() -> Profile:
    """The serving signer: it reads and answers on what it has inherited, and reaches nothing at all."""
    return Profile("signer", Ruleset(ALL, (), frozenset(), scoped=True), calls.serving())


def signer_with_token(home: Home, readable: Iterable[Path], writable: Iterable[Path]) -> Profile:
    """The signer of keys in a PKCS#11 token, whose module opens files and may ask a daemon (a UNIX socket).

    `readable` and `writable` are what the module needs of the token's own; the home is closed to it.
    """
    own = (*_each(readable, READ), *_each(writable, READ | WRITES | IOCTL_DEV))
    grants = (*own, *paths.python(home.root), *paths.beside(Path("/etc"), home.root))
    return Profile("signer", Ruleset(ALL, grants, frozenset(), scoped=False), calls.token())


def gateway(
    home: Home,
    *,
    ports: Iterable[int],
    resolves: bool,
    ca_file: Path | None,
    listeners: Iterable[int],
    binds: bool = False,
) -> Profile:
    """The gateway: no path of keys, its own journal, log and marks to write, TCP to `ports` of the exchange only.

    `resolves` tells whether host names must be looked up. `listeners` are the descriptors that it may listen on;
    `binds` lets its connections leave from an address of its choice.
    The folder `run/replay` must exist.
    """
    own = (
        Grant(home.config, READ_FILE),  # for the start; a changed one comes as a descriptor from the supervisor
        Grant(home.recipients, READ_FILE),
        Grant(home.gateway_identity, READ_FILE),
        Grant(home.bots, READ),
        Grant(home.logs, _APPEND),
        Grant(home.journal, _KEEP),
        Grant(home.run / "replay", _KEEP),
    )
    trust = () if ca_file is None else (Grant(ca_file, READ_FILE),)
    grants = (*own, *trust, *paths.python(home.root), *paths.network(home.root))
    reachable = frozenset(ports) | (frozenset({_DNS_PORT}) if resolves else frozenset())
    ruleset = Ruleset(ALL, grants, reachable, scoped=True, binds=binds)
    return Profile("gateway", ruleset, calls.gateway(frozenset(listeners), binds=binds))


def supervisor(home: Home, more: Iterable[Path] = ()) -> Profile:
    """The supervisor: whatever its children may, because they inherit it. It writes below run, logs and journal only.

    `more` are further folders that a child writes.
    """
    written = (*_each((home.run, home.logs, home.journal), _KEEP | REMOVE_FILE | MAKE_DIR), *_each(more, WRITES))
    grants = (*written, Grant(Path("/dev/null"), WRITE_FILE))
    return Profile("supervisor", Ruleset(WRITES, grants, None, scoped=True), calls.supervisor())


def opener(home: Home) -> Profile:
    """The short-lived helper that opens the key file: it reads keys and identities, writes nothing, calls nobody."""
    own = (*_each(_sealed(home), READ), Grant(home.recipients, READ_FILE))
    return Profile("opener", Ruleset(ALL, (*own, *paths.python(home.root)), frozenset(), scoped=True), calls.opener())


def minter(home: Home, certificates: Path) -> Profile:
    """The short-lived helper that makes certificates: it reads and writes keys and certificates, and calls nobody."""
    own = _each((*_sealed(home), certificates, home.run), _KEEP | REMOVE_FILE)
    grants = (*own, *paths.python(home.root))
    return Profile("minter", Ruleset(ALL, grants, frozenset(), scoped=True), calls.opener())


def _sealed(home: Home) -> tuple[Path, Path]:
    return home.exchange_keys.parent, home.signer_identity.parent


def reading(profile: Profile, *more: Path) -> Profile:
    """The same with further paths to read, such as certificates that are exchanged while running."""
    ruleset = profile.ruleset
    return replace(profile, ruleset=replace(ruleset, grants=(*ruleset.grants, *_each(more, READ))))


def appending(profile: Profile, *more: Path) -> Profile:
    """The same with further folders in which files may be made and added to, but not cut, replaced or removed."""
    ruleset = profile.ruleset
    return replace(profile, ruleset=replace(ruleset, grants=(*ruleset.grants, *_each(more, _APPEND))))


def _each(folders: Iterable[Path], rights: int) -> tuple[Grant, ...]:
    return tuple(Grant(folder, rights) for folder in folders)
