"""The CA on disk: sealed right after minting, leaves renewed in time, a new CA in two steps."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from tests.homes import make_home

from counterseal.adapters import age_box, ca_store, private_ca
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import Home, HomeError, read_private, replace_private
from counterseal.core.binance.hosts import CERTIFIED_HOSTS
from counterseal.core.secret import Secret

NOW_MS, DAY_MS = 1_795_392_000_000, 86_400_000


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


def leaf_of(home: Home) -> x509.Certificate:
    leaf = ca_store.read_leaf(home)
    assert leaf is not None
    return leaf


def test_the_first_time_makes_both(home: Home) -> None:
    assert ca_store.read_certificate(home) is None and ca_store.read_leaf(home) is None
    assert ca_store.keep_current(home, NOW_MS)
    authority = ca_store.read_certificate(home)
    assert authority is not None
    assert leaf_of(home).issuer == authority.subject
    assert private_ca.names_of(leaf_of(home)) == CERTIFIED_HOSTS


def test_a_good_leaf_stays_and_an_old_one_goes(home: Home) -> None:
    """Half of its life before the end."""
    ca_store.keep_current(home, NOW_MS)
    first = leaf_of(home)
    assert not ca_store.keep_current(home, NOW_MS + 3 * DAY_MS)
    assert leaf_of(home) == first
    assert ca_store.keep_current(home, NOW_MS + 4 * DAY_MS)
    assert leaf_of(home) != first
    assert private_ca.validity_ms(leaf_of(home))[1] == NOW_MS + 11 * DAY_MS


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_damaged_leaf_is_made_anew(home: Home, content: bytes) -> None:
    ca_store.keep_current(home, NOW_MS)
    replace_private(CaFiles(home).leaf, content)
    with pytest.raises(HomeError, match="holds no certificate"):
        ca_store.read_leaf(home)
    assert ca_store.keep_current(home, NOW_MS)
    assert private_ca.names_of(leaf_of(home)) == CERTIFIED_HOSTS


def test_new_hosts_make_a_new_leaf_as_far_as_the_ca_goes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update that knows a host more does not break what an older CA may vouch for."""
    monkeypatch.setattr(ca_store, "CERTIFIED_HOSTS", ("api.binance.com", "fapi.binance.com"))
    ca_store.keep_current(home, NOW_MS)
    monkeypatch.setattr(ca_store, "CERTIFIED_HOSTS", ("api.binance.com", "dapi.binance.com"))
    assert ca_store.keep_current(home, NOW_MS)
    assert private_ca.names_of(leaf_of(home)) == ("api.binance.com",)
    assert not ca_store.keep_current(home, NOW_MS)


def test_the_key_is_sealed_and_everything_private(home: Home) -> None:
    """The CA's key stands in no file; neither the signer's nor the gateway's identity opens it."""
    ca_store.keep_current(home, NOW_MS)
    files = CaFiles(home)
    for path in home.root.rglob("*"):
        assert not stat.S_IMODE(path.lstat().st_mode) & 0o077, path
        if path.is_file() and path != files.leaf:
            assert b"PRIVATE KEY" not in path.read_bytes(), path
    sealed = read_private(files.sealed_key())
    assert sealed.startswith(b"age-encryption.org/v1")
    for path in (home.signer_identity, home.gateway_identity):
        with pytest.raises(HomeError):
            age_box.open_sealed(Secret(read_private(path).strip()), sealed, "ca.age")
    opened = age_box.open_sealed(Secret(read_private(files.identity).strip()), sealed, "ca.age")
    assert b"BEGIN PRIVATE KEY" in opened


def test_what_opens_the_ca_opens_nothing_else(home: Home) -> None:
    ca_store.keep_current(home, NOW_MS)
    identity = Secret(read_private(CaFiles(home).identity).strip())
    for recipient in ("signer", "gateway"):
        with pytest.raises(HomeError):
            age_box.open_sealed(identity, age_box.seal(home, recipient, b"theirs"), "theirs")


def test_a_new_ca_takes_two_steps(home: Home) -> None:
    """Bots get both; nothing uses the next one until it is switched to; then the old key is gone."""
    ca_store.keep_current(home, NOW_MS)
    old, old_leaf, old_key = ca_store.read_certificate(home), leaf_of(home), CaFiles(home).sealed_key().read_bytes()
    assert ca_store.bundle(home).count(b"BEGIN CERTIFICATE") == 1

    ca_store.make_next(home, NOW_MS)
    coming = ca_store.read_certificate(home, coming=True)
    assert coming is not None and coming != old
    assert ca_store.bundle(home).count(b"BEGIN CERTIFICATE") == 2
    assert leaf_of(home) == old_leaf and not ca_store.keep_current(home, NOW_MS)

    ca_store.switch(home, NOW_MS)
    assert ca_store.read_certificate(home) == coming and ca_store.read_certificate(home, coming=True) is None
    assert leaf_of(home).issuer == coming.subject
    assert not any(path.is_file() and path.read_bytes() == old_key for path in home.root.rglob("*"))
    assert ca_store.bundle(home).count(b"BEGIN CERTIFICATE") == 1


def test_there_is_nothing_to_switch_to(home: Home) -> None:
    ca_store.keep_current(home, NOW_MS)
    with pytest.raises(HomeError, match="ca renew --ca"):
        ca_store.switch(home, NOW_MS)


def test_a_switch_that_was_cut_off_is_finished_by_the_next(home: Home) -> None:
    """A crash after the key was moved and before the certificate was: nothing is lost."""
    ca_store.keep_current(home, NOW_MS)
    ca_store.make_next(home, NOW_MS)
    files, coming = CaFiles(home), ca_store.read_certificate(home, coming=True)
    files.sealed_key(coming=True).replace(files.sealed_key())

    ca_store.switch(home, NOW_MS)
    assert ca_store.read_certificate(home) == coming


def test_an_expired_ca_says_what_to_do(home: Home) -> None:
    ca_store.keep_current(home, NOW_MS)
    with pytest.raises(HomeError, match="ca renew --ca"):
        ca_store.keep_current(home, NOW_MS + 5 * 365 * DAY_MS)


def test_a_damaged_ca_is_told_and_not_replaced(home: Home) -> None:
    """Bots trust it: a silent new one would cut them off."""
    ca_store.keep_current(home, NOW_MS)
    files = CaFiles(home)
    whole = files.certificate().read_bytes()
    replace_private(files.certificate(), b"no certificate")
    with pytest.raises(HomeError, match=r"ca\.pem holds no certificate"):
        ca_store.keep_current(home, NOW_MS + 5 * DAY_MS)
    other = private_ca.new_authority(CERTIFIED_HOSTS, NOW_MS).certificate
    replace_private(files.certificate(), other.public_bytes(ca_store.Encoding.PEM))
    with pytest.raises(HomeError, match="are no pair"):
        ca_store.renew_leaf(home, NOW_MS)
    replace_private(files.certificate(), whole)
    replace_private(files.identity, b"nonsense")
    with pytest.raises(HomeError):
        ca_store.renew_leaf(home, NOW_MS)


def test_two_helpers_at_once_are_one(home: Home) -> None:
    from counterseal.adapters.home import HomeBusyError, locked

    with locked(home, ca_store.LOCK), pytest.raises(HomeBusyError):
        ca_store.keep_current(home, NOW_MS)
