"""Runs the real supervisor with the tiny gateway: HOME_DIR ADDRESS."""

import sys
from pathlib import Path

from counterseal.adapters.home import Home, HomeError
from counterseal.supervisor.main import Setting, up

TINY = str(Path(__file__).with_name("tiny_gateway.py"))

if __name__ == "__main__":
    try:
        sys.exit(up(Home(Path(sys.argv[1])), sys.argv[2], Setting(gateway=(sys.executable, TINY))))
    except HomeError as fault:
        sys.exit(f"refused: {fault}")
