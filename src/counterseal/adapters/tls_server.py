"""TLS towards bots: 1.2 and 1.3 under the leaf certificate, which is exchanged while connections stay."""

import ssl
from collections.abc import Callable
from pathlib import Path
from weakref import WeakKeyDictionary

from cryptography import x509

from counterseal.adapters.home import HomeError, read_private

_TLS12_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_Stamp = tuple[int, int, int]


class LeafError(Exception):
    """The leaf certificate cannot be used; one sentence with the way out."""


class ServerTls:
    """The context that new connections are accepted with.

    `names` remembers the server name that each connection's client asked for; None when it sent none. `end_ms` is
    when the leaf expires. Raises LeafError when there is no usable leaf.
    """

    def __init__(self, leaf: Path) -> None:
        self._leaf = leaf
        self.names: WeakKeyDictionary[ssl.SSLObject, str | None] = WeakKeyDictionary()
        self._stamp = _stamp(leaf)
        self.context, self.end_ms = self._load()

    def refresh(self, failed: Callable[[str], None]) -> bool:
        """Take up a leaf that has been replaced; tells if one was. One that cannot be used is told to `failed` once.

        A new context is made rather than the old one changed: a half-loaded pair is never served, and the keys of
        session tickets change with the leaf's. Open connections keep what they have.
        """
        stamp = _stamp(self._leaf)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self.context, self.end_ms = self._load()
        except LeafError as fault:
            failed(str(fault))
            return False
        return True

    def _load(self) -> tuple[ssl.SSLContext, int]:
        try:
            end = x509.load_pem_x509_certificate(read_private(self._leaf)).not_valid_after_utc
            context = server_context(self._leaf)
        except (OSError, ValueError, HomeError):  # ssl.SSLError is an OSError
            raise LeafError(f"{self._leaf} cannot be used; make a new one with: counterseal ca renew") from None
        context.sni_callback = self._remember
        return context, int(end.timestamp() * 1000)

    def _remember(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        self.names[connection] = name


def server_context(leaf: Path) -> ssl.SSLContext:
    """Make a context from a PEM file of certificate and key. Raises OSError or ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(_TLS12_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(leaf)
    return context


def _stamp(path: Path) -> _Stamp | None:
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_mtime_ns, info.st_ino, info.st_size
