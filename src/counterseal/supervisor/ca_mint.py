"""`python -m counterseal.supervisor.ca_mint --home DIR`: makes what the private CA lacks, and ends.

The only process beside `counterseal ca` that ever opens the CA's key; it lives for a fraction of a second and talks
to nobody. It makes a CA when there is none, and a leaf certificate when there is none that is good for days.
"""

import argparse
import sys
from pathlib import Path

from counterseal.adapters import ca_store, sandbox
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.process import harden
from counterseal.adapters.sandbox import profiles
from counterseal.adapters.system_clock import SystemClock


def main(argv: list[str] | None = None) -> int:
    """0 when the certificates are good now, 1 when they cannot be made."""
    parser = argparse.ArgumentParser(prog="counterseal.supervisor.ca_mint")
    parser.add_argument("--home", type=Path, required=True)
    args = parser.parse_args(argv)
    harden()
    home = Home(args.home)
    certificates = CaFiles(home).directory
    try:
        # A rule needs its folder to exist.
        certificates.mkdir(mode=0o700, exist_ok=True)
        sandbox.enter(profiles.minter(home, certificates))
        ca_store.keep_current(home, SystemClock().wall_ns() // 1_000_000)
    except (HomeError, OSError) as fault:
        sys.stderr.write(f"counterseal: certificate not renewed: {fault}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
