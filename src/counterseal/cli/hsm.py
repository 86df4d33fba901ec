"""`counterseal key … --hsm`: keys that stay in a hardware token. What is kept here is where they lie."""

import argparse
import getpass
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from counterseal.adapters import hsm_file, pin_source
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.hsm_file import HsmKey, PinSource, TokenPlace
from counterseal.adapters.system_clock import SystemClock
from counterseal.cli import material
from counterseal.cli.shared import OK, UsageError, confirm, now_ms, say
from counterseal.core.secret import Secret

if TYPE_CHECKING:
    from types import ModuleType

EXTRA = "pip install 'counterseal[hsm]'"
_OPTIONS = (
    "module",
    "token",
    "token_serial",
    "key_label",
    "key_id",
    "module_setting",
    "pin_file",
    "pin_credential",
    "put",
)
_NEEDED = "--hsm needs --module PATH and --token LABEL or --token-serial NUMBER"


def add_options(add: argparse.ArgumentParser, new: argparse.ArgumentParser) -> None:
    """Add the options of a key in a token to `key add` and `key new`."""
    for parser in (add, new):
        group = parser.add_argument_group("a key in a hardware token (PKCS #11)")
        group.add_argument("--hsm", action="store_true", help="the key lies, or is made, in a token; none is kept here")
        group.add_argument("--module", metavar="PATH", help="the token's PKCS #11 module, a .so file")
        group.add_argument("--token", metavar="LABEL", help="the token's label")
        group.add_argument("--token-serial", metavar="NUMBER", help="the token's serial number")
        group.add_argument("--key-label", metavar="LABEL", help="the key's label in the token (default NAME)")
        group.add_argument("--key-id", metavar="HEX", help="the key's id in the token (new: default by chance)")
        group.add_argument(
            "--module-setting", metavar="VARIABLE=PATH", action="append", default=[],
            help="a file or folder that the module finds by an environment variable; may be repeated",
        )  # fmt: skip
        source = group.add_mutually_exclusive_group()
        source.add_argument("--pin-file", metavar="PATH", help="read the PIN from this file, mode 0600, at each start")
        source.add_argument("--pin-credential", metavar="NAME", help="read the PIN from this systemd credential")
    add.add_argument(
        "--import", dest="put", action="store_true",
        help="with --hsm: move a key that you have into the token; it cannot be taken out again",
    )  # fmt: skip


def is_wanted(args: argparse.Namespace) -> bool:
    """Tell whether a token is meant. Raises UsageError for options that mean one without --hsm."""
    if not args.hsm and any(vars(args).get(name) for name in _OPTIONS):
        raise UsageError("options about a token need --hsm; without it the key is sealed in a file here")
    return bool(args.hsm)


def add(home: Home, args: argparse.Namespace, environment: str) -> int:
    """Note a key that lies in a token, or move one there. Raises UsageError and HomeError."""
    key = _described(home, args, environment)
    if args.put:
        key = _named(key)
        given = material.read_material(args, args.kind)
        api_key = given.api_key
        _in_token(key, lambda objects, opened: objects.put(opened, key, given.secret), _pin(key.token, piped=False))
    else:
        api_key = material.read_api_key(args)
        _look(key)
    _store(home, replace(key, api_key=api_key.reveal().decode("ascii")))
    done = f"key {key.ref} signs inside the {key.token.name}; its PIN {_pin_told(key.token)}"
    return confirm(home, "restart_signer", done, idle=OK)


def new(home: Home, args: argparse.Namespace, environment: str) -> int:
    """Make an Ed25519 pair in a token and print its public half. Raises UsageError and HomeError."""
    key = _named(_described(home, args, environment))
    pin = _pin(key.token, piped=True)
    public_pem: bytes = _in_token(key, lambda objects, opened: objects.make_ed25519(opened, key), pin)
    _store(home, key)
    sys.stdout.write(public_pem.decode("ascii"))
    sys.stdout.flush()
    say(f"the private half never leaves the {key.token.name}; there is no copy of it, so keep a way to replace the key")
    say(f"register this public key at the exchange, then: counterseal key set-api-key {key.ref}")
    return OK


