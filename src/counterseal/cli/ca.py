"""`counterseal ca`: the private CA under whose certificates the gateway answers as the exchange's hosts."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from counterseal.adapters import ca_store, private_ca
from counterseal.adapters.home import Home
from counterseal.cli.shared import FAILED, OK, UsageError, add_home, home_of, now_ms, say, show_ms
from counterseal.core.binance.hosts import CERTIFIED_HOSTS

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

CONFIRMATION = "forget the old CA"
_RENEW = (
    "Make a new leaf certificate now; a running gateway takes it up within seconds and drops no connection. "
    "A new CA takes two steps, so that no bot is cut off: --ca makes it and `export` gives both from then on; when "
    "every bot has the new file, --switch puts it in force and destroys the old one's key."
)


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb and its own verbs."""
    verbs = subparsers.add_parser("ca", help="the private CA for bots that keep the exchange's addresses")
    inner = verbs.add_subparsers(required=True, metavar="VERB")
    show = inner.add_parser("show", help="show the CA, its limits and the leaf certificate")
    export = inner.add_parser("export", help="print the CA's certificate (PEM) for the bots; it holds no secret")
    export.add_argument("--out", metavar="FILE", help="write it there instead of printing it")
    renew = inner.add_parser("renew", help="make a new leaf certificate, or a new CA", description=_RENEW)
    step = renew.add_mutually_exclusive_group()
    step.add_argument("--ca", action="store_true", help="make the next CA; nothing uses it yet")
    step.add_argument("--switch", action="store_true", help="put the next CA in force, after a typed confirmation")
    for parser, action in ((show, _show), (export, _export), (renew, _renew)):
        add_home(parser)
        parser.set_defaults(run=run, action=action)


def run(args: argparse.Namespace) -> int:
    """Run the chosen verb. Raises UsageError and HomeError."""
    code: int = args.action(home_of(args), args)
    return code


def _show(home: Home, _args: argparse.Namespace) -> int:
    authority, coming = ca_store.read_certificate(home), ca_store.read_certificate(home, coming=True)
    if authority is None:
        print("no CA yet; `counterseal up` makes it when listen.proxy or listen.tls is set, or: counterseal ca renew")
        return FAILED
    print(_describe("CA", authority))
    print(f"vouches for  {', '.join(private_ca.constraints(authority))}; for no address and no other name")
    missing = sorted(set(CERTIFIED_HOSTS) - set(private_ca.permitted_hosts(authority, CERTIFIED_HOSTS)))
    if missing:
        print(f"LACKS        {', '.join(missing)}: added since it was made; a new CA has them")
    leaf = ca_store.read_leaf(home)
    print(_describe("leaf", leaf) if leaf else "leaf         none; make one with: counterseal ca renew")
    if coming is not None:
        print(_describe("next CA", coming))
        print("             give the bots the file of `ca export`, then: counterseal ca renew --switch")
    return OK


def _describe(what: str, certificate: x509.Certificate) -> str:
    begin, end = private_ca.validity_ms(certificate)
    state, now = "", now_ms()
    if end <= now:
        state = "  EXPIRED"
    elif what == "CA" and end - now < ca_store.WARN_BEFORE_MS:
        state = "  ENDS SOON: counterseal ca renew --ca"
    fingerprint = private_ca.fingerprint(certificate)
    return f"{what:<12} SHA-256 {fingerprint}\n             valid {show_ms(begin)} to {show_ms(end)}{state}"


def _export(home: Home, args: argparse.Namespace) -> int:
    pem = ca_store.bundle(home)
    if args.out is None:
        sys.stdout.write(pem.decode("ascii"))
        return OK
    path = Path(args.out)
    try:
        # Bots of other users read it, and it holds no secret: the usual mode of files.
        with path.open("xb") as file:
            file.write(pem)
    except FileExistsError:
        raise UsageError(f"{path} exists already and is not overwritten; remove it first if you mean to") from None
    say(f"wrote {path}; trust it in the bots alone, not in the system or a browser")
    return OK


def _renew(home: Home, args: argparse.Namespace) -> int:
    if args.ca:
        ca_store.make_next(home, now_ms())
        say("the next CA is made and not in use; give the bots the file of: counterseal ca export")
        say("when all have it: counterseal ca renew --switch")
    elif args.switch:
        return _switch(home)
    else:
        ca_store.renew_leaf(home, now_ms())
        say("a new leaf certificate is made; a running gateway takes it up within seconds")
    return OK


def _switch(home: Home) -> int:
    say("Bots that do not have the new CA yet cannot connect any more after this, and the old CA's key is destroyed.")
    sys.stderr.write(f'Type "{CONFIRMATION}" to go on: ')
    sys.stderr.flush()
    if sys.stdin.readline().strip() != CONFIRMATION:
        say("nothing was changed")
        return FAILED
    ca_store.switch(home, now_ms())
    say("the new CA is in force; remove the old one from the bots")
    return OK
