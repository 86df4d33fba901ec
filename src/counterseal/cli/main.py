"""The command line: one verb per module, one sentence per failure, no traceback."""

import argparse
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from counterseal.adapters import age_box
from counterseal.adapters.control_socket import ControlError
from counterseal.adapters.home import HomeError
from counterseal.cli import (
    audit,
    bot,
    ca,
    caps,
    check_config,
    demo,
    init,
    key,
    limits,
    paper,
    passphrase,
    reload,
    seal,
    status,
    unknown,
    up,
)
from counterseal.cli.shared import FAILED, USAGE, UsageError, say

VERBS = (init, check_config, key, seal, caps, bot, ca, up, status, limits, unknown, reload, audit, paper, demo)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # What follows could be a secret that somebody gave as an argument.
        if message.startswith("unrecognized arguments"):
            message = "an argument is not known; keys and secrets are never given as arguments"
        super().error(message)


def main(argv: list[str] | None = None) -> int:
    """Run one verb. 0 done, 1 not done or not confirmed, 2 wrong usage or configuration."""
    words = sys.argv[1:] if argv is None else argv
    with age_box.unlocking(passphrase.opener()):
        return _run(words)


def _run(words: list[str]) -> int:
    try:
        # The paper exchange has its own command line, options in front included.
        if words[:1] == ["paper"]:
            return paper.main(words[1:])
        args = build_parser().parse_args(words)
        code: int = args.run(args)
    except UsageError as fault:
        return _fail(str(fault), USAGE)
    except (HomeError, ControlError) as fault:
        return _fail(str(fault), FAILED)
    except (KeyboardInterrupt, EOFError):
        return _fail("interrupted; nothing further was done", FAILED)
    except OSError as fault:
        return _fail(f"{fault.filename or 'the system'}: {fault.strerror or 'input or output failed'}", FAILED)
    except Exception as fault:  # noqa: BLE001  a traceback could show what the message must not
        return _fail(_unexpected(fault), FAILED)
    return code


def build_parser() -> argparse.ArgumentParser:
    """Give the parser with every verb."""
    parser = _Parser(
        prog="counterseal",
        description="Gateway between trading bots and Binance: bots sign with virtual credentials.",
        allow_abbrev=False,
    )
    subparsers = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        verb.add_parser(subparsers)
    return parser


def _fail(sentence: str, code: int) -> int:
    say(f"counterseal: {sentence}")
    return code


def _unexpected(fault: Exception) -> str:
    """Name the kind and place of a bug, never its message: that may hold a value."""
    where = traceback.extract_tb(fault.__traceback__)[-1]
    return f"unexpected {type(fault).__name__} at {Path(where.filename).name}:{where.lineno}; please report it"


if __name__ == "__main__":
    sys.exit(main())
