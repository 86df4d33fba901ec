"""Started as root with `process.user`, everything runs as that user, and who he is not is told in one sentence."""

import os
import platform
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from stack import SOURCE, Stack, child_environ

from counterseal.adapters.process import die_with_parent

USER = "nobody"
PATHS = (SOURCE, sysconfig.get_paths()["purelib"])
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def interpreter() -> str | None:
    """A Python of this version that the other user can start; ours may lie in a folder that is closed to him."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        done = subprocess.run(
            [candidate, "-c", "import counterseal.gateway.__main__"], user=USER, group=pwd.getpwnam(USER).pw_gid,
            extra_groups=[], env=environ(), cwd="/", capture_output=True, check=False,
        ) if shutil.which(candidate, path="/") and is_open(Path(candidate)) else None  # fmt: skip
        if done is not None and done.returncode == 0:
            return candidate
    return None


def is_open(program: Path) -> bool:
    """Whether every folder on the way can be entered by all."""
    return all(folder.stat().st_mode & 0o001 for folder in program.resolve().parents)


def environ() -> dict[str, str]:
    return {**child_environ(), "PYTHONPATH": os.pathsep.join(PATHS)}


PYTHON = interpreter() if os.geteuid() == 0 else None


class OwnUser(Stack):
    """An installation whose home belongs to another user; its settings belong to root."""

    def _start(self, *verb: str) -> "subprocess.Popen[bytes]":
        if verb[0] != "up":
            return super()._start(*verb)
        self.hand_over()
        with (self.root / "up.log").open("ab") as log:
            return subprocess.Popen(
                [str(PYTHON), "-P", "-m", "counterseal.cli.main", *verb],
                stdout=log, stderr=log, env=environ(), start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip

    def hand_over(self) -> None:
        user = pwd.getpwnam(USER)
        shutil.copy(self.paper_ca, self.home.root / "paper-ca.pem")
        for path in (self.home.root, *self.home.root.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)
        text = self.config_text().replace(self.paper_ca, "paper-ca.pem")
        self.home.config.write_text(text + f'\n[process]\nuser = "{USER}"\n')
        self.home.config.chmod(0o644)
        os.chown(self.home.config, 0, 0)


@pytest.fixture(name="root")
def _root() -> Iterator[Path]:
    """A folder that everybody can enter, unlike the tests' own."""
    with tempfile.TemporaryDirectory(prefix="counterseal-user-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(PYTHON is None, reason=f"no Python {platform.python_version()} that {USER} can start")
def test_everything_runs_as_the_user_whom_the_settings_name(root: Path) -> None:
    with OwnUser(root / "stack") as stack:
        (root / "stack").chmod(0o755)
        ids = {}
        for name, pid in stack.pids().items():
            lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            ids[name] = {words[0]: words[1:] for words in lines if words}
        uid = str(pwd.getpwnam(USER).pw_uid)
        for name in ("supervisor", "signer", "gateway"):
            assert ids[name]["Uid:"] == [uid] * 4, name
            assert ids[name]["CapEff:"] == ["0" * 16], name
            assert "0" not in (*ids[name]["Gid:"], *ids[name]["Groups:"]), name
        order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
        assert stack.call("POST", "/api/v3/order", order).status == 200
        assert stack.down() == 0
