"""`python -m counterseal.gateway --home DIR --listen-fd N --signer-fd N --control-fd N`: started by the supervisor."""

import argparse
import gc
import signal
import socket
import sys
from pathlib import Path

import uvloop

from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.process import harden
from counterseal.adapters.system_clock import SystemClock
from counterseal.core.record import JournalDamaged
from counterseal.gateway.service import Service, StartError


def main(argv: list[str] | None = None) -> int:
    """Run until drained. 0 after that, 1 when it cannot start."""
    args = _parse(argv)
    harden()
    # Ctrl-C reaches the whole process group; the supervisor asks for a drain.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        uvloop.run(_serve(args))
    except (StartError, HomeError) as fault:
        sys.stderr.write(f"gateway: {fault}\n")
        return 1
    except JournalDamaged as fault:
        sys.stderr.write(f"gateway: the journal is damaged ({fault}); keep the file, then move it away to start anew\n")
        return 1
    return 0


async def _serve(args: argparse.Namespace) -> None:
    service = Service(
        Home(args.home),
        SystemClock(),
        socket.socket(fileno=args.listen_fd),
        socket.socket(fileno=args.signer_fd),
        socket.socket(fileno=args.control_fd),
    )
    # What was built at the start lives for ever: keep it out of every later collection.
    gc.collect()
    gc.freeze()
    # Requests make no cycles; collecting every 700 allocations would look at them all the same.
    gc.set_threshold(50_000, 20, 100)
    await service.run()


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="counterseal.gateway")
    parser.add_argument("--home", type=Path, required=True)
    for name in ("--listen-fd", "--signer-fd", "--control-fd"):
        parser.add_argument(name, type=int, required=True)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
