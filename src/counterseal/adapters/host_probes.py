"""What this host has left: the disk of the journal and this process's memory, as shares of 1.

Made before the sandbox closes: afterwards neither /proc nor the limits can be opened.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
# Numbers above this stand for "no limit" (version 1 writes a number near 2**63).
_NO_LIMIT = 1 << 60
_PAGE = os.sysconf("SC_PAGE_SIZE")


def nothing_used() -> float:
    """Stand for what cannot be measured here."""
    return 0.0


@dataclass(frozen=True, slots=True)
class HostProbes:
    """Each gives the share that is used. Both raise OSError when the kernel does not tell."""

    disk: Callable[[], float] = nothing_used
    memory: Callable[[], float] = nothing_used


def open_probes(folder: Path) -> HostProbes:
    """Open both; memory counts as unused where the host does not show it. Raises OSError for the folder."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        usage = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return HostProbes(lambda: disk_used(directory))
    limit = memory_limit()
    return HostProbes(lambda: disk_used(directory), lambda: memory_used(usage) / limit)


def disk_used(directory: int) -> float:
    """Give the used share of an open folder's file system, as df does: root's part is neither used nor free."""
    told = os.fstatvfs(directory)
    used = told.f_blocks - told.f_bfree
    return used / max(1, used + told.f_bavail)


def memory_used(usage: int) -> int:
    """Give the resident bytes from an open /proc/self/statm."""
    return int(os.pread(usage, 128, 0).split()[1]) * _PAGE


def memory_limit(groups: str | None = None, root: Path = _CGROUPS) -> int:
    """Give the bytes that this process may use: the least of its control group's limits and the host's memory.

    `groups` is the text of /proc/self/cgroup, by default this process's.
    """
    try:
        text = Path("/proc/self/cgroup").read_text(encoding="ascii") if groups is None else groups
    except OSError:
        text = ""
    limits = [os.sysconf("SC_PHYS_PAGES") * _PAGE]
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            limits += _limits(root, path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits(root / "memory", path, "memory.limit_in_bytes")
    return min(limits)


def _limits(root: Path, path: str, name: str) -> list[int]:
    """Give the limits of a group and of all above it; inside a container its own path may not be there."""
    folder, found = root / path.lstrip("/"), []
    for group in (folder, *folder.parents):
        try:
            told = (group / name).read_text(encoding="ascii").strip()
        except OSError:
            told = ""
        if told.isdigit() and 0 < int(told) < _NO_LIMIT:
            found.append(int(told))
        if group == root:
            break
    return found
