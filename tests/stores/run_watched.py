"""Runs a program with a supervisor that asks the store twice a second: MODULE_OR_FILE ARGUMENTS."""

import runpy
import sys
from typing import Any

from counterseal.supervisor import main, store_watch

store_watch.FIRST_S, store_watch.AGAIN_S = 0.5, 3.0


class Hurried(store_watch.StoreWatch):
    """Asks often."""

    def __init__(self, home: Any, _every_s: float, *more: Any) -> None:
        super().__init__(home, 0.5, *more)


main.StoreWatch = Hurried  # type: ignore[misc]

if __name__ == "__main__":
    del sys.argv[0]
    if sys.argv[0].endswith(".py"):
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(sys.argv[0], run_name="__main__")
