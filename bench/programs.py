"""The programs a benchmark needs: where they are, which version, and how to get what is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".env" / "bench"
MODULE_DIRECTORIES = ("/usr/lib/nginx/modules", "/usr/share/nginx/modules")
LUAOSSL = "/usr/share/lua/5.1/openssl/hmac.lua"
APT = "sudo apt-get install --no-install-recommends nginx libnginx-mod-http-lua lua-luaossl wrk"
PIP = "python3 -m venv .env/bench && .env/bench/bin/pip install --require-hashes -r bench/requirements.txt"


class ProgramMissing(Exception):
    """The message is one sentence with the command that installs it."""


@dataclass(frozen=True)
class Programs:
    """Paths of what was found; `envoy` is the binary itself, not its Python wrapper."""

    nginx: str
    nginx_modules: str
    wrk: str
    envoy: str

    @classmethod
    def find(cls) -> Programs:
        """Look for everything; raise ProgramMissing for the first that is not there."""
        return cls(nginx=_on_path("nginx"), nginx_modules=_lua_modules(), wrk=_on_path("wrk"), envoy=_envoy())

    def versions(self) -> dict[str, str]:
        """One line each, for RESULTS.md."""
        return {
            "nginx": _first_line(self.nginx, "-v").rpartition("/")[2],
            "Envoy": _first_line(self.envoy, "--version").split("/")[-4],
            "wrk": _first_line(self.wrk, "-v").removeprefix("wrk ").split()[0],
            "Python": sys.version.split()[0],
        }


def _on_path(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ProgramMissing(f"{name} is missing; install it with: {APT}")
    if shutil.which("taskset") is None:
        raise ProgramMissing("taskset is missing; install it with: sudo apt-get install util-linux")
    return found


def _lua_modules() -> str:
    for directory in MODULE_DIRECTORIES:
        if Path(directory, "ngx_http_lua_module.so").exists() and Path(LUAOSSL).exists():
            return directory
    raise ProgramMissing(f"nginx's Lua module or luaossl is missing; install it with: {APT}")


def _envoy() -> str:
    for binary in sorted(ENVIRONMENT.glob("lib/python3*/site-packages/envoy/_bin/envoy")):
        return str(binary)
    raise ProgramMissing(f"Envoy is missing; install it with: {PIP}")


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "unknown"
