"""No new privileges by exec, and none of root's left."""

import platform
import struct

from counterseal.adapters.sandbox.kernel import KernelError, prctl, system_call
from counterseal.adapters.sandbox.numbers import ARCHITECTURES, number

_PR_SET_NO_NEW_PRIVS = 38
_VERSION_3 = 0x2008_0522
_HEADER = struct.Struct("=Ii")
_SETS = struct.Struct("=6I")  # effective, permitted, inheritable; low words, then high words


def forbid_new() -> bool:
    """Have every later exec give no more rights than there are (no setuid programs); tell whether it holds."""
    try:
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
    except KernelError:
        return False
    return True


def drop_capabilities() -> str | None:
    """Give up every capability: root is then a user like others, who owns root's files.

    With no_new_privs a later exec brings none back. Gives why it could not be done, or None.
    """
    return keep_capabilities(0)


def keep_capabilities(mask: int) -> str | None:
    """Give up every capability but those of the mask's bits (0 to 31). Gives why it could not be done, or None."""
    architecture = ARCHITECTURES.get(platform.machine())
    capset = number("capset", architecture) if architecture else None
    if capset is None:
        return f"no number of capset for {platform.machine()}"
    try:
        system_call(capset, _HEADER.pack(_VERSION_3, 0), _SETS.pack(mask, mask, 0, 0, 0, 0))
    except KernelError as fault:
        return f"the kernel refused ({fault.strerror})"
    return None
