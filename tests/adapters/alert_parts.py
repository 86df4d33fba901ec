"""Real counterparts of alert channels on this machine: an HTTPS server with a certificate of a private CA."""

import importlib.util
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from counterseal.core.alerts.model import Kind, Message, Severity

COMMAND = "pip install -r requirements/test.txt"
MESSAGE = Message(
    Kind.ALERT, Severity.CRITICAL, "desk", "trading was halted", "CRITICAL 7: trading was halted\nWhat to do: look",
    "0123456789abcdef0123456789abcdef", 1_795_000_000_123, ("ladder_halted",),
)  # fmt: skip
TEST = Message(Kind.TEST, Severity.INFO, "desk", "test of the channel x", "nothing", "test x", 1_795_000_000_123)


def require(*modules: str) -> None:
    """Skip on a user's machine that lacks a library; in CI that is a failure."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if not missing:
        return
    _lacking(f"{', '.join(missing)} not installed: {COMMAND}")


def require_file(path: Path, command: str) -> None:
    """The same for what a file belongs to."""
    if not path.exists():
        _lacking(f"{path.parent.parent.name} are not installed: {command}")


def _lacking(why: str) -> None:
    if os.environ.get("COUNTERSEAL_CI"):
        pytest.fail(why)
    pytest.skip(why, allow_module_level=True)


@dataclass(frozen=True)
class Authority:
    """A private CA: `ca` is its certificate, `leaf` certificate and key for this machine."""

    ca: Path
    leaf: Path

    def server_context(self) -> ssl.SSLContext:
        """What a server shows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.leaf)
        return context


def authority(folder: Path, name: str = "127.0.0.1") -> Authority:
    """Make a CA and a leaf for `name`."""
    now = datetime.now(UTC)  # noqa: TID251
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    alternative = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
        )  # fmt: skip

    ca = builder(issuer, ca_key.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    leaf = builder(x509.Name([]), key.public_key()).add_extension(x509.SubjectAlternativeName([alternative]), True)
    folder.mkdir(parents=True, exist_ok=True)
    found = Authority(folder / "ca.pem", folder / "leaf.pem")
    found.ca.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    found.leaf.write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM) + private)
    return found


@dataclass
class Asked:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Fake:
    """An HTTPS server. `answer` gives status, headers and body for a request; `delay_s` passes before it."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answer: Callable[[Asked], tuple[int, dict[str, str], bytes]] = lambda _asked: (200, {}, b"ok")
    delay_s: float = 0.0


@contextmanager
def https(context: ssl.SSLContext | None) -> Iterator[Fake]:
    """Serve on 127.0.0.1; without a context it is plain HTTP."""
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = Asked(self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"] or 0)))
            fake.asked.append(asked)
            time.sleep(fake.delay_s)  # noqa: TID251
            status, headers, body = fake.answer(asked)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_args: object) -> None:
            """Clients that break off are what tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    fake.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
