"""`python -m counterseal.signer.opener --home DIR --out-fd N`: opens the key file, writes the table of keys, ends.

The libraries that open age files and parse private keys give ordinary bytes, so it is this process, which lives for a
moment and talks to nobody, that holds them; the signer reads the table from the pipe straight into its secret memory.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from counterseal.adapters import age_box, caps_file, key_file, key_material, log_key_file, unlock
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.process import harden
from counterseal.core import caps
from counterseal.core.messages import HeldKey
from counterseal.core.rotation import READS_ONLY
from counterseal.core.secret import Secret
from counterseal.signer import identity_page, key_page, log_key
from counterseal.signer.confinement import confine_opener
from counterseal.signer.filling import NEEDS_OPERATOR


def main(argv: list[str] | None = None) -> int:
    """0 when the table is written, 1 when the key file cannot be used now, NEEDS_OPERATOR."""
    args = _parse(argv)
    harden()
    # The terminal's echo must come back when the prompt is ended from outside.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    home, source = Home(args.home), unlock.parse(args.passphrase)
    try:
        confine_opener(home, source)
        _write(args.out_fd, _table(home, args.unlock_fd, source))
    except (age_box.PassphraseNeededError, age_box.WrongPassphraseError, key_page.NoRoomError) as fault:
        _say(str(fault))
        return NEEDS_OPERATOR
    except HomeError as fault:
        _say(str(fault))
        return 1
    except OSError as fault:
        _say(f"{fault.filename or 'the system'}: {fault.strerror or 'reading or writing failed'}")
        return 1
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="counterseal.signer.opener")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--out-fd", type=int, required=True)
    parser.add_argument("--unlock-fd", type=int, help="secret memory in which an opened identity is kept")
    parser.add_argument("--passphrase", default=str(unlock.NOWHERE), help="where the passphrase comes from")
    return parser.parse_args(argv)


def _table(home: Home, unlock_fd: int | None, source: unlock.Source) -> list[bytes]:
    home.check()
    kept = identity_page.read(unlock_fd) if age_box.is_locked(home) else None
    if kept is not None:
        try:
            return _opened(home, kept)
        except age_box.ForeignSealError:
            pass  # the installation has a new identity: ask for that one
    identity = unlock.identity(home, source, threading.Event().wait, _say)
    table = _opened(home, identity)
    # Also without a passphrase: one may be put on it while we run, and nobody should be asked for it then.
    identity_page.write(unlock_fd, identity)
    return table


def _opened(home: Home, identity: Secret) -> list[bytes]:
    log, limits = log_key_file.read(home, identity), caps.dump(caps_file.read(home, identity))
    # Beside the exchange's keys in memory, under a kind that nothing but checkpoints is signed with.
    beside = [] if log is None else [key_page.Entry(HeldKey(log.name, "", log_key.KIND, ""), log.material.reveal())]
    table: list[bytes] = []

    def judge(keys: Mapping[str, key_file.StoredKey]) -> None:
        held = [entry for key in keys.values() if key.is_held and (entry := _entry(key)) is not None]
        table[:] = key_page.frame([*held, *beside], limits)

    # Judged before it may replace the copy, which otherwise stands for what the signer could not use.
    key_file.read(home, identity, judge)
    return table or key_page.frame(beside, limits)


def _entry(key: key_file.StoredKey) -> key_page.Entry | None:
    """Give a version for the page; None for a damaged one that is not active yet: the others are held all the same."""
    try:
        material = key_material.of(key.kind, key.secret.reveal())
    except ValueError as fault:
        if key.stage in READS_ONLY:
            _say(f"{key.ref} is damaged and left out: {fault}")
            return None
        raise HomeError(
            f"key {key.ref} is damaged: {fault}; remove it with: counterseal key remove {key.name}, then add it again"
        ) from None
    held = HeldKey(key.ref, key.api_key or "", key.kind, key.environment, key.stage)
    return key_page.Entry(held, material)


def _write(fd: int, pieces: list[bytes]) -> None:
    with os.fdopen(fd, "wb", buffering=0) as pipe:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[pipe.write(rest) :]


def _say(text: str) -> None:
    sys.stderr.write(f"signer: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
