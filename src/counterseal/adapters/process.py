"""What a process of ours does to itself first: no core dump, no reading by others, no life as an orphan."""

import ctypes
import resource
import signal

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
# Loaded once here: a forked child may call it before exec, where importing would not be safe.
_LIBC = ctypes.CDLL(None, use_errno=True)


def harden() -> None:
    """Forbid core dumps and reading by processes of the same user (/proc/PID/mem, ptrace).

    Raises OSError when the kernel refuses.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(PR_SET_DUMPABLE, 0)


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it dies. Raises OSError."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl refused")
