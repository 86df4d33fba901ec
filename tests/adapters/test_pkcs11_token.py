"""Signing with keys that stay in a token: right signatures, no way out for a key, every fault in a sentence."""

# ruff: noqa: E402 - what is imported further down exists with the extra only
import base64
import hmac
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_public_key,
)
from tests import tokens
from tests.tokens import PIN, SoftHsm

tokens.require()

from pkcs11.constants import Attribute, ObjectClass
from pkcs11.exceptions import AttributeSensitive
from pkcs11.mechanisms import KeyType, Mechanism

from counterseal.adapters import pkcs11_module, pkcs11_objects, pkcs11_token
from counterseal.adapters.hsm_file import HsmKey, TokenPlace
from counterseal.adapters.pkcs11_module import PinRefusedError, TokenAbsentError, TokenError
from counterseal.adapters.pkcs11_token import FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Token, TokenKeyError
from counterseal.adapters.signing import KeyUnavailable
from counterseal.core.secret import Secret

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "signing_vectors.json").read_text("utf-8")
)
HMAC = [v for v in VECTORS if v["alg"] == "HMAC-SHA256 hex"]
ED25519 = [v for v in VECTORS if v["alg"] == "Ed25519 base64"]
PAYLOADS = [b"timestamp=1", b"x" * 32_768, "symbol=１２３".encode(), b"\x00\xff"]
SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


class Clock:
    """Milliseconds that pass when told to."""

    now_ms = 1_000

    def __call__(self) -> int:
        return self.now_ms


class Rig:
    """A token as the signer opens it, what it said, and its clock."""

    def __init__(self, place: TokenPlace, pin: str = PIN) -> None:
        self.said: list[str] = []
        self.clock = Clock()
        self.pin = Secret(pin.encode())
        self.token = Token(place, lambda: self.pin, self.clock, self.said.append)

    def make(self, entry: HsmKey, payload: bytes = b"timestamp=1") -> bytes:
        return self.token.signing_key(entry).make(payload)


@pytest.fixture(name="rig")
def _rig(softhsm: SoftHsm) -> Iterator[Rig]:
    rig = Rig(softhsm.token())
    rig.token.open()
    yield rig
    rig.token.close()


def pem(private: Any) -> bytes:
    return bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@contextmanager
def taken_out(softhsm: SoftHsm) -> Iterator[None]:
    """As if every token were pulled out of its slot."""
    away = softhsm.folder.with_name("pulled out")
    softhsm.folder.rename(away)
    softhsm.folder.mkdir()
    try:
        yield
    finally:
        softhsm.folder.rmdir()
        away.rename(softhsm.folder)


# -- right signatures


@pytest.mark.parametrize("vector", HMAC, ids=lambda v: v["name"])
def test_hmac_gives_the_published_signature(softhsm: SoftHsm, vector: dict[str, Any]) -> None:
    rig = Rig(softhsm.token())
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), vector["key"].encode())
    rig.token.open()

    assert rig.make(entry, vector["payload"].encode()).decode() == vector["expected"]


@pytest.mark.parametrize("vector", ED25519, ids=lambda v: v["name"])
def test_ed25519_gives_the_published_signature(softhsm: SoftHsm, vector: dict[str, Any]) -> None:
    rig = Rig(softhsm.token())
    private = load_der_private_key(base64.b64decode(vector["key_pkcs8_der_base64"]), password=None)
    entry = tokens.put(tokens.key(rig.token.place, "ed25519"), pem(private))
    rig.token.open()

    assert rig.make(entry, vector["payload"].encode()).decode() == vector["expected"]


def test_both_kinds_have_vectors() -> None:
    assert len(HMAC) >= 3
    assert len(ED25519) >= 1


