"""From a store through the opener, in its sandbox, into the signer's memory: at start, and while the store is away."""

import json
import os
from pathlib import Path

import pytest
from tests.gateway.cells import proves
from tests.homes import HMAC_SECRET
from tests.stores import services
from tests.stores.conftest import ACCESS_KEY, aws_settings, section, settle, vault_settings
from tests.stores.opening import Opening
from tests.stores.services import OpenBao

from counterseal.adapters import age_box, key_file, key_source
from counterseal.adapters.home import Home, replace_private
from counterseal.adapters.key_file import StoredKey
from counterseal.core.lease import HOUR_MS
from counterseal.core.secret import Secret

KEY = StoredKey("main", "hmac", "api-key", Secret(HMAC_SECRET), "paper", 1_700_000_000_000)
PAPER = '[venue]\nenvironment = "paper"\naddress = "127.0.0.1:9443"\nca_file = "ca.pem"\n'


def aged(home: Home, age_ms: int) -> None:
    note = {"format": key_source.FORMAT, "fetched_ms": key_source._now_ms() - age_ms}
    replace_private(key_source._note_path(home), json.dumps(note).encode())


def is_held(run: Opening) -> bool:
    return run.table is not None and bytes(run.table.keys[0].place) == HMAC_SECRET and run.refs == ["main"]


# -- without a server


def test_a_credential_of_systemd_is_read_and_never_written(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file.write(home, {"main": KEY})
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "keys").write_bytes(home.exchange_keys.read_bytes())
    (folder / "keys").chmod(0o400)
    home.exchange_keys.unlink()
    settle(home, PAPER + section({"kind": "systemd", "credential": "keys"}))

    run = Opening(home, CREDENTIALS_DIRECTORY=str(folder))
    assert is_held(run) and (run.code, run.said) == (0, "")
    assert not home.exchange_keys.exists()

    missing = Opening(home)
    assert (missing.code, missing.refs) == (1, []) and "LoadCredentialEncrypted=keys:" in missing.said
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    (folder / "keys").chmod(0o444)
    assert "is open to other users; its mode must be 0400" in refusal(home)
    (folder / "keys").unlink()
    assert "cannot be opened (No such file" in refusal(home)
    key_source._stores.clear()
    with pytest.raises(key_source.HomeError, match="can only be read"):
        key_file.write(home, {"main": KEY})


@proves("secrets_away_at_start")
def test_with_the_store_away_at_the_start_there_are_no_keys(home: Home) -> None:
    """Nothing can be signed: the signer does not serve, and says why."""
    services.require("hvac")
    gone = {"url": f"https://127.0.0.1:{services.free_port()}", "path": "a", "role": "a", "role_id": "a"}
    settle(home, PAPER + section({"kind": "vault", "login_file": "secret-id", **gone}), "s.0123")

    run = Opening(home)
    assert (run.code, run.table) == (1, None)
    assert "signer: Vault at https://127.0.0.1:" in run.said and "cannot be reached" in run.said

    # A file that lies there is no copy of the store unless the store has given it.
    replace_private(home.exchange_keys, age_box.seal(home, "signer", b'{"format": 1, "keys": []}'))
    assert "cannot be reached" in refusal(home)


def refusal(home: Home) -> str:
    """What a process says that has just begun."""
    key_source._stores.clear()
    with pytest.raises(key_source.HomeError) as caught:
        key_file.read(home)
    return str(caught.value)


def test_settings_that_cannot_be_read_hide_no_file(home: Home) -> None:
    """Another section's faults, and a file without the section, leave the keys where they are."""
    key_file.write(home, {"main": KEY})
    for text in ("[venue]\nenvironment = 5\n", "[venue\n", "\xff"):
        home.config.write_bytes(text.encode("latin-1"))
        assert list(key_file.read(home)) == ["main"], text
    home.config.write_text(PAPER)
    home.config.chmod(0o666)
    assert is_held(Opening(home))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[keystore]\nkind = "vault"\n', "keystore.url: is missing"),
        ("[keystore\n", "where the keys are kept cannot be told"),
        ('keystore.kind = "consul"\n', "is none of the words"),
    ],
)
def test_settings_that_do_not_say_where_the_keys_are_open_nothing(home: Home, text: str, sentence: str) -> None:
    """Not the file either: what lies there may be of long ago."""
    key_file.write(home, {"main": KEY})
    home.config.write_text(text)
    assert sentence in refusal(home)


def test_settings_that_others_can_change_are_not_believed(home: Home) -> None:
    home.config.write_text(PAPER + section({"kind": "systemd", "credential": "keys"}))
    home.config.chmod(0o666)
    run = Opening(home)
    assert run.code == 1 and "can be written by others" in run.said


# -- with one


@pytest.mark.slow
@proves("secrets_away", "exits", "reads", "alert")
@pytest.mark.threat(68)
def test_openbao_to_the_signers_memory_and_while_it_is_away(bao: OpenBao, home: Home) -> None:
    settle(home, PAPER + vault_settings(bao, timeout_s=2), bao.wrapped_secret_id())
    store = bao.client()
    store.secrets.kv.v2.delete_metadata_and_all_versions(services.PATH, mount_point=services.MOUNT)
    (home.root / "token").write_text(bao.operator_token())
    (home.root / "token").chmod(0o600)
    os.environ[key_source.OPERATOR_VARIABLE] = str(home.root / "token")
    try:
        assert key_file.read(home) == {}
        key_file.write(home, {"main": KEY})
    finally:
        del os.environ[key_source.OPERATOR_VARIABLE]

    run = Opening(home)
    assert is_held(run) and (run.code, run.said) == (0, "")
    # The login stays for the next one: the secret id serves once.
    assert is_held(Opening(home))
    bao.seal()
    try:
        run = Opening(home)
        assert is_held(run) and run.code == 0
        assert run.said.startswith("key store: Vault at https://127.0.0.1:") and "is used" in run.said
        aged(home, 25 * HOUR_MS)
        over = Opening(home)
        assert (over.code, over.table) == (1, None) and "max_lease_hours" in over.said
    finally:
        bao.unseal()
    run = Opening(home)
    assert is_held(run), run.said
    note = key_source.fetched(home)
    assert note is not None and note.fetched_ms > key_source._now_ms() - 60_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ministack", "moto"])
def test_aws_to_the_signers_memory(kind: str, home: Home, request: pytest.FixtureRequest) -> None:
    url, name = request.getfixturevalue(kind), services.some_name()
    services.secrets_manager(url).create_secret(Name=name)
    settle(home, PAPER + aws_settings(url, name), ACCESS_KEY, "access-key")
    assert key_file.read(home) == {}
    key_file.write(home, {"main": KEY})

    run = Opening(home)
    assert is_held(run) and (run.code, run.said) == (0, "")
