"""`counterseal key`: the exchange's keys, sealed to the signer."""

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from counterseal.adapters import config_file, hsm_file, key_file
from counterseal.adapters.home import Home, locked
from counterseal.adapters.key_file import StoredKey
from counterseal.cli import hsm, key_import, key_list, key_rotate, material
from counterseal.cli.shared import OK, UsageError, add_home, confirm, home_of, now_ms, say
from counterseal.core.config.grammar import parse_name
from counterseal.core.config.model import ENVIRONMENTS, Config
from counterseal.core.rotation import Stage
from counterseal.core.secret import Secret

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

LOCK = "keys"
_INPUT = (
    'From a prompt, a pipe or --file: {"apiKey", "secretKey"} as JSON, or the API key on one line and '
    "the secret (HMAC) or private key (PEM) after it; never as an argument: other users can see those."
)
_LIST = (
    "Every version of every key: its stage and age, when it is replaced next, its functions, and what the exchange "
    "said when the guard asked it last; below, what is to be done. Without a running guard nothing was asked."
)


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb and its own verbs."""
    verbs = subparsers.add_parser("key", help="the exchange's keys").add_subparsers(required=True, metavar="VERB")
    add = verbs.add_parser("add", help="seal a key that the exchange gave you", description=_INPUT)
    add.add_argument("--kind", choices=key_file.KINDS, required=True)
    material.add_sources(add)
    new = verbs.add_parser("new", help="make a pair here; only its public half is shown")
    new.add_argument("--kind", choices=("ed25519",), default="ed25519")
    hsm.add_options(add, new)
    complete = verbs.add_parser("set-api-key", help="add the API key that the exchange gave for a pair made here")
    material.add_sources(complete)
    key_rotate.add_parsers(verbs)
    key_import.add_parser(verbs)
    remove = verbs.add_parser("remove", help="forget a key in all its versions; delete it at the exchange too")
    for parser in (add, new):
        parser.add_argument("--environment", choices=ENVIRONMENTS, help="default: as in counterseal.toml")
    for parser in (add, new, complete, remove):
        parser.add_argument("name", metavar="NAME", help="as in [keys.NAME] of counterseal.toml")
    listing = verbs.add_parser(
        "list", help="show the keys without their secrets, and what the exchange said of them", description=_LIST
    )
    for parser, action in (
        (add, _add),
        (new, _new),
        (complete, _set_api_key),
        (remove, _remove),
        (listing, key_list.run),
    ):
        add_home(parser)
        parser.set_defaults(run=run, action=action)


def run(args: argparse.Namespace) -> int:
    """Run the chosen verb. Raises UsageError and HomeError."""
    code: int = args.action(home_of(args), args)
    return code


def _add(home: Home, args: argparse.Namespace) -> int:
    _absent(home, args.name)
    environment = _environment(home, args)
    if hsm.is_wanted(args):
        with locked(home, LOCK):
            return hsm.add(home, args, environment)
    given = material.read_material(args, args.kind)
    api_key = given.api_key.reveal().decode("ascii")
    _store(home, StoredKey(args.name, args.kind, api_key, given.secret, environment, now_ms()))
    return confirm(home, "restart_signer", f"key {args.name} is sealed", idle=OK)


def _new(home: Home, args: argparse.Namespace) -> int:
    _absent(home, args.name)
    if hsm.is_wanted(args):
        with locked(home, LOCK):
            return hsm.new(home, args, _environment(home, args))
    secret, public_pem = key_file.new_ed25519()
    _store(home, StoredKey(args.name, args.kind, None, secret, _environment(home, args), now_ms()))
    sys.stdout.write(public_pem.decode("ascii"))
    sys.stdout.flush()
    print(
        f"register this public key at the exchange, then: counterseal key set-api-key {args.name}",
        file=sys.stderr,
    )
    return OK


def _set_api_key(home: Home, args: argparse.Namespace) -> int:
    if args.name not in hsm_file.read(home):
        _present(home, args.name)
    api_key: Secret = material.read_api_key(args)
    with locked(home, LOCK):
        if not hsm.complete(home, args.name, api_key):
            keys = key_file.read(home)
            given, waiting = api_key.reveal().decode("ascii"), _waiting(_present(home, args.name))
            if any(key.api_key == given and key.ref != waiting.ref for key in keys.values()):
                raise UsageError("this API key is that of another version or key; give the one of the new pair")
            is_next = waiting.stage in (Stage.STAGED, Stage.PENDING)
            stage = Stage.STAGED.value if is_next else waiting.stage
            keys[waiting.ref] = replace(waiting, api_key=given, stage=stage)
            key_file.write(home, keys)
            if is_next:
                say(f"{waiting.ref} has its API key; go on with: counterseal key rotate {args.name} --resume")
            if waiting.stage == Stage.STAGED:
                return OK
    return confirm(home, "restart_signer", f"key {args.name} has its API key", idle=OK)


def _remove(home: Home, args: argparse.Namespace) -> int:
    with locked(home, LOCK):
        done = hsm.remove(home, args.name)
        if done is None:
            gone = _present(home, args.name)
            key_file.write(home, {ref: key for ref, key in key_file.read(home).items() if ref not in gone})
            done = f"key {args.name} is removed here; delete it at the exchange too"
    # A signer that cannot be replaced would go on signing with it.
    return confirm(home, "restart_signer", done, idle=OK, keep=False)


def _store(home: Home, key: StoredKey) -> None:
    with locked(home, LOCK):
        _absent(home, key.ref)
        key_file.write(home, {**key_file.read(home), key.ref: key})


def _absent(home: Home, name: str) -> None:
    if parse_name(name) is None:
        raise UsageError("a key's name is 1 to 32 of a-z, 0-9, _ and -; choose such a name")
    if name in hsm_file.read(home) or key_file.versions(key_file.read(home), name):
        raise UsageError(f"key {name} exists already; remove it first with: counterseal key remove {name}")


def _present(home: Home, name: str) -> dict[str, StoredKey]:
    """Give the versions of a key by their refs."""
    keys = key_file.read(home)
    found = key_file.versions(keys, name) if parse_name(name) is not None else {}
    if not found:
        known = ", ".join(sorted({*(key.name for key in keys.values()), *hsm_file.read(home)})) or "none yet"
        raise UsageError(f"there is no key of that name; there are: {known}")
    return found


def _waiting(versions: dict[str, StoredKey]) -> StoredKey:
    """Give the version that an API key is for: the one that has none, else the next one, else the only one.

    Raises UsageError rather than touch the active one of several.
    """
    for found in (
        [key for key in versions.values() if key.api_key is None],
        [key for key in versions.values() if key.stage in (Stage.STAGED, Stage.PENDING)],
    ):
        if found:
            return found[0]
    if len(versions) > 1:
        name = next(iter(versions.values())).name
        raise UsageError(f"no version of {name} waits for an API key; begin one with: counterseal key rotate {name}")
    return next(iter(versions.values()))


def _environment(home: Home, args: argparse.Namespace) -> str:
    config = config_file.read(home.config)
    if args.environment:
        _check_environment(args.name, args.environment, config)
        return str(args.environment)
    if not isinstance(config, Config):
        raise UsageError("counterseal.toml has faults; see: counterseal check-config, or give --environment")
    key = config.keys.get(args.name)
    return key.environment if key else config.venue.environment


def _check_environment(name: str, environment: str, config: object) -> None:
    """A key that is sealed for another environment than the installation's would never sign anything here."""
    if isinstance(config, Config) and environment != config.venue.environment:
        raise UsageError(
            f'this installation is for "{config.venue.environment}"; key {name} of "{environment}" belongs to one of '
            "its own (another --home)"
        )
