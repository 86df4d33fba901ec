"""`counterseal caps`: what the signer signs at most, whatever the gateway asks; sealed to the signer."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterseal.adapters import age_box, caps_file, config_file
from counterseal.adapters.home import Home, HomeError, locked
from counterseal.cli.shared import OK, UsageError, add_home, confirm, home_of, table
from counterseal.core import caps
from counterseal.core.caps import EVERY, Caps, CapsError
from counterseal.core.config.model import Config

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

LOCK = "caps"
LIFT = "none"
NO_CAPS = "no signer caps: a gateway in other hands could trade any size; see: counterseal caps set --help"
_SEALED = "signer caps: sealed with the passphrase; see: counterseal caps show"
_SET = (
    "Set caps of one key, or of every key that has none of that kind. What is not named stays as it is; the value "
    f'"{LIFT}" lifts a cap. Sizes are per order. Once a key has a cap on sizes, a symbol without one is refused.'
)


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb and its own verbs."""
    verbs = subparsers.add_parser("caps", help="what the signer signs at most").add_subparsers(
        required=True, metavar="VERB"
    )
    setting = verbs.add_parser("set", help="set caps of a key", description=_SET)
    _add_caps(setting)
    showing = verbs.add_parser("show", help="show what holds for each key")
    showing.add_argument("--json", action="store_true", help="as one JSON object, as it is sealed")
    remove = verbs.add_parser("remove", help="lift every cap of a key")
    for parser in (setting, remove):
        parser.add_argument("name", metavar="NAME", help="as in [keys.NAME] of counterseal.toml, or '*' for every key")
    for parser, action in ((setting, _change), (showing, _show), (remove, _remove)):
        add_home(parser)
        parser.set_defaults(run=run, action=action)


def run(args: argparse.Namespace) -> int:
    """Run the chosen verb. Raises UsageError and HomeError."""
    code: int = args.action(home_of(args), args)
    return code


def lines(home: Home) -> list[str]:
    """Tell in words which caps hold for which key, and plainly where there are none; never asks for a passphrase."""
    try:
        found = _read(home)
    except HomeError as fault:
        return [f"signer caps cannot be read: {fault}"]
    if found is None:
        return [_SEALED]
    return [_line(name, caps.show(caps.caps_of(found, name))) for name in _names(home, found)] if found else [NO_CAPS]


def as_json(home: Home) -> dict[str, Any] | None:
    """Give the caps by key as they are sealed, None where they cannot be read without an operator."""
    try:
        found = _read(home)
    except HomeError:
        return None
    return None if found is None else _document(found)


def _add_caps(parser: argparse.ArgumentParser) -> None:
    for option, words in (
        ("--max-quantity", "largest quantity of an order; '*=SIZE' for every other symbol"),
        ("--max-quote-quantity", "largest quoteOrderQty, in units of the quote asset"),
    ):
        parser.add_argument(option, metavar="SYMBOL=SIZE", action="append", default=[], help=words)
    parser.add_argument("--symbols", metavar="A,B", help=f'the only symbols that are signed for; "{LIFT}": any')
    parser.add_argument("--max-per-second", metavar="N", help="orders, changes and settings in a second")
    parser.add_argument("--max-per-minute", metavar="N", help="the same in a minute; cancels are never counted")
    parser.add_argument("--max-leverage", metavar="N", help="largest leverage that a setting may ask for")


def _change(home: Home, args: argparse.Namespace) -> int:
    _known(home, args.name)
    with locked(home, LOCK):
        entries = caps_file.read(home)
        try:
            entries[args.name] = _merged(entries.get(args.name, Caps()), args)
        except CapsError as fault:
            raise UsageError(str(fault)) from None
        # What lifts the last cap leaves an entry that says nothing.
        caps_file.write(home, {name: entry for name, entry in entries.items() if caps.show(entry)})
    return confirm(home, "restart_signer", f"caps of {args.name} are sealed", idle=OK)


def _show(home: Home, args: argparse.Namespace) -> int:
    found = caps_file.read(home)
    if args.json:
        print(json.dumps(_document(found), indent=1))
        return OK
    rows: list[tuple[str, ...]] = [("KEY", "CAP", "VALUE")]
    rows += [(name, *row) for name in _names(home, found) for row in caps.show(caps.caps_of(found, name))]
    bare = [name for name in _names(home, found) if not caps.show(caps.caps_of(found, name))]
    print(table(rows) if found else NO_CAPS)
    if found and bare:
        print(f"without any caps: {', '.join(bare)}")
    return OK


def _remove(home: Home, args: argparse.Namespace) -> int:
    with locked(home, LOCK):
        entries = caps_file.read(home)
        if entries.pop(args.name, None) is None:
            raise UsageError(f"{args.name} has no caps of its own; there are: {', '.join(sorted(entries)) or 'none'}")
        caps_file.write(home, entries)
    return confirm(home, "restart_signer", f"caps of {args.name} are lifted", idle=OK)


def _merged(entry: Caps, args: argparse.Namespace) -> Caps:
    changes: dict[str, Any] = {}
    for kind in ("max_quantity", "max_quote_quantity"):
        if getattr(args, kind):
            changes[kind] = _sizes(getattr(entry, kind), getattr(args, kind))
    for kind in ("max_per_second", "max_per_minute", "max_leverage"):
        text = getattr(args, kind)
        if text is not None:
            changes[kind] = None if text == LIFT else caps.count(kind, text)
    if args.symbols is not None:
        changes["symbols"] = None if args.symbols == LIFT else frozenset(map(_symbol, args.symbols.split(",")))
    if not changes:
        raise UsageError("no cap is named; see: counterseal caps set --help")
    return replace(entry, **changes)


def _symbol(text: str) -> str:
    if text == EVERY:
        raise UsageError(f"--symbols names symbols; to allow any, write: --symbols {LIFT}")
    return caps.symbol(text)


def _sizes(present: caps.Sizes | None, words: Sequence[str]) -> caps.Sizes | None:
    sizes = dict(present or {})
    for word in words:
        name, equals, text = word.rpartition("=")
        if not equals:
            raise UsageError("a size is given as SYMBOL=SIZE, such as BTCUSDT=0.5")
        if text == LIFT:
            sizes.pop(name, None)
        else:
            sizes[caps.symbol(name)] = caps.size(text)
    return sizes or None


def _read(home: Home) -> Mapping[str, Caps] | None:
    if caps_file.path_of(home).exists() and age_box.is_locked(home):
        return None
    return caps_file.read(home)


def _document(found: Mapping[str, Caps]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(caps.dump(found))["keys"]
    return document


def _names(home: Home, found: Mapping[str, Caps]) -> list[str]:
    """Give the keys of the settings and those that have caps."""
    return sorted({*found, *_configured(home)})


def _configured(home: Home) -> frozenset[str]:
    config = config_file.read(home.config)
    return frozenset(config.keys) if isinstance(config, Config) else frozenset()


def _known(home: Home, name: str) -> None:
    """A cap of a misspelt key would cap nothing."""
    config = config_file.read(home.config)
    if name == EVERY:
        return
    if not isinstance(config, Config):
        raise UsageError("counterseal.toml has faults; see: counterseal check-config")
    if name not in config.keys:
        known = ", ".join(sorted(config.keys)) or "none yet"
        raise UsageError(f"there is no [keys] section of that name in counterseal.toml; there are: {known}")


def _line(name: str, shown: list[tuple[str, str]]) -> str:
    if not shown:
        return f"signer caps of {name}: none: a gateway in other hands could trade any size with it"
    return f"signer caps of {name}: " + "; ".join(f"{kind} {words}" for kind, words in shown)
