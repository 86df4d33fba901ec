"""What every store of keys must do, tried on the file, a real OpenBao and two stand-ins of AWS.

On a server of your own: COUNTERSEAL_TEST_VAULT_ADDR (https://host:port) with COUNTERSEAL_TEST_VAULT_TOKEN_FILE, a
private file with a token that may write below COUNTERSEAL_TEST_VAULT_MOUNT ("secret"), and COUNTERSEAL_TEST_VAULT_CA;
COUNTERSEAL_TEST_AWS_REGION with COUNTERSEAL_TEST_AWS_KEY_FILE (an access key's id and key, in two lines).
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stores import services
from tests.stores.conftest import ACCESS_KEY, aws_settings, section, settle, vault_settings
from tests.stores.services import OpenBao

from counterseal.adapters import age_box, key_source
from counterseal.adapters.home import Home, HomeBusyError, locked
from counterseal.ports.key_store import KeyStore, KeyStoreError, Trouble

Make = Callable[[], KeyStore]
OWN_VAULT, OWN_AWS = "COUNTERSEAL_TEST_VAULT_ADDR", "COUNTERSEAL_TEST_AWS_REGION"
KINDS = ["file", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("openbao", "ministack", "moto"))]
KINDS += ["own vault"] if OWN_VAULT in os.environ else []
KINDS += ["own aws"] if OWN_AWS in os.environ else []


def _fresh(home: Home) -> KeyStore:
    """A store as another process has it."""
    key_source._stores.clear()
    return key_source.of(home)


@pytest.fixture(name="make", params=KINDS)
def _make(request: pytest.FixtureRequest, home: Home, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Give what makes stores of one place that holds nothing yet."""
    kind, name = request.param, services.some_name()
    if kind == "openbao":
        bao: OpenBao = request.getfixturevalue("bao")
        token = home.root / "token"
        token.write_text(bao.root_token)
        token.chmod(0o600)
        monkeypatch.setenv(key_source.OPERATOR_VARIABLE, str(token))
        settle(home, vault_settings(bao, path=name))
    elif kind == "own vault":
        monkeypatch.setenv(key_source.OPERATOR_VARIABLE, os.environ["COUNTERSEAL_TEST_VAULT_TOKEN_FILE"])
        ca_file = os.environ.get("COUNTERSEAL_TEST_VAULT_CA")
        mount = os.environ.get("COUNTERSEAL_TEST_VAULT_MOUNT", "secret")
        given = {"url": os.environ[OWN_VAULT], "path": name, "ca_file": ca_file, "mount": mount}
        settle(home, section({"kind": "vault", "role": "none", "role_id": "none", "login_file": "none", **given}))
    elif kind in ("ministack", "moto"):
        url = request.getfixturevalue(kind)
        services.secrets_manager(url).create_secret(Name=name, Tags=[{"Key": "counterseal", "Value": "keys"}])
        settle(home, aws_settings(url, name), ACCESS_KEY, "access-key")
    elif kind == "own aws":
        import boto3

        key_id, key = Path(os.environ["COUNTERSEAL_TEST_AWS_KEY_FILE"]).read_text().split()[:2]
        client = boto3.client(
            "secretsmanager", region_name=os.environ[OWN_AWS], aws_access_key_id=key_id, aws_secret_access_key=key
        )
        client.create_secret(Name=name)
        request.addfinalizer(lambda: client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True))
        settings = {"kind": "aws", "region": os.environ[OWN_AWS], "secret_name": name, "login_file": "access-key"}
        settle(home, section(dict(settings)), f"{key_id}\n{key}\n", "access-key")
    return lambda: _fresh(home)


def begun(make: Make, home: Home) -> None:
    """Let the place hold something."""
    store = make()
    assert store.read() is None
    store.write(sealed(home))


def is_file(request: pytest.FixtureRequest) -> bool:
    return "file" in request.node.name


def guarded_by_a_lock(home: Home) -> None:
    """Two writers of the file: the second does not get so far."""
    with locked(home, "keys"), pytest.raises(HomeBusyError), locked(home, "keys"):
        pytest.fail("two at once")


def sealed(home: Home, content: bytes = b"keys") -> bytes:
    return age_box.seal(home, "signer", content)


def test_what_is_written_is_read_back_by_another(make: Make, home: Home) -> None:
    first = make()
    assert first.read() is None
    content = sealed(home)
    first.write(content)
    assert make().read() == content
    again = sealed(home, b"others")
    first.write(again)
    first.write(content)
    assert make().read() == content and first.read() == content


def test_a_place_is_not_taken_without_having_looked(make: Make, home: Home, request: pytest.FixtureRequest) -> None:
    if is_file(request):
        guarded_by_a_lock(home)
        return
    begun(make, home)
    with pytest.raises(KeyStoreError) as caught:
        make().write(sealed(home, b"others"))
    assert caught.value.kind is Trouble.CHANGED


def test_two_writers_cannot_lose_one_anothers_change(make: Make, home: Home, request: pytest.FixtureRequest) -> None:
    if is_file(request):
        guarded_by_a_lock(home)
        return
    begun(make, home)
    one, two = make(), make()
    one.read(), two.read()
    content = sealed(home, b"of the first")
    one.write(content)
    with pytest.raises(KeyStoreError) as caught:
        two.write(sealed(home, b"of the second"))
    assert caught.value.kind is Trouble.CHANGED and "meanwhile" in str(caught.value)
    assert make().read() == content
    two.read()
    two.write(sealed(home, b"of the second, after a look"))
    assert make().read() != content


def test_many_keys_fit(make: Make, home: Home) -> None:
    store = make()
    store.read()
    content = sealed(home, os.urandom(60_000))
    store.write(content)
    assert make().read() == content
