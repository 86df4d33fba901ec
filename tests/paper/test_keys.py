"""The key file: what it may hold, who may read it, and that a server sees changes at once."""

import json
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tests.paper.test_signature import pem_of

from counterseal.paper.keys import KeyFile, make
from counterseal.paper.main import main


def test_made_keys_have_the_exchanges_form() -> None:
    key = make("hmac", None, ("read",), "main", 0)
    assert len(key.api_key) == len(key.verifier) == 64
    assert key.api_key.isalnum()
    assert key.verifier not in repr(key)


@pytest.mark.parametrize(
    ("kind", "pem", "permissions"),
    [("ecdsa", None, ("read",)), ("hmac", "x", ("read",)), ("rsa", None, ("read",)), ("hmac", None, ("withdraw",))],
)
def test_what_does_not_fit_together_is_refused(kind: str, pem: str | None, permissions: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"kind|public key"):
        make(kind, pem, permissions, "main", 0)


def test_a_public_key_of_another_kind_is_refused() -> None:
    ed, big = pem_of(ed25519.Ed25519PrivateKey.generate()), pem_of(rsa.generate_private_key(65537, 2048))
    with pytest.raises(ValueError, match="another kind"):
        make("rsa", ed, ("read",), "main", 0)
    with pytest.raises(ValueError, match="another kind"):
        make("ed25519", big, ("read",), "main", 0)


def test_a_reader_sees_what_a_writer_changes(tmp_path: Path) -> None:
    reader, writer = KeyFile(tmp_path / "keys.json"), KeyFile(tmp_path / "keys.json")
    first, second = (make("hmac", None, ("read",), "main", 0) for _ in range(2))
    writer.add(first)
    assert reader.find(first.api_key) == first
    writer.add(second)
    assert reader.find(second.api_key) == second
    assert writer.delete(first.api_key)
    assert reader.find(first.api_key) is None
    assert not writer.delete(first.api_key)
    assert stat.S_IMODE(os.stat(tmp_path / "keys.json").st_mode) == 0o600


def test_the_command_line_writes_the_secret_to_its_file_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "key.json"
    assert main(["key", "create", "--home", str(tmp_path / "x"), "--kind", "hmac", "--out", str(out)]) == 0
    made = json.loads(out.read_text("utf-8"))
    captured = capsys.readouterr()
    assert set(made) == {"apiKey", "secretKey"}
    assert captured.out == captured.err == ""
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600
    assert main(["key", "delete", "--home", str(tmp_path / "x"), "--api-key", made["apiKey"]]) == 0
    assert main(["key", "delete", "--home", str(tmp_path / "x"), "--api-key", made["apiKey"]]) == 2


def test_a_public_key_gives_no_secret(tmp_path: Path) -> None:
    pem = tmp_path / "pub.pem"
    pem.write_text(pem_of(ed25519.Ed25519PrivateKey.generate()), "utf-8")
    out = tmp_path / "key.json"
    assert main(["key", "create", "--home", str(tmp_path), "--kind", "ed25519", "--public-key", str(pem),
                 "--permissions", "read,trade", "--account", "second", "--out", str(out)]) == 0  # fmt: skip
    key = KeyFile(tmp_path / "keys.json").find(json.loads(out.read_text("utf-8"))["apiKey"])
    assert key is not None
    assert (key.permissions, key.account) == (("read", "trade"), "second")
    assert set(json.loads(out.read_text("utf-8"))) == {"apiKey"}
