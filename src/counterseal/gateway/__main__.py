"""`python -m counterseal.gateway --home DIR --listen-fd N --signer-fd N --control-fd N`: started by the supervisor.

With `--proxy-fd N` and any number of `--tls-fd N` where bots may keep the exchange's addresses.
"""

import argparse
import gc
import signal
import socket
import sys
from pathlib import Path

import uvloop

from counterseal.adapters import boot_id
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.host_probes import HostProbes, open_probes
from counterseal.adapters.process import harden
from counterseal.adapters.sandbox import Report
from counterseal.adapters.system_clock import SystemClock
from counterseal.core.config.model import SANDBOXES
from counterseal.core.record import JournalDamaged
from counterseal.gateway.confinement import confine
from counterseal.gateway.connect import Named
from counterseal.gateway.service import Service
from counterseal.gateway.venue_links import StartError


def main(argv: list[str] | None = None) -> int:
    """Run until drained. 0 after that, 1 when it cannot start."""
    args = _parse(argv)
    harden()
    # Ctrl-C reaches the whole process group; the supervisor asks for a drain.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # Both read what the sandbox closes.
        probes, boot = open_probes(Home(args.home).journal), boot_id.read()
        report = confine(Home(args.home), [args.listen_fd, *args.tls_fd, *_given(args.proxy_fd)], args.sandbox)
        uvloop.run(_serve(args, report, probes, boot))
    except (StartError, HomeError) as fault:
        sys.stderr.write(f"gateway: {fault}\n")
        return 1
    except JournalDamaged as fault:
        sys.stderr.write(f"gateway: the journal is damaged ({fault}); keep the file, then move it away to start anew\n")
        return 1
    return 0


async def _serve(args: argparse.Namespace, sandbox: Report, probes: HostProbes, boot: str) -> None:
    service = Service(
        Home(args.home),
        SystemClock(),
        socket.socket(fileno=args.listen_fd),
        socket.socket(fileno=args.signer_fd),
        socket.socket(fileno=args.control_fd),
        Named(
            None if args.proxy_fd is None else socket.socket(fileno=args.proxy_fd),
            tuple(socket.socket(fileno=fd) for fd in args.tls_fd),
        ),
        sandbox.as_data(),
        probes,
        boot,
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
    parser.add_argument("--proxy-fd", type=int)
    parser.add_argument("--tls-fd", type=int, action="append", default=[])
    parser.add_argument("--sandbox", choices=SANDBOXES, default="best")
    return parser.parse_args(argv)


def _given(fd: int | None) -> list[int]:
    return [] if fd is None else [fd]


if __name__ == "__main__":
    sys.exit(main())
