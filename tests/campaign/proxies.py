"""Real proxies beside the gateway: nginx and HAProxy as processes of a test, each with a folder and a log of its own.

Both are set up as leniently as they can be: what they refuse never reaches the reader that is tested. They keep
connections alive and let bots share them, and give them up before the gateway does.
"""

# ruff: noqa: TID251 - real processes live in real time
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from counterseal.adapters.process import die_with_parent

NAMES = ("nginx", "haproxy")
START_S = 10.0
_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
# A header that no bot sends: each proxy sets its own number of the request.
TRACE = "X-Trace"
NGINX = """
daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 4096; }
http {
    log_format told '$request_id|$upstream_addr|$upstream_header_time|$status|$request';
    access_log access.log told;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    ignore_invalid_headers off;
    underscores_in_headers on;
    merge_slashes off;
    upstream target { server 127.0.0.1:%(to)s; keepalive 32; keepalive_timeout 1s; }
    server {
        listen 127.0.0.1:%(port)s%(tls)s;
        location / {
            proxy_pass http://target;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Trace $request_id;
            proxy_next_upstream off;
            proxy_ignore_client_abort on;
        }
    }
}
"""
NGINX_TLS = " ssl; ssl_protocols TLSv1.3; ssl_certificate %(pem)s; ssl_certificate_key %(pem)s"
# The body of a request is waited for, so that a request whose bot has gone away is not begun.
HAPROXY = """
global
    maxconn 4000
    nbthread 1
    log stdout len 16384 format raw local0
defaults
    mode http
    log global
    option http-keep-alive
    option http-buffer-request
    option dontlognull
    http-reuse always
    retries 0
    timeout client 10s
    timeout server 20s
    timeout connect 5s
    timeout http-request 3s
    timeout http-keep-alive 3s
    log-format %%ID|%%s|%%Tr|%%ST|%%r
frontend front
    bind 127.0.0.1:%(port)s%(tls)s
    option accept-invalid-http-request
    unique-id-format %%ci_%%cp_%%Ts_%%rt
    unique-id-header X-Trace
    default_backend target
backend target
    server target 127.0.0.1:%(to)s pool-purge-delay 1s
"""
HAPROXY_TLS = " ssl crt %(pem)s ssl-min-ver TLSv1.3"


def require(name: str) -> None:
    """Skip on a user's machine that lacks a proxy; in CI that is a failure."""
    if _program(name) is not None:
        return
    lacking = f"{name} is not installed: apt-get install {name}"
    if os.environ.get("COUNTERSEAL_CI"):
        pytest.fail(lacking)
    pytest.skip(lacking)


def _program(name: str) -> str | None:
    return shutil.which(name, path=_PLACES)


@dataclass(frozen=True)
class Told:
    """A proxy's line about a request: its number, whether it was handed on, whether that was answered, what it was."""

    trace: str
    handed_on: bool
    answered: bool
    status: str
    request: str


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs."""

    name: str
    port: int
    log: Path

    def told(self) -> list[Told]:
        """Give its log."""
        lines = self.log.read_text("latin-1").splitlines() if self.log.exists() else []
        return [_told(*line.split("|", 4)) for line in lines if line.count("|") >= 4]


def _told(trace: str, server: str, taken: str, status: str, request: str) -> Told:
    return Told(trace, server not in ("-", "<NOSRV>"), taken not in ("-", "-1"), status, request)


@contextmanager
def running(name: str, folder: Path, to: int, pem: Path | None = None) -> Iterator[Proxy]:
    """Run a proxy in front of a port of this host; with `pem` (key and certificate in one file) it takes TLS."""
    folder.mkdir(parents=True)
    process, port = _started(name, folder, to, pem)
    try:
        yield Proxy(name, port, folder / "access.log")
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _started(name: str, folder: Path, to: int, pem: Path | None) -> tuple[subprocess.Popen[bytes], int]:
    """Start it on a free port; another process may take that first, then on another."""
    for _ in range(5):
        port = _free_port()
        process = _SPAWN[name](folder, {"port": port, "to": to}, pem)
        if _is_up(process, port):
            return process, port
        process.kill()
        process.wait()
    raise AssertionError(f"{name} did not start: {_last_words(folder)}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _is_up(process: subprocess.Popen[bytes], port: int) -> bool:
    end = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


def _last_words(folder: Path) -> str:
    return "\n".join(path.read_text("latin-1")[-500:] for path in folder.glob("err*"))


def _nginx(folder: Path, ports: dict[str, int], pem: Path | None) -> subprocess.Popen[bytes]:
    tls = NGINX_TLS.replace("%(pem)s", str(pem)) if pem else ""
    (folder / "nginx.conf").write_text(NGINX % {**ports, "tls": tls.replace(" ssl; ", " ssl;\n        ")})
    return _run(["nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"], folder, folder / "stdout")


def _haproxy(folder: Path, ports: dict[str, int], pem: Path | None) -> subprocess.Popen[bytes]:
    tls = HAPROXY_TLS.replace("%(pem)s", str(pem)) if pem else ""
    (folder / "haproxy.cfg").write_text(HAPROXY % {**ports, "tls": tls})
    return _run(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], folder, folder / "access.log")


def _run(command: list[str], folder: Path, out: Path) -> subprocess.Popen[bytes]:
    program = _program(command[0])
    assert program is not None, command
    with out.open("wb") as told, (folder / "errors").open("wb") as errors:
        return subprocess.Popen(
            [program, *command[1:]], cwd=folder, stdin=subprocess.DEVNULL, stdout=told, stderr=errors,
            preexec_fn=die_with_parent,
        )  # fmt: skip


_SPAWN: dict[str, Callable[[Path, dict[str, int], Path | None], subprocess.Popen[bytes]]] = {
    "nginx": _nginx,
    "haproxy": _haproxy,
}
