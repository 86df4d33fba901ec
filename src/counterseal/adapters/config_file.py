"""counterseal.toml on disk: only a plain file that nobody but us can write is believed."""

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config, Fault
from counterseal.core.config.syntax import MAX_SIZE


class Loaded(NamedTuple):
    """What a file means, or its faults; and the very bytes that were judged."""

    found: Config | tuple[Fault, ...]
    content: bytes


def read(path: Path) -> Config | tuple[Fault, ...]:
    """Read and judge the file at `path`.

    Gives a Config whose `venue.ca_file` is absolute, or all faults; those of the file itself have line 0
    and the path as their setting. Never raises for what stands at `path`.
    """
    return read_whole(path).found


def read_whole(path: Path) -> Loaded:
    """Read and judge the file at `path`, and give what was read."""
    descriptor = open_only(path)
    if isinstance(descriptor, Fault):
        return Loaded((descriptor,), b"")
    try:
        return read_open(path, descriptor)
    finally:
        os.close(descriptor)


def read_open(path: Path, descriptor: int) -> Loaded:
    """Read and judge the file that `open_only` opened, perhaps in another process; `path` is for words only."""
    # The descriptor is judged, not the name: what is read is what was judged.
    data = _mistrust(path, os.fstat(descriptor)) or _content(path, descriptor)
    if isinstance(data, Fault):
        return Loaded((data,), b"")
    return Loaded(_judged(path, data), data)


def _judged(path: Path, data: bytes) -> Config | tuple[Fault, ...]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        return (Fault(line, str(path), "is not UTF-8", "save it as UTF-8"),)
    found = load(text)
    if not isinstance(found, Config):
        return found
    if not data.endswith(b"\n"):
        # A number of which the last digits are missing is a number too.
        line = data.count(b"\n") + 1
        cause = "does not end with a line break, so that it may have been cut short"
        return (Fault(line, str(path), cause, "check its last line, and end it with a line break"),)
    return _with_absolute_ca_file(found, path)


def open_only(path: Path) -> int | Fault:
    """Open the file for reading without judging it; the caller closes it."""
    try:
        # Without O_NONBLOCK a pipe in the file's place would hang us before it can be refused.
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as problem:
        return _unopened(path, problem)


def _content(path: Path, descriptor: int) -> bytes | Fault:
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_SIZE + 1)
    except OSError as problem:
        return Fault(0, str(path), f"cannot be read ({problem.strerror})", "check the disk")


def _unopened(path: Path, problem: Exception) -> Fault:
    if isinstance(problem, OSError) and problem.errno == errno.ELOOP:
        return Fault(0, str(path), "is a symbolic link", "put the file itself there, or name the file it points to")
    if isinstance(problem, FileNotFoundError):
        return Fault(0, str(path), "does not exist", "make one with `counterseal init`, or name another with --home")
    if isinstance(problem, PermissionError):
        return Fault(0, str(path), "may not be read by this user", "give it to the user that runs counterseal")
    cause = os.strerror(problem.errno) if isinstance(problem, OSError) and problem.errno else "no path of a file"
    return Fault(0, str(path), f"cannot be opened ({cause})", "name a plain file")


def _mistrust(path: Path, status: os.stat_result) -> Fault | None:
    if not stat.S_ISREG(status.st_mode):
        return Fault(0, str(path), "is not a plain file", "name a plain file")
    if status.st_uid not in (os.geteuid(), 0):
        return Fault(0, str(path), "belongs to another user", "make it yours with chown, after checking what it holds")
    if status.st_mode & 0o022:
        return Fault(0, str(path), "can be written by others", f"check what it holds, then chmod go-w {path}")
    return None


def _with_absolute_ca_file(config: Config, path: Path) -> Config:
    if config.venue.ca_file is None:
        return config
    ca_file = str(path.absolute().parent / config.venue.ca_file)
    return replace(config, venue=replace(config.venue, ca_file=ca_file))
