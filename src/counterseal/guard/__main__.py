"""`python -m counterseal.guard --home DIR --signer-fd N --gateway-fd N --control-fd N`: started by the supervisor."""

import argparse
import gc
import signal
import socket
import sys
from pathlib import Path

import uvloop

from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.process import harden
from counterseal.adapters.sandbox import Report
from counterseal.adapters.system_clock import SystemClock
from counterseal.core.config.model import SANDBOXES
from counterseal.guard.alerting.build import Plan
from counterseal.guard.confinement import confine, plan_alerts
from counterseal.guard.service import Service


def main(argv: list[str] | None = None) -> int:
    """Run until the supervisor ends it. 0 after that, 1 when it cannot start."""
    args = _parse(argv)
    harden()
    # Ctrl-C reaches the whole process group; the supervisor ends the guard after the gateway.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # Secrets of alert channels are read now: the sandbox closes over them.
        planned = plan_alerts(Home(args.home))
        report = confine(Home(args.home), args.sandbox)
        uvloop.run(_serve(args, report, planned))
    except HomeError as fault:
        sys.stderr.write(f"guard: {fault}\n")
        return 1
    return 0


async def _serve(args: argparse.Namespace, sandbox: Report, planned: Plan | None) -> None:
    service = Service(
        Home(args.home),
        SystemClock(),
        socket.socket(fileno=args.signer_fd),
        socket.socket(fileno=args.gateway_fd),
        socket.socket(fileno=args.control_fd),
        sandbox.as_data(),
        planned,
    )
    # What was built at the start lives for ever: keep it out of every later collection, and collect more rarely.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    await service.run()


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="counterseal.guard")
    parser.add_argument("--home", type=Path, required=True)
    for name in ("--signer-fd", "--gateway-fd", "--control-fd"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--sandbox", choices=SANDBOXES, default="best")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
