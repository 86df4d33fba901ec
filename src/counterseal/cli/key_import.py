"""`counterseal key import`: keys that somebody put into Vault or AWS in the clear, sealed in their place."""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from counterseal.adapters import config_file, key_file, key_material, key_source
from counterseal.adapters.home import Home, HomeError, locked
from counterseal.adapters.key_file import StoredKey
from counterseal.adapters.store_aws import AwsStore
from counterseal.adapters.store_vault import VaultStore
from counterseal.cli import material
from counterseal.cli.shared import OK, UsageError, add_home, confirm, home_of, now_ms, say
from counterseal.core.config.grammar import parse_name
from counterseal.core.config.model import ENVIRONMENTS, Config
from counterseal.ports.key_store import KeyStoreError

LOCK = "keys"
_DESCRIPTION = (
    "Takes what the store of [keystore] holds in the clear and writes it back sealed to the signer: one key as "
    '{"apiKey", "secretKey"} or {"apiKey", "privateKey"}, for which NAME and --kind are needed, or a whole document of '
    "keys. What was in the clear stays in the store's history until it is destroyed; the command for that is shown."
)


def add_parser(verbs: Any) -> None:
    """Add the verb to those of `key`."""
    take = verbs.add_parser("import", help="seal keys that lie in the clear in the store", description=_DESCRIPTION)
    take.add_argument("name", metavar="NAME", nargs="?", help="as in [keys.NAME] of counterseal.toml")
    take.add_argument("--kind", choices=key_file.KINDS, help="of the one key")
    take.add_argument("--environment", choices=ENVIRONMENTS, help="of the one key; default: as in counterseal.toml")
    add_home(take)
    take.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    return run_import(home_of(args), args)


def run_import(home: Home, args: argparse.Namespace) -> int:
    """Seal what lies there. Raises UsageError and HomeError."""
    store = key_source.of(home)
    if not isinstance(store, (VaultStore, AwsStore)):
        raise UsageError(
            "key import takes keys out of Vault or AWS; give a key to this store with: counterseal key add"
        )
    with locked(home, LOCK):
        given = _checked(home, _keys(home, _held(store), store.name, args))
        keys = {**_kept(home, given, store.name, args.name), **given}
        key_file.write(home, keys)
    say(f"what was in the clear is in the history of {store.name} until you destroy it: {store.how_to_destroy()}")
    return confirm(home, "restart_signer", f"sealed: {', '.join(keys)}", idle=OK)


def _held(store: VaultStore | AwsStore) -> bytes:
    try:
        held = store.read()
    except KeyStoreError as fault:
        raise HomeError(str(fault)) from None
    if held is None:
        raise UsageError(f"{store.name} holds nothing; give it a key with: counterseal key add NAME")
    if held.startswith(key_source.AGE):
        raise UsageError(
            f"{store.name} holds sealed keys already, and nothing in the clear; there is nothing to import"
        )
    return held


def _kept(home: Home, given: Mapping[str, StoredKey], where: str, named: str | None) -> dict[str, StoredKey]:
    """Give the keys of the copy: who put a key in the clear there may have put it over the sealed ones."""
    if key_source.fetched(home) is None:
        return {}
    kept = key_file.read_copy(home)
    twice = {key.name for key in kept.values()} & {key.name for key in given.values()}
    if named in twice:
        # Who names a key means it: this one takes the place of all its versions, the others stay.
        return {ref: key for ref, key in kept.items() if key.name != named}
    if twice:
        raise UsageError(
            f"the sealed copy here holds {', '.join(sorted(twice))} already, and what lies in the clear would replace "
            f"that; restore the sealed version in {where}, or take the name out of what lies there in the clear"
        )
    return kept


def _keys(home: Home, held: bytes, where: str, args: argparse.Namespace) -> dict[str, StoredKey]:
    if _is_document(held):
        try:
            return key_file.parse(held, where)
        except HomeError:
            raise UsageError(f"{where} holds no document of keys that can be read; write it anew") from None
    if args.name is None or args.kind is None:
        raise UsageError(f"{where} holds one key; say what it is: counterseal key import NAME --kind hmac")
    if parse_name(args.name) is None:
        raise UsageError("a key's name is 1 to 32 of a-z, 0-9, _ and -; choose such a name")
    given = material.parse_material(held, args.kind)
    environment = args.environment or _environment(home, args.name)
    api_key = given.api_key.reveal().decode("ascii")
    return {args.name: StoredKey(args.name, args.kind, api_key, given.secret, environment, now_ms())}


def _is_document(held: bytes) -> bool:
    try:
        found = json.loads(held)
    except ValueError:
        return False
    return isinstance(found, dict) and "keys" in found


def _checked(home: Home, keys: dict[str, StoredKey]) -> dict[str, StoredKey]:
    """Refuse what the signer could not use, before it is sealed and nobody can look at it any more."""
    config = config_file.read(home.config)
    for key in keys.values():
        try:
            key_material.of(key.kind, key.secret.reveal())
        except ValueError as fault:
            raise UsageError(f"key {key.ref} cannot be used: {fault}; correct it in the store") from None
        if isinstance(config, Config) and key.environment != config.venue.environment:
            raise UsageError(
                f"key {key.ref} is of the environment {key.environment}, and [venue] is {config.venue.environment}: it "
                "would never sign; give each environment an installation and a secret of its own"
            )
    return keys


def _environment(home: Home, name: str) -> str:
    config = config_file.read(home.config)
    if not isinstance(config, Config):
        raise UsageError("counterseal.toml has faults; see: counterseal check-config, or give --environment")
    key = config.keys.get(name)
    return key.environment if key else config.venue.environment
