"""What a TLS session under the exchange's names costs the gateway: CPU per new session, full and resumed.

`.env/bench/bin/python bench/ways.py [--sessions 1000]`. Beside it nginx, terminating TLS with the same certificate and
the same versions (left out when it is not installed). A session is TCP, CONNECT where there is one, the handshake, and
an orderly end; no request. The floor is 3 ms of CPU for a new session by the proxy. Exit status: 0 measured and under
the floor, 1 over it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import processes
from ours import ROOT, SOURCES
from processes import Child, Cores

FLOOR_MS = 3.0
HOST = "api.binance.com"
WAYS = ("proxy", "tls")
CONFIG = """\
[venue]
environment = "paper"
address = "{upstream}"
ca_file = "{ca}"
[listen]
address = "127.0.0.1:{base}"
proxy = "127.0.0.1:{proxy}"
tls = ["127.0.0.1:{tls}"]
"""
NGINX = """\
daemon off; master_process off; pid {root}/nginx.pid; error_log {root}/nginx.err;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root};
  uwsgi_temp_path {root}; scgi_temp_path {root};
  server {{
    listen 127.0.0.1:{port} ssl; server_name {host};
    ssl_certificate {root}/leaf.crt; ssl_certificate_key {root}/leaf.key;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:4m; ssl_session_tickets on;
    location / {{ return 200 "ok"; }}
  }}
}}
"""


@dataclass(frozen=True)
class Row:
    """One kind of session of one contestant."""

    name: str
    kind: str
    cpu_ms: float
    rate: float


def main() -> int:
    """Measure, print, judge by the floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    sessions = parser.parse_args().sessions
    with tempfile.TemporaryDirectory(prefix="counterseal-ways-") as directory:
        rows = _measure_all(Path(directory), sessions)
    print(f"{'contestant':<24} {'session':<9} {'CPU ms':>8} {'a second, one client':>21}")
    for row in rows:
        print(f"{row.name:<24} {row.kind:<9} {row.cpu_ms:>8.3f} {row.rate:>21.0f}")
    worst = max(row.cpu_ms for row in rows if row.name == "counterseal proxy")
    print(f"new session by the proxy: {worst:.3f} ms of CPU at most; the floor is {FLOOR_MS} ms")
    return 0 if worst < FLOOR_MS else 1


def _measure_all(root: Path, sessions: int) -> list[Row]:
    cores = Cores.of_this_machine()
    children: list[Child] = []
    try:
        rows = _ours(root, sessions, cores, children)
        if shutil.which("nginx"):
            rows += _nginx(root, sessions, cores, children)
        return rows
    finally:
        for child in reversed(children):
            child.close()


def _ours(root: Path, sessions: int, cores: Cores, children: list[Child]) -> list[Row]:
    home, paper = root / "home", root / "paper"
    children.append(
        _start(cores.load, root / "paper.log", "paper", "serve", "--home", str(paper), "--listen", "127.0.0.1:0")
    )
    _until(lambda: (paper / "endpoint.json").exists())
    endpoint = json.loads((paper / "endpoint.json").read_text())
    ports = {name: processes.free_port() for name in ("base", *WAYS)}
    _verb("init", "--home", str(home))
    address = f"{endpoint['host']}:{endpoint['port']}"
    (home / "counterseal.toml").write_text(CONFIG.format(upstream=address, ca=endpoint["ca"], **ports))
    children.append(_start(cores.contestant, root / "up.log", "up", "--home", str(home)))
    _until(lambda: _gateway(children[-1].pid) is not None and _answers(ports["tls"], home))
    pid = _gateway(children[-1].pid)
    assert pid is not None
    trust = home / "tls" / "ca.pem"
    rows = _measure("counterseal proxy", pid, trust, lambda: _dial(ports["proxy"], True), sessions)
    return rows + _measure("counterseal tls", pid, trust, lambda: _dial(ports["tls"], False), sessions)


