"""`python -m counterseal.signer.store_watch --home DIR --out-fd N`: asks the store of keys once, and ends.

It cannot open what it gets: it compares it with the copy, renews the copy's lease when both are the same, and tells the
supervisor, which starts it now and then. Asking also keeps the login to the store alive.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from counterseal.adapters import key_reach, key_source, sandbox
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.process import harden
from counterseal.adapters.sandbox import profiles
from counterseal.adapters.system_clock import SystemClock
from counterseal.core.lease import HOUR_MS
from counterseal.ports.key_store import KeyStoreError


def main(argv: list[str] | None = None) -> int:
    """0 when one JSON object was written, 1 after a sentence on standard error."""
    parser = argparse.ArgumentParser(prog="counterseal.signer.store_watch")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--out-fd", type=int, required=True)
    args = parser.parse_args(argv)
    harden()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    home = Home(args.home)
    try:
        settings = key_source.settings_of(home)
        reach = key_reach.of(home, settings)
        profile = profiles.store_watch(home, ports=reach.ports, resolves=reach.resolves)
        sandbox.enter(profiles.reading(profile, *reach.files))
        found = look(home)
        found["length_ms"] = settings.max_lease_hours * HOUR_MS
    except (HomeError, OSError) as fault:
        sys.stderr.write(f"key store: {fault}\n")
        return 1
    with os.fdopen(args.out_fd, "wb") as pipe:
        pipe.write(json.dumps(found).encode())
    return 0


def look(home: Home) -> dict[str, Any]:
    """Ask once: whether the store holds what the copy holds, something new (its `digest`), or why it is not well."""
    why, digest = "", ""
    try:
        held = key_source.of(home).read()
        if held is None:
            why = f"{key_source.of(home).name} holds nothing"
        elif key_source.is_copied(home, held):
            key_source.keep(home, held)
        else:
            digest = hashlib.sha256(held).hexdigest()
    except KeyStoreError as fault:
        why = str(fault)
    note = key_source.fetched(home)
    age_ms = None if note is None else max(0, SystemClock().wall_ns() // 1_000_000 - note.fetched_ms)
    return {"why": why, "digest": digest, "age_ms": age_ms}


if __name__ == "__main__":
    sys.exit(main())
