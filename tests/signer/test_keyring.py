"""After loading nobody can change a key: the rights of the pages as the kernel tells them, on each level of memory."""

import ctypes
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.homes import SOURCE, make_home

from counterseal.adapters import secret_memory
from counterseal.adapters.home import Home
from counterseal.adapters.secret_memory import SecretMemory
from counterseal.signer import key_page, keyring
from counterseal.signer.filling import Unlocking
from counterseal.signer.keyring import Keyring

UNLOCKING = Unlocking("nowhere", None)


@pytest.fixture(name="lifeline")
def _lifeline(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A lifeline that stays open; the opener finds the code."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    ours, theirs = os.pipe()
    yield ours
    os.close(ours)
    os.close(theirs)


@pytest.fixture(name="level", params=["memfd_secret", "mlock", "none"])
def _level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make this the best level that there is; skip where the kernel does not give it."""
    wanted = str(request.param)
    if wanted != "memfd_secret":
        monkeypatch.setattr(platform, "machine", lambda: "alpha")  # where 447 is another call
    if wanted == "none":
        monkeypatch.setattr(secret_memory._LIBC, "mlock", lambda _start, _size: -1)  # as over the limit
    got = secret_memory.best(key_page.SIZE).level
    if got != wanted:
        pytest.skip(f'this system gives "{got}"')
    return wanted


def rights(memory: SecretMemory) -> set[str]:
    """Give the rights of the mappings that the memory lies in, as in "rw-"; they must cover all of it."""
    start = ctypes.addressof(memory._bytes)
    end, covered, found = start + len(memory), 0, set()
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, flags = line.split()[:2]
        low, high = (int(edge, 16) for edge in place.split("-"))
        shared = min(high, end) - max(low, start)
        if shared > 0:
            covered += shared
            found.add(flags[:3])
    assert covered == len(memory), "the memory is not mapped whole"
    return found


def loaded(home: Home, page_fd: int | None, lifeline: int, *, refill: bool = False) -> Keyring:
    return keyring.load(home, page_fd, UNLOCKING, lifeline, refill=refill, required="none")


def test_rights_are_told_as_they_are() -> None:
    """What the other tests rely on: memory that was not protected can be written."""
    memory = secret_memory.best(key_page.SIZE)
    assert rights(memory) == {"rw-"}
    memory.protect()
    assert rights(memory) == {"r--"}
    memory.wipe()
    assert rights(memory) == {"rw-"}


def test_loaded_keys_can_only_be_read(level: str, home: Home, lifeline: int) -> None:
    ring = loaded(home, None, lifeline)
    assert ring.memory.level == level
    assert set(ring.keys) == {"main", "modern"}
    assert rights(ring.memory) == {"r--"}


@pytest.mark.parametrize("refill", [False, True])
def test_keys_that_a_former_signer_left_can_only_be_read(refill: bool, home: Home, lifeline: int) -> None:
    """Taken over as they lie, or wiped and filled again: both end protected."""
    try:
        kept = secret_memory.descriptor(key_page.SIZE)
    except OSError as fault:
        pytest.skip(f"this system gives no memfd_secret: {fault}")
    try:
        first = loaded(home, kept, lifeline)
        second = loaded(home, kept, lifeline, refill=refill)
    finally:
        os.close(kept)
    assert rights(first.memory) == rights(second.memory) == {"r--"}
    assert set(second.keys) == {"main", "modern"}


def test_no_keys_are_protected_too(tmp_path: Path, lifeline: int) -> None:
    """The caps lie in the same pages."""
    ring = loaded(make_home(tmp_path / "empty"), None, lifeline)
    assert ring.keys == {}
    assert rights(ring.memory) == {"r--"}