@pytest.mark.parametrize("payload", PAYLOADS, ids=len)
def test_each_kind_verifies_elsewhere(rig: Rig, payload: bytes) -> None:
    place = rig.token.place
    pair, big = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)
    entries = {
        "hmac": tokens.put(tokens.key(place, "hmac", "h", ref="h"), SECRET),
        "ed25519": tokens.put(tokens.key(place, "ed25519", "e", ref="e"), pem(pair)),
        "rsa": tokens.put(tokens.key(place, "rsa", "r", ref="r"), pem(big)),
    }

    made = {kind: rig.make(entry, payload) for kind, entry in entries.items()}

    assert made["hmac"].decode() == hmac.new(SECRET, payload, "sha256").hexdigest()
    pair.public_key().verify(base64.b64decode(made["ed25519"], validate=True), payload)
    big.public_key().verify(base64.b64decode(made["rsa"], validate=True), payload, padding.PKCS1v15(), SHA256())


def test_a_pair_made_in_the_token_signs_and_its_public_half_verifies(rig: Rig) -> None:
    entry = tokens.key(rig.token.place, "ed25519", "made here")
    with pkcs11_objects.session(rig.token.place, Secret(PIN.encode())) as opened:
        public_pem = pkcs11_objects.make_ed25519(opened, entry)
    public = load_pem_public_key(public_pem)
    assert isinstance(public, ed25519.Ed25519PublicKey)

    public.verify(base64.b64decode(rig.make(entry)), b"timestamp=1")


@pytest.mark.parametrize("by", ["label", "id"])
def test_a_key_is_found_by_its_label_or_its_id(rig: Rig, by: str) -> None:
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), SECRET)
    entry = replace(entry, key_id=None) if by == "label" else replace(entry, key_label=None)

    assert rig.make(entry).decode() == hmac.new(SECRET, b"timestamp=1", "sha256").hexdigest()


def test_a_token_is_found_by_its_serial_number(rig: Rig, softhsm: SoftHsm) -> None:
    place = rig.token.place
    serial = pkcs11_module.find(pkcs11_module.load(place), place).serial.decode()
    other = Rig(replace(place, label=None, serial=serial))
    entry = tokens.put(tokens.key(place, "hmac"), SECRET)
    rig.token.close()

    other.token.open()

    assert other.make(entry) == hmac.new(SECRET, b"timestamp=1", "sha256").hexdigest().encode()


# -- no way out for a key


@pytest.mark.parametrize("kind", ["hmac", "ed25519", "rsa"])
def test_nothing_reads_a_key_that_was_put_or_made_there(rig: Rig, kind: str) -> None:
    place = rig.token.place
    secret = {
        "hmac": SECRET,
        "ed25519": pem(ed25519.Ed25519PrivateKey.generate()),
        "rsa": pem(rsa.generate_private_key(65537, 2048)),
    }[kind]
    entries = [tokens.put(tokens.key(place, kind, "put", ref="put"), secret)]
    if kind == "ed25519":
        entries.append(tokens.key(place, kind, "made", ref="made"))
        with pkcs11_objects.session(place, Secret(PIN.encode())) as opened:
            pkcs11_objects.make_ed25519(opened, entries[1])

    for entry in entries:
        rig.make(entry)
        found = rig.token._handles[entry.ref]
        attributes = [Attribute.VALUE] if kind != "rsa" else [Attribute.PRIVATE_EXPONENT, Attribute.PRIME_1]
        for attribute in attributes:
            with pytest.raises(AttributeSensitive):
                found[attribute]
        assert (found[Attribute.SENSITIVE], found[Attribute.EXTRACTABLE]) == (True, False)
        assert found[Attribute.PRIVATE] is True
    assert rig.said == []


def test_no_file_of_the_token_and_no_representation_holds_the_secret(rig: Rig, softhsm: SoftHsm) -> None:
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), SECRET)

    files = [path for path in softhsm.root.rglob("*") if path.is_file()]

    assert len(files) >= 4
    assert not any(SECRET in path.read_bytes() or PIN.encode() in path.read_bytes() for path in files)
    assert "api-key" not in repr(entry)
    assert repr(rig.token.signing_key(entry)) == "SigningKey(kind='hmac')"


