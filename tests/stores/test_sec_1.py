"""SEC-1: whatever becomes of the store of keys, the fail table holds, and the copy is replaced by nothing bad.

Each case spoils the store in one way and is tried three times: with nothing here (the signer gets no keys), with a copy
of an hour ago (which is used, and told), and with one older than the lease (no keys).
"""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pyrage
import pytest
from tests.adapters import alert_parts
from tests.homes import HMAC_SECRET
from tests.stores import services
from tests.stores.between import Answer, Between, between, cut
from tests.stores.conftest import ACCESS_KEY, aws_settings, settle, vault_settings
from tests.stores.services import OpenBao

from counterseal.adapters import age_box, key_file, key_source
from counterseal.adapters.home import Home, HomeError, replace_private
from counterseal.adapters.key_file import StoredKey
from counterseal.core.lease import HOUR_MS
from counterseal.core.secret import Secret

pytestmark = pytest.mark.slow

KEY = StoredKey("main", "hmac", "api-key", Secret(HMAC_SECRET), "paper", 1_700_000_000_000)
STRANGER = pyrage.x25519.Identity.generate().to_public()


@dataclass
class Place:
    """A home whose store is real and holds one key, with somebody between whom a case lets spoil it."""

    home: Home
    between: Between
    name: str
    stack: ExitStack
    bao: OpenBao | None = None
    aws: Any = None

    @property
    def sealed(self) -> bytes:
        """The keys as they should be in the store."""
        document = {"format": key_file.FORMAT, "keys": [key_file._entry(KEY)]}
        return age_box.seal(self.home, "signer", json.dumps(document).encode())

    def put(self, content: bytes | dict[str, str]) -> None:
        """Write to the real store, past everybody."""
        if self.bao is not None:
            data = {"age": base64.b64encode(content).decode()} if isinstance(content, bytes) else content
            self.bao.client().secrets.kv.v2.create_or_update_secret(services.PATH, data, mount_point=services.MOUNT)
        elif isinstance(content, bytes):
            self.aws.put_secret_value(SecretId=self.name, SecretBinary=content, VersionStages=["AWSCURRENT"])
        else:
            text = json.dumps(content)
            self.aws.put_secret_value(SecretId=self.name, SecretString=text, VersionStages=["AWSCURRENT"])

    def change(self, old: str, new: str) -> None:
        """Change the settings."""
        text = self.home.config.read_text()
        assert old in text
        self.home.config.write_text(text.replace(old, new))

    def login(self, text: str) -> None:
        """Give something else to log in with, and forget what we had."""
        name = "secret-id" if self.bao is not None else "access-key"
        replace_private(self.home.root / name, text.encode())
        self.forget()

    def forget(self) -> None:
        """Have no token."""
        (key_source.folder_of(self.home) / "vault.token").unlink(missing_ok=True)

    def read(self) -> dict[str, StoredKey]:
        """Read the keys as the signer's helper does that has just begun."""
        key_source._stores.clear()
        return key_file.read(self.home, judge=lambda _keys: None)

    def copy_of(self, age_ms: int) -> bytes:
        """Have a copy that the store gave so long ago."""
        content = self.sealed
        key_source.keep(self.home, content)
        note = {"format": key_source.FORMAT, "fetched_ms": key_source._now_ms() - age_ms}
        replace_private(key_source._note_path(self.home), json.dumps(note).encode())
        return content

    def without_copy(self) -> None:
        """Have none."""
        for path in (self.home.exchange_keys, key_source._note_path(self.home)):
            path.unlink(missing_ok=True)


@pytest.fixture(name="vault")
def _vault(bao: OpenBao, home: Home) -> Iterator[Place]:
    with ExitStack() as stack:
        state = stack.enter_context(between(bao.url, str(bao.authority.ca), bao.authority))
        settle(home, vault_settings(bao, url=state.url, timeout_s=1), bao.wrapped_secret_id())
        place = Place(home, state, services.PATH, stack, bao=bao)
        place.put(place.sealed)
        yield place


@pytest.fixture(name="aws")
def _aws(ministack: str, home: Home) -> Iterator[Place]:
    with ExitStack() as stack:
        state = stack.enter_context(between(ministack, None, None))
        name, client = services.some_name(), services.secrets_manager(ministack)
        client.create_secret(Name=name)
        settle(home, aws_settings(state.url, name, timeout_s=2), ACCESS_KEY, "access-key")
        place = Place(home, state, name, stack, aws=client)
        place.put(place.sealed)
        yield place


Spoil = Callable[[Place], None]


def spoiling(change: Callable[[Answer], Answer], path: str = "") -> Spoil:
    """Change the answers to requests of which the path holds this."""

    def spoil(place: Place) -> None:
        place.between.spoil = lambda asked, answer: change(answer) if path in asked else answer

    return spoil


def nobody_there(place: Place) -> None:
    place.change(f":{place.between.port}", f":{services.free_port()}")


def never_answers(place: Place) -> None:
    place.between.delay_s = 30


