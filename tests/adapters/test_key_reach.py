"""What whoever asks a store of keys is let reach: its port, names only where there is one to look up, its files."""

from pathlib import Path

import pytest
from tests.homes import make_home

from counterseal.adapters import key_reach
from counterseal.adapters.home import HomeError
from counterseal.adapters.key_reach import Reach
from counterseal.core.config.model import Keystore

VAULT = Keystore(kind="vault", url="https://10.0.0.7:8200", path="a", role="a", role_id="a", login_file="secret-id")
AWS = Keystore(kind="aws", region="eu-central-1", secret_name="a", login_file="key")


def test_a_file_needs_nothing(tmp_path: Path) -> None:
    assert key_reach.of(make_home(tmp_path / "home"), Keystore()) == Reach()


def test_vault_is_one_port_and_no_name(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    login = home.root / "secret-id"
    assert key_reach.of(home, VAULT) == Reach(frozenset({8200}), resolves=False, files=(login,))
    named = Keystore(kind="vault", url="https://vault.internal:443", address="[::1]:8300", login_file="/run/x",
                     ca_file="ca.pem")  # fmt: skip
    files = (home.root / "ca.pem", Path("/run/x"))
    assert key_reach.of(home, named) == Reach(frozenset({8300}), resolves=False, files=files)


def test_aws_is_looked_up_unless_its_endpoint_is_an_address(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    login = home.root / "key"
    assert key_reach.of(home, AWS) == Reach(frozenset({443}), resolves=True, files=(login,))
    private = Keystore(kind="aws", login_file="key", endpoint="https://10.0.0.9:8443")
    assert key_reach.of(home, private) == Reach(frozenset({8443}), resolves=False, files=(login,))
    vpce = Keystore(kind="aws", login_file="key", endpoint="https://x.vpce.amazonaws.com")
    assert key_reach.of(home, vpce) == Reach(frozenset({443}), resolves=True, files=(login,))


def test_the_role_of_the_machine_is_asked_for_on_another_port(tmp_path: Path) -> None:
    found = key_reach.of(make_home(tmp_path / "home"), Keystore(kind="aws", region="eu-central-1", secret_name="a"))
    assert found == Reach(frozenset({443, 80}), resolves=True)


def test_a_credential_is_read_where_systemd_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, settings = make_home(tmp_path / "home"), Keystore(kind="systemd", credential="keys")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert key_reach.of(home, settings) == Reach()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    assert key_reach.of(home, settings) == Reach(files=(Path("/run/credentials/x/keys"),))


def test_what_we_log_in_with_does_not_lie_where_the_gateway_reads(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="lies below /etc, which the gateway may read"):
        key_reach.of(make_home(tmp_path / "home"), Keystore(kind="vault", url="https://1.2.3.4:1", login_file="/etc/x"))
