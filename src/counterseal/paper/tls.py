"""A throw-away authority and one server certificate.  The authority's key is dropped once it has signed."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from counterseal.paper.keys import write_private

HOSTS = ("*.binance.com", "binance.com", "*.binance.vision", "localhost")
DAYS = 30
# Certificates that the server can be told to show instead of its own, signed while the authority's key still exists.
SPARE = ("rotated", "expired", "other-name", "other-authority")


def server_context(home: Path, now_ns: int) -> ssl.SSLContext:
    """A TLS 1.3 context from the home's certificate; made anew when missing or in its last day."""
    authority, server = home / "ca.pem", home / "server.pem"
    now = datetime.datetime.fromtimestamp(now_ns / 1e9, datetime.UTC)
    if not _is_fresh(authority, server, now):
        _make(authority, server, now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(server)
    return context


def chain(home: Path, which: str) -> Path:
    """The file of a certificate and its key: `server`, or one of SPARE.  ValueError for another name."""
    if which == "server":
        return home / "server.pem"
    if which not in SPARE:
        raise ValueError(f"certificate is server, {', '.join(SPARE)}")
    return home / f"server-{which}.pem"


def _is_fresh(authority: Path, server: Path, now: datetime.datetime) -> bool:
    if not all(chain(server.parent, which).exists() for which in SPARE):
        return False
    if not (authority.exists() and server.exists()):
        return False
    certificate = x509.load_pem_x509_certificate(server.read_bytes())
    return certificate.not_valid_after_utc > now + datetime.timedelta(days=1)


def _make(authority: Path, server: Path, now: datetime.datetime) -> None:
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Counterseal paper exchange, test authority")])
    root = _builder(root_name, root_name, root_key.public_key(), now)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    root = root.add_extension(_usage(is_authority=True), critical=True)
    root_identifier = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root_certificate = root.add_extension(root_identifier, critical=False).sign(root_key, hashes.SHA256())
    _write_server(server, _server_builder, root_name, root_key, root_identifier, now)
    home = server.parent
    _write_server(chain(home, "rotated"), _server_builder, root_name, root_key, root_identifier, now)
    past = now - datetime.timedelta(days=DAYS + 10)
    _write_server(chain(home, "expired"), _server_builder, root_name, root_key, root_identifier, past)
    _write_server(chain(home, "other-name"), _stranger_builder, root_name, root_key, root_identifier, now)
    stranger = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(stranger.public_key())
    _write_server(chain(home, "other-authority"), _server_builder, root_name, stranger, identifier, now)
    pem = serialization.Encoding.PEM
    write_private(authority, root_certificate.public_bytes(pem).decode())
    os.chmod(authority, 0o644)  # noqa: PTH101 - the public part, for clients


Builder = Callable[
    [x509.Name, ec.EllipticCurvePrivateKey, x509.SubjectKeyIdentifier, datetime.datetime], x509.CertificateBuilder
]


def _write_server(
    path: Path, build: Builder, issuer: x509.Name, root_key: ec.EllipticCurvePrivateKey,
    root: x509.SubjectKeyIdentifier, now: datetime.datetime,
) -> None:  # fmt: skip
    """A new key and its certificate by the authority, in one private file."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = build(issuer, key, root, now).sign(root_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(path, (private + certificate.public_bytes(pem)).decode())


def _stranger_builder(
    issuer: x509.Name, key: ec.EllipticCurvePrivateKey, root: x509.SubjectKeyIdentifier, now: datetime.datetime
) -> x509.CertificateBuilder:
    return _server_builder(issuer, key, root, now, ("somebody.else.example",), ())


def _server_builder(
    issuer: x509.Name, key: ec.EllipticCurvePrivateKey, root: x509.SubjectKeyIdentifier, now: datetime.datetime,
    hosts: tuple[str, ...] = HOSTS, addresses: tuple[str, ...] = ("127.0.0.1", "::1"),
) -> x509.CertificateBuilder:  # fmt: skip
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "paper exchange")])
    alternatives: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    alternatives += [x509.IPAddress(ipaddress.ip_address(text)) for text in addresses]
    builder = _builder(name, issuer, key.public_key(), now)
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(is_authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root)
    return builder.add_extension(issuer_key, critical=False)


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
