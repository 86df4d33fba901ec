"""Calls into the kernel that Python has no function for."""

import ctypes
import os

# use_errno keeps the number of the failure away from what Python itself calls in between.
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


class KernelError(OSError):
    """The kernel refused; `errno` and `strerror` say why."""


def prctl(option: int, *arguments: int) -> int:
    """Call prctl(2) with up to four arguments. Raises KernelError."""
    words = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(_LIBC.prctl(option, *words))


def system_call(number: int, *arguments: object) -> int:
    """Call by number; integers are passed as C longs, ctypes values as they are. Raises KernelError."""
    return _checked(_LIBC.syscall(ctypes.c_long(number), *map(_long, arguments)))


def _long(argument: object) -> object:
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise KernelError(number, os.strerror(number))
    return result
