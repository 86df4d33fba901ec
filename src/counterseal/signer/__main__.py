"""`python -m counterseal.signer --home DIR --gateway-fd N --lifeline-fd M`: started by the supervisor."""

import argparse
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from counterseal.adapters import pin_memory, secret_memory, unlock
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.process import harden
from counterseal.adapters.sandbox import Report
from counterseal.adapters.system_clock import SystemClock
from counterseal.core.config.model import SANDBOXES, SECRET_MEMORIES
from counterseal.signer import hsm_keys, keyring, loop, table
from counterseal.signer.caps import CapsJudge
from counterseal.signer.confinement import confine
from counterseal.signer.desk import Desk, HeldSigningKey
from counterseal.signer.filling import NEEDS_OPERATOR, LifelineClosedError, OpenerFailedError, Unlocking


def main(argv: list[str] | None = None) -> int:
    """Run until the lifeline closes. 0 after that, 1 when the keys cannot be opened now, NEEDS_OPERATOR."""
    args = _parse(argv)
    harden()
    # Ctrl-C reaches the whole process group; the supervisor ends the signer last.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return _run(args)
    except LifelineClosedError:
        return 0
    except OpenerFailedError as fault:  # which has said why
        return NEEDS_OPERATOR if fault.code == NEEDS_OPERATOR else 1
    except keyring.RefusedError as fault:
        _say(str(fault))
        return NEEDS_OPERATOR
    except HomeError as fault:
        _say(str(fault))
        return 1


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="counterseal.signer")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--gateway-fd", type=int, required=True)
    parser.add_argument("--lifeline-fd", type=int, required=True)
    parser.add_argument("--ready-fd", type=int, help="gets one JSON object when the signer serves")
    parser.add_argument("--page-fd", type=int, help="secret memory that outlives this process")
    parser.add_argument("--refill", action="store_true", help="open the key file although the memory holds keys")
    parser.add_argument("--unlock-fd", type=int, help="secret memory for the opened identity, handed to the opener")
    parser.add_argument("--pins-fd", type=int, help="memory with the PINs of tokens that an operator typed")
    parser.add_argument("--passphrase", default=str(unlock.NOWHERE), help="where the opener's passphrase comes from")
    parser.add_argument("--sandbox", choices=SANDBOXES, default="best")
    parser.add_argument("--secret-memory", choices=SECRET_MEMORIES, default=secret_memory.NONE)
    return parser.parse_args(argv)


def _run(args: argparse.Namespace) -> int:
    home, clock = Home(args.home), SystemClock()
    home.check()
    unlocking = Unlocking(args.passphrase, args.unlock_fd)
    ring = keyring.load(
        home, args.page_fd, unlocking, args.lifeline_fd, refill=args.refill, required=args.secret_memory
    )
    for warning in ring.warnings:
        _say(f"warning: {warning}")
    pins = {} if args.pins_fd is None else pin_memory.read(args.pins_fd)
    tokens = hsm_keys.load(home, lambda: clock.monotonic_ns() // 1_000_000, _say, pins)
    keys: Mapping[str, HeldSigningKey] = {**tokens, **ring.keys}
    caps = CapsJudge(ring.caps, clock.monotonic_ns)
    desk = Desk(table.load(), keys, secrets.token_hex(8), _wall_clock(clock), caps, log=ring.log)
    with socket.socket(fileno=args.gateway_fd) as gateway:
        sandbox = confine(home, args.sandbox)
        loop.serve([gateway], args.lifeline_fd, desk, lambda: _report(args.ready_fd, ring, sandbox))
    ring.memory.wipe()
    return 0


def _report(fd: int | None, ring: keyring.Keyring, sandbox: Report) -> None:
    """Tell the supervisor that we serve, and what `status` shows of us; its end closes the pipe."""
    if fd is None:
        return
    report = {
        "secret_memory": ring.memory.level,
        "warnings": list(ring.warnings),
        "sandbox": sandbox.as_data(),
    }
    os.write(fd, json.dumps(report).encode())
    os.close(fd)


def _wall_clock(clock: SystemClock) -> Callable[[], int]:
    wall_ns = clock.wall_ns
    return lambda: wall_ns() // 1_000_000


def _say(text: str) -> None:
    sys.stderr.write(f"signer: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
