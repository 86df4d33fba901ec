"""What an older kernel lacks is told, and is fatal only when it is required."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.homes import SOURCE

from counterseal.adapters.sandbox import SandboxError, landlock, seccomp
from counterseal.adapters.sandbox.report import Report, in_words

WITHOUT = Path(__file__).with_name("kernel_without.py")
ENTER = """
import json, sys
from counterseal.adapters import sandbox
from counterseal.adapters.sandbox import profiles
try:
    report = sandbox.enter(profiles.signer(), required="require" in sys.argv)
except sandbox.SandboxError as fault:
    sys.exit(str(fault))
print(json.dumps(report.as_data()))
"""
pytestmark = pytest.mark.skipif(seccomp.lack() is not None, reason=f"no seccomp to pretend with: {seccomp.lack()}")


def enter(tmp_path: Path, lacks: str, *more: str) -> "subprocess.CompletedProcess[str]":
    program = tmp_path / "enter.py"
    program.write_text(ENTER)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, str(WITHOUT), lacks, str(program), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)


def test_no_landlock_is_told(tmp_path: Path) -> None:
    done = enter(tmp_path, "landlock")
    report = json.loads(done.stdout)
    assert (report["no_new_privs"], report["seccomp"], report["landlock"]) == (True, True, 0)
    assert report["lacking"] == ["no Landlock: the kernel has none, or it is switched off"]


def test_no_seccomp_is_told(tmp_path: Path) -> None:
    report = json.loads(enter(tmp_path, "seccomp").stdout)
    assert (report["seccomp"], report["landlock"]) == (False, landlock.abi())
    assert report["lacking"][-1] == "no seccomp: the kernel refused the filter (Function not implemented)"


def test_everything_missing_is_told(tmp_path: Path) -> None:
    report = json.loads(enter(tmp_path, "landlock,prctl").stdout)
    assert (report["no_new_privs"], report["seccomp"], report["landlock"]) == (False, False, 0)
    assert len(report["lacking"]) == 3


@pytest.mark.parametrize(
    ("lacks", "sentence"),
    [
        ("landlock", "the kernel lacks Landlock ABI 4, Linux 6.7 (found none)"),
        ("prctl", "the kernel lacks seccomp (the kernel has no seccomp)"),
        ("landlock,prctl", "lacks seccomp (the kernel has no seccomp) and Landlock ABI 4, Linux 6.7 (found none)"),
        ("seccomp", "the sandbox of the signer is required and not whole: "),
    ],
)
def test_required_and_missing_ends_in_one_sentence(tmp_path: Path, lacks: str, sentence: str) -> None:
    if landlock.abi() < landlock.ABI_TCP:
        pytest.skip(f"this kernel's Landlock is version {landlock.abi()}")
    done = enter(tmp_path, lacks, "require")
    assert done.returncode == 1
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1


def test_more_than_one_thread_is_refused() -> None:
    """Landlock would hold the calling thread alone."""
    program = (
        "import threading; from counterseal.adapters.sandbox import enter, profiles\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "enter(profiles.signer())"
    )
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60, env=environ
    )
    assert f"{SandboxError.__name__}: the signer has more than one thread" in done.stderr


@pytest.mark.parametrize(
    ("version", "rights", "tcp", "scopes"),
    [
        (1, (1 << 13) - 1, 0, 0),
        (2, (1 << 14) - 1, 0, 0),
        (3, (1 << 15) - 1, 0, 0),
        (4, (1 << 15) - 1, 3, 0),
        (5, (1 << 16) - 1, 3, 0),
        (6, (1 << 16) - 1, 3, 3),
        (7, (1 << 16) - 1, 3, 3),
        (9, (1 << 16) - 1, 3, 3),
    ],
)
def test_a_version_is_asked_for_what_it_knows(version: int, rights: int, tcp: int, scopes: int) -> None:
    ruleset = landlock.Ruleset(landlock.ALL, (), frozenset({443}), scoped=True)
    expected = b"".join(value.to_bytes(8, "little") for value in (rights, tcp, scopes))
    assert landlock.attributes(ruleset, version) == expected
    bare = landlock.Ruleset(landlock.WRITES, (), None, scoped=False)
    assert landlock.attributes(bare, version)[8:] == bytes(16)


def test_reports_in_words() -> None:
    whole = Report("gateway", no_new_privs=True, seccomp=True, landlock=7)
    assert in_words(whole.as_data()) == "no_new_privs yes, seccomp yes, Landlock ABI 7"
    less = Report("signer", no_new_privs=True, seccomp=False, landlock=0, lacking=("no A", "no B"))
    assert in_words(less.as_data()) == "no_new_privs yes, seccomp no, Landlock no; lacking: no A; no B"
    assert in_words(None) == "no sandbox reported"
    assert json.loads(json.dumps(less.as_data())) == less.as_data()
