"""The private CA on disk, and when a leaf certificate is made anew.

`tls/ca.pem` is public; `keys/ca.age` is its key, sealed to an identity of its own, so that whoever makes leaf
certificates can open nothing else; `tls/leaf.pem` holds the leaf and its key together, so that both are replaced at
once. A next CA (`tls/ca-next.pem`) exists while bots are being told to trust it.
"""

from pathlib import Path

import pyrage
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from counterseal.adapters import age_box, private_ca
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import Home, HomeError, create_private, locked, read_private, replace_private
from counterseal.adapters.private_ca import Authority
from counterseal.core.binance.hosts import CERTIFIED_HOSTS
from counterseal.core.secret import Secret

LOCK = "ca"
DAY_MS = 86_400_000
# Half of a leaf's life: the helper looks every hour, so a machine may sleep for days.
RENEW_BEFORE_MS = private_ca.LEAF_DAYS * DAY_MS // 2
WARN_BEFORE_MS = 60 * DAY_MS


def read_certificate(home: Home, *, coming: bool = False) -> x509.Certificate | None:
    """Read the CA in force or the next one; None when there is none. Raises HomeError when it is damaged."""
    path = CaFiles(home).certificate(coming=coming)
    return _certificate(path) if path.exists() else None


def read_leaf(home: Home) -> x509.Certificate | None:
    """Read the leaf certificate; None when there is none. Raises HomeError when it is damaged."""
    path = CaFiles(home).leaf
    return _certificate(path) if path.exists() else None


def bundle(home: Home) -> bytes:
    """Give what bots must trust as PEM: the CA in force, and the next one while there is one. Raises HomeError."""
    found = [read_certificate(home), read_certificate(home, coming=True)]
    if found[0] is None:
        raise HomeError("this installation has no CA yet; make it with: counterseal ca renew")
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in found if certificate)


def keep_current(home: Home, now_ms: int) -> bool:
    """Make the CA when there is none, and a leaf when there is none that is good for days. Tells if a leaf was made.

    Raises HomeError when a file is damaged or the CA has expired.
    """
    with locked(home, LOCK):
        authority = read_certificate(home)
        if authority is not None and not _is_due(home, authority, now_ms):
            return False
        _make_leaf(home, now_ms)
        return True


def renew_leaf(home: Home, now_ms: int) -> None:
    """Make a new leaf now, and the CA when there is none. Raises HomeError."""
    with locked(home, LOCK):
        _make_leaf(home, now_ms)


def make_next(home: Home, now_ms: int) -> None:
    """Make the CA that comes next; an earlier next one that was never used is replaced. Raises HomeError."""
    with locked(home, LOCK):
        _make_authority(home, now_ms, coming=True)


def switch(home: Home, now_ms: int) -> None:
    """Put the next CA in force, forget the old one with its key, and make a leaf by the new one.

    Raises HomeError when there is no next one. A crash between the steps is healed by doing it again.
    """
    files = CaFiles(home)
    with locked(home, LOCK):
        if not files.sealed_key(coming=True).exists() and not files.certificate(coming=True).exists():
            raise HomeError("there is no next CA to switch to; make it with: counterseal ca renew --ca")
        if files.sealed_key(coming=True).exists():
            files.sealed_key(coming=True).replace(files.sealed_key())
        files.certificate(coming=True).replace(files.certificate())
        _make_leaf(home, now_ms)


def _is_due(home: Home, authority: x509.Certificate, now_ms: int) -> bool:
    try:
        leaf = read_leaf(home)
        if leaf is None or leaf.issuer != authority.subject:
            return True
        wanted = private_ca.permitted_hosts(authority, CERTIFIED_HOSTS)
        return private_ca.validity_ms(leaf)[1] - now_ms < RENEW_BEFORE_MS or private_ca.names_of(leaf) != wanted
    except HomeError:
        return True  # a damaged leaf is no loss


def _make_leaf(home: Home, now_ms: int) -> None:
    files = CaFiles(home)
    if not files.certificate().exists():
        _make_authority(home, now_ms, coming=False)
    authority = _open_authority(home)
    if private_ca.validity_ms(authority.certificate)[1] - now_ms < DAY_MS:
        raise HomeError("the CA has expired or ends within a day; see: counterseal ca renew --ca")
    hosts = private_ca.permitted_hosts(authority.certificate, CERTIFIED_HOSTS)
    replace_private(files.leaf, private_ca.new_leaf(authority, hosts, now_ms))


def _make_authority(home: Home, now_ms: int, *, coming: bool) -> None:
    files = CaFiles(home)
    files.directory.mkdir(mode=0o700, exist_ok=True)
    made = private_ca.new_authority(CERTIFIED_HOSTS, now_ms)
    sealed = pyrage.encrypt(private_ca.key_pem(made.key), [_identity(home).to_public()])
    # The key first: a certificate without a key would be exported and never used.
    replace_private(files.sealed_key(coming=coming), sealed)
    replace_private(files.certificate(coming=coming), made.certificate.public_bytes(Encoding.PEM))


def _identity(home: Home) -> pyrage.x25519.Identity:
    path = CaFiles(home).identity
    if not path.exists():
        create_private(path, f"{pyrage.x25519.Identity.generate()}\n".encode())
    try:
        return pyrage.x25519.Identity.from_str(read_private(path).strip().decode("ascii"))
    except (UnicodeDecodeError, pyrage.IdentityError):
        raise HomeError(f"{path} is damaged; restore it from a backup, or remove it and tls/ to start anew") from None


def _open_authority(home: Home) -> Authority:
    files = CaFiles(home)
    sealed, what = read_private(files.sealed_key()), str(files.sealed_key())
    key = age_box.open_sealed(Secret(read_private(files.identity).strip()), sealed, what)
    try:
        return private_ca.load_authority(read_private(files.certificate()), key)
    except ValueError:
        raise HomeError(f"{files.certificate()} and {what} are no pair; restore both from one backup") from None


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(read_private(path))
    except ValueError:
        raise HomeError(f"{path} holds no certificate; remove it, then: counterseal ca renew") from None
