"""What root sees of a process: its memory by /proc, a core file made by a debugger; and kernels that lack a call."""

import ctypes
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stack import Stack, child_environ
from tests.leaks import Leak, Scanner

from counterseal.adapters.process import die_with_parent

PIECE = 8 << 20
OVERLAP = 4096
MEMFD_SECRET, MLOCK, MLOCK2 = 447, 149, 325  # x86-64
AARCH64 = {MLOCK: 228, MLOCK2: 284}
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (....) [0-9a-f]+ \S+ (\d+) *(.*)")


@dataclass
class Seen:
    """What was read of a process: how many bytes, which mappings root could not read, what was found."""

    size: int = 0
    closed: list[str] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)


def look(name: str, pid: int, scanner: Scanner) -> Seen:
    """Read all memory of a process that it did not map unchanged from a file, as root, and look for secrets."""
    seen = Seen()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, what in _mappings(pid):
            try:
                for piece in _pieces(memory.fileno(), start, end):
                    seen.size += len(piece)
                    seen.leaks += scanner.scan(f"{name} {what or 'anonymous'}", piece)
            except OSError:
                seen.closed.append(what)
    return seen


def _mappings(pid: int) -> Iterator[tuple[int, int, str]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        start, end, rights, inode, what = _MAPPING.fullmatch(line).groups()  # type: ignore[union-attr]  # the kernel's form
        from_file = inode != "0" and "w" not in rights and "secretmem" not in what
        if "r" in rights and not from_file and what not in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
            yield int(start, 16), int(end, 16), what


def _pieces(fd: int, start: int, end: int) -> Iterator[bytes]:
    at = start
    while at < end:
        piece = os.pread(fd, min(PIECE, end - at), at)
        yield piece
        # What lies across two pieces is seen whole in one of them.
        at += len(piece) if at + len(piece) >= end else len(piece) - OVERLAP


def core_of(pid: int, folder: Path) -> bytes:
    """Have gdb write a core file of the running process, everything included, and give its content; no file stays."""
    target = folder / "core"
    command = ["gdb", "--batch", "-p", str(pid), "-ex", "set use-coredump-filter off", "-ex",
               "set dump-excluded-mappings on", "-ex", f"gcore {target}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert target.exists(), done.stderr[-2000:]
    try:
        return target.read_bytes()
    finally:
        target.unlink()


def has_debugger() -> bool:
    """Tell whether there is gdb, and we are root."""
    return os.geteuid() == 0 and shutil.which("gdb") is not None


def without(*calls: int) -> Callable[[], None]:
    """Give what makes a process one of a kernel that lacks these calls (seccomp: ENOSYS); its children too."""
    numbers = [AARCH64.get(call, call) if os.uname().machine == "aarch64" else call for call in calls]
    code = [(0x20, 0, 0, 0)]  # load the call's number
    code += [(0x15, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    code += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x00050000 | 38)]  # allow; ENOSYS
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in code))
    head = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", len(code), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    held = (program, head)

    def apply() -> None:
        assert held
        assert libc.prctl(38, 1, 0, 0, 0) == 0
        assert libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(head)), 0, 0) == 0

    return apply


@dataclass
class LackingStack(Stack):
    """A stack whose supervisor and all that it starts run on a kernel without some calls."""

    lacking: tuple[int, ...] = ()

    def _start(self, *verb: str) -> "subprocess.Popen[bytes]":
        if verb[0] != "up":
            return super()._start(*verb)
        apply = without(*self.lacking)

        def prepare() -> None:
            die_with_parent()
            apply()

        with (self.root / "up.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "counterseal.cli.main", *verb],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=child_environ(), start_new_session=True,
                preexec_fn=prepare,
            )  # fmt: skip
