"""Secret memory: which level is got, that it is zero, keeps, protects, wipes, and outlives its process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.homes import SOURCE

from counterseal.adapters import secret_memory
from counterseal.adapters.secret_memory import SecretMemory

SIZE = 64 * 1024


@pytest.fixture(name="memory", params=["memfd_secret", "mlock"])
def _memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SecretMemory:
    if request.param == "mlock":
        monkeypatch.setattr(secret_memory.platform, "machine", lambda: "alpha")  # where 447 is another call
    memory = secret_memory.best(SIZE)
    assert memory.level == request.param
    return memory


def filled(memory: SecretMemory, content: bytes) -> None:
    read, write = os.pipe()
    os.write(write, content)
    os.close(write)
    assert memory.read_from(read, 100, 100 + 4096) == len(content)
    assert memory.read_from(read, 100, 200) == 0
    os.close(read)


def test_is_zero_and_filled_from_a_descriptor_within_its_place(memory: SecretMemory) -> None:
    assert len(memory) == SIZE
    assert bytes(memory.view()) == bytes(SIZE)
    filled(memory, b"k" * 50)
    assert bytes(memory.view()[100:150]) == b"k" * 50
    assert bytes(memory.view()[:100]) == bytes(100)
    assert bytes(memory.view()[150:]) == bytes(SIZE - 150)


def test_wiping_leaves_nothing_also_after_protection(memory: SecretMemory) -> None:
    filled(memory, b"k" * 50)
    memory.protect()
    assert bytes(memory.view()[100:150]) == b"k" * 50
    memory.wipe()
    assert bytes(memory.view()) == bytes(SIZE)
    filled(memory, b"new")


def test_a_write_to_protected_memory_ends_the_process() -> None:
    program = (
        "from counterseal.adapters import secret_memory\n"
        "m = secret_memory.best(4096); m.protect(); print(m.view()[0], flush=True); m.view()[0] = 1"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, check=False
    )
    assert done.stdout == b"0\n"
    assert done.returncode == -signal.SIGSEGV


def test_a_descriptor_is_mapped_by_another_process_after_the_first_was_killed() -> None:
    fd = secret_memory.descriptor(4096)
    program = (
        "import sys, os, signal; from counterseal.adapters import secret_memory\n"
        f"m = secret_memory.mapped({fd}, 4096); m.view()[7:10] = b'abc'; os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(SOURCE)}, pass_fds=[fd], check=False)
    assert done.returncode == -signal.SIGKILL
    memory = secret_memory.mapped(fd, 4096)
    assert bytes(memory.view()[6:11]) == b"\0abc\0"
    assert memory.level == "memfd_secret"
    secret_memory.mapped(fd, 4096).wipe()
    assert bytes(memory.view()) == bytes(4096)
    os.close(fd)


def test_a_descriptor_of_another_size_is_refused() -> None:
    fd = secret_memory.descriptor(8192)
    with pytest.raises(OSError, match="another size"):
        secret_memory.mapped(fd, 4096)
    os.close(fd)


@pytest.mark.threat(28)
def test_another_descriptor_of_the_process_cannot_read_it() -> None:
    """What the kernel refuses even to ourselves: reading the pages by /proc, where root reads everything else."""
    memory = secret_memory.best(SIZE)
    filled(memory, b"k" * 50)
    start = secret_memory.ctypes.addressof(memory._bytes)
    with open("/proc/self/mem", "rb", buffering=0) as mem, pytest.raises(OSError, match="Input/output error"):
        os.pread(mem.fileno(), 4096, start)


def test_a_child_has_no_copy_of_locked_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_memory.platform, "machine", lambda: "alpha")
    memory = secret_memory.best(SIZE)
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmLck"))
    assert int(line.split()[1]) >= SIZE // 1024
    flags = Path("/proc/self/smaps").read_text()
    address = f"{secret_memory.ctypes.addressof(memory._bytes):x}-"
    own = flags[flags.index(address) :].split("VmFlags:")[1].splitlines()[0].split()
    assert {"dd", "dc", "lo"} <= set(own), own


@pytest.mark.parametrize(
    ("level", "required", "enough"),
    [
        ("memfd_secret", "memfd_secret", True),
        ("memfd_secret", "none", True),
        ("mlock", "memfd_secret", False),
        ("mlock", "mlock", True),
        ("none", "mlock", False),
        ("none", "none", True),
    ],
)
def test_levels_are_ordered(level: str, required: str, enough: bool) -> None:
    assert secret_memory.reaches(level, required) is enough
    assert required in secret_memory.shortfall(level, required)
