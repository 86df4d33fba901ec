"""`counterseal up`: serve until told to stop."""

import argparse
import os
from typing import TYPE_CHECKING

from counterseal.adapters import config_file, process
from counterseal.adapters.home import Home, from_environment
from counterseal.cli.shared import USAGE, add_home, home_of, read_config
from counterseal.core.config.model import Config
from counterseal.supervisor import main as supervisor

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "up",
        help="start signer and gateway and keep them running",
        description="Serve until SIGTERM or Ctrl-C: they drain for at most 10 s, a second one ends at once.",
    )
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve; 2 when the configuration has faults. Raises HomeError."""
    _leave_root(from_environment(os.environ, args.home))
    home = home_of(args)
    config = read_config(home)
    if config is None:
        return USAGE
    setting = supervisor.Setting(sandbox=config.process.sandbox)
    listen = config.listen
    return supervisor.up(home, listen.address, setting, proxy=listen.proxy, tls=listen.tls, signer=config.signer)


def _leave_root(home: Home) -> None:
    """Become the user whom the settings name. What is wrong with the settings is told when he reads them."""
    config = config_file.read(home.config)
    if isinstance(config, Config) and config.process.user is not None:
        process.become(config.process.user, home.root)
