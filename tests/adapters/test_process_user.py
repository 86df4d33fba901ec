"""Becoming the user of the settings: for good, with one right left until the sandbox takes it, or one sentence."""

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.homes import SOURCE

from counterseal.adapters import process
from counterseal.adapters.home import HomeError

USER = "nobody"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
PROGRAM = """
import os, socket, sys
from pathlib import Path
from counterseal.adapters import process, sandbox
from counterseal.adapters.home import HomeError
from counterseal.adapters.sandbox import profiles
def capabilities():
    return [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "CapPrm"))]
try:
    process.become(sys.argv[1], Path(sys.argv[2]))
except HomeError as fault:
    sys.exit(str(fault))
print(*os.getresuid(), *os.getresgid(), *capabilities())
socket.create_server(("127.0.0.1", 0)).close()
for number in range(1023, 900, -1):
    try:
        socket.create_server(("127.0.0.1", number)).close()
        break
    except OSError as fault:
        refused = fault
else:
    raise refused
try:
    os.setuid(0)
    print("root again")
except PermissionError:
    pass
from counterseal.adapters.sandbox import privileges
print(privileges.drop_capabilities(), *capabilities())
"""


@pytest.fixture(name="home")
def _home() -> Iterator[Path]:
    """A folder of the user's in one that everybody can enter, unlike the tests' own."""
    with tempfile.TemporaryDirectory(prefix="counterseal-user-") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        home.mkdir(0o700)
        yield home


def become(user: str, home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, user, str(home)], capture_output=True, text=True, check=False, timeout=60,
        env={"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]},
    )  # fmt: skip


@as_root
def test_root_becomes_the_user_and_keeps_low_ports_until_the_sandbox(home: Path) -> None:
    user = pwd.getpwnam(USER)
    os.chown(home, user.pw_uid, user.pw_gid)
    done = become(USER, home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        *[str(user.pw_uid)] * 3, *[str(user.pw_gid)] * 3, *["0000000000000400"] * 2, "None", *["0" * 16] * 2,
    ]  # fmt: skip


@as_root
def test_a_home_that_he_cannot_use_is_told(home: Path) -> None:
    done = become(USER, home)
    assert done.returncode == 1
    assert done.stderr == f"the user {USER} cannot use {home}; run: chown -R {USER} {home}, and open the way to it\n"


def test_nobody_of_that_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match=r"^process.user is \"no-such-user\", and there is no such user; make one with"):
        process.become("no-such-user", tmp_path)


def test_being_him_already_needs_no_root(tmp_path: Path) -> None:
    before = os.getresuid()
    process.become(pwd.getpwuid(os.geteuid()).pw_name, tmp_path)
    assert os.getresuid() == before


@as_root
def test_another_user_than_the_one_who_started_it_is_told(home: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from counterseal.adapters import process\n"
        "os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "process.become('root', Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(home)], capture_output=True, text=True, check=False, timeout=60,
        env={"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert 'process.user is "root", and this was started as another user; start it as root' in done.stderr
