"""How the table of keys comes into the signer's memory: from the one before it, or fresh from the opener."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from counterseal.adapters.home import Home
from counterseal.adapters.process import die_with_parent
from counterseal.adapters.secret_memory import SecretMemory
from counterseal.signer import key_page

# Exit status of opener and signer: starting it again changes nothing, an operator must do something first.
NEEDS_OPERATOR = 3
_OPENER = (sys.executable, "-P", "-m", "counterseal.signer.opener")


class OpenerFailedError(Exception):
    """The opener could not open the keys and has said why; `code` is its exit status."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class LifelineClosedError(Exception):
    """Nobody wants this signer any more."""


@dataclass(frozen=True, slots=True)
class Unlocking:
    """Where the opener's passphrase comes from, as `adapters.unlock` writes it, and where it keeps the identity."""

    passphrase: str
    unlock_fd: int | None


def obtain(memory: SecretMemory, home: Home, unlocking: Unlocking, lifeline_fd: int, *, refill: bool) -> key_page.Table:
    """Give the table that is in memory; when there is none, or `refill`, have the opener fill it.

    Raises OpenerFailedError, LifelineClosedError, and OSError when no process can be started.
    """
    if not refill:
        try:
            return key_page.table(memory)
        except key_page.PageError:
            pass  # never filled, or its filling was interrupted
    _fill(memory, home, unlocking, lifeline_fd)
    return key_page.table(memory)


def _fill(memory: SecretMemory, home: Home, unlocking: Unlocking, lifeline_fd: int) -> None:
    ours, theirs = os.pipe()
    try:
        try:
            opener = _started(home, unlocking, theirs)
        finally:
            os.close(theirs)
        try:
            key_page.fill(memory, ours, lambda: _readable(ours, lifeline_fd))
        except key_page.PageError:
            raise OpenerFailedError(opener.wait()) from None
        except LifelineClosedError:
            opener.send_signal(signal.SIGTERM)
            opener.wait()
            raise
        opener.wait()
    finally:
        os.close(ours)


def _started(home: Home, unlocking: Unlocking, out_fd: int) -> "subprocess.Popen[bytes]":
    # Standard input stays what ours is: a passphrase may come from there.
    kept: Sequence[str] = () if unlocking.unlock_fd is None else ("--unlock-fd", str(unlocking.unlock_fd))
    fds = (out_fd,) if unlocking.unlock_fd is None else (out_fd, unlocking.unlock_fd)
    return subprocess.Popen(
        (
            *_OPENER,
            *("--home", str(home.root), "--out-fd", str(out_fd), "--passphrase", unlocking.passphrase),
            *kept,
        ),
        pass_fds=fds,
        preexec_fn=die_with_parent,  # safe: the signer has one thread
    )


def _readable(fd: int, lifeline_fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.register(lifeline_fd, select.POLLIN)
    if lifeline_fd in dict(poll.poll()):
        raise LifelineClosedError
