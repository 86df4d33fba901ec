"""A bot that keeps the exchange's addresses reaches the gateway by the proxy, or by TLS under the exchange's names."""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import io
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from laws import check_l1_l2_l4
from stack import PROXY, TLS, Reply, Stack, child_environ, wait
from tests import leaks
from wire import Wire

from counterseal.adapters import age_box, ca_store, private_ca
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import read_private
from counterseal.adapters.process import die_with_parent
from counterseal.core.secret import Secret

SPOT, USDM = "api.binance.com", "fapi.binance.com"
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"


class Secure(Wire):
    """A bot's connection under a host name of the exchange, by the proxy unless `proxied` is False."""

    def __init__(self, stack: Stack, host: str, *, proxied: bool = True) -> None:
        super().__init__(stack.proxy_port if proxied else stack.tls_ports[0])
        if proxied:
            self._socket.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
            assert self._socket.recv(4096).startswith(b"HTTP/1.1 200 ")
        context = ssl.create_default_context(cafile=str(stack.root / "bots-ca.pem"))
        self._socket: ssl.SSLSocket = context.wrap_socket(self._socket, server_hostname=host)

    @property
    def serial(self) -> str:
        """The serial number of the certificate that this connection was made under."""
        certificate = self._socket.getpeercert()
        assert certificate is not None
        return str(certificate["serialNumber"])


@pytest.fixture(name="stack", scope="module")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    root = tmp_path_factory.mktemp("ways")
    options = ("--no-limits", "--volatility", "0")
    with Stack(root, bots={"alpha": "hmac"}, paper_options=options, listen=f"{PROXY}\n{TLS}") as stack:
        stack.export_ca()
        _plant_ca_key(stack)
        yield stack


def _plant_ca_key(stack: Stack) -> None:
    """The CA's key must stand in no file but sealed: the run's last look searches for it."""
    files = CaFiles(stack.home)
    identity = Secret(read_private(files.identity).strip())
    opened = age_box.open_sealed(identity, read_private(files.sealed_key()), "the CA's key")
    authority = private_ca.load_authority(read_private(files.certificate()), opened)
    leaks.plant("the CA's private key", authority.key.private_numbers().private_value.to_bytes(32, "big"))


@pytest.mark.parametrize("proxied", [True, False], ids=["proxy", "tls"])
@pytest.mark.parametrize(("host", "prefix"), [(SPOT, "/api/v3"), (USDM, "/fapi/v1")])
def test_an_order_travels(stack: Stack, host: str, prefix: str, *, proxied: bool) -> None:
    """Placed, seen, cancelled on one connection; the exchange's answer comes back."""
    name = f"ways-{host[:4]}-{'proxy' if proxied else 'tls'}"
    order = ORDER.replace("0.001", "0.002")
    with Secure(stack, host, proxied=proxied) as bot:

        def ask(method: str, query: str) -> Reply:
            return bot.send(stack.request(method, f"{prefix}/order", query, host=host)).reply()

        placed = ask("POST", f"{order}&newClientOrderId={name}")
        assert (placed.status, placed.body["clientOrderId"], placed.body["status"]) == (200, name, "NEW")
        found = ask("GET", f"symbol=BTCUSDT&origClientOrderId={name}")
        assert found.body["orderId"] == placed.body["orderId"]
        gone = ask("DELETE", f"symbol=BTCUSDT&origClientOrderId={name}")
        assert gone.body["status"] == "CANCELED"
    check_l1_l2_l4(stack)


def test_errors_are_the_exchange_s_own(stack: Stack) -> None:
    """SDKs map them by host and code: both are what they would be at the exchange."""
    with Secure(stack, USDM) as bot:
        leverage = stack.request("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=5", host=USDM)
        assert bot.send(leverage).reply().body["leverage"] == 5
        margin = bot.send(stack.request("POST", "/fapi/v1/order", ORDER.replace("0.001", "900"), host=USDM)).reply()
        assert (margin.status, margin.body) == (400, {"code": -2019, "msg": "Margin is insufficient."})
        missing = bot.send(stack.request("DELETE", "/fapi/v1/order", "symbol=BTCUSDT&orderId=1", host=USDM)).reply()
        assert (missing.status, missing.code) == (400, -2011)
        bad = stack.request("POST", "/fapi/v1/order", ORDER, host=USDM).replace(b"quantity=0.001", b"quantity=0.002")
        assert bot.send(bad).reply().code == -2015


def test_the_base_url_is_open_beside_them(stack: Stack) -> None:
    assert stack.call("GET", "/api/v3/openOrders", "symbol=BTCUSDT").status == 200


def test_a_refused_target_is_recorded_and_reaches_nobody(stack: Stack) -> None:
    mark = stack.journal_mark()
    with Wire(stack.proxy_port) as wire, stack.nothing_received():
        reply = wire.send(b"CONNECT example.com:443 HTTP/1.1\r\n\r\n").reply()
        assert (reply.status, reply.reason, reply.code) == (403, "connect_target_refused", -1100)
        assert wire.closed()
    assert stack.denials_since(mark) == ["connect_target_refused"]


