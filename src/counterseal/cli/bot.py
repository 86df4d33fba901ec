"""`counterseal bot`: virtual credentials, minted, listed, revoked; a disabled bot enabled."""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from counterseal.adapters import control_socket, credential_file
from counterseal.adapters.home import Home, HomeError, create_private
from counterseal.cli import mint
from counterseal.cli.shared import (
    CONFIRM_S,
    FAILED,
    OK,
    USAGE,
    UsageError,
    add_home,
    confirm,
    home_of,
    now_ms,
    read_config,
    say,
    show_ms,
    table,
)
from counterseal.core.config.grammar import parse_label, parse_name
from counterseal.core.config.hours import show_hours
from counterseal.core.credential import Credential, CredentialKind

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

_FINGERPRINT = re.compile(r"[0-9a-f]{16}").fullmatch


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb and its own verbs."""
    bots = subparsers.add_parser("bot", help="credentials of bots, and bots that are disabled")
    verbs = bots.add_subparsers(required=True, metavar="VERB")
    minting = verbs.add_parser(
        "mint",
        help="make a credential",
        description="Make a credential, worthless at the exchange, and print it as JSON, this once.",
    )
    minting.add_argument("name", metavar="NAME", help="as in [bots.NAME] of counterseal.toml")
    minting.add_argument("--kind", choices=[kind.value for kind in CredentialKind], default="hmac")
    minting.add_argument("--public-key", type=Path, metavar="FILE", help="PEM of the bot's public key (rsa, ed25519)")
    minting.add_argument("--expires", default="never", metavar="30d|12h|never")
    minting.add_argument("--source", action="append", default=[], metavar="CIDR", help="only from there (repeatable)")
    minting.add_argument("--hours", action="append", default=[], metavar="RANGE", help='UTC, "Mon-Fri 08:00-18:00"')
    minting.add_argument(
        "--canary", action="store_true",
        help="it lets nobody in and is to be planted where thieves look: its use is a critical alert. "
        "NAME is then where it is planted, and need be no bot's",
    )  # fmt: skip
    minting.add_argument("--out", type=Path, metavar="FILE", help="write it to a new file of mode 0600 instead")
    listing = verbs.add_parser("list", help="show the credentials without their secrets")
    revoke = verbs.add_parser("revoke", help="end a credential at once")
    revoke.add_argument("target", metavar="NAME|FINGERPRINT")
    revoke.add_argument("--all", action="store_true", help="every credential of the bot")
    enable = verbs.add_parser(
        "enable",
        help="let a disabled bot place orders again",
        description="A bot that repeats one order too often is disabled, over restarts too. The journal keeps who "
        "enables it.",
    )
    enable.add_argument("name", metavar="NAME", help="as in [bots.NAME] of counterseal.toml")
    enable.add_argument("--operator", metavar="WHO", required=True, help="who answers for it; goes into the journal")
    for parser, action in ((minting, _mint), (listing, _list), (revoke, _revoke), (enable, _enable)):
        add_home(parser)
        parser.set_defaults(run=run, action=action)


def run(args: argparse.Namespace) -> int:
    """Run the chosen verb. Raises UsageError and HomeError."""
    code: int = args.action(home_of(args), args)
    return code


def _mint(home: Home, args: argparse.Namespace) -> int:
    config = read_config(home)
    if config is None:
        return USAGE
    if args.canary:
        if parse_name(args.name) is None:
            raise UsageError("a canary's name is 1 to 32 of a-z, 0-9, _ and -; choose such a name")
    elif args.name not in config.bots:
        name = parse_name(args.name) or "NAME"
        raise UsageError(f"no such bot in {home.config}; add a section [bots.{name}] with what it may do")
    if args.out is not None and args.out.exists():
        raise UsageError(f"{args.out} exists already and is not overwritten; choose another --out")
    credential = mint.mint(args, now_ms())
    fingerprint = credential_file.save(home, credential)
    try:
        _hand_over(credential, args.out)
    except (OSError, HomeError):
        # Nobody holds it, so nobody may use it.
        credential_file.remove(home, fingerprint)
        raise
    done = f"canary {fingerprint} named" if args.canary else f"credential {fingerprint} of bot"
    return confirm(home, "reload_bots", f"{done} {args.name} is minted", idle=OK)


def _hand_over(credential: Credential, out: Path | None) -> None:
    shown = {"apiKey": credential.key_id}
    if credential.secret is not None:
        shown["secretKey"] = credential.secret.reveal().decode("ascii")
    text = json.dumps(shown) + "\n"
    if out is not None:
        create_private(out, text.encode())
        return
    sys.stdout.write(text)
    sys.stdout.flush()


def _list(home: Home, args: argparse.Namespace) -> int:
    loaded = credential_file.load_all(home)
    rows: list[tuple[str, ...]] = [("FINGERPRINT", "BOT", "KIND", "CREATED", "EXPIRES", "SOURCES", "HOURS")]
    now = now_ms()
    for fingerprint, credential in sorted(loaded.by_fingerprint.items(), key=lambda item: (item[1].bot, item[0])):
        rows.append(_row(fingerprint, credential, now))
    print(table(rows))
    for fault in loaded.faults.values():
        say(fault)
    return FAILED if loaded.faults else OK


def _row(fingerprint: str, credential: Credential, now: int) -> tuple[str, ...]:
    expired = credential.expires_ms is not None and credential.expires_ms <= now
    return (
        fingerprint,
        credential.bot,
        credential.kind.value + (", canary" if credential.canary else ""),
        show_ms(credential.created_ms),
        show_ms(credential.expires_ms) + (" (expired)" if expired else ""),
        ",".join(str(network) for network in credential.sources) or "any",
        "; ".join(show_hours(span) for span in credential.hours) or "any",
    )


def _revoke(home: Home, args: argparse.Namespace) -> int:
    fingerprints = _targets(home, args.target, every=args.all)
    for fingerprint in fingerprints:
        try:
            credential_file.remove(home, fingerprint)
        except FileNotFoundError:
            continue  # somebody else has just revoked it
    noun = "credential" if len(fingerprints) == 1 else "credentials"
    # Exit code 1 even when nothing runs: nobody has confirmed that the credential is dead.
    return confirm(home, "reload_bots", f"{noun} {', '.join(fingerprints)} removed", idle=FAILED)


def _targets(home: Home, target: str, *, every: bool) -> list[str]:
    if _FINGERPRINT(target) and credential_file.path_of(home, target).exists():
        return [target]  # also for a file that can no longer be opened
    loaded = credential_file.load_all(home)
    found = sorted(name for name, credential in loaded.by_fingerprint.items() if credential.bot == target)
    if not found:
        unread = "; some files cannot be opened, see the list" if loaded.faults else ""
        raise UsageError(f"no credential of that bot or fingerprint; see: counterseal bot list{unread}")
    if len(found) > 1 and not every:
        raise UsageError(f"bot {target} has {len(found)} credentials ({', '.join(found)}); name one, or add --all")
    return found


def _enable(home: Home, args: argparse.Namespace) -> int:
    """Only what runs knows who is disabled, and journals who ended it. Raises ControlError."""
    if parse_name(args.name) is None or parse_label(args.operator) is None:
        raise UsageError("a bot's name is as in counterseal.toml, an operator's 1 to 32 letters, digits, dots, _ and -")
    told = {"bot": args.name, "operator": args.operator}
    ended = control_socket.call(home.control_socket, "enable_bot", CONFIRM_S, told)
    say(f"bot {args.name} may place orders again; it was disabled since {show_ms(ended['since_ms'])} ({ended['why']})")
    return OK
