"""The supervisor's own sandbox, and what it tells its children about theirs."""

from pathlib import Path

from counterseal.adapters import config_file, hsm_file, sandbox
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import Home
from counterseal.adapters.sandbox import Report, profiles
from counterseal.core.config.model import Config


def confine(home: Home, mode: str) -> Report:
    """Enter the supervisor's sandbox; `mode` of model.SANDBOXES. After what only root may do, before any child.

    Children inherit it. A token's module writes folders that only the signer knows, so that with keys in a token
    writing stays as the user's rights have it. Raises SandboxError when what is required is missing.
    """
    written = [Path("/")] if hsm_file.path_of(home).exists() else [CaFiles(home).directory, *_witness(home)]
    return sandbox.enter(profiles.supervisor(home, written), required=mode == "require")


def _witness(home: Home) -> list[Path]:
    """The folder of the journal's witness, which the gateway writes."""
    config = config_file.read(home.config)
    witness = config.journal.witness if isinstance(config, Config) else None
    return [] if witness is None else [home.root / witness]


def flags(mode: str) -> tuple[str, ...]:
    """Give the arguments of a child in this mode."""
    return ("--sandbox", mode) if mode == "require" else ()
