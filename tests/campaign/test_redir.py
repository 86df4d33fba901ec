"""REDIR-1, REDIR-2: an exchange or an environment that sends elsewhere: not one byte goes there."""

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.campaign.elsewhere import Redirector, Trap
from tests.campaign.tally import SHARE, Tally, campaign

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))

import stack
from stack import Stack

from counterseal.adapters.process import die_with_parent
from counterseal.supervisor.child import clean_environ, spawn

pytestmark = [pytest.mark.slow]
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
# The folders of real authorities and the libraries' own settings; what is hostile of each is in `hostile`.
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "WSS_PROXY", "WS_PROXY", "SOCKS_PROXY", "FTP_PROXY")


@dataclass
class Misled(Stack):
    """An installation whose exchange is a redirector and whose operator has a hostile environment."""

    environ: dict[str, str] = field(default_factory=dict)
    exchange: Redirector | None = None

    def _start(self, *verb: str) -> "subprocess.Popen[bytes]":
        if verb[0] != "up":
            return super()._start(*verb)
        log = (self.root / "up.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "counterseal.cli.main", *verb], stdout=log, stderr=log,
                env={**stack.child_environ(), **self.environ}, start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip

    def config_text(self) -> str:
        """With the redirector in the exchange's place."""
        if self.exchange is not None:
            self.paper_port, self.paper_ca = self.exchange.port, str(self.exchange.ca)
        return super().config_text()


@pytest.fixture(name="traps", scope="module")
def _traps() -> Iterator[dict[str, Trap]]:
    traps = {name: Trap() for name in ("http", "https", "other", *PROXIES, "netrc")}
    with suppress(OSError):  # a host may have no IPv6
        traps["ipv6"] = Trap(socket.AF_INET6)
    yield traps
    for trap in traps.values():
        trap.close()


def hostile(traps: dict[str, Trap], folder: Path) -> dict[str, str]:
    """An environment that sends programs elsewhere, makes them trust anybody, and writes their keys down."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".netrc").write_text(
        f"machine 127.0.0.1 login a password b\ndefault login a password b\n# {traps['netrc'].port}\n"
    )
    (folder / ".netrc").chmod(0o600)
    (folder / "openssl.cnf").write_text(
        "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\n"
        "MaxProtocol = TLSv1.2\nCipherString = ALL:eNULL@SECLEVEL=0\nVerifyMode = None\n"
    )
    (folder / "hosts").write_text("api.binance.com localhost\nfapi.binance.com localhost\n")
    proxies = {name: f"{'socks5' if 'SOCKS' in name or 'ALL' in name else 'http'}://user:pass@127.0.0.1:{traps[name].port}"
               for name in PROXIES}  # fmt: skip
    return {
        **proxies, **{name.lower(): value for name, value in proxies.items()}, "NO_PROXY": "", "no_proxy": "",
        "HOME": str(folder), "NETRC": str(folder / ".netrc"), "SSLKEYLOGFILE": str(folder / "keys.log"),
        "SSL_CERT_FILE": str(folder / "ca.pem"), "SSL_CERT_DIR": str(folder),
        "REQUESTS_CA_BUNDLE": str(folder / "ca.pem"), "CURL_CA_BUNDLE": str(folder / "ca.pem"),
        "PYTHONHTTPSVERIFY": "0",
        "OPENSSL_CONF": str(folder / "openssl.cnf"),
        "OPENSSL_MODULES": str(folder), "OPENSSL_ENGINES": str(folder), "HOSTALIASES": str(folder / "hosts"),
        "RES_OPTIONS": "ndots:15", "LOCALDOMAIN": "example.com", "BINANCE_API_KEY": "x" * 64,
        "AIOHTTP_NO_EXTENSIONS": "1",
    }  # fmt: skip


@pytest.fixture(name="misled", scope="module")
def _misled(tmp_path_factory: pytest.TempPathFactory, traps: dict[str, Trap]) -> Iterator[Misled]:
    root = tmp_path_factory.mktemp("misled")
    exchange = Redirector(root / "exchange")
    environ = hostile(traps, root / "operator")
    with Misled(root / "stack", environ=environ, exchange=exchange) as misled:
        yield misled
    exchange.close()


def places(traps: dict[str, Trap]) -> list[tuple[str, str]]:
    """Where an answer can send its caller: another scheme, host, port, in every spelling."""
    http, https, other = (traps[name].port for name in ("http", "https", "other"))
    return [
        ("another scheme", f"http://127.0.0.1:{http}/api/v3/order"), ("another port", f"https://127.0.0.1:{https}/x"),
        ("another host", f"https://localhost:{https}/api/v3/account"),
        ("no scheme", f"//127.0.0.1:{other}/api/v3/order"),
        ("IPv6", f"http://[::1]:{traps.get('ipv6', traps['other']).port}/"), ("a user", f"https://api.binance.com@127.0.0.1:{https}/"),
        ("a socket", f"ws://127.0.0.1:{other}/ws"), ("another verb", f"http://127.0.0.1:{http}/api/v3/order?side=SELL"),
        ("a file", "file:///etc/hostname"), ("itself", "/api/v3/account"), ("the same again", ""),
        ("back and elsewhere", f"\\\\127.0.0.1:{other}\\x"), ("a number", f"http://2130706433:{http}/"),
        ("upper case", f"HTTP://127.0.0.1:{http}/"), ("a blank before", f" http://127.0.0.1:{http}/"),
        ("a query", f"?next=http://127.0.0.1:{http}/"), ("data", "data:application/json,{}"),
        ("a name of ours", f"https://fapi.binance.com:{https}/fapi/v1/order"),
        ("Refresh", f"0; url=http://127.0.0.1:{http}/"), ("Alt-Svc", f'h2="127.0.0.1:{https}"; ma=86400'),
    ]  # fmt: skip


REQUESTS = (("GET", "/fapi/v1/openOrders", "symbol=BTCUSDT"), ("POST", "/api/v3/order", ORDER),
            ("GET", "/api/v3/avgPrice", "symbol=BTCUSDT"), ("DELETE", "/api/v3/order", "symbol=BTCUSDT&orderId=7"),
            ("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=2"))  # fmt: skip
# One of each kind of work in each market, of little weight.
WELL = (*REQUESTS[::2], ("POST", "/api/v3/order/test", ORDER))
STATUSES = (300, 301, 302, 303, 304, 305, 307, 308)


def visits(traps: dict[str, Trap]) -> int:
    """How often somebody came where nobody may."""
    return sum(trap.visits for trap in traps.values())


@pytest.mark.threat(29)
def test_redir_1(misled: Misled, traps: dict[str, Trap]) -> None:
    """The exchange is asked once, nobody else is, and the bot hears nothing of where it was sent."""
    exchange = misled.exchange
    assert exchange is not None
    with campaign("REDIR-1", "answers that send elsewhere", 20) as tally:
        for number, (name, location) in enumerate(tally.some(places(traps))):
            for status in STATUSES if SHARE >= 1 else STATUSES[number % 3 :: 3]:
                method, path, query = REQUESTS[(number + status) % len(REQUESTS)]
                # An order of which nobody knows what became closes its symbol, and a public read is shared.
                query = query.replace("BTCUSDT", f"S{number}X{status}USDT") if "leverage" not in path else query
                well(misled, exchange)
                header = name if name in ("Refresh", "Alt-Svc") else "Location"
                exchange.status, exchange.headers = status, {header: location}
                exchange.body = b"" if status == 304 else b'{"code":0,"msg":"moved to http://127.0.0.1/"}'
                before = exchange.asked.count((method, path))
                reply = misled.call(method, path, query)
                exchange.well()
                asked = exchange.asked.count((method, path)) - before
                _judge_redirect(tally, f"{name}, {status} to {method} {path}", asked, reply, location)
            tally.note(other="answered as a fault of the exchange")
        if visits(traps):
            tally.disagree(f"{visits(traps)} visits elsewhere")
        tally.figures["bytes elsewhere"] = str(sum(len(trap.heard) for trap in traps.values()))


def well(misled: Misled, exchange: Redirector) -> None:
    """Let the exchange be well for a while: one that sends elsewhere five times in a row is left alone."""
    exchange.well()
    for method, path, query in WELL:
        reply = misled.call(method, path, query)
        assert reply.status == 200, reply


def _judge_redirect(tally: Tally, name: str, asked: int, reply: Any, location: str) -> None:
    if asked != 1:
        tally.disagree(f"{name}: the exchange was asked {asked} times: {reply}")
    if {"location", "refresh", "alt-svc"} & reply.headers.keys() or (len(location) > 1 and location in str(reply.body)):
        tally.disagree(f"{name}: the bot is told where to go: {reply}")
    if reply.status < 500:
        tally.disagree(f"{name}: no fault of the exchange, {reply.status}")


@pytest.mark.threat(30)
def test_redir_2(misled: Misled, traps: dict[str, Trap]) -> None:
    """No process of ours that holds or uses a key has any of it, and none acts by it."""
    pids = {name: pid for name, pid in misled.pids().items() if name in ("gateway", "signer")}
    assert len(pids) == 2
    exchange = misled.exchange
    assert exchange is not None
    exchange.well()
    assert misled.call("GET", "/api/v3/account").status == 200
    seen = {name: _environ(pid) for name, pid in pids.items()}
    with campaign("REDIR-2", "an operator's hostile environment", 20) as tally:
        for name, value in tally.some(list(misled.environ.items())):
            for process, environ in seen.items():
                if environ.get(name) == value and not name.startswith("PYTHON"):
                    tally.disagree(f"{process} has {name}")
            trap = traps.get(name.upper())
            if trap is not None and trap.visits:
                tally.disagree(f"{name}: {trap.visits} visits, {len(trap.heard)} bytes")
            tally.note(other="ignored")
        _judge_traces(tally, misled, exchange)
    assert visits(traps) == 0


def _environ(pid: int) -> dict[str, str]:
    raw = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(entry.split("=", 1) for entry in raw.split("\0") if entry)


def _judge_traces(tally: Tally, misled: Misled, exchange: Redirector) -> None:
    if Path(misled.environ["SSLKEYLOGFILE"]).exists():
        tally.disagree("keys of TLS sessions were written down")
    if exchange.versions != {"TLSv1.3"}:
        tally.disagree(f"TLS was talked down to {exchange.versions}")


# A program that reaches a host as the gateway does, with the system's own trust.
REACH = """
import socket, ssl, sys
from counterseal.adapters.tls import client_context
from pathlib import Path
context = client_context(Path(sys.argv[2]) if len(sys.argv) > 2 else None)
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as sock:
    try:
        context.wrap_socket(sock, server_hostname="api.binance.com")
    except ssl.SSLCertVerificationError:
        sys.exit(7)
"""
REACHED, REFUSED = 0, 7


@pytest.mark.threat(30)
def test_an_operators_authority_is_trusted_by_no_child(tmp_path: Path) -> None:
    """With the environment as it is the system's trust is the hostile one; a child's is not, and it writes no keys."""
    server = Redirector(tmp_path / "exchange")
    (tmp_path / "keys.log").unlink(missing_ok=True)
    environ = {**os.environ, "PYTHONPATH": stack.SOURCE, "SSL_CERT_FILE": str(server.ca),
               "SSL_CERT_DIR": str(server.ca.parent), "SSLKEYLOGFILE": str(tmp_path / "keys.log")}  # fmt: skip
    program = [sys.executable, "-P", "-c", REACH, str(server.port)]
    try:
        assert subprocess.run(program, env=environ, check=False).returncode == REACHED, "the trap is none"
        assert spawn(program, (), clean_environ(environ)).wait(20) == REFUSED
        assert spawn([*program, str(server.ca)], (), clean_environ(environ)).wait(20) == REACHED
        assert not (tmp_path / "keys.log").exists()
        # What a library makes of that variable by itself: the trap works.
        context = _default_context(environ)
        assert context.keylog_filename == environ["SSLKEYLOGFILE"]
    finally:
        server.close()


def _default_context(environ: dict[str, str]) -> ssl.SSLContext:
    before = os.environ.get("SSLKEYLOGFILE")
    os.environ["SSLKEYLOGFILE"] = environ["SSLKEYLOGFILE"]
    try:
        return ssl.create_default_context()
    finally:
        os.environ.pop("SSLKEYLOGFILE")
        if before is not None:
            os.environ["SSLKEYLOGFILE"] = before
