"""TLSC-1: fourteen false certificates and weak handshakes of an exchange, by REST and by WebSocket. Each is refused
before a byte of ours that could hold a key is written."""

import asyncio
import datetime
import ipaddress
import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from counterseal.adapters.stream_link import StreamLink, dialler
from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tls import client_context
from counterseal.adapters.upstream import Target, UpstreamPool
from counterseal.ports.venue import NotSent, Unreachable

NAME = "api.binance.com"
REQUEST = b"GET /api/v3/account HTTP/1.1\r\nHost: api.binance.com\r\nX-MBX-APIKEY: the-key\r\n\r\n"
NOW = datetime.datetime.now(datetime.UTC)  # noqa: TID251 - certificates are judged by the real clock
DAY = datetime.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def authority(limited_to: str = "", key: Key | None = None) -> tuple[x509.Certificate, Key]:
    """An authority; `limited_to` is the only domain that it may sign for."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder().subject_name(_name("root")).issuer_name(_name("root")).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(NOW - 9 * DAY).not_valid_after(NOW + 9 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).add_extension(usage, critical=True)
    )  # fmt: skip
    if limited_to:
        made = made.add_extension(x509.NameConstraints([x509.DNSName(limited_to)], None), critical=True)
    return made.sign(key, hashes.SHA256()), key


@dataclass
class Case:
    """How one server differs from a good one."""

    names: tuple[x509.GeneralName, ...] = (x509.DNSName(NAME),)
    begins: datetime.datetime = NOW - DAY
    ends: datetime.datetime = NOW + DAY
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH
    key: Callable[[], Key] = lambda: ec.generate_private_key(ec.SECP256R1())
    signed_by: str = "trusted"
    sha_1: bool = False
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: str = "ALL:@SECLEVEL=0"
    # What the client would take: the weak handshakes are met also by the setting for old hosts.
    tls12: bool = False


GOOD = {
    "TLS 1.3": Case(),
    "TLS 1.2 where it is allowed": Case(version=ssl.TLSVersion.TLSv1_2, tls12=True),
    "an RSA authority": Case(signed_by="rsa"),
    "an RSA key of 2048 bits": Case(key=lambda: rsa.generate_private_key(65537, 2048)),
}
BAD = {
    "expired": Case(begins=NOW - 5 * DAY, ends=NOW - DAY),
    "not valid yet": Case(begins=NOW + DAY, ends=NOW + 5 * DAY),
    "another host": Case(names=(x509.DNSName("api.binance.org"),)),
    "a common name alone": Case(names=()),
    "a common name beside an address": Case(names=(x509.IPAddress(ipaddress.ip_address("127.0.0.1")),)),
    "a wildcard too high": Case(names=(x509.DNSName("*.com"),)),
    "signed by itself": Case(signed_by="itself"),
    "an unknown authority": Case(signed_by="stranger"),
    "an authority for another domain": Case(signed_by="limited"),
    "a SHA-1 signature": Case(signed_by="rsa", sha_1=True),
    "an RSA key of 1024 bits": Case(key=lambda: rsa.generate_private_key(65537, 1024)),
    "for clients": Case(usage=ExtendedKeyUsageOID.CLIENT_AUTH),
    "TLS 1.2 where 1.3 is asked": Case(version=ssl.TLSVersion.TLSv1_2),
    "TLS 1.1": Case(version=ssl.TLSVersion.TLSv1_1, tls12=True),
    "TLS 1.0": Case(version=ssl.TLSVersion.TLSv1, tls12=True),
    "no encryption": Case(version=ssl.TLSVersion.TLSv1_2, ciphers="NULL:eNULL:@SECLEVEL=0", tls12=True,
                          key=lambda: rsa.generate_private_key(65537, 2048)),
}  # fmt: skip


@dataclass
class Trust:
    """The authorities: one is trusted, one may not sign for the exchange, one is nobody's."""

    folder: Path

    def __post_init__(self) -> None:
        self.signers = {
            "trusted": authority(), "stranger": authority(), "limited": authority("example.com"),
            "rsa": authority(key=rsa.generate_private_key(65537, 2048)),
        }  # fmt: skip
        pem = serialization.Encoding.PEM
        known = b"".join(self.signers[name][0].public_bytes(pem) for name in ("trusted", "limited", "rsa"))
        self.file = self.folder / "trusted.pem"
        self.file.write_bytes(known)

    def server(self, case: Case) -> ssl.SSLContext:
        """The server's side: it would speak to anybody, in any weak way."""
        key = case.key()
        issuer, signing_key = (_name(NAME), key) if case.signed_by == "itself" else self._signer(case.signed_by)
        made = (
            x509.CertificateBuilder().subject_name(_name(NAME)).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(case.begins).not_valid_after(case.ends)
            .add_extension(x509.ExtendedKeyUsage([case.usage]), critical=False)
        )  # fmt: skip
        if case.names:
            made = made.add_extension(x509.SubjectAlternativeName(case.names), critical=False)
        file = self.folder / "server.pem"
        certificate = made.sign(signing_key, hashes.SHA256())
        if case.sha_1:
            certificate = with_sha_1(certificate, signing_key)
        file.write_bytes(_pem(key) + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(case.ciphers)
        context.load_cert_chain(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the case
            context.minimum_version = context.maximum_version = case.version
        return context

    def _signer(self, name: str) -> tuple[x509.Name, Key]:
        certificate, key = self.signers[name]
        return certificate.subject, key


def with_sha_1(certificate: x509.Certificate, key: Any) -> x509.Certificate:
    """The same certificate signed with SHA-1. The library no longer does it: the two algorithms differ in one byte."""
    sha_256, sha_1 = (bytes.fromhex("2a864886f70d0101") + last for last in (b"\x0b", b"\x05"))
    signed = certificate.tbs_certificate_bytes.replace(sha_256, sha_1)
    whole = certificate.public_bytes(serialization.Encoding.DER).replace(sha_256, sha_1)
    mark = key.sign(signed, padding.PKCS1v15(), hashes.SHA1())
    return x509.load_der_x509_certificate(whole[: -len(mark)] + mark)


def _pem(key: Key) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


class Nobody:
    """The owner of a WebSocket link that must never open."""

    def on_open(self, link: StreamLink) -> None: ...

    def on_text(self, link: StreamLink, text: bytes) -> None: ...

    def on_lost(self, link: StreamLink, why: str) -> None: ...


async def by_rest(target: Target) -> None:
    """Send one request."""
    pool = UpstreamPool({"spot": target}, SystemClock())
    try:
        await pool.send("spot", REQUEST)
    finally:
        await pool.close()


async def by_websocket(target: Target) -> None:
    """Open one stream."""
    link = StreamLink(SystemClock(), NAME, "/ws/the-listen-key", Nobody())
    await dialler({"spot": target}, "")("spot", link)
    await asyncio.sleep(0.1)
    link.end("done")


async def received(trust: Trust, case: Case, way: Callable[[Target], Any]) -> tuple[bytes, bool]:
    """Give the bytes that a server got in the clear, and whether the client refused to speak."""
    got = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.extend(await reader.read(4096))
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=trust.server(case))
    host, port = server.sockets[0].getsockname()
    refused = False
    try:
        await way(Target(host, port, NAME, client_context(trust.file, tls12=case.tls12)))
    except (NotSent, Unreachable):
        refused = True
    await asyncio.sleep(0.02)
    server.close()
    return bytes(got), refused


@pytest.fixture(name="trust", scope="module")
def _trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return Trust(tmp_path_factory.mktemp("trust"))


@pytest.fixture(name="way", params=[by_rest, by_websocket], ids=["REST", "WebSocket"])
def _way(request: pytest.FixtureRequest) -> Callable[[Target], Any]:
    way: Callable[[Target], Any] = request.param
    return way


@pytest.mark.threat(33)
@pytest.mark.parametrize("name", BAD)
def test_nothing_is_said_to_a_false_exchange(trust: Trust, way: Callable[[Target], Any], name: str) -> None:
    """The handshake fails at our side; the server has read nothing."""
    assert asyncio.run(received(trust, BAD[name], way)) == (b"", True)


@pytest.mark.parametrize("name", GOOD)
def test_a_true_one_is_spoken_to(trust: Trust, way: Callable[[Target], Any], name: str) -> None:
    """So that the other test cannot pass because nothing ever works."""
    got, refused = asyncio.run(received(trust, GOOD[name], way))
    assert got.startswith(b"GET /") and not refused
