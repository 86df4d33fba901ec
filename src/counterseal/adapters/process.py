"""What a process of ours does to itself first: no core dump, no reading by others, no life as an orphan, no root."""

import ctypes
import os
import pwd
import resource
import signal
from pathlib import Path

from counterseal.adapters.home import HomeError
from counterseal.adapters.sandbox import privileges

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
CAP_NET_BIND_SERVICE = 10
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


def become(name: str, home: Path) -> None:
    """Become the user whom the settings name, when started as root, for good.

    What is left of root is the right to bind ports below 1024, until the sandbox takes that too. Raises HomeError
    when there is no such user, we may not become him, or he cannot use the home.
    """
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise HomeError(
            f'process.user is "{name}", and there is no such user; make one with: useradd --system {name}'
        ) from None
    if os.geteuid() != user.pw_uid:
        if os.geteuid() != 0:
            raise HomeError(
                f'process.user is "{name}", and this was started as another user; start it as root or {name}'
            )
        _switch(user)
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise HomeError(f"the user {name} cannot use {home}; run: chown -R {name} {home}, and open the way to it")


def _switch(user: pwd.struct_passwd) -> None:
    _prctl(PR_SET_KEEPCAPS, 1)
    os.initgroups(user.pw_name, user.pw_gid)
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    why = privileges.keep_capabilities(1 << CAP_NET_BIND_SERVICE)
    if why is not None:
        raise HomeError(f"the rights of root cannot be given up: {why}; start it as {user.pw_name} instead")


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl refused")
