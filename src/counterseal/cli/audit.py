"""`counterseal audit`: the journal read, verified, exported, proven."""

from typing import TYPE_CHECKING

from counterseal.cli import audit_export, audit_key, audit_prove, audit_prune, audit_tail, audit_verify

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

VERBS = (audit_tail, audit_verify, audit_export, audit_prove, audit_key, audit_prune)


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb and its own verbs."""
    parser = subparsers.add_parser("audit", help="read, verify, export and prove the journal")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        verb.add_parser(verbs)
