"""Runs the real supervisor with the tiny gateway and the tiny guard: HOME_DIR ADDRESS."""

import sys
from pathlib import Path

from counterseal.adapters.home import Home, HomeError
from counterseal.supervisor.main import Setting, up

HERE = Path(__file__).parent
GATEWAY, GUARD = ((sys.executable, str(HERE / f"tiny_{name}.py")) for name in ("gateway", "guard"))

if __name__ == "__main__":
    try:
        sys.exit(up(Home(Path(sys.argv[1])), sys.argv[2], Setting(gateway=GATEWAY, guard=GUARD)))
    except HomeError as fault:
        sys.exit(f"refused: {fault}")
