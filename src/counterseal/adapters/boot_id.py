"""The kernel's name for this boot of the machine: another one tells that the page cache was lost in between."""

from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def read(path: Path = BOOT_ID) -> str:
    """Give the boot's id, "" where the kernel does not tell: then nobody can say that it is the same boot."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
