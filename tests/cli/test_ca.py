"""`counterseal ca`: what an operator sees and hands out."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from tests.cli.conftest import Run

from counterseal.adapters import ca_store, private_ca
from counterseal.adapters.home import Home


def test_before_there_is_one(run: Run, home: Home) -> None:
    shown = run("ca", "show")
    assert shown.code == 1 and "counterseal ca renew" in shown.out
    exported = run("ca", "export")
    assert (exported.code, exported.out) == (1, "") and "counterseal ca renew" in exported.err
    assert not (home.root / "tls").exists()


def test_show_tells_fingerprint_validity_limits_and_leaf(run: Run, home: Home) -> None:
    assert run("ca", "renew").code == 0
    shown = run("ca", "show")
    authority, leaf = ca_store.read_certificate(home), ca_store.read_leaf(home)
    assert authority is not None and leaf is not None
    assert shown.code == 0
    for certificate in (authority, leaf):
        assert private_ca.fingerprint(certificate) in shown.out
    assert "api.binance.com" in shown.out and "testnet.binance.vision" in shown.out
    assert "www.binance.com" not in shown.out
    assert "EXPIRED" not in shown.out and "LACKS" not in shown.out and "next CA" not in shown.out


def test_what_an_update_knows_more_is_told(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ca_store, "CERTIFIED_HOSTS", ("api.binance.com",))
    run("ca", "renew")
    assert "LACKS        api-gcp.binance.com" in run("ca", "show").out


@pytest.mark.parametrize(("age_days", "said"), [(8, "EXPIRED"), (5 * 365 - 30, "ENDS SOON: counterseal ca renew --ca")])
def test_what_ends_is_told(run: Run, home: Home, age_days: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run("ca", "renew")
    authority = ca_store.read_certificate(home)
    assert authority is not None
    now_ms = private_ca.validity_ms(authority)[0] + age_days * 86_400_000
    monkeypatch.setattr("counterseal.cli.ca.now_ms", lambda: now_ms)
    assert said in run("ca", "show").out


def test_export_prints_the_certificate_alone(run: Run, home: Home) -> None:
    run("ca", "renew")
    exported = run("ca", "export")
    found = x509.load_pem_x509_certificates(exported.out.encode())
    assert found == [ca_store.read_certificate(home)]
    assert "PRIVATE" not in exported.out and exported.err == ""


def test_export_writes_a_file_that_bots_can_read_and_overwrites_none(run: Run, home: Home, tmp_path: Path) -> None:
    run("ca", "renew")
    out = tmp_path / "ca.pem"
    assert run("ca", "export", "--out", out).code == 0
    assert x509.load_pem_x509_certificates(out.read_bytes()) == [ca_store.read_certificate(home)]
    assert stat.S_IMODE(out.stat().st_mode) & 0o200
    again = run("ca", "export", "--out", out)
    assert again.code == 2 and "not overwritten" in again.err


def test_renew_makes_a_new_leaf_and_keeps_the_ca(run: Run, home: Home) -> None:
    run("ca", "renew")
    authority, leaf = ca_store.read_certificate(home), ca_store.read_leaf(home)
    assert run("ca", "renew").code == 0
    assert ca_store.read_certificate(home) == authority and ca_store.read_leaf(home) != leaf


@pytest.mark.parametrize("typed", ["", "y\n", "yes\n", "forget the old ca\n"])
def test_nothing_is_switched_without_the_words(run: Run, home: Home, typed: str) -> None:
    run("ca", "renew")
    run("ca", "renew", "--ca")
    before = ca_store.bundle(home)
    outcome = run("ca", "renew", "--switch", given=typed)
    assert outcome.code == 1 and "nothing was changed" in outcome.err
    assert ca_store.bundle(home) == before


def test_a_new_ca_in_two_steps(run: Run, home: Home) -> None:
    run("ca", "renew")
    old = run("ca", "export").out
    assert "ca export" in run("ca", "renew", "--ca").err
    both = run("ca", "export").out
    assert both.startswith(old) and len(x509.load_pem_x509_certificates(both.encode())) == 2
    assert "next CA" in run("ca", "show").out
    assert run("ca", "renew", "--switch", given="forget the old CA\n").code == 0
    assert old + run("ca", "export").out == both
    assert "next CA" not in run("ca", "show").out


def test_there_is_nothing_to_switch_to(run: Run, home: Home) -> None:
    run("ca", "renew")
    outcome = run("ca", "renew", "--switch", given="forget the old CA\n")
    assert outcome.code == 1 and "counterseal ca renew --ca" in outcome.err
