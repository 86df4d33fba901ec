"""The Go project's verifier of transparency logs, built from its toolchain.

`python tests/verifiers/reference.py install` builds it; tests skip where it is missing.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1] / ".env" / "verifier"
BINARY, STAMP = ROOT / "verify", ROOT / "stamp"
SOURCES = (HERE / "requirements.txt", HERE / "go" / "main.go", HERE / "go" / "go.mod")
HOW = "the Go verifier is not built; run: python tests/verifiers/reference.py install"


def is_installed() -> bool:
    """Whether it is built from the sources as they stand."""
    return STAMP.exists() and STAMP.read_text() == _digest() and BINARY.exists()


def require() -> None:
    """Skip where it is not built; in CI that is a failure."""
    import pytest  # the installer runs where there is none

    if not is_installed():
        (pytest.fail if os.environ.get("COUNTERSEAL_CI") else pytest.skip)(HOW)


def install() -> None:
    """Make an environment with the toolchain, and build."""
    shutil.rmtree(ROOT, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(ROOT)], check=True)
    pip = [str(ROOT / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "--require-hashes", "-r", str(HERE / "requirements.txt")], check=True)
    (library,) = ROOT.glob("lib/python*/site-packages/go/src/cmd/vendor/golang.org/x/mod")
    with tempfile.TemporaryDirectory() as scratch:
        _build(Path(scratch), library)
    STAMP.write_text(_digest())


def _build(folder: Path, library: Path) -> None:
    for name in ("note", "tlog"):
        shutil.copytree(library / "sumdb" / name, folder / "mod" / "sumdb" / name)
    (folder / "mod" / "go.mod").write_text("module golang.org/x/mod\n\ngo 1.24\n")
    for source in SOURCES[1:]:
        shutil.copy(source, folder)
    environ = {
        "HOME": str(folder), "PATH": "/usr/bin:/bin", "GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path"),
        "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0",
    }  # fmt: skip
    subprocess.run([str(ROOT / "bin" / "go"), "build", "-o", str(BINARY), "."], cwd=folder, env=environ, check=True)


def _digest() -> str:
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in SOURCES)).hexdigest()


class Reference:
    """A running verifier. Every question gives "" for yes, else its reason."""

    def __enter__(self) -> "Reference":
        self._process = subprocess.Popen([BINARY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]  # a pipe was asked for
        self._process.stdout.close()  # type: ignore[union-attr]
        self._process.wait(10)

    def tree(self, key: str, note: str, records: Iterable[bytes]) -> str:
        """Is the note signed, and is its root that of these records?"""
        return self._ask(key=key, note=note, leaves=[base64.b64encode(record).decode() for record in records])

    def inclusion(self, key: str, note: str, record: bytes, place: int, hashes: Sequence[bytes]) -> str:
        """Is the record number `place` (from 0) of what the note signs?"""
        return self._ask(key=key, note=note, record=base64.b64encode(record).decode(), index=place, hashes=hashes)

    def consistency(self, key: str, older: str, note: str, hashes: Sequence[bytes]) -> str:
        """Does the note's tree begin with the older one's?"""
        return self._ask(key=key, note=note, older=older, hashes=hashes)

    def _ask(self, *, hashes: Sequence[bytes] = (), **task: Any) -> str:
        task["hashes"] = [base64.b64encode(each).decode() for each in hashes]
        self._process.stdin.write(json.dumps(task) + "\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        told = self._process.stdout.readline().strip()  # type: ignore[union-attr]
        return "" if told == "ok" else told


if __name__ == "__main__":
    if sys.argv[1:] == ["install"] and not is_installed():
        install()
    print("installed" if is_installed() else HOW)
