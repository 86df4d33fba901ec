"""How an exchange key comes in: from a prompt, a pipe or a file, never from an argument."""

import argparse
import getpass
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from counterseal.adapters import key_file, key_material
from counterseal.cli.shared import UsageError, say
from counterseal.core.secret import Secret

MAX_MATERIAL = 65_536
API_KEY_VARIABLE = "COUNTERSEAL_UNSAFE_API_KEY"
SECRET_VARIABLE = "COUNTERSEAL_UNSAFE_SECRET_KEY"  # noqa: S105  the variable's name
_FORMS = 'give {"apiKey": "...", "secretKey": "..."} or two lines, the API key and the secret or PEM'


@dataclass(frozen=True, slots=True)
class Material:
    """An API key as the exchange shows it, and what signs."""

    api_key: Secret
    secret: Secret


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where a key comes from; else it is the pipe, or a prompt on a terminal."""
    parser.add_argument("--file", type=Path, metavar="FILE", help="read the key from a file instead")
    parser.add_argument(
        "--unsafe-env",
        action="store_true",
        help=f"read {API_KEY_VARIABLE} and {SECRET_VARIABLE}, which other processes see too",
    )


def read_material(args: argparse.Namespace, kind: str) -> Material:
    """Read an API key and its secret or private key. Raises UsageError, which never shows a value."""
    raw = _raw(args)
    if raw is None:
        return _prompted(kind)
    return parse_material(raw.reveal(), kind)


def read_api_key(args: argparse.Namespace) -> Secret:
    """Read an API key alone. Raises UsageError."""
    raw = _raw(args)
    if raw is None:
        return _checked(getpass.getpass("API key (not shown): ").encode(), "API key")
    text = raw.reveal().strip()
    return _checked(_field(_document(text), "apiKey") if text.startswith(b"{") else text, "API key")


def parse_material(raw: bytes, kind: str) -> Material:
    """Read one of the accepted forms. Raises UsageError."""
    text = raw.strip()
    if text.startswith(b"{"):
        document = _document(text)
        secret = _field(document, "secretKey" if "secretKey" in document else "privateKey")
        return _material(_field(document, "apiKey"), secret, kind)
    api_key, _, secret = text.partition(b"\n")
    if not secret.strip():
        raise UsageError(f"the key is incomplete; {_FORMS}")
    return _material(api_key.strip(), secret.strip(), kind)


def _raw(args: argparse.Namespace) -> Secret | None:
    if args.unsafe_env:
        given = [os.environ.get(name, "") for name in (API_KEY_VARIABLE, SECRET_VARIABLE)]
        return Secret("\n".join(given).encode())
    if args.file is not None:
        content = _bounded_file(args.file)
        say(f"{args.file} still holds the key in the clear; remove it when this has succeeded")
        return Secret(content)
    return None if sys.stdin.isatty() else Secret(_bounded(sys.stdin.buffer.read(MAX_MATERIAL + 1)))


def _bounded_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _bounded(file.read(MAX_MATERIAL + 1))
    except OSError as fault:
        raise UsageError(f"{path} cannot be read ({fault.strerror}); name a file that can") from None


def _bounded(content: bytes) -> bytes:
    if content.startswith(key_material.BYTE_ORDER_MARKS):
        raise UsageError(f"the key begins with a byte order mark; save it as plain text without one; {_FORMS}")
    if len(content) > MAX_MATERIAL:
        raise UsageError(f"the key is longer than {MAX_MATERIAL} bytes; {_FORMS}")
    return content


def _prompted(kind: str) -> Material:
    if kind != "hmac":
        raise UsageError("a private key has many lines; give it with --file FILE or through a pipe")
    api_key = getpass.getpass("API key (not shown): ").strip().encode()
    return _material(api_key, getpass.getpass("secret key (not shown): ").strip().encode(), kind)


def _material(api_key: bytes, secret: bytes, kind: str) -> Material:
    checked = _checked(api_key, "API key")
    if kind == "hmac":
        return Material(checked, _checked(secret, "secret key"))
    try:
        return Material(checked, Secret(key_file.private_pem(secret, kind)))
    except ValueError as fault:
        raise UsageError(str(fault)) from None


def _checked(text: bytes, what: str) -> Secret:
    try:
        return Secret(key_file.token(text, what))
    except ValueError as fault:
        raise UsageError(f"{fault}; {_FORMS}") from None


def _document(text: bytes) -> dict[str, object]:
    try:
        document = json.loads(text)
    except ValueError:
        raise UsageError(f"the key is no readable JSON; {_FORMS}") from None
    if not isinstance(document, dict):
        raise UsageError(f"the key is no JSON object; {_FORMS}")
    return document


def _field(document: dict[str, object], name: str) -> bytes:
    value = document.get(name)
    if not isinstance(value, str):
        raise UsageError(f"{name} is missing or no text; {_FORMS}")
    return value.encode()
