"""Vault as in production (OpenBao: raft, TLS, audit device): logging in once, keeping the login, least rights."""

import base64
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.adapters import alert_parts
from tests.homes import HMAC_SECRET
from tests.stores import services
from tests.stores.between import between
from tests.stores.conftest import settle, vault_settings
from tests.stores.services import MOUNT, PATH, ROLE, OpenBao

from counterseal.adapters import age_box, key_file, key_source
from counterseal.adapters.home import Home, replace_private
from counterseal.adapters.key_file import StoredKey
from counterseal.core.secret import Secret
from counterseal.ports.key_store import KeyStoreError, Trouble

pytestmark = pytest.mark.slow
KEY = StoredKey("main", "hmac", "api-key", Secret(HMAC_SECRET), "paper", 1_700_000_000_000)


@pytest.fixture(name="desk")
def _desk(bao: OpenBao, home: Home) -> Iterator[Home]:
    """A home with a wrapped secret id; the store holds an envelope."""
    content = base64.b64encode(age_box.seal(home, "signer", b"keys")).decode()
    bao.client().secrets.kv.v2.create_or_update_secret(PATH, {"age": content}, mount_point=MOUNT)
    settle(home, vault_settings(bao, timeout_s=5), bao.wrapped_secret_id())
    yield home
    bao.role()


def fresh(home: Home) -> bytes | None:
    """Read as a process does that has just begun."""
    key_source._stores.clear()
    return key_source.of(home).read()


def refusal(home: Home) -> KeyStoreError:
    with pytest.raises(KeyStoreError) as caught:
        fresh(home)
    return caught.value


def token_of(home: Home) -> str:
    return str(json.loads((key_source.folder_of(home) / "vault.token").read_text())["token"])


def test_a_wrapped_secret_id_serves_once_and_its_token_goes_on(bao: OpenBao, desk: Home) -> None:
    assert fresh(desk) is not None
    path = key_source.folder_of(desk) / "vault.token"
    assert path.stat().st_mode & 0o777 == 0o600
    first = token_of(desk)
    assert all(fresh(desk) is not None for _ in range(3)) and token_of(desk) == first

    bao.client().auth.token.revoke(first)
    used = refusal(desk)
    assert used.kind is Trouble.REFUSED and "is used already" in str(used) and "SOMEBODY" not in str(used)

    replace_private(desk.root / "secret-id", bao.wrapped_secret_id().encode())
    assert fresh(desk) is not None and token_of(desk) != first


def test_a_token_is_renewed_when_half_of_its_time_has_gone(bao: OpenBao, desk: Home) -> None:
    bao.role(token_period="3s")
    assert fresh(desk) is not None
    token = token_of(desk)
    for _ in range(2):
        time.sleep(1.8)  # noqa: TID251
        assert fresh(desk) is not None and token_of(desk) == token
    time.sleep(3.5)  # noqa: TID251
    assert "is used already" in str(refusal(desk))


def test_a_token_that_cannot_be_renewed_any_more_is_replaced(bao: OpenBao, desk: Home) -> None:
    """Its longest life is over; what we log in with is bare and serves again."""
    bao.role(token_period="0", token_ttl="2s", token_max_ttl="2s", secret_id_num_uses=0)
    settle(desk, vault_settings(bao, wrapped=False, timeout_s=5), bao.secret_id())
    assert fresh(desk) is not None
    token = token_of(desk)
    time.sleep(2.5)  # noqa: TID251
    assert fresh(desk) is not None and token_of(desk) != token


def test_a_bare_secret_id_that_is_used_up_is_told(bao: OpenBao, desk: Home) -> None:
    settle(desk, vault_settings(bao, wrapped=False, timeout_s=5), bao.secret_id())
    assert fresh(desk) is not None
    bao.client().auth.token.revoke(token_of(desk))
    found = refusal(desk)
    assert found.kind is Trouble.REFUSED and "used up, expired or of another role" in str(found)


