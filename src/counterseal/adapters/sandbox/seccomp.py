"""Installs a filter of system calls in this process, for good."""

import ctypes
import platform

from counterseal.adapters.sandbox.bpf import assemble
from counterseal.adapters.sandbox.kernel import KernelError, prctl, system_call
from counterseal.adapters.sandbox.numbers import ARCHITECTURES
from counterseal.adapters.sandbox.rules import Rules

_PR_GET_SECCOMP = 21
_SET_MODE_FILTER = 1
_ALL_THREADS = 1  # SECCOMP_FILTER_FLAG_TSYNC


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def lack() -> str | None:
    """Give why no filter can be installed here, or None. Changes nothing."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        return f"no table of system calls for {machine}"
    try:
        prctl(_PR_GET_SECCOMP)
    except KernelError:
        return "the kernel has no seccomp"
    return None


def install(rules: Rules) -> str | None:
    """Hold every thread of this process, and all it starts, to the rules from here on.

    Needs no_new_privs. Gives why it could not be done, or None.
    """
    missing = lack()
    if missing is not None:
        return missing
    architecture = ARCHITECTURES[platform.machine()]
    code = assemble(rules, architecture)
    program = _Program(len(code) // 8, code)
    try:
        system_call(architecture.seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program))
    except KernelError as fault:
        return f"the kernel refused the filter ({fault.strerror})"
    return None
