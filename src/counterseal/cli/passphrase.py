"""The passphrase of the signer's identity, where a verb needs to open what is sealed to it: asked for once."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from counterseal.adapters import config_file, unlock
from counterseal.adapters.home import Home, HomeError
from counterseal.core.config.model import Config
from counterseal.core.secret import Secret


def opener() -> Callable[[Home], Secret]:
    """Give what opens the identity of a home, by the settings' source or at the terminal, once for each home.

    What it gives raises HomeError when there is nobody to ask.
    """
    known: dict[Path, Secret] = {}

    def identity(home: Home) -> Secret:
        if home.root not in known:
            known[home.root] = unlock.identity(home, _source(home), threading.Event().wait, _say)
        return known[home.root]

    return identity


def _source(home: Home) -> unlock.Source:
    config = config_file.read(home.config)
    # systemd's credentials are there for the service alone; a person at a terminal is asked.
    if isinstance(config, Config) and (config.signer.passphrase_file or unlock.CREDENTIALS_VARIABLE in os.environ):
        found = unlock.configured(home, config.signer, os.environ)
        if found is not None:
            return found
    try:
        # Standard input may be the pipe that a key comes through: only the terminal itself is asked.
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        raise HomeError(
            "the signer's identity has a passphrase, and there is no terminal to ask for it; "
            "run this on one or set signer.passphrase_file"
        ) from None
    return unlock.Source("prompt")


def _say(text: str) -> None:
    print(f"counterseal: {text}", file=sys.stderr)