def test_a_key_that_could_be_taken_out_is_warned_of_loudly_and_signs(rig: Rig) -> None:
    place = rig.token.place
    with pkcs11_objects.session(place, Secret(PIN.encode())) as opened:
        opened.create_object(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
                Attribute.VALUE: SECRET,
                Attribute.TOKEN: True,
                Attribute.SENSITIVE: False,
                Attribute.EXTRACTABLE: True,
                Attribute.SIGN: True,
                Attribute.LABEL: "loose",
            }
        )
    entry = replace(tokens.key(place, "hmac", "loose"), key_id=None)

    rig.token.check(entry)

    assert ["TAKEN OUT" in said or "READ" in said for said in rig.said] == [True, True]
    assert all(said.startswith("WARNING") and SECRET.decode() not in said for said in rig.said)
    assert rig.make(entry)


# -- every fault in a sentence


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("/nowhere/libtoken.so", "missing or not readable"),
        ("/usr/lib", "no regular file"),
        ("WRITABLE", "can be written by other users"),
        ("NO_MODULE", "cannot be loaded as a PKCS #11 module"),
    ],
)
def test_a_module_that_cannot_be_loaded(softhsm: SoftHsm, tmp_path: Path, module: str, sentence: str) -> None:
    file = tmp_path / "module.so"
    file.write_bytes(b"\x7fELF and nothing more")
    file.chmod(0o666 if module == "WRITABLE" else 0o644)
    place = replace(softhsm.token(), module=str(file) if module.isupper() else module)

    with pytest.raises(TokenError, match=sentence) as refused:
        pkcs11_module.load(place)

    assert "\n" not in str(refused.value)


def test_a_settings_file_that_is_missing_is_named(softhsm: SoftHsm, tmp_path: Path) -> None:
    place = replace(softhsm.token(), settings=(("OTHER_CONF", str(tmp_path / "none")),), module="/bin/true")

    with pytest.raises(TokenError, match="which OTHER_CONF names for /bin/true, does not exist"):
        pkcs11_module.load(place)


def test_a_token_that_is_not_there(softhsm: SoftHsm) -> None:
    rig = Rig(replace(softhsm.token(), label="nobody"))

    with pytest.raises(TokenAbsentError, match="there is no token nobody in the slots"):
        rig.token.open()


def test_two_tokens_of_one_label(softhsm: SoftHsm) -> None:
    place = softhsm.token()
    softhsm.token(place.label)

    with pytest.raises(TokenError, match="several tokens fit"):
        Rig(place).token.open()


def test_a_wrong_pin_is_tried_once_only(softhsm: SoftHsm) -> None:
    rig = Rig(softhsm.token(), pin="wrong-pin")
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), SECRET)

    with pytest.raises(PinRefusedError, match="locks itself after a few wrong ones") as refused:
        rig.token.open()

    assert "wrong-pin" not in str(refused.value)
    rig.pin = Secret(PIN.encode())  # the right one, too late: nobody asked for it again
    rig.clock.now_ms += 10 * LONGEST_PAUSE_MS
    with pytest.raises(KeyUnavailable):
        rig.make(entry)


def test_no_pin_is_tried_when_one_more_wrong_one_would_lock_the_token(softhsm: SoftHsm) -> None:
    """What a token says of itself is judged before the PIN leaves; SoftHSM never locks, so its flags are set here."""

    class Nervous:
        flags = pkcs11_module.TokenFlag.USER_PIN_FINAL_TRY

        def open(self, **_: object) -> None:
            raise AssertionError("the PIN was tried")

    for flag, sentence in (
        ("USER_PIN_FINAL_TRY", "locks itself with the next wrong PIN"),
        ("USER_PIN_LOCKED", "SO PIN"),
    ):
        Nervous.flags = pkcs11_module.TokenFlag[flag]
        with pytest.raises(PinRefusedError, match=sentence):
            pkcs11_module.log_in(Nervous(), softhsm.token(), Secret(PIN.encode()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"key_label": "other"}, "holds no key of the label or id"),
        ({"key_id": "ffff"}, "holds no key of the label or id"),
        ({"kind": "rsa"}, "holds no key"),
    ],
)
def test_a_key_that_is_not_there(rig: Rig, change: dict[str, str], sentence: str) -> None:
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), SECRET)

    with pytest.raises(TokenKeyError, match=sentence):
        rig.token.check(replace(entry, **change))  # type: ignore[arg-type]


