"""What this host has left, against what other tools say."""

import os
import shutil
from pathlib import Path

import pytest

from counterseal.adapters import host_probes
from counterseal.adapters.host_probes import HostProbes, disk_used, memory_limit, open_probes

V2 = "0::/user.slice/job\n"
V1 = "9:name=systemd:/\n4:cpu,memory:/box/inner\n0::/\n"


def test_the_disk_is_what_df_says(tmp_path: Path) -> None:
    """Used by used and free to us; root's part counts as neither."""
    probes = open_probes(tmp_path)
    told = shutil.disk_usage(tmp_path)
    assert probes.disk() == pytest.approx(told.used / (told.used + told.free), abs=0.01)


def test_the_memory_is_what_the_kernel_says(tmp_path: Path) -> None:
    """Resident bytes: 64 MiB that are written to are seen."""
    probes = open_probes(tmp_path)
    before = probes.memory() * memory_limit()
    held = bytearray(64 << 20)
    held[:: os.sysconf("SC_PAGE_SIZE")] = b"x" * len(held[:: os.sysconf("SC_PAGE_SIZE")])
    assert probes.memory() * memory_limit() - before > 48 << 20
    assert 0 < probes.memory() < 1


def group(root: Path, path: str, name: str, text: str) -> None:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_the_least_limit_above_us_counts(tmp_path: Path) -> None:
    """Of version 2: our own group has none, the one above has."""
    group(tmp_path, "user.slice/job", "memory.max", "max\n")
    group(tmp_path, "user.slice", "memory.max", f"{512 << 20}\n")
    assert memory_limit(V2, tmp_path) == 512 << 20


def test_version_1_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """Its number near 2**63 stands for no limit."""
    group(tmp_path, "memory/box/inner", "memory.limit_in_bytes", f"{256 << 20}\n")
    group(tmp_path, "memory", "memory.limit_in_bytes", "9223372036854771712\n")
    assert memory_limit(V1, tmp_path) == 256 << 20


def test_inside_a_container_the_root_is_ours(tmp_path: Path) -> None:
    """The path that the kernel tells does not exist there."""
    group(tmp_path, ".", "memory.max", f"{128 << 20}\n")
    assert memory_limit("0::/../../elsewhere/box\n", tmp_path) <= 128 << 20
    assert memory_limit("0::/elsewhere/box\n", tmp_path) == 128 << 20


def test_without_any_limit_it_is_the_host_s_memory(tmp_path: Path) -> None:
    """Also where there is no list of groups at all."""
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory_limit("", tmp_path) == memory_limit(V2, tmp_path) == whole
    assert 0 < memory_limit() <= whole


def test_a_host_that_does_not_show_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is watched all the same."""
    opened = os.open

    def refusing(path: object, *more: int) -> int:
        if path == "/proc/self/statm":
            raise PermissionError(13, "Permission denied")
        return opened(path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(host_probes.os, "open", refusing)
    probes = open_probes(tmp_path)
    assert probes.memory() == 0.0
    assert 0 < probes.disk() < 1


def test_a_descriptor_that_is_gone_is_an_error() -> None:
    """Health takes it as a disk that fails."""
    with pytest.raises(OSError, match="descriptor"):
        disk_used(9_999)
    assert (HostProbes().disk(), HostProbes().memory()) == (0.0, 0.0)