@pytest.mark.parametrize("proxied", [True, False], ids=["proxy", "tls"])
def test_a_renewed_certificate_drops_no_connection(stack: Stack, *, proxied: bool) -> None:
    """`counterseal ca renew`: within seconds new connections have the new one, and the old connection serves on."""
    with Secure(stack, SPOT, proxied=proxied) as old:
        old.send(stack.request("GET", "/api/v3/account", host=SPOT))
        assert old.reply().status == 200
        stack.verb("ca", "renew", "--home", str(stack.home.root))

        def renewed() -> bool:
            with Secure(stack, SPOT, proxied=proxied) as fresh:
                return fresh.serial != old.serial

        wait(renewed, 10, "the new certificate")
        old.send(stack.request("GET", "/api/v3/account", host=SPOT))
        assert old.reply().status == 200


def test_a_new_ca_cuts_nobody_off_that_has_the_new_file(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two steps: a bot with the file of the first trusts both; after the second the old file alone is no good."""
    old_file = tmp_path_factory.mktemp("old") / "ca.pem"
    old_file.write_bytes((stack.root / "bots-ca.pem").read_bytes())
    with Secure(stack, SPOT) as before:
        stack.verb("ca", "renew", "--ca", "--home", str(stack.home.root))
        stack.export_ca()
        monkeypatch.setattr("sys.stdin", io.StringIO())
        assert stack.attempt("ca", "renew", "--switch")[0] == 1, "nothing happens without the typed words"
        with Secure(stack, SPOT) as unchanged:
            assert unchanged.serial == before.serial
        monkeypatch.setattr("sys.stdin", io.StringIO("forget the old CA\n"))
        assert stack.attempt("ca", "renew", "--switch")[0] == 0

        def switched() -> bool:
            with Secure(stack, SPOT) as fresh:
                return fresh.serial != before.serial

        wait(switched, 10, "the new CA's certificate")
        before.send(stack.request("GET", "/api/v3/account", host=SPOT))
        assert before.reply().status == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        context = ssl.create_default_context(cafile=str(old_file))
        with socket.create_connection(("127.0.0.1", stack.tls_ports[0]), 5) as sock:
            context.wrap_socket(sock, server_hostname=SPOT)
    _plant_ca_key(stack)


def test_a_killed_gateway_comes_back_on_the_same_sockets(stack: Stack) -> None:
    """Who connects in between waits in the socket's queue."""
    with Secure(stack, SPOT) as bot:
        first = stack.pids()["gateway"]
        os.kill(first, signal.SIGKILL)
        assert bot.closed()
    with Secure(stack, SPOT) as bot:
        assert bot.send(stack.request("GET", "/api/v3/account", host=SPOT)).reply().status == 200
    assert stack.pids()["gateway"] != first


class Hourly(Stack):
    """A supervisor whose hour is a second."""

    def _start(self, *verb: str) -> "subprocess.Popen[bytes]":
        if verb[0] != "up":
            return super()._start(*verb)
        program = (
            "import sys, counterseal.supervisor.hourly as c, counterseal.cli.main as m\n"
            "c.EVERY_S = 1.0\nsys.exit(m.main(sys.argv[1:]))"
        )
        with (self.root / "up.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", program, *verb],
                stdout=log, stderr=log, env=child_environ(), start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip


@pytest.mark.slow
def test_the_running_supervisor_renews_what_ends_soon(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody does anything: the helper makes a new leaf, the gateway takes it up, the connection stays."""
    with Hourly(tmp_path_factory.mktemp("hour"), listen=PROXY) as stack:
        stack.export_ca()
        with Secure(stack, SPOT) as old:
            # As a leaf looks after four of its seven days.
            four_days_ago = int(time.time() * 1000) - 4 * 86_400_000
            ca_store.renew_leaf(stack.home, four_days_ago)
            ending = ca_store.read_leaf(stack.home)

            def renewed() -> bool:
                with Secure(stack, SPOT) as fresh:
                    return fresh.serial not in (old.serial, f"{ending.serial_number:X}")

            assert ending is not None
            wait(renewed, 15, "the helper's certificate")
            assert old.send(stack.request("GET", "/api/v3/account", host=SPOT)).reply().status == 200
        assert "not renewed" not in (stack.root / "up.log").read_text()


def test_connections_that_stand_idle_do_not_hold_up_the_end(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A pooled connection of an SDK reads nothing: the gateway does not wait for its goodbye."""
    with Stack(tmp_path_factory.mktemp("end"), listen=f"{PROXY}\n{TLS}") as stack:
        stack.export_ca()
        view = json.loads(stack.home.supervisor_file.read_text())
        assert view["proxy"] == f"127.0.0.1:{stack.proxy_port}" and len(view["tls"]) == 1
        with Secure(stack, SPOT), Secure(stack, USDM, proxied=False):
            began = time.monotonic()
            assert stack.down() == 0
            assert time.monotonic() - began < 3
