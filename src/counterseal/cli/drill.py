"""`counterseal drill`: an emergency rehearsed on the paper exchange, with a bot under way, timed and reported."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from counterseal.adapters.home import Home
from counterseal.adapters.system_clock import SystemClock
from counterseal.cli import drill_report
from counterseal.cli.drill_world import World
from counterseal.cli.emergency import operator_of
from counterseal.cli.emergency_course import Course, Freeze, Ground
from counterseal.cli.emergency_key import KeyEmergency, uses_of
from counterseal.cli.shared import FAILED, OK, UsageError, add_home, read_config, say
from counterseal.core.emergency import Subject

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

CAUSE = "a drill"
# The exchange here revokes at once; a drill that waits longer has failed.
WAIT_S = 20.0
# How long the bot trades before anything happens.
UNDER_WAY_S = 1.5


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "drill",
        help="rehearse an emergency on the paper exchange",
        description="Starts everything in a folder of its own with a bot that trades, and carries out `counterseal "
        "emergency key` as if its key had leaked: frozen, cancelled, replaced by a spare, revoked, proven dead. "
        f"Exit status: 0 when all of it is proven within {drill_report.DEADLINE_MS // 1000} seconds, 1 when not.",
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report as Markdown")
    parser.add_argument("--operator", metavar="WHO", help="who rehearses (default: the user of the system)")
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Rehearse. `--home` is kept; without it everything is thrown away. Raises UsageError and HomeError."""
    operator = operator_of(args)
    root = Path(args.home or tempfile.mkdtemp(prefix="counterseal-drill-")).absolute()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise UsageError(f"{root} is not empty; a drill needs a folder of its own")
    # Also when it is ended from outside, what was started ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))
    try:
        report = _rehearse(root, operator)
    finally:
        if args.home is None:
            shutil.rmtree(root, ignore_errors=True)
    text = drill_report.render(report)
    if args.report is not None:
        args.report.write_text(text, encoding="utf-8")
    print(text, end="")
    return OK if report.is_passed else FAILED


def _rehearse(root: Path, operator: str) -> drill_report.Report:
    clock = SystemClock()
    with World(Home(root)) as world:
        ground = Ground(world.home, clock, say, time.sleep)  # noqa: TID251 - real processes live in real time
        with world.trading() as trader:
            trader.wait_for(UNDER_WAY_S)
            config = read_config(world.home)
            freeze = Freeze(ground, uses_of(world.key, config), operator, CAUSE)
            steps = KeyEmergency(ground, world.key, config, freeze, world.revoke, WAIT_S, drop_now=False)
            course = Course(ground, Subject.KEY, world.key, operator, CAUSE)
            begun_ms = ground.now_ms()
            course.run(steps.works())
            ended_ms = ground.now_ms()
            # The bot goes on asking: what it is told now is part of what is rehearsed.
            trader.wait_for(UNDER_WAY_S / 3)
        found = world.look(begun_ms, ended_ms, trader)
    return drill_report.Report(begun_ms, ended_ms, operator, world.key, tuple(course.done), found)