def test_a_token_of_another_place_is_not_sent_there(bao: OpenBao, desk: Home) -> None:
    assert fresh(desk) is not None
    sent = []
    with between(bao.url, str(bao.authority.ca), bao.authority) as other:
        settle(desk, vault_settings(bao, url=other.url, timeout_s=5), bao.wrapped_secret_id())
        assert fresh(desk) is not None
        sent = other.asked
    assert [path for path in sent if "lookup-self" in path] == [] and len(sent) >= 4


def _read(root: str, results: "multiprocessing.Queue[str]") -> None:
    try:
        results.put("read" if key_source.of(Home(Path(root))).read() else "nothing")
    except KeyStoreError as fault:
        results.put(str(fault))


def test_many_that_begin_at_once_do_not_fight_for_one_secret_id(desk: Home) -> None:
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[str] = context.Queue()
    children = [context.Process(target=_read, args=(str(desk.root), results)) for _ in range(6)]
    for child in children:
        child.start()
    assert [results.get(timeout=20) for _ in children] == ["read"] * 6
    for child in children:
        child.join(10)


def test_the_shipped_policies_are_enough_and_no_more(bao: OpenBao, desk: Home) -> None:
    import hvac

    assert fresh(desk) is not None
    host, operator = bao.client(token_of(desk)), bao.client(bao.operator_token())
    kv = host.secrets.kv.v2
    for attempt in (
        lambda: kv.create_or_update_secret(PATH, {"age": "x"}, mount_point=MOUNT),
        lambda: kv.read_secret_version("counterseal/other", mount_point=MOUNT, raise_on_deleted_version=False),
        lambda: kv.list_secrets("counterseal", mount_point=MOUNT),
        lambda: kv.destroy_secret_versions(PATH, [1], mount_point=MOUNT),
        lambda: kv.delete_metadata_and_all_versions(PATH, mount_point=MOUNT),
        lambda: host.write_data(f"auth/approle/role/{ROLE}/secret-id"),
        lambda: host.auth.token.create(),
        lambda: host.sys.list_policies(),
        lambda: operator.write_data(f"auth/approle/role/{ROLE}/secret-id"),  # unwrapped
        lambda: operator.write_data(f"auth/approle/role/{ROLE}/secret-id", wrap_ttl="2h"),
        lambda: operator.write_data(f"auth/approle/role/{ROLE}", data={"token_policies": ["root"]}),
        lambda: operator.secrets.kv.v2.delete_metadata_and_all_versions(PATH, mount_point=MOUNT),
        lambda: operator.sys.list_policies(),
    ):
        with pytest.raises((hvac.exceptions.Forbidden, hvac.exceptions.InvalidRequest)):
            attempt()
    assert operator.secrets.kv.v2.read_secret_version(PATH, mount_point=MOUNT, raise_on_deleted_version=True)
    assert bao.wrapped_secret_id(token=operator.token).startswith("s.")


def test_an_installation_that_rotates_may_replace_its_keys_and_nothing_else(bao: OpenBao, desk: Home) -> None:
    import hvac

    policy = (services.DEPLOY / "vault" / "counterseal-rotating.hcl").read_text()
    bao.client().sys.create_or_update_policy("counterseal-rotating", policy)
    bao.role(token_policies=["counterseal-rotating"])
    store = key_source.of(desk)
    assert store.read() is not None
    content = age_box.seal(desk, "signer", b"rotated")
    store.write(content)
    assert fresh(desk) == content
    kv = bao.client(token_of(desk)).secrets.kv.v2
    for attempt in (
        lambda: kv.create_or_update_secret("counterseal/other", {"age": "x"}, mount_point=MOUNT),
        lambda: kv.delete_latest_version_of_secret(PATH, mount_point=MOUNT),
        lambda: kv.destroy_secret_versions(PATH, [1], mount_point=MOUNT),
        lambda: kv.delete_metadata_and_all_versions(PATH, mount_point=MOUNT),
    ):
        with pytest.raises(hvac.exceptions.Forbidden):
            attempt()


