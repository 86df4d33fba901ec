"""`counterseal init`: make an installation."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from counterseal.adapters import age_box, log_key_file
from counterseal.adapters.home import HomeError, create_private, from_environment
from counterseal.cli.shared import OK, add_home

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

STARTER = """\
# counterseal.toml: what each bot may do. What is not allowed here is denied.
# Check it with: counterseal check-config
# No key and no secret ever stands in this file.

[venue]
environment = "paper"           # paper, testnet, demo or production
address = "127.0.0.1:9443"      # where the paper exchange listens; for paper only
ca_file = "paper/ca.pem"        # what it is verified with; for paper only

[listen]
address = "127.0.0.1:8180"      # point the base URL of your bots here

# A key of the exchange: what it may sign. `counterseal key add main` gives the signer the key itself.
[keys.main]
functions = ["account", "trade"]

# A bot. `counterseal bot mint first` makes the credential that it gets instead of a key.
[bots.first]
keys = ["main"]
products = ["spot"]
purposes = ["read", "account", "trade"]
symbols = ["BTCUSDT"]
max_order_notional = 100        # US dollars
price_collar_percent = 2        # a price further than 2 % from the last one is a mistake
"""


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "init",
        help="make an installation",
        description="Make the folders, the two identities that seal keys and credentials, and a first "
        "counterseal.toml for the paper exchange unless there is one. Nothing is overwritten.",
    )
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the home. Raises HomeError when one is there."""
    home = from_environment(os.environ, args.home)
    if home.is_initialised:
        raise HomeError(f"{home.root} is initialised already; go on with: counterseal key add NAME --kind hmac")
    home.create()
    age_box.make_identities(home)
    log_key = log_key_file.make(home)
    if not home.config.exists():
        create_private(home.config, STARTER.encode())
    root = home.root
    print(f"made {root}; back up {root / 'identities'}: without it keys and credentials cannot be opened")
    print(f"next: edit {home.config}, then: counterseal key add NAME --kind hmac, counterseal bot mint NAME")
    print(f"keep this elsewhere, it verifies the journal's checkpoints: {log_key}")
    print("then say what the signer signs at most, whatever the gateway asks: counterseal caps set NAME")
    sys.stdout.flush()
    return OK
