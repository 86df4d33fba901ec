"""Landlock: which paths, TCP ports, signals and abstract sockets this process may still reach.

Rules name what is allowed; what the ruleset handles and no rule allows is refused with EACCES. A rule on a folder
holds for all below it, so nothing below an allowed folder can be taken away again (see `paths`).
"""

import os
import stat
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from counterseal.adapters.sandbox.kernel import KernelError, system_call

# The numbers are the same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_RULE_PATH, _RULE_PORT = 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

READ = READ_FILE | READ_DIR
WRITES = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | sum(1 << bit for bit in range(6, 13)) | REFER | TRUNCATE
ALL = EXECUTE | READ | WRITES | IOCTL_DEV
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

BIND_TCP, CONNECT_TCP = 1, 2
ABSTRACT_SOCKETS, SIGNALS = 1, 2

ABI_TRUNCATE, ABI_TCP, ABI_IOCTL, ABI_SCOPES = 3, 4, 5, 6


@dataclass(frozen=True, slots=True)
class Grant:
    """Rights on a path; on a folder they hold for all below it. A path that does not exist is left out."""

    path: Path
    rights: int


@dataclass(frozen=True, slots=True)
class Ruleset:
    """`handled` rights need a grant. `connect` are the TCP ports, None leaves TCP alone.

    `binds` lets a socket take an address of this host with any free port, never a port of its choice. `scoped` keeps
    signals and abstract UNIX sockets inside what this process and its children are.
    """

    handled: int
    grants: tuple[Grant, ...]
    connect: frozenset[int] | None
    scoped: bool
    binds: bool = False


def abi() -> int:
    """Give the kernel's version of Landlock, 0 without one. Changes nothing."""
    try:
        return system_call(_CREATE_RULESET, 0, 0, _ASK_VERSION)
    except KernelError:
        return 0


def known_rights(version: int) -> int:
    """Give the rights that a version can handle."""
    rights = (1 << 13) - 1
    for since, right in ((2, REFER), (ABI_TRUNCATE, TRUNCATE), (ABI_IOCTL, IOCTL_DEV)):
        rights |= right if version >= since else 0
    return rights


def attributes(ruleset: Ruleset, version: int) -> bytes:
    """Give the kernel's struct landlock_ruleset_attr: as much of the ruleset as this version knows."""
    tcp = BIND_TCP | CONNECT_TCP if ruleset.connect is not None and version >= ABI_TCP else 0
    scopes = ABSTRACT_SOCKETS | SIGNALS if ruleset.scoped and version >= ABI_SCOPES else 0
    return struct.pack("=QQQ", ruleset.handled & known_rights(version), tcp, scopes)


def restrict(ruleset: Ruleset) -> int:
    """Hold this thread, and all that it starts, to the ruleset; give the version in force, 0 without Landlock.

    Needs no_new_privs. Raises KernelError when the kernel has Landlock and refuses.
    """
    version = abi()
    if version == 0:
        return 0
    handled = attributes(ruleset, version)
    fd = system_call(_CREATE_RULESET, handled, len(handled), 0)
    try:
        for grant in ruleset.grants:
            _add_path(fd, grant, ruleset.handled & known_rights(version))
        if version >= ABI_TCP:
            _add_ports(fd, CONNECT_TCP, ruleset.connect or ())
            _add_ports(fd, BIND_TCP, (0,) if ruleset.binds else ())
        system_call(_RESTRICT_SELF, fd, 0)
    finally:
        os.close(fd)
    return version


def _add_path(fd: int, grant: Grant, handled: int) -> None:
    with _opened(grant.path) as target:
        if target is None:
            return
        is_folder = stat.S_ISDIR(os.fstat(target).st_mode)
        rights = grant.rights & handled & (ALL if is_folder else _OF_FILES)
        if rights:
            system_call(_ADD_RULE, fd, _RULE_PATH, struct.pack("=Qi", rights, target), 0)


def _add_ports(fd: int, right: int, ports: Iterable[int]) -> None:
    for port in ports:
        system_call(_ADD_RULE, fd, _RULE_PORT, struct.pack("=QQ", right, port), 0)


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # missing, or on the way to it a folder that is closed to us: nothing to allow
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)
