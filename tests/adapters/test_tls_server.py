"""The leaf is exchanged while connections stay; a bad one never takes the good one's place."""

import socket
import ssl
import threading
from pathlib import Path

import pytest
from tests.homes import make_home

from counterseal.adapters import ca_store
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import Home, replace_private
from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tls_server import LeafError, ServerTls


def now_ms() -> int:
    return SystemClock().wall_ns() // 1_000_000


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    home = make_home(tmp_path / "home")
    ca_store.keep_current(home, now_ms())
    return home


def client_context(home: Home) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CaFiles(home).certificate()))


def connect(
    tls: ServerTls, client: ssl.SSLContext, host: str = "api.binance.com", session: ssl.SSLSession | None = None
) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """Shake hands over a pair of sockets; gives (client's end, server's end)."""
    ours, theirs = socket.socketpair()
    done: list[ssl.SSLSocket] = []
    accept = threading.Thread(target=lambda: done.append(tls.context.wrap_socket(ours, server_side=True)))
    accept.start()
    bot = client.wrap_socket(theirs, server_hostname=host, session=session)
    accept.join(5)
    done[0].sendall(b"x")  # tickets come with the first bytes
    assert bot.recv(1) == b"x"
    return bot, done[0]


def serial(bot: ssl.SSLSocket) -> str:
    certificate = bot.getpeercert()
    assert certificate is not None
    return str(certificate["serialNumber"])


def test_a_new_leaf_serves_new_connections_and_the_old_ones_stay(home: Home) -> None:
    tls, client = ServerTls(CaFiles(home).leaf), client_context(home)
    old, old_server = connect(tls, client)
    assert not tls.refresh(pytest.fail)

    ca_store.renew_leaf(home, now_ms())
    assert tls.refresh(pytest.fail)
    new, new_server = connect(tls, client)

    assert serial(old) != serial(new)
    old.sendall(b"still here")
    assert old_server.recv(10) == b"still here"
    for end in (old, old_server, new, new_server):
        end.close()


@pytest.mark.parametrize("content", [b"", b"nonsense", "the certificate alone", "another key"])
def test_a_bad_leaf_is_told_once_and_the_old_one_serves_on(home: Home, content: bytes | str, tmp_path: Path) -> None:
    path, told = CaFiles(home).leaf, list[str]()
    tls = ServerTls(path)
    context = tls.context
    whole = path.read_bytes()
    certificate, _, key = whole.partition(b"-----BEGIN PRIVATE KEY-----")
    if content == "the certificate alone":
        content = certificate
    elif content == "another key":
        other = make_home(tmp_path / "other")
        ca_store.keep_current(other, now_ms())
        content = certificate + b"-----BEGIN" + CaFiles(other).leaf.read_bytes().partition(b"-----BEGIN PRIVATE")[2]
    assert isinstance(content, bytes)
    replace_private(path, content)

    assert not tls.refresh(told.append) and not tls.refresh(told.append)
    assert len(told) == 1 and "counterseal ca renew" in told[0]
    assert tls.context is context
    with pytest.raises(LeafError):
        ServerTls(path)
    replace_private(path, whole)
    assert tls.refresh(pytest.fail)
    assert key


def test_a_missing_leaf_is_told(home: Home) -> None:
    tls, told = ServerTls(CaFiles(home).leaf), list[str]()
    CaFiles(home).leaf.unlink()
    assert not tls.refresh(told.append)
    assert len(told) == 1


def test_a_leaf_that_others_can_read_is_not_used(home: Home) -> None:
    CaFiles(home).leaf.chmod(0o644)
    with pytest.raises(LeafError):
        ServerTls(CaFiles(home).leaf)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(home: Home, version: ssl.TLSVersion) -> None:
    tls, client = ServerTls(CaFiles(home).leaf), client_context(home)
    client.minimum_version = client.maximum_version = version
    first, first_server = connect(tls, client)
    second, second_server = connect(tls, client, session=first.session)
    assert (first.session_reused, second.session_reused) == (False, True)
    assert second.version() == version.name.replace("_", ".")
    for end in (first, first_server, second, second_server):
        end.close()


def test_the_server_name_is_remembered(home: Home) -> None:
    tls, client = ServerTls(CaFiles(home).leaf), client_context(home)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = tls.context.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname="fapi.binance.com")
    for _ in range(4):
        for end in (theirs, ours):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    assert tls.names[ours] == "fapi.binance.com"
    assert theirs.selected_alpn_protocol() is None
    del ours, end
    assert len(tls.names) == 0


def test_http_1_1_is_what_is_spoken(home: Home) -> None:
    tls, client = ServerTls(CaFiles(home).leaf), client_context(home)
    client.set_alpn_protocols(["h2", "http/1.1"])
    bot, server = connect(tls, client)
    assert bot.selected_alpn_protocol() == "http/1.1"
    bot.close()
    server.close()


def test_old_tls_is_refused(home: Home) -> None:
    tls, client = ServerTls(CaFiles(home).leaf), client_context(home)
    with pytest.warns(DeprecationWarning):
        client.minimum_version, client.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
    client.set_ciphers("ALL:@SECLEVEL=0")
    ours, theirs = socket.socketpair()

    def accept() -> None:
        try:
            tls.context.wrap_socket(ours, server_side=True)
        except ssl.SSLError:
            ours.close()

    server = threading.Thread(target=accept)
    server.start()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        client.wrap_socket(theirs, server_hostname="api.binance.com")
    theirs.close()
    server.join(5)
