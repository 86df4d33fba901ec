"""The supervisor's own sandbox, and what it tells its children about theirs."""

from pathlib import Path

from counterseal.adapters import config_file, hsm_file, key_source, sandbox
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import Home
from counterseal.adapters.sandbox import Report, profiles
from counterseal.core.config.model import Config


def confine(home: Home, mode: str) -> Report:
    """Enter the supervisor's sandbox; `mode` of model.SANDBOXES. After what only root may do, before any child.

    Children inherit it, the rotator too, which writes the key file. A token's module writes folders that only the
    signer knows, so that with keys in a token writing stays as the user's rights have it. Raises SandboxError when what
    is required is missing.
    """
    own = [CaFiles(home).directory, *_witness(home), *_copy(home), *_rotated(home)]
    written = [Path("/")] if hsm_file.path_of(home).exists() else own
    return sandbox.enter(profiles.supervisor(home, written), required=mode == "require")


def _witness(home: Home) -> list[Path]:
    """The folder of the journal's witness, which the gateway writes."""
    config = config_file.read(home.config)
    witness = config.journal.witness if isinstance(config, Config) else None
    return [] if witness is None else [home.root / witness]


def _copy(home: Home) -> list[Path]:
    """The folder of the keys, where a store elsewhere holds them: the helper that asks it keeps a copy."""
    return [home.exchange_keys.parent] if key_source.settings_of(home).kind in key_source.REMOTE else []


def _rotated(home: Home) -> list[Path]:
    """The folder of the keys, where some are rotated without an operator."""
    config = config_file.read(home.config)
    is_rotated = isinstance(config, Config) and any(key.rotation_days for key in config.keys.values())
    return [home.exchange_keys.parent] if is_rotated else []


def flags(mode: str) -> tuple[str, ...]:
    """Give the arguments of a child in this mode."""
    return ("--sandbox", mode) if mode == "require" else ()
