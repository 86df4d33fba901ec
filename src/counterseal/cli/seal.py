"""`counterseal seal`: the seals on what an installation keeps: look over them, passphrase, recovery recipients."""

import argparse
import asyncio
import getpass
import os
import sys
from typing import TYPE_CHECKING

from counterseal.adapters import age_box, config_file, seal_check, seal_passphrase, seal_recipients, unlock
from counterseal.adapters.home import Home, HomeError, from_environment, locked
from counterseal.adapters.process import harden
from counterseal.adapters.system_clock import SystemClock
from counterseal.cli.shared import FAILED, OK, UsageError, add_home, home_of, say, table
from counterseal.core.config.model import Config, Signer
from counterseal.core.passphrase import weakness
from counterseal.core.secret import Secret

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

# Those of `key` and `caps`: what they seal must not meet a change of whom it is sealed to.
LOCKS = ("keys", "caps")
TRIES = 3
CONFIRMATION = "remove the passphrase"
_LINES = "give the present passphrase if there is one, then the new one, one line each"
_PIPE = "From a prompt, or from a pipe one line each: {}; never as an argument: other users can see those."


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb and its own verbs."""
    verbs = subparsers.add_parser("seal", help="the seals on keys and credentials").add_subparsers(
        required=True, metavar="VERB"
    )
    verify = verbs.add_parser(
        "verify",
        help="open everything that is sealed, and judge modes and owners",
        description="Exit status: 0 when all is as it must be, 1 with a sentence for each fault. No secret is shown.",
    )
    change = verbs.add_parser(
        "change-passphrase",
        help="put a passphrase on the signer's identity, or another one",
        description=_PIPE.format("the present passphrase if there is one, then the new one"),
    )
    change.add_argument(
        "--remove", action="store_true", help=f'take the passphrase away; needs "{CONFIRMATION}" typed, or as last line'
    )
    add = verbs.add_parser(
        "add-recipient",
        help="seal the signer's files to one more recipient, for recovery",
        description="Whoever has that recipient's identity can open the exchange's keys: keep it offline.",
    )
    add.add_argument("recipient", metavar="AGE_RECIPIENT", nargs="?", help="age1…, as age-keygen prints it")
    how = add.add_mutually_exclusive_group()
    how.add_argument("--list", action="store_true", help="show the recovery recipients")
    how.add_argument("--remove", action="store_true", help="seal to it no longer")
    how.add_argument("--again", action="store_true", help="seal everything again to those that are listed")
    for parser, action in ((verify, _verify), (change, _change_passphrase), (add, _add_recipient)):
        add_home(parser)
        parser.set_defaults(run=run, action=action)


def run(args: argparse.Namespace) -> int:
    """Run the chosen verb. Raises UsageError and HomeError."""
    harden()
    code: int = args.action(args)
    return code


# -- verify


def _verify(args: argparse.Namespace) -> int:
    home = from_environment(os.environ, args.home)
    if not home.is_initialised:
        home.check()
    identity, fault = _identity_or_fault(home)
    report = seal_check.check(home, identity)
    rows = [("FILE", "MODE", "OWNER", "SEALED TO", "STATE")]
    for row in report.rows:
        name = str(row.path.relative_to(home.root)) if row.path.is_relative_to(home.root) else str(row.path)
        rows.append((name, row.mode, row.owner, row.sealed_to, row.state))
    print(table(list(rows)))
    faults = list(dict.fromkeys([*fault, *report.faults]))
    for sentence in faults:
        say(sentence)
    return FAILED if faults else OK


def _identity_or_fault(home: Home) -> tuple[Secret | None, list[str]]:
    try:
        return _identity(home), []
    except HomeError as fault:
        return None, [str(fault)]


# -- change-passphrase


def _change_passphrase(args: argparse.Namespace) -> int:
    home = home_of(args)
    with locked(home, LOCKS[0]), locked(home, LOCKS[1]):
        had_one = age_box.is_locked(home)
        if args.remove and not had_one:
            raise UsageError("the signer's identity has no passphrase")
        identity = _present(home) if had_one else age_box.identity_secret(home, "signer")
        return _take_away(home, identity) if args.remove else _put(home, identity, had_one=had_one)


def _put(home: Home, identity: Secret, *, had_one: bool) -> int:
    seal_passphrase.put(home, identity, _new())
    say("the signer's identity has " + ("another passphrase now" if had_one else "a passphrase now"))
    _tell_copies("opens with the old passphrase" if had_one else "opens without a passphrase")
    if _signer(home).passphrase_file or _signer(home).passphrase_credential:
        say("counterseal.toml says where the passphrase is read at a start: put the new one there too")
    return OK


def _take_away(home: Home, identity: Secret) -> int:
    say("without a passphrase, whoever reads the folder identities and the folder keys has the exchange's keys")
    if _line(f'type "{CONFIRMATION}" to go on: ') != CONFIRMATION:
        raise UsageError(f'not confirmed, nothing was changed; it needs the words "{CONFIRMATION}"')
    seal_passphrase.take_away(home, identity)
    say("the signer's identity has no passphrase any more; its mode alone protects it")
    return OK


def _tell_copies(how: str) -> None:
    say(f"what runs goes on; a copy of the old file, in a backup or on what the disk has not yet overwritten, {how}")


def _present(home: Home) -> Secret:
    """Open the identity with the passphrase that it has now; each wrong one costs a wait."""
    delay_s = unlock.FIRST_DELAY_S
    for _ in range(TRIES if sys.stdin.isatty() else 1):
        try:
            return age_box.unlock(home, _secret("present passphrase (not shown): "))
        except age_box.WrongPassphraseError:
            say(f"the passphrase is wrong; waiting {delay_s:g} s")
            _wait(delay_s)
            delay_s = min(delay_s * 2, unlock.MAX_DELAY_S)
    raise HomeError("the present passphrase is wrong; nothing was changed")


def _new() -> Secret:
    entered = _secret("new passphrase (not shown): ")
    text = entered.reveal().decode()
    wrong = weakness(text)
    if wrong is not None:
        raise UsageError(wrong)
    if sys.stdin.isatty() and _secret("the same again (not shown): ").reveal().decode() != text:
        raise UsageError("the two are not the same; nothing was changed")
    return entered


# -- add-recipient


def _add_recipient(args: argparse.Namespace) -> int:
    home = home_of(args)
    if args.list:
        return _list(home)
    if (args.recipient is None) != args.again:
        raise UsageError("name one recipient (age1…), or use --list or --again")
    with locked(home, LOCKS[0]), locked(home, LOCKS[1]):
        try:
            return _reseal(home, args)
        except ValueError as fault:
            raise UsageError(str(fault)) from None


def _reseal(home: Home, args: argparse.Namespace) -> int:
    if args.again:
        count = seal_recipients.again(home, _identity(home))
        say(f"{_files(count)} sealed again; {_told(home)}")
        return OK
    recipient = seal_recipients.parse(args.recipient)
    known = recipient in seal_recipients.read(home)
    if args.remove:
        if not known:
            raise UsageError("this is none of the recovery recipients; see: counterseal seal add-recipient --list")
        count = seal_recipients.remove(home, _identity(home), recipient)
        say(f"{_files(count)} sealed without {recipient}; {_told(home)}")
        say("its identity still opens older copies, and it may know the keys: replace them if it is not to be trusted")
        return OK
    count = seal_recipients.add(home, _identity(home), recipient)
    say(f"{_files(count)} sealed to {recipient} too{', as before' if known else ''}; {_told(home)}")
    say("try it with a copy, on the machine that has the identity: age -d -i IDENTITY exchange.age > /dev/null")
    return OK


def _list(home: Home) -> int:
    for recipient in seal_recipients.read(home):
        print(recipient)
    return OK


def _told(home: Home) -> str:
    count = len(seal_recipients.read(home))
    return f"there {'is' if count == 1 else 'are'} {count} for recovery now"


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count} files are"


# -- asking


def _identity(home: Home) -> Secret:
    """Open the signer's identity as the settings say, else by prompt or pipe. Raises HomeError."""
    origin = unlock.NOWHERE
    if age_box.is_locked(home):
        origin = _configured(home) or unlock.Source("prompt" if sys.stdin.isatty() else "pipe")
    return unlock.identity(home, origin, _wait, say)


