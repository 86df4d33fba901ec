"""Autobahn's test cases as third-party code: installed by hash in an environment of their own, run as processes.

`python tests/conformance/suite.py install` makes the environment; tests skip where it is missing.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1] / ".env" / "conformance"
PROGRAM, STAMP, LOCK = ROOT / "bin" / "kosoku", ROOT / "stamp", HERE / "requirements.txt"
HOW = "Autobahn's cases are not installed; run: python tests/conformance/suite.py install"
AT_ONCE = 12
LONGEST_S = 300


class Outcome(NamedTuple):
    """How a case ended: the judgement, that of the goodbye, and the close code that we sent."""

    behavior: str
    goodbye: str
    code: int | None


def is_installed() -> bool:
    """Whether the environment is made from the lock as it stands."""
    return PROGRAM.exists() and STAMP.exists() and STAMP.read_text() == _digest()


def require() -> None:
    """Skip where it is not installed; in CI that is a failure."""
    import pytest  # the installer runs where there is none

    if not is_installed():
        (pytest.fail if os.environ.get("COUNTERSEAL_CI") else pytest.skip)(HOW)


def install() -> None:
    """Make the environment: wheels only, hashes required."""
    shutil.rmtree(ROOT, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(ROOT)], check=True)
    pip = [str(ROOT / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)], check=True)
    STAMP.write_text(_digest())


def _digest() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def try_server(port: int, cases: Iterable[str], scratch: Path) -> dict[str, Outcome]:
    """Run these cases (all: none named) against the server on that port of this host."""
    chosen = [part for case in cases for part in ("-i", case)]
    command = [PROGRAM, "-p", str(AT_ONCE), *chosen, "-o", scratch, f"127.0.0.1:{port}"]
    with (scratch.parent / "suite.log").open("ab") as log:
        subprocess.run(command, stdout=log, stderr=log, timeout=LONGEST_S, check=False)
    return read_report(scratch)


@contextmanager
def serving(cases: Iterable[str], scratch: Path) -> Iterator[int]:
    """Serve these cases (all: none named) to a client; gives the port. A client that asks for the report ends it."""
    chosen = [part for case in cases for part in ("-i", case)]
    command = [PROGRAM, "-m", "fuzzingserver", *chosen, "-o", scratch, "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield _port(process.stderr)
            # Behind its port it tells what failed; that is in the report too.
            process.communicate(timeout=LONGEST_S)
        finally:
            process.kill()


def _port(told: IO[str] | None) -> int:
    line = told.readline() if told is not None else ""
    return int(line.rpartition(":")[2])


def read_report(scratch: Path) -> dict[str, Outcome]:
    """Give the outcome of each case that ran."""
    (cases,) = json.loads((scratch / "index.json").read_text()).values()
    return {
        case: Outcome(told["behavior"], told["behaviorClose"], told["remoteCloseCode"]) for case, told in cases.items()
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["install"] and not is_installed():
        install()
    print("installed" if is_installed() else HOW)
