"""The certificates' helper, started by a supervisor in its sandbox, still makes a certificate, and nothing else."""

import os
import subprocess
import sys

import pytest
from tests.homes import SOURCE, make_home

from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import Home
from counterseal.adapters.sandbox import landlock

PROGRAM = """
import subprocess, sys
from pathlib import Path
from counterseal.adapters.home import Home
from counterseal.supervisor.confinement import confine
confine(Home(Path(sys.argv[1])), "best")
sys.exit(subprocess.call([sys.executable, "-m", "counterseal.supervisor.ca_mint", "--home", sys.argv[1]]))
"""


@pytest.fixture(name="home")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(tmp_path_factory.mktemp("minted") / "home")


def run(home: Home, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", *command, str(home.root)], capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)},
    )  # fmt: skip


def test_a_leaf_is_renewed_inside_the_supervisor_s_sandbox(home: Home) -> None:
    """The first one, and the CA, are made before the supervisor closes its own; later ones inside."""
    first = run(home, "-m", "counterseal.supervisor.ca_mint", "--home")
    assert (first.returncode, first.stderr) == (0, "")
    files = CaFiles(home)
    before = files.leaf.read_bytes()
    files.leaf.unlink()

    later = run(home, "-c", PROGRAM)
    assert (later.returncode, later.stderr) == (0, "")
    assert files.leaf.read_bytes() != before


@pytest.mark.skipif(not landlock.abi(), reason="the kernel has no Landlock")
def test_no_ca_is_made_inside_it(home: Home) -> None:
    """Its key would have to be written beside the exchange's."""
    (home.root / "tls").mkdir(0o700)
    done = run(home, "-c", PROGRAM)
    assert done.returncode == 1
    assert "certificate not renewed" in done.stderr and len(done.stderr.splitlines()) == 1
    assert list((home.root / "keys").iterdir()) == []