def _nginx(root: Path, sessions: int, cores: Cores, children: list[Child]) -> list[Row]:
    certificate, marker, key = (root / "home" / "tls" / "leaf.pem").read_text().partition("-----BEGIN PRIVATE KEY-----")
    (root / "leaf.crt").write_text(certificate)
    (root / "leaf.key").write_text(marker + key)
    port = processes.free_port()
    (root / "nginx.conf").write_text(NGINX.format(root=root, port=port, host=HOST))
    command = ["nginx", "-e", str(root / "nginx.err"), "-c", str(root / "nginx.conf"), "-p", str(root)]
    children.append(processes.start(command, cores.contestant, root / "nginx.log"))
    processes.wait_for_port(children[-1], port)
    trust = root / "home" / "tls" / "ca.pem"
    return _measure("nginx tls", children[-1].pid, trust, lambda: _dial(port, False), sessions)


# -- one contestant


def _measure(name: str, pid: int, trust: Path, dial: Callable[[], socket.socket], sessions: int) -> list[Row]:
    context = ssl.create_default_context(cafile=str(trust))
    rows = []
    for kind in ("full", "resumed"):
        for _ in range(20):  # warm
            _session(context, dial, None)
        ticket = _ticket(context, dial) if kind == "resumed" else None
        idle = _idle(pid)
        began, before = time.monotonic(), _cpu_ns(pid)
        reused = sum(_session(context, dial, ticket) for _ in range(sessions))
        took = time.monotonic() - began
        assert reused == (sessions if ticket else 0), f"{name}: {reused} of {sessions} sessions were resumed"
        spent = (_cpu_ns(pid) - before) / 1e9 - idle * took
        rows.append(Row(name, kind, spent / sessions * 1000, sessions / took))
    return rows


def _session(context: ssl.SSLContext, dial: Callable[[], socket.socket], ticket: ssl.SSLSession | None) -> bool:
    with context.wrap_socket(dial(), server_hostname=HOST, session=ticket) as secure:
        reused = bool(secure.session_reused)
        _goodbye(secure)
        return reused


def _ticket(context: ssl.SSLContext, dial: Callable[[], socket.socket]) -> ssl.SSLSession:
    with context.wrap_socket(dial(), server_hostname=HOST) as secure:
        secure.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert secure.recv(1)  # tickets come with the first data
        session = secure.session
        assert session is not None
        _goodbye(secure)
        return session


def _goodbye(secure: ssl.SSLSocket) -> None:
    """End it so that the other side has handled everything before."""
    secure.settimeout(5)
    try:
        secure.unwrap()
    except (OSError, ssl.SSLError):
        pass  # it has hung up already


def _dial(port: int, is_proxy: bool) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if is_proxy:
        sock.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
        answer = sock.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
    return sock


# -- processes


def _start(core: int, log: Path, *words: str) -> Child:
    return processes.start([str(SOURCES.python), "-m", "counterseal.cli.main", *words], core, log, env=_environ())


def _verb(*words: str) -> None:
    command = [str(SOURCES.python), "-m", "counterseal.cli.main", *words]
    subprocess.run(command, check=True, capture_output=True, env=_environ())


def _environ() -> dict[str, str]:
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src")}


def _gateway(pid: int) -> int | None:
    """The gateway's process id below the supervisor."""
    for member in processes.process_tree(pid):
        try:
            if b"counterseal.gateway" in Path(f"/proc/{member}/cmdline").read_bytes().split(b"\0"):
                return member
        except OSError:
            continue
    return None


def _answers(port: int, home: Path) -> bool:
    """Whether a handshake works: the sockets are open before the gateway is."""
    try:
        context = ssl.create_default_context(cafile=str(home / "tls" / "ca.pem"))
        with context.wrap_socket(_dial(port, False), server_hostname=HOST) as secure:
            _goodbye(secure)
        return True
    except OSError:
        return False


def _idle(pid: int) -> float:
    """CPU-seconds a second that the process spends on its own affairs."""
    before = _cpu_ns(pid)
    time.sleep(2)
    return (_cpu_ns(pid) - before) / 2e9


def _cpu_ns(pid: int) -> int:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def _until(holds: Callable[[], bool], patience_s: float = 20.0) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("a process did not come up")
        time.sleep(0.05)


if __name__ == "__main__":
    raise SystemExit(main())
