"""A signer that takes another one's place is ready before that one ends: nobody waits longer than the change takes."""

import json
import os
import select

from counterseal.signer.filling import LifelineClosedError


def await_turn(after_fd: int, lifeline_fd: int, ready_fd: int | None, level: str) -> None:
    """Tell that the keys are held, in memory of this level, and wait until the pipe `after_fd` closes.

    Raises LifelineClosedError when nobody wants this signer any more.
    """
    if ready_fd is not None:
        os.write(ready_fd, json.dumps({"loaded": level}).encode())
    poll = select.poll()
    for fd in (after_fd, lifeline_fd):
        poll.register(fd, select.POLLIN)
    ready = dict(poll.poll())
    os.close(after_fd)
    if lifeline_fd in ready:
        raise LifelineClosedError
