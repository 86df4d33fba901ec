"""Has the store of keys asked now and then, tells the gateway how it is, and has new keys taken up.

A helper asks, in a sandbox of its own; the supervisor itself reaches nothing outside this machine.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from counterseal.adapters.home import Home
from counterseal.supervisor.child import spawn
from counterseal.supervisor.linked_child import PYTHON

HELPER = (*PYTHON, "counterseal.signer.store_watch")
# After the opener, which asks the store first.
FIRST_S = 5.0
# After new keys were taken up: has it worked?
AGAIN_S = 10.0
# The store's own time is shorter; a helper that hangs all the same is ended.
LONGEST_S = 30.0
_MAX_REPORT = 65_536
_UNUSABLE = "the store holds something new that the signer could not use"


class StoreWatch:
    """To be used inside the running event loop.

    `tell` tells the gateway how the store is. `refill` has the signer's keys read anew, False when it cannot now.
    """

    def __init__(
        self,
        home: Home,
        every_s: float,
        environ: Mapping[str, str],
        clock_ms: Callable[[], int],
        tell: Callable[[dict[str, Any]], None],
        refill: Callable[[], bool],
        say: Callable[[str], None],
    ) -> None:
        self._home, self._every_s, self._environ = home, every_s, environ
        self._clock_ms, self._tell, self._refill, self._say = clock_ms, tell, refill, say
        self._loop = asyncio.get_running_loop()
        self._new, self._is_tried = "", False
        self._why = ""

    def start(self) -> None:
        """Ask from now on."""
        self._loop.call_later(FIRST_S, self._look)

    def _look(self) -> None:
        ours, theirs = os.pipe()
        argv = (*HELPER, "--home", str(self._home.root), "--out-fd", str(theirs))
        try:
            process = spawn(argv, (theirs,), self._environ)
        except OSError as fault:
            os.close(ours)
            self._say(f"the helper that asks the store of keys cannot be started: {fault.strerror}")
            self._loop.call_later(self._every_s, self._look)
            return
        finally:
            os.close(theirs)
        end = self._loop.call_later(LONGEST_S, process.kill)
        self._loop.add_reader(ours, self._heard, ours, process, end)

    def _heard(self, ours: int, process: "subprocess.Popen[bytes]", end: asyncio.TimerHandle) -> None:
        """The helper writes once, as its last act: it is ended then, so that the wait for its end does not last."""
        end.cancel()
        report = os.read(ours, _MAX_REPORT)
        self._loop.remove_reader(ours)
        os.close(ours)
        process.kill()
        process.wait()
        wait_s = self._every_s
        try:
            if report:
                wait_s = self._judge(json.loads(report))
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
            self._say("the helper that asks the store of keys gave a report that cannot be read")
        finally:
            self._loop.call_later(wait_s, self._look)

    def _judge(self, found: Mapping[str, Any]) -> float:
        """Give after how long to ask again."""
        why, digest = str(found["why"]), str(found["digest"])
        if digest:
            if self._takes_up(digest):
                return AGAIN_S
            why = _UNUSABLE
        elif not why:
            self._new, self._is_tried = "", False
        if why and why != self._why:
            self._say(f"warning: {why}")
        self._why = why
        # Without a copy there is no lease that could end: whoever started without keys has none.
        if found["age_ms"] is not None:
            fetched_ms = self._clock_ms() - int(found["age_ms"])
            self._tell({"fetched_ms": fetched_ms, "length_ms": int(found["length_ms"]), "why": why})
        return self._every_s

    def _takes_up(self, digest: str) -> bool:
        """Have it taken up unless that was just tried; True when a look must show soon whether it has worked.

        What has not worked is tried again every time: the reason may have been another than what the store holds.
        """
        is_new, was_tried = digest != self._new, self._is_tried
        if was_tried and not is_new:
            self._is_tried = False
            return False
        # One that is not ready yet is about to ask the store itself, or waits for a passphrase.
        if not self._refill():
            return is_new
        self._new, self._is_tried = digest, True
        if is_new:
            self._say("the store of keys holds something new; the signer takes it up")
        return True