def test_a_key_of_another_kind_and_one_that_may_not_sign(rig: Rig) -> None:
    place = rig.token.place
    tokens.put(tokens.key(place, "rsa", "both"), pem(rsa.generate_private_key(65537, 2048)))
    with pkcs11_objects.session(place, Secret(PIN.encode())) as opened:
        opened.create_object(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
                Attribute.VALUE: SECRET,
                Attribute.TOKEN: True,
                Attribute.SIGN: False,
                Attribute.LABEL: "mute",
            }
        )

    with pytest.raises(TokenKeyError, match="is not of kind ed25519"):
        rig.token.check(replace(tokens.key(place, "ed25519", "both"), key_id=None))
    with pytest.raises(TokenKeyError, match="may not sign"):
        rig.token.check(replace(tokens.key(place, "hmac", "mute"), key_id=None))


def test_two_keys_of_one_label(rig: Rig) -> None:
    place = rig.token.place
    with pkcs11_objects.session(place, Secret(PIN.encode())) as opened:
        for _ in range(2):
            opened.create_object(
                {
                    Attribute.CLASS: ObjectClass.SECRET_KEY,
                    Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
                    Attribute.VALUE: SECRET,
                    Attribute.TOKEN: True,
                    Attribute.SIGN: True,
                    Attribute.LABEL: "twin",
                }
            )

    with pytest.raises(TokenKeyError, match="holds several keys"):
        rig.token.check(replace(tokens.key(place, "hmac", "twin"), key_id=None))


def test_a_mechanism_that_the_token_lacks_is_named(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), SECRET)
    method = replace(pkcs11_token.METHODS["hmac"], mechanism=Mechanism.SHA3_256_HMAC)
    monkeypatch.setitem(pkcs11_token.METHODS, "hmac", method)

    with pytest.raises(TokenKeyError, match="does not offer SHA3_256_HMAC, which hmac needs"):
        rig.token.check(entry)


def test_a_name_in_the_token_is_not_used_twice(rig: Rig) -> None:
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), SECRET)

    with pytest.raises(TokenError, match="already; choose another"):
        tokens.put(replace(entry, key_id="abcd"), SECRET)
    with pytest.raises(TokenError, match="already; choose another"):
        tokens.put(replace(entry, key_label="another"), SECRET)


# -- a token that goes and comes back


def test_a_token_taken_out_costs_its_request_a_refusal_and_is_opened_again(rig: Rig, softhsm: SoftHsm) -> None:
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), SECRET)
    right = rig.make(entry)

    with taken_out(softhsm):
        with pytest.raises(KeyUnavailable):
            rig.make(entry)
        with pytest.raises(KeyUnavailable):
            rig.make(entry)  # within the pause: the token is not even asked
        said = len(rig.said)
        rig.clock.now_ms += FIRST_PAUSE_MS
        with pytest.raises(KeyUnavailable):
            rig.make(entry)  # asked, and still away
        assert len(rig.said) == said + 1
    with pytest.raises(KeyUnavailable):
        rig.make(entry)  # back, but the second pause is not over
    rig.clock.now_ms += 2 * FIRST_PAUSE_MS

    assert rig.make(entry) == right
    assert rig.said[-1].endswith("is open again")
    assert not any(PIN in said or SECRET.decode() in said for said in rig.said)


