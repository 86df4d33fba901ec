"""The helper that opens the keys, as the signer starts it, in its sandbox."""

import os
import subprocess
import sys

from tests.homes import SOURCE

from counterseal.adapters import secret_memory
from counterseal.adapters.home import Home
from counterseal.signer import key_page


class Opening:
    """One run of it: its status, its table (None when there is none), what it said."""

    def __init__(self, home: Home, *words: str, **environ: str) -> None:
        ours, theirs = os.pipe()
        paths = [str(SOURCE), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "counterseal.signer.opener", "--home", str(home.root)),
                *("--out-fd", str(theirs), *words),
            ],
            pass_fds=(theirs,), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths), **environ},
        )  # fmt: skip
        os.close(theirs)
        assert process.stderr is not None
        with process, os.fdopen(ours, "rb") as pipe:
            memory = secret_memory.best(key_page.SIZE)
            self.table: key_page.Table | None = None
            try:
                key_page.fill(memory, pipe.fileno(), lambda: None)
                self.table = key_page.table(memory)
            except key_page.PageError:
                pass
            self.said = process.stderr.read().decode()
            self.code = process.wait(30)

    @property
    def refs(self) -> list[str]:
        """The names of the keys that it gave."""
        return [] if self.table is None else [placed.held.ref for placed in self.table.keys]
