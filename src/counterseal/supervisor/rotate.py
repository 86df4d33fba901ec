"""Has keys rotated that are due, by a helper that is started every hour and ends at once."""

from collections.abc import Callable, Mapping

from counterseal.adapters.home import Home
from counterseal.supervisor.hourly import Hourly
from counterseal.supervisor.linked_child import PYTHON

HELPER = (*PYTHON, "counterseal.cli.rotator")


def rotating(home: Home, environ: Mapping[str, str], say: Callable[[str], None]) -> Hourly:
    """Give the helper's hours. It reads the settings itself: without `rotation_days` anywhere it has nothing to do."""
    argv = (*HELPER, "--home", str(home.root))
    return Hourly(argv, environ, "the helper that rotates keys cannot be started", say)
