"""The sandboxes of the signer and of the helper that opens its keys."""

from pathlib import Path

from counterseal.adapters import key_reach, key_source, sandbox, unlock
from counterseal.adapters.home import Home
from counterseal.adapters.sandbox import Report, profiles
from counterseal.signer import fetching, hsm_keys


def confine(home: Home, mode: str) -> Report:
    """Enter the serving signer's sandbox; `mode` of model.SANDBOXES. With all keys in memory and nothing to import.

    A key in a token widens it to what the token's module needs. Raises HomeError, and SandboxError when what is
    required is missing.
    """
    readable = hsm_keys.paths(home)
    profile = (
        profiles.signer_with_token(home, readable, hsm_keys.writable_paths(home)) if readable else profiles.signer()
    )
    return sandbox.enter(profile, required=mode == "require")


def confine_opener(home: Home, source: unlock.Source) -> Report:
    """Enter the sandbox of the helper that opens the keys; it may read where the passphrase comes from.

    Where a store elsewhere holds the keys, a process of its own has begun to ask it; this one reaches nobody either
    way. Raises HomeError when the settings cannot be read.
    """
    settings = key_source.settings_of(home)
    passphrase = [Path(source.path)] if source.path else []
    if settings.kind in key_source.REMOTE:
        fetching.begin(home, settings)
        return sandbox.enter(profiles.reading(profiles.copying_opener(home), *passphrase))
    return sandbox.enter(profiles.reading(profiles.opener(home), *key_reach.of(home, settings).files, *passphrase))
