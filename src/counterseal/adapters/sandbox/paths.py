"""Paths that a Python process of ours reads while it runs, as grants that leave out a folder.

Landlock cannot take away what lies below an allowed folder. Where the folder to be left out lies in one that Python
needs, what stands beside it is allowed one by one.
"""

import ssl
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import counterseal
from counterseal.adapters.sandbox.landlock import READ, READ_DIR, READ_FILE, WRITE_FILE, Grant

# Libraries, time zones, certificates. Store folders are where Nix and Guix keep all of these.
_SYSTEM = ("/usr", "/lib", "/lib64", "/nix/store", "/gnu/store", "/sys/devices/system/cpu")
_DEVICES = ("/dev/urandom", "/dev/random", "/dev/zero")
_RESOLVER = Path("/etc/resolv.conf")


def python(leave_out: Path) -> tuple[Grant, ...]:
    """Grants to import what is imported late and to load its libraries; nothing below `leave_out`."""
    wanted = [Path(name) for name in (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path, *_SYSTEM)]
    wanted += [package_directory(), *(Path(name) for name in _DEVICES)]
    found = [grant for path in _distinct(wanted) for grant in beside(path, leave_out)]
    return (*found, Grant(Path("/dev/null"), READ_FILE | WRITE_FILE))


def network(leave_out: Path) -> tuple[Grant, ...]:
    """Grants to resolve names and to verify certificates; nothing below `leave_out`.

    /etc whole: resolv.conf and hosts are replaced while we run, and a rule on the old file would not hold for the new.
    """
    trust = ssl.get_default_verify_paths()
    named = (trust.cafile, trust.capath, trust.openssl_cafile, trust.openssl_capath)
    wanted = [Path("/etc"), *(Path(name) for name in named if name), *_resolver()]
    return tuple(grant for path in _distinct(wanted) for grant in beside(path, leave_out))


def package_directory() -> Path:
    """Where this package was imported from."""
    return Path(counterseal.__file__).resolve().parent


def beside(path: Path, leave_out: Path) -> Iterator[Grant]:
    """Grants to read what is below `path` but not below `leave_out`; names of folders may be listed all the same."""
    path, leave_out = path.resolve(), leave_out.resolve()
    if path.is_relative_to(leave_out):
        return
    if not leave_out.is_relative_to(path):
        yield Grant(path, READ)
        return
    yield Grant(path, READ_DIR)
    for child in sorted(path.iterdir()):
        if not child.is_symlink():
            yield from beside(child, leave_out)


def _resolver() -> Iterator[Path]:
    """Where resolv.conf really lies; its folder, unless that is one as wide as /run."""
    real = _RESOLVER.resolve()
    yield real.parent if len(real.parent.parts) > 2 else real


def _distinct(paths: Iterable[Path]) -> list[Path]:
    """What exists, once, without what lies below another of them."""
    real = {path.resolve() for path in paths if path.is_absolute() and path.exists() and path != Path("/")}
    return sorted(path for path in real if not any(path.is_relative_to(other) for other in real - {path}))
