"""The private CA vouches for the exchange's API hosts and for nothing else: OpenSSL itself is the judge."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from counterseal.adapters import private_ca
from counterseal.adapters.private_ca import Authority
from counterseal.core.binance.hosts import CERTIFIED_HOSTS

DAY_MS = 86_400_000
NOW_MS = int(datetime.now(UTC).timestamp() * 1000)  # noqa: TID251  OpenSSL judges by this machine's clock
STRICT = ssl.VERIFY_X509_STRICT


@pytest.fixture(name="authority", scope="module")
def _authority() -> Authority:
    return private_ca.new_authority(CERTIFIED_HOSTS, NOW_MS)


def handshake(authority: Authority, leaf: bytes, host: str, folder: Path) -> str:
    """Let a client that trusts the CA connect to `host` under the leaf; gives the error's text, "" without one."""
    (folder / "leaf.pem").write_bytes(leaf)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "leaf.pem")
    client = ssl.create_default_context(cadata=authority.certificate.public_bytes(Encoding.PEM).decode())
    client.verify_flags |= STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client.wrap_bio(to_client, to_server, server_hostname=host)
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (theirs, ours):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as fault:
                return fault.verify_message
    return ""


def forged(authority: Authority, names: list[x509.GeneralName], usage: x509.ObjectIdentifier) -> bytes:
    """What a thief of the CA's key would make: a leaf for whatever names, signed with the real key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.fromtimestamp(NOW_MS // 1000, UTC)
    own = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "forged")]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM) + private_ca.key_pem(key)


@pytest.mark.parametrize("host", CERTIFIED_HOSTS)
def test_the_leaf_is_good_for_every_host(authority: Authority, host: str, tmp_path: Path) -> None:
    """Also for a client that holds every rule of RFC 5280, as Python 3.13 does by default."""
    leaf = private_ca.new_leaf(authority, CERTIFIED_HOSTS, NOW_MS)
    assert handshake(authority, leaf, host, tmp_path) == ""


@pytest.mark.parametrize(
    "host", ["example.com", "www.binance.com", "accounts.binance.com", "binance.com", "api.binance.com.example.com"]
)
def test_a_stolen_key_cannot_vouch_for_another_name(authority: Authority, host: str, tmp_path: Path) -> None:
    """Not even for the exchange's own web site, where people log in."""
    leaf = forged(authority, [x509.DNSName(host)], ExtendedKeyUsageOID.SERVER_AUTH)
    assert "permitted subtree violation" in handshake(authority, leaf, host, tmp_path)


def test_a_stolen_key_cannot_add_another_name(authority: Authority, tmp_path: Path) -> None:
    """One name too many spoils the certificate for the good names too."""
    names: list[x509.GeneralName] = [x509.DNSName("api.binance.com"), x509.DNSName("example.com")]
    leaf = forged(authority, names, ExtendedKeyUsageOID.SERVER_AUTH)
    assert "permitted subtree violation" in handshake(authority, leaf, "api.binance.com", tmp_path)


def test_a_stolen_key_cannot_vouch_for_an_address(authority: Authority, tmp_path: Path) -> None:
    """Constraints of names say nothing of addresses; those are excluded by themselves."""
    leaf = forged(authority, [x509.IPAddress(IPv4Address("127.0.0.1"))], ExtendedKeyUsageOID.SERVER_AUTH)
    assert "excluded subtree violation" in handshake(authority, leaf, "127.0.0.1", tmp_path)


def test_a_stolen_key_is_no_good_for_anything_but_servers(authority: Authority, tmp_path: Path) -> None:
    leaf = forged(authority, [x509.DNSName("api.binance.com")], ExtendedKeyUsageOID.CODE_SIGNING)
    assert handshake(authority, leaf, "api.binance.com", tmp_path) != ""
    usage = authority.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_an_expired_leaf_is_refused(authority: Authority, tmp_path: Path) -> None:
    leaf = private_ca.new_leaf(authority, CERTIFIED_HOSTS, NOW_MS - 8 * DAY_MS)
    assert handshake(authority, leaf, "api.binance.com", tmp_path) == "certificate has expired"


def test_another_installation_s_leaf_is_refused(authority: Authority, tmp_path: Path) -> None:
    """Each installation trusts its own CA alone."""
    other = private_ca.new_authority(CERTIFIED_HOSTS, NOW_MS)
    leaf = private_ca.new_leaf(other, CERTIFIED_HOSTS, NOW_MS)
    assert "unable to get local issuer" in handshake(authority, leaf, "api.binance.com", tmp_path)


def test_its_limits_are_critical(authority: Authority) -> None:
    """A client that does not understand name constraints must refuse everything of this CA."""
    extensions = authority.certificate.extensions
    assert extensions.get_extension_for_class(x509.NameConstraints).critical
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical and basic.value.ca and basic.value.path_length == 0
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.key_cert_sign and not usage.value.digital_signature


def test_lives(authority: Authority) -> None:
    """A leaf seven days, never longer than its CA; both begin an hour early for clocks that are late."""
    begin, end = private_ca.validity_ms(authority.certificate)
    assert (begin, end) == (NOW_MS // 1000 * 1000 - 3_600_000, NOW_MS // 1000 * 1000 + 5 * 365 * DAY_MS)
    leaf = x509.load_pem_x509_certificate(private_ca.new_leaf(authority, ["api.binance.com"], NOW_MS))
    assert private_ca.validity_ms(leaf)[1] == NOW_MS // 1000 * 1000 + 7 * DAY_MS
    late = x509.load_pem_x509_certificate(private_ca.new_leaf(authority, ["api.binance.com"], end - DAY_MS))
    assert private_ca.validity_ms(late)[1] == end
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)


def test_what_a_ca_may_vouch_for_is_told(authority: Authority) -> None:
    few = private_ca.new_authority(["api.binance.com"], NOW_MS).certificate
    asked = ["fapi.binance.com", "api.binance.com", "a.api.binance.com", "notapi.binance.com"]
    assert private_ca.permitted_hosts(few, asked) == ("api.binance.com", "a.api.binance.com")
    assert private_ca.constraints(authority.certificate) == CERTIFIED_HOSTS


def test_a_key_of_another_ca_is_noticed(authority: Authority) -> None:
    other = private_ca.new_authority(CERTIFIED_HOSTS, NOW_MS)
    pem = authority.certificate.public_bytes(Encoding.PEM)
    assert private_ca.load_authority(pem, private_ca.key_pem(authority.key)).certificate == authority.certificate
    with pytest.raises(ValueError, match="no pair"):
        private_ca.load_authority(pem, private_ca.key_pem(other.key))
    assert "BEGIN" not in repr(authority)