def _configured(home: Home) -> unlock.Source | None:
    signer = _signer(home)
    # systemd's credentials are there for the service alone; a person is asked.
    if not signer.passphrase_file and unlock.CREDENTIALS_VARIABLE not in os.environ:
        return None
    return unlock.configured(home, signer, os.environ)


def _signer(home: Home) -> Signer:
    found = config_file.read(home.config)
    return found.signer if isinstance(found, Config) else Signer()


def _secret(prompt: str) -> Secret:
    """Ask for one line that is not shown. Raises UsageError when there is none, or none that could be one."""
    if sys.stdin.isatty():
        return Secret(getpass.getpass(prompt).encode())
    line = sys.stdin.buffer.readline(unlock.MAX_PASSPHRASE + 2)
    raw = line.removesuffix(b"\n").removesuffix(b"\r")
    if not line or len(raw) > unlock.MAX_PASSPHRASE:
        raise UsageError("standard input ended too early or has too long a line; " + _LINES)
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise UsageError("a passphrase must be UTF-8; " + _LINES) from None
    return Secret(raw)


def _line(prompt: str) -> str:
    if sys.stdin.isatty():
        return input(prompt).strip()
    return sys.stdin.buffer.readline(200).decode("utf-8", "replace").strip()


def _wait(seconds: float) -> None:
    asyncio.run(SystemClock().sleep(seconds))