def complete(home: Home, name: str, api_key: Secret) -> bool:
    """Note the API key of a pair made in a token; False when no entry has that name."""
    entries = hsm_file.read(home)
    if name not in entries:
        return False
    entries[name] = replace(entries[name], api_key=api_key.reveal().decode("ascii"))
    hsm_file.write(home, entries)
    return True


def remove(home: Home, name: str) -> str | None:
    """Forget where a key lies; gives what to say, or None when no entry has that name."""
    entries = hsm_file.read(home)
    if name not in entries:
        return None
    gone = entries.pop(name)
    hsm_file.write(home, entries)
    return f"key {name} is forgotten here and still lies in the {gone.token.name}; delete it there and at the exchange"


def _described(home: Home, args: argparse.Namespace, environment: str) -> HsmKey:
    if not args.module or not (args.token or args.token_serial):
        raise UsageError(_NEEDED)
    settings = tuple(_setting(text) for text in args.module_setting)
    place = TokenPlace(args.module, args.token, args.token_serial, settings, _source(args))
    key = HsmKey(
        args.name, args.kind, None, environment, now_ms(), place,
        args.key_label or (None if args.key_id else args.name), args.key_id and args.key_id.lower(),
    )  # fmt: skip
    wrong = hsm_file.fault(key)
    if wrong is not None:
        raise UsageError(wrong)
    # One token is opened once, so all its keys must agree on how.
    if any(known.token.address == place.address and known.token != place for known in hsm_file.read(home).values()):
        raise UsageError(f"another key in the {place.name} names another PIN source or setting; name the same for both")
    return key


def _setting(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _source(args: argparse.Namespace) -> PinSource:
    if args.pin_file:
        return PinSource("file", args.pin_file)
    return PinSource("credential", args.pin_credential) if args.pin_credential else PinSource("prompt")


def _named(key: HsmKey) -> HsmKey:
    return replace(key, key_label=key.key_label or key.ref, key_id=key.key_id or secrets.token_hex(8))


def _pin_told(place: TokenPlace) -> str:
    told = {"file": f"is read from {place.pin.name}", "credential": f"is the systemd credential {place.pin.name}"}
    return told.get(place.pin.source, "is asked for by: counterseal up")


def _pin(place: TokenPlace, *, piped: bool) -> Secret | None:
    """Get the PIN now: from its file, a terminal, or where `piped` allows it the pipe. None when there is none."""
    if place.pin.source == "file":
        return pin_source.fetch(place, {}, os.environ).secret
    if sys.stdin.isatty():
        return pin_source.checked(getpass.getpass(f"PIN of the {place.name} (not shown): ").encode(), place)
    return pin_source.checked(sys.stdin.buffer.read(pin_source.MAX_PIN + 3), place) if piped else None


def _look(key: HsmKey) -> None:
    """Look the key up in its token, if the PIN is to be had here. Raises HomeError when it cannot sign."""
    tokens = _parts()[0]
    pin = _pin(key.token, piped=False)
    if pin is None:
        say(f"key {key.ref} was not looked up, since its PIN is not to be had here; the signer tells at its start")
        return
    token = tokens.Token(key.token, lambda: pin, lambda: SystemClock().monotonic_ns() // 1_000_000, say)
    try:
        token.open()
        token.check(key)
    except tokens.TokenError as fault:
        raise HomeError(str(fault)) from None
    finally:
        token.close()


def _in_token(key: HsmKey, work: "Callable[[ModuleType, object], bytes | None]", pin: Secret | None) -> bytes:
    tokens, objects = _parts()
    if pin is None:
        raise UsageError("the PIN is needed now: use a terminal, or name its file with --pin-file")
    try:
        with objects.session(key.token, pin) as opened:
            return work(objects, opened) or b""
    except tokens.TokenError as fault:
        raise HomeError(str(fault)) from None


def _parts() -> "tuple[ModuleType, ModuleType]":
    try:
        from counterseal.adapters import pkcs11_objects, pkcs11_token
    except ImportError:
        raise HomeError(f"keys in a token need an extra that is not installed: {EXTRA}") from None
    return pkcs11_token, pkcs11_objects


def _store(home: Home, key: HsmKey) -> None:
    hsm_file.write(home, {**hsm_file.read(home), key.ref: key})