def drips(place: Place) -> None:
    place.between.drip_s = 0.4


def sealed_server(place: Place) -> None:
    assert place.bao is not None
    place.bao.seal()
    place.stack.callback(place.bao.unseal)


def for_somebody_else(place: Place) -> None:
    place.put(pyrage.encrypt(b"{}", [STRANGER]))


def cut_envelope(place: Place) -> None:
    place.put(place.sealed[:-20])


def in_the_clear(place: Place) -> None:
    place.put({"apiKey": "api-key", "secretKey": HMAC_SECRET.decode()})


def no_base64(place: Place) -> None:
    place.put({"age": "*" + HMAC_SECRET.decode()})


def of_another_format(place: Place) -> None:
    place.put(age_box.seal(place.home, "signer", b'{"format": 2, "keys": []}'))


def deleted(place: Place) -> None:
    if place.bao is not None:
        place.bao.client().secrets.kv.v2.delete_latest_version_of_secret(services.PATH, mount_point=services.MOUNT)
    else:
        place.aws.delete_secret(SecretId=place.name, ForceDeleteWithoutRecovery=True)


def unknown_authority(place: Place) -> None:
    other = alert_parts.authority(place.home.root / "other").ca
    if place.bao is not None:
        place.change(str(place.bao.authority.ca), str(other))
    else:
        shown = alert_parts.authority(place.home.root / "shown")
        state = place.stack.enter_context(between(place.aws.meta.endpoint_url, None, shown))
        place.change(f'endpoint = "{place.between.url}"', f'endpoint = "{state.url}"\nca_file = "{other}"')


def another_host(place: Place) -> None:
    """The certificate is for 127.0.0.1, and that is not whom the settings name."""
    address = f'address = "127.0.0.1:{place.between.port}"\n'
    place.change(place.between.url, "https://vault.internal:8200")
    place.home.config.write_text(place.home.config.read_text() + address)


def token_revoked_and_secret_id_used(place: Place) -> None:
    """The one expires, the other serves once."""
    assert place.bao is not None
    assert place.read()
    token = json.loads((key_source.folder_of(place.home) / "vault.token").read_text())["token"]
    place.bao.client().auth.token.revoke(token)


def wrapping_used_by_another(place: Place) -> None:
    assert place.bao is not None
    wrapped = place.bao.wrapped_secret_id()
    place.bao.client().sys.unwrap(wrapped)
    place.login(wrapped)


def wrapping_expired(place: Place) -> None:
    assert place.bao is not None
    place.login("s.0123456789abcdefABCDEF01")


def wrapping_of_another_role(place: Place) -> None:
    assert place.bao is not None
    place.bao.client().write_data("auth/approle/role/other", data={"token_policies": ["default"]})
    place.login(place.bao.wrapped_secret_id(token=place.bao.root_token, role="other"))


def without_rights(place: Place) -> None:
    assert place.bao is not None
    place.bao.role(token_policies=["counterseal-nothing"])
    place.bao.client().sys.create_or_update_policy(
        "counterseal-nothing",
        'path "auth/token/lookup-self" { capabilities = ["read"] }',
    )
    place.stack.callback(place.bao.role)
    place.login(place.bao.wrapped_secret_id())


def login_readable_by_all(place: Place) -> None:
    place.forget()
    (place.home.root / ("secret-id" if place.bao is not None else "access-key")).chmod(0o644)


def no_login(place: Place) -> None:
    place.forget()
    (place.home.root / ("secret-id" if place.bao is not None else "access-key")).unlink()


def no_role(place: Place) -> None:
    place.change('login_file = "access-key"\n', "")