def test_the_pause_doubles_to_its_limit_and_a_success_ends_it(rig: Rig, softhsm: SoftHsm) -> None:
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), SECRET)
    rig.make(entry)
    pauses = []
    with taken_out(softhsm):
        for _ in range(10):
            with pytest.raises(KeyUnavailable):
                rig.make(entry)
            pauses.append(rig.token._pause_ms)
            rig.clock.now_ms += rig.token._pause_ms

    assert pauses == [min(FIRST_PAUSE_MS * 2**n, LONGEST_PAUSE_MS) for n in range(10)]
    assert rig.make(entry)
    with taken_out(softhsm), pytest.raises(KeyUnavailable):
        rig.make(entry)
    assert rig.token._pause_ms == FIRST_PAUSE_MS


def test_a_token_absent_at_the_start_serves_once_it_is_there(softhsm: SoftHsm) -> None:
    rig = Rig(softhsm.token())
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), SECRET)
    with taken_out(softhsm):
        tokens.see_anew(rig.token.place)
        with pytest.raises(TokenAbsentError):
            rig.token.open()
    rig.clock.now_ms += FIRST_PAUSE_MS

    assert rig.make(entry).decode() == hmac.new(SECRET, b"timestamp=1", "sha256").hexdigest()


def test_a_token_s_recovery_leaves_the_others_of_its_module_signing_with_their_own_keys(softhsm: SoftHsm) -> None:
    """Initialised anew, a module counts its handles from one again: an old number may be somebody else's key."""
    rigs = [Rig(softhsm.token()) for _ in range(3)]
    secrets = [bytes([65 + n]) * 64 for n in range(3)]
    entries = [tokens.put(tokens.key(r.token.place, "hmac"), s) for r, s in zip(rigs, secrets, strict=True)]
    right = [hmac.new(s, b"timestamp=1", "sha256").hexdigest().encode() for s in secrets]
    for rig in rigs:
        rig.token.open()
    assert [r.make(e) for r, e in zip(rigs, entries, strict=True)] == right

    with taken_out(softhsm), pytest.raises(KeyUnavailable):
        rigs[1].make(entries[1])
    rigs[1].clock.now_ms += FIRST_PAUSE_MS

    assert rigs[1].make(entries[1]) == right[1]
    assert [r.make(e) for r, e in reversed(list(zip(rigs, entries, strict=True)))] == list(reversed(right))
    assert rigs[0].said == [f"the {rigs[0].token.place.name} is open again"]


def test_a_key_deleted_while_it_is_used_refuses_and_the_others_go_on(rig: Rig) -> None:
    place = rig.token.place
    gone = tokens.put(tokens.key(place, "hmac", "gone", ref="gone"), SECRET)
    stays = tokens.put(tokens.key(place, "hmac", "stays", ref="stays"), SECRET)
    assert rig.make(gone) == rig.make(stays)
    with pkcs11_objects.session(place, Secret(PIN.encode())) as opened:
        next(iter(opened.get_objects({Attribute.LABEL: "gone"}))).destroy()

    for _ in range(2):
        with pytest.raises(KeyUnavailable):
            rig.make(gone)
        rig.clock.now_ms += LONGEST_PAUSE_MS

    assert rig.make(stays)


def test_a_pin_changed_while_the_token_was_away_is_not_tried_twice(rig: Rig, softhsm: SoftHsm) -> None:
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), SECRET)
    rig.make(entry)
    with taken_out(softhsm), pytest.raises(KeyUnavailable):
        rig.make(entry)
    rig.pin = Secret(b"no longer right")
    rig.clock.now_ms += FIRST_PAUSE_MS
    with pytest.raises(KeyUnavailable):
        rig.make(entry)
    rig.pin = Secret(PIN.encode())
    rig.clock.now_ms += 10 * LONGEST_PAUSE_MS

    with pytest.raises(KeyUnavailable):
        rig.make(entry)
    assert sum("refuses the PIN" in said for said in rig.said) == 1


# -- the throughput is a benchmark's affair; that a signature needs no process of its own is not


def test_signing_starts_no_process(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = tokens.put(tokens.key(rig.token.place, "hmac"), SECRET)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    make: Callable[[bytes], bytes] = rig.token.signing_key(entry).make
    assert len({make(b"timestamp=%d" % n) for n in range(100)}) == 100