def test_the_operator_writes_with_a_token_of_its_own(bao: OpenBao, desk: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    bao.client().secrets.kv.v2.delete_metadata_and_all_versions(PATH, mount_point=MOUNT)
    (desk.root / "token").write_text(bao.operator_token())
    (desk.root / "token").chmod(0o600)
    assert fresh(desk) is None
    with pytest.raises(key_source.HomeError, match="refuses this with the role counterseal; attach the policy"):
        key_file.write(desk, {"main": KEY})
    monkeypatch.setenv(key_source.OPERATOR_VARIABLE, str(desk.root / "token"))
    key_source._stores.clear()
    assert key_file.read(desk) == {}
    key_file.write(desk, {"main": KEY})
    monkeypatch.delenv(key_source.OPERATOR_VARIABLE)
    key_source._stores.clear()
    assert key_file.read(desk)["main"].secret.reveal() == HMAC_SECRET

    monkeypatch.setenv(key_source.OPERATOR_VARIABLE, str(desk.root / "token"))
    (desk.root / "token").chmod(0o640)
    assert "is open to other users (mode 0640)" in str(refusal(desk))
    (desk.root / "token").write_text("s.nothing")
    (desk.root / "token").chmod(0o600)
    assert "refuses the operator's token" in str(refusal(desk))


def test_a_name_is_reached_at_its_address_and_verified_by_its_name(bao: OpenBao, desk: Home, tmp_path: Path) -> None:
    """No name is looked up: this one exists nowhere."""
    named = alert_parts.authority(tmp_path / "named", "vault.internal")
    with between(bao.url, str(bao.authority.ca), named) as shown:
        more = {"url": "https://vault.internal:8200", "ca_file": str(named.ca), "timeout_s": 5}
        settle(desk, vault_settings(bao, address=f"127.0.0.1:{shown.port}", **more))
        assert fresh(desk) is not None
    assert len(shown.asked) >= 3


def test_neither_keys_nor_tokens_stand_in_the_audit_log(bao: OpenBao, desk: Home) -> None:
    """What the server writes down has each secret as an HMAC: an envelope would not help a reader either."""
    wrapped = (desk.root / "secret-id").read_text()
    content = fresh(desk)
    assert content is not None
    log = bao.audit
    assert f"{MOUNT}/data/{PATH}" in log and "auth/approle/login" in log
    for secret in (wrapped, token_of(desk), base64.b64encode(content).decode(), HMAC_SECRET.decode()):
        assert secret not in log
    # Nor in what lies on its disk.
    for path in (bao.folder / "raft").rglob("*"):
        assert not path.is_file() or HMAC_SECRET not in path.read_bytes()


def test_a_damaged_file_of_the_token_is_no_obstacle(bao: OpenBao, desk: Home) -> None:
    path = key_source.folder_of(desk) / "vault.token"
    key_source.make_folder(desk)
    for content in (b"{", b"[]", b'{"format": 2, "token": "x"}', b'{"format": 1}'):
        replace_private(path, content)
        replace_private(desk.root / "secret-id", bao.wrapped_secret_id().encode())
        assert fresh(desk) is not None
    path.chmod(0o644)
    assert "is open to other users" in str(refusal(desk))


def test_what_we_log_in_with_may_be_a_credential(
    bao: OpenBao, desk: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    settle(desk, vault_settings(bao, login_file=None, login_credential="secret-id", timeout_s=5))
    (tmp_path / "secret-id").write_text(bao.wrapped_secret_id())
    (tmp_path / "secret-id").chmod(0o400)
    assert fresh(desk) is not None
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    (key_source.folder_of(desk) / "vault.token").unlink()
    assert "LoadCredentialEncrypted=secret-id" in str(refusal(desk))


@pytest.mark.parametrize(("content", "sentence"), [(b"", "is empty"), (b"\xef\xbb\xbfs.x", "begins with a byte order")])
def test_a_bad_login_file_is_told(desk: Home, content: bytes, sentence: str) -> None:
    replace_private(desk.root / "secret-id", content)
    assert sentence in str(refusal(desk))


def test_without_the_library_one_command_is_named(desk: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert "run: pip install 'counterseal[vault]'" in str(refusal(desk))


def test_neither_proxy_nor_netrc_of_the_operator_is_used(desk: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk.root / ".netrc").write_text("machine 127.0.0.1 login x password y\n")
    (desk.root / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(desk.root))
    assert os.environ["HTTPS_PROXY"] and fresh(desk) is not None