def as_error(status: int, code: str) -> Spoil:
    body = json.dumps({"__type": code, "message": "no"}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    return spoiling(lambda _answer: Answer(status, body, headers=headers))


READ = "/data/"
VAULT: list[tuple[str, Spoil, str]] = [
    ("nobody there", nobody_there, "cannot be reached"),
    ("never answers", never_answers, "gave no whole answer"),
    ("drips", drips, "gave no whole answer within 1 s"),
    ("sealed", sealed_server, "cannot serve now"),
    ("fails", spoiling(lambda answer: replace(answer, status=500, body=b'{"errors":["x"]}')), "cannot serve now"),
    ("limits us", spoiling(lambda answer: replace(answer, status=429, body=b"{}"), READ), "cannot serve now"),
    ("redirects", spoiling(lambda _: Answer(307, b"", headers={"Location": "https://x"}), READ), "no secret of KV"),
    ("answers by half", spoiling(cut, READ), "broke its answer off"),
    ("answers no JSON", spoiling(lambda answer: replace(answer, body=b"<html>"), READ), "no secret of KV version 2"),
    ("answers half a JSON", spoiling(lambda answer: replace(answer, body=answer.body[:40]), READ), "no secret of KV"),
    ("answers too much", spoiling(lambda answer: replace(answer, body=b" " * 5_000_000), READ), "more than"),
    ("for somebody else", for_somebody_else, "sealed to another one"),
    ("a cut envelope", cut_envelope, "cut short"),
    ("in the clear", in_the_clear, "seal them with: counterseal key import"),
    ("no base64", no_base64, "no base64"),
    ("of another format", of_another_format, "update Counterseal"),
    ("deleted", deleted, "holds nothing any more"),
    ("an unknown authority", unknown_authority, "does not prove who it is"),
    ("the certificate of another host", another_host, "does not prove who it is"),
    ("the token is revoked, the secret id used", token_revoked_and_secret_id_used, "is used already"),
    ("the wrapping is used by another", wrapping_used_by_another, "SOMEBODY ELSE HAS USED IT"),
    ("the wrapping has expired", wrapping_expired, "has expired"),
    ("the wrapping is of another role", wrapping_of_another_role, "somebody may have exchanged it"),
    ("without rights", without_rights, "attach the policy"),
    ("a login that all can read", login_readable_by_all, "is open to other users (mode 0644)"),
    ("no login", no_login, "is missing"),
]
AWS: list[tuple[str, Spoil, str]] = [
    ("nobody there", nobody_there, "cannot be reached"),
    ("never answers", never_answers, "gave no whole answer"),
    ("fails", as_error(500, "InternalServiceError"), "cannot serve now"),
    ("throttles", as_error(400, "ThrottlingException"), "cannot serve now"),
    ("denies", as_error(400, "AccessDeniedException"), "the policy and the secret's tag"),
    ("the session has expired", as_error(400, "ExpiredTokenException"), "refuses it (ExpiredTokenException)"),
    ("answers by half", spoiling(cut), "broke its answer off"),
    ("answers no JSON", spoiling(lambda answer: replace(answer, body=b"<html>")), "broke its answer off"),
    ("for somebody else", for_somebody_else, "sealed to another one"),
    ("a cut envelope", cut_envelope, "cut short"),
    ("in the clear", in_the_clear, "seal them with: counterseal key import"),
    ("deleted", deleted, "holds nothing any more"),
    ("an unknown authority", unknown_authority, "does not prove who it is"),
    ("no role", no_role, "no role that gives credentials"),
    ("a login that all can read", login_readable_by_all, "is open to other users (mode 0644)"),
]
# Nothing at all is no fault where nothing was before.
_NOTHING = {"deleted"}
_TOLD: list[str] = []


def _try(place: Place, name: str, spoil: Spoil, sentence: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert list(place.read()) == ["main"]  # all is well before
    spoil(place)
    capfd.readouterr()

    place.without_copy()
    if name in _NOTHING:
        assert place.read() == {}
    else:
        with pytest.raises(HomeError) as at_start:
            place.read()
        _judge(str(at_start.value), sentence)
        assert not place.home.exchange_keys.exists()

    copy = place.copy_of(HOUR_MS)
    assert place.read()["main"].secret.reveal() == HMAC_SECRET
    told = capfd.readouterr().err
    _judge(told, sentence)
    assert "the copy of 60 min ago is used" in told
    assert place.home.exchange_keys.read_bytes() == copy
    # No rotation meanwhile: what was made of the copy goes nowhere, also where the store would take it.
    with pytest.raises(HomeError, match="nothing is written there; bring it back first"):
        key_file.write(place.home, {"main": KEY})
    note = key_source.fetched(place.home)
    assert note is not None and note.fetched_ms < key_source._now_ms() - HOUR_MS + 60_000

    place.copy_of(24 * HOUR_MS)
    with pytest.raises(HomeError) as over:
        place.read()
    _judge(str(over.value), sentence)
    assert "more than keystore.max_lease_hours allows" in str(over.value)
    _TOLD.append(name)


def _judge(told: str, sentence: str) -> None:
    assert sentence in told, told
    for secret in (HMAC_SECRET.decode(), services.KEY, services.KEY_ID, "AGE-SECRET", "s.0123"):
        assert secret not in told
    assert told.count("\n") <= 1


@pytest.mark.threat(68)
@pytest.mark.parametrize(("name", "spoil", "sentence"), VAULT, ids=[name for name, *_ in VAULT])
def test_vault(name: str, spoil: Spoil, sentence: str, vault: Place, capfd: pytest.CaptureFixture[str]) -> None:
    _try(vault, name, spoil, sentence, capfd)


@pytest.mark.threat(68)
@pytest.mark.parametrize(("name", "spoil", "sentence"), AWS, ids=[name for name, *_ in AWS])
def test_aws(name: str, spoil: Spoil, sentence: str, aws: Place, capfd: pytest.CaptureFixture[str]) -> None:
    _try(aws, name, spoil, sentence, capfd)


def test_the_count(capsys: pytest.CaptureFixture[str]) -> None:
    """Printed; the test of the test: at least the thirty that are promised, each of them three times."""
    with capsys.disabled():
        print(f"\nSEC-1: {len(_TOLD)} cases of {len(VAULT) + len(AWS)}, each at start, later and after the lease")
    assert len(VAULT) + len(AWS) >= 30
