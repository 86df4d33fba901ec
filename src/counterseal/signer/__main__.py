"""`python -m counterseal.signer --home DIR --gateway-fd N --lifeline-fd M`: started by the supervisor."""

import argparse
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from counterseal.adapters import key_file, signing
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.process import harden
from counterseal.adapters.system_clock import SystemClock
from counterseal.core.messages import HeldKey
from counterseal.signer import loop, table
from counterseal.signer.desk import Desk, HeldSigningKey


def main(argv: list[str] | None = None) -> int:
    """Run until the lifeline closes. 0 after that, 1 when the keys cannot be opened."""
    args = _parse(argv)
    harden()
    # Ctrl-C reaches the whole process group; the supervisor ends the signer last.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        keys = _open_keys(Home(args.home))
    except HomeError as fault:
        sys.stderr.write(f"signer: {fault}\n")
        return 1
    desk = Desk(table.load(), keys, secrets.token_hex(8), _wall_clock())
    with socket.socket(fileno=args.gateway_fd) as gateway:
        gateway.setblocking(True)
        loop.greet(gateway, desk)
        if args.ready_fd is not None:
            os.write(args.ready_fd, b"1")
            os.close(args.ready_fd)
        loop.serve(gateway, args.lifeline_fd, desk)
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="counterseal.signer")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--gateway-fd", type=int, required=True)
    parser.add_argument("--lifeline-fd", type=int, required=True)
    parser.add_argument("--ready-fd", type=int, help="gets one byte when the signer serves")
    return parser.parse_args(argv)


def _open_keys(home: Home) -> dict[str, HeldSigningKey]:
    home.check()
    return {
        ref: HeldSigningKey(HeldKey(ref, key.api_key, key.kind, key.environment), _load(key))
        for ref, key in key_file.read(home).items()
        if key.api_key is not None  # a pair made here that the exchange does not know yet
    }


def _load(key: key_file.StoredKey) -> signing.SigningKey:
    try:
        return signing.load(key.kind, key.secret)
    except ValueError:
        raise HomeError(
            f"key {key.ref} is damaged; remove it with: counterseal key remove {key.ref}, then add it again"
        ) from None


def _wall_clock() -> Callable[[], int]:
    wall_ns = SystemClock().wall_ns
    return lambda: wall_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
