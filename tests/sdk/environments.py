"""Isolated environments for the third-party SDKs that the scenario tests drive.

Stdlib only. ``python tests/sdk/environments.py install [NAME ...]`` makes one environment for each SDK under
``.env/sdk/NAME/`` from the lock in ``tests/sdk/NAME/`` (hashes required), and does nothing where it is up to
date. ``status`` lists what is there. Tests ask :func:`command` for the argv that runs a driver.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent / ".env" / "sdk"
STAMP = "lock.sha256"
# What a driver may inherit. Everything else is left out: proxies, preset CA bundles (requests lets
# REQUESTS_CA_BUNDLE overrule the caller), NODE_OPTIONS, PYTHONPATH and, above all, any key of the user's.
INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")


@dataclass(frozen=True, kw_only=True)
class Sdk:
    """What one SDK is and can do: ``kinds`` it can sign with, ``markets`` its driver trades on."""

    runtime: Literal["python", "node"]
    kinds: tuple[str, ...]
    markets: tuple[str, ...]

    @property
    def locks(self) -> tuple[str, ...]:
        """The files of ``tests/sdk/NAME/`` that define the environment."""
        if self.runtime == "python":
            return ("requirements.txt",)
        return ("package.json", "package-lock.json", ".npmrc")


ALL_KINDS = ("hmac", "rsa", "ed25519")
SDKS: dict[str, Sdk] = {
    "ccxt": Sdk(runtime="python", kinds=ALL_KINDS, markets=("spot", "usdm")),
    "python_binance": Sdk(runtime="python", kinds=ALL_KINDS, markets=("spot", "usdm")),
    "binance_sdk_spot": Sdk(runtime="python", kinds=ALL_KINDS, markets=("spot",)),
    "binance_sdk_usdm": Sdk(runtime="python", kinds=ALL_KINDS, markets=("usdm",)),
    "js_binance_spot": Sdk(runtime="node", kinds=ALL_KINDS, markets=("spot",)),
    "js_binance": Sdk(runtime="node", kinds=ALL_KINDS, markets=("spot", "usdm")),
}


def clean_environ() -> dict[str, str]:
    """The environment for a driver's process: a short list of inherited names, and no proxy for loopback."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return kept | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost", "PYTHONUTF8": "1"}


def lock_digest(name: str) -> str:
    """SHA-256 hex over the lock files of one SDK and, for Python, the interpreter's version.

    Raises KeyError for an unknown name, OSError when a lock is missing.
    """
    sdk = SDKS[name]
    digest = hashlib.sha256()
    if sdk.runtime == "python":
        digest.update(repr(sys.version_info[:3]).encode())
    for lock in sdk.locks:
        digest.update(lock.encode() + b"\0" + (HERE / name / lock).read_bytes())
    return digest.hexdigest()


def is_installed(name: str) -> bool:
    """Whether the environment of one SDK is complete and made from the lock as it stands now."""
    try:
        return (ROOT / name / STAMP).read_text() == lock_digest(name)
    except OSError:
        return False


def command(name: str) -> list[str] | None:
    """The argv that runs one SDK's driver, which reads its job as JSON from standard input.

    None when the environment is missing or stale, or, for a JavaScript SDK, there is no ``node``.
    """
    if not is_installed(name):
        return None
    if SDKS[name].runtime == "python":
        # -I: neither PYTHON* variables nor the folder of the script reach the SDK's import path.
        return [str(ROOT / name / "bin" / "python"), "-I", "-X", "utf8", str(HERE / name / "drive.py")]
    node = shutil.which("node")
    # A module finds packages beside its own file only, so the driver is told where they are.
    return [node, str(HERE / name / "drive.mjs"), str(ROOT / name)] if node else None


def install(names: Sequence[str]) -> None:
    """Make the environments of ``names`` (all when empty) that are not up to date.

    Raises KeyError for an unknown name, subprocess.CalledProcessError when a package client fails,
    FileNotFoundError when it is missing.
    """
    for name in names or SDKS:
        with _only_one(name):
            if is_installed(name):
                print(f"{name}: up to date")
                continue
            shutil.rmtree(ROOT / name, ignore_errors=True)
            (_install_python if SDKS[name].runtime == "python" else _install_node)(name)
            # Last, so that an interrupted installation is never taken for a complete one.
            (ROOT / name / STAMP).write_text(lock_digest(name))
            print(f"{name}: installed")


@contextmanager
def _only_one(name: str) -> Iterator[None]:
    """Two test runs that start at once must not build the same environment together."""
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _install_python(name: str) -> None:
    target = ROOT / name
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lock = str(HERE / name / "requirements.txt")
    # Wheels only: no code of a package runs at installation, as with npm's --ignore-scripts.
    subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", lock], check=True)


def _install_node(name: str) -> None:
    target = ROOT / name
    target.mkdir(parents=True)
    for lock in SDKS[name].locks:
        shutil.copyfile(HERE / name / lock, target / lock)
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(npm, cwd=target, check=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line: ``install [NAME ...]`` or ``status``."""
    parser = argparse.ArgumentParser(description="environments of the SDKs that the scenario tests drive")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("install").add_argument("names", nargs="*", metavar="NAME", help=" ".join(SDKS))
    verbs.add_parser("status")
    arguments = parser.parse_args(argv)
    if arguments.verb == "install":
        if unknown := set(arguments.names) - set(SDKS):
            parser.error(f"unknown SDK: {' '.join(sorted(unknown))}")
        install(arguments.names)
        return 0
    for name in SDKS:
        print(f"{name}: {'up to date' if is_installed(name) else 'missing or stale'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
