"""Has the leaf certificate made anew in time, by a helper that is started every hour and ends at once."""

import subprocess
from collections.abc import Callable, Mapping

from counterseal.adapters.home import Home, HomeError
from counterseal.supervisor.child import spawn
from counterseal.supervisor.children import PYTHON
from counterseal.supervisor.hourly import Hourly

HELPER = (*PYTHON, "counterseal.supervisor.ca_mint")
FIRST_S = 60.0


class Certificates:
    """The helper's hours. The gateway sees by itself that the file has changed."""

    def __init__(self, home: Home, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._argv = (*HELPER, "--home", str(home.root))
        self._environ, self._say = environ, say

    def prepare(self) -> None:
        """Wait for the first certificate. Raises HomeError when the helper, which has said why, cannot make it."""
        process = spawn(self._argv, (), self._environ)
        try:
            code = process.wait(FIRST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if code:
            raise HomeError("there is no certificate for listen.proxy and listen.tls; see: counterseal ca show")

    def start(self) -> None:
        """Look every hour from now on. To be used inside the running event loop."""
        Hourly(self._argv, self._environ, "the certificate's helper cannot be started", self._say).start()
