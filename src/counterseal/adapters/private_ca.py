"""The installation's private CA and its leaf certificates: made here, in memory only; files are ca_store's.

The CA can vouch for the exchange's API hosts and for nothing else: its name constraints are critical, so that a client
which does not understand them refuses every certificate of it. The exchange's web site, where people log in, is not
among the hosts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS, LEAF_DAYS = 5 * 365, 7
# Clients whose clocks are late must not refuse a new certificate.
BACKDATED = timedelta(hours=1)
_EVERY_ADDRESS = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
_USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
           "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"Authority({fingerprint(self.certificate)[:23]})"


def new_authority(hosts: Sequence[str], now_ms: int) -> Authority:
    """Make a CA for `hosts` and the names below them, valid from `now_ms` for five years."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _name(f"Counterseal private CA {own.digest.hex()[:8]}")
    constraints = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(host) for host in hosts],
        # A constraint holds for its own kind of name only: addresses must be shut out by themselves.
        excluded_subtrees=[x509.IPAddress(network) for network in _EVERY_ADDRESS],
    )
    builder = (
        _builder(name, name, key, now_ms, timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(constraints, critical=True)
        .add_extension(own, critical=False)
    )
    return Authority(builder.sign(key, hashes.SHA256()), key)


def new_leaf(authority: Authority, hosts: Sequence[str], now_ms: int, days: int = LEAF_DAYS) -> bytes:
    """Make a key and a certificate for all `hosts`, and give both as PEM: certificate, then unencrypted key.

    The certificate never outlives its CA.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    life = min(timedelta(days=days), issuer.not_valid_after_utc - _moment(now_ms))
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(_name("Counterseal gateway"), issuer.subject, key, now_ms, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    certificate = builder.sign(authority.key, hashes.SHA256())
    return certificate.public_bytes(Encoding.PEM) + key_pem(key)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Give a private key as unencrypted PKCS #8 PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_authority(certificate_pem: bytes, key: bytes) -> Authority:
    """Put a CA together again. Raises ValueError when the two are damaged or no pair."""
    certificate, private = x509.load_pem_x509_certificate(certificate_pem), load_pem_private_key(key, None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != certificate.public_key():
        raise ValueError("certificate and key are no pair")
    return Authority(certificate, private)


def permitted_hosts(certificate: x509.Certificate, hosts: Iterable[str]) -> tuple[str, ...]:
    """Give those of `hosts` for which the CA may vouch, in their order."""
    names = constraints(certificate)
    return tuple(host for host in hosts if any(host == name or host.endswith(f".{name}") for name in names))


def constraints(certificate: x509.Certificate) -> tuple[str, ...]:
    """Give the host names for which (and below which) a CA may vouch."""
    found = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    return tuple(str(name.value) for name in found.permitted_subtrees or ())


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Give the host names of a leaf certificate."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(found.get_values_for_type(x509.DNSName))


def fingerprint(certificate: x509.Certificate) -> str:
    """Give the SHA-256 fingerprint as OpenSSL writes it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def validity_ms(certificate: x509.Certificate) -> tuple[int, int]:
    """Give begin and end in milliseconds since the epoch."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return int(begin.timestamp() * 1000), int(end.timestamp() * 1000)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now_ms: int, life: timedelta
) -> x509.CertificateBuilder:
    now = _moment(now_ms)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
    )


def _moment(now_ms: int) -> datetime:
    # Certificates count in whole seconds.
    return datetime.fromtimestamp(now_ms // 1000, UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(only: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage == only for usage in _USAGES})
