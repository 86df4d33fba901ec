"""Has another process make one system call, as a debugger would: what its sandbox answers is what it holds.

For root on x86_64: our processes are not dumpable, so that nobody else may attach.
"""

import ctypes
import os
import platform
import struct
import threading
from pathlib import Path

ATTACH, DETACH, GET_REGISTERS, SET_REGISTERS, STEP = 16, 17, 12, 13, 9
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_LIBC.ptrace.restype = ctypes.c_long
_COUNT = 27  # struct user_regs_struct
R10, R9, R8, RAX, RDX, RSI, RDI, ORIG_RAX, RIP, RSP = 7, 8, 9, 10, 12, 13, 14, 15, 16, 19
_ARGUMENTS = (RDI, RSI, RDX, R10, R8, R9)
_SYSCALL = b"\x0f\x05"
_BELOW_STACK = 65_536
TRIES = 200
PAUSE = threading.Event()  # never set: a pause in real time, which the process lives in

Argument = int | bytes


def impossible() -> str | None:
    """Why it cannot be done here, or None."""
    if platform.machine() != "x86_64":
        return f"written for x86_64, this is {platform.machine()}"
    if os.geteuid() != 0:
        return "only root may attach to processes that are not dumpable"
    return None


class BusyError(Exception):
    """The process was not waiting in a system call."""


def call(pid: int, number: int, *arguments: Argument) -> int:
    """Make the call in process `pid` and give what the kernel answered: negative is -errno.

    Bytes are put below the stack and passed by address. The process then goes on where it was.
    """
    for _ in range(TRIES):
        try:
            return _call(pid, number, arguments)
        except BusyError:
            PAUSE.wait(0.01)
    raise BusyError(f"process {pid} never waited")


def _call(pid: int, number: int, arguments: tuple[Argument, ...]) -> int:
    _ptrace(ATTACH, pid)
    os.waitpid(pid, 0x4000_0000)  # __WALL
    try:
        saved = _registers(pid)
        wanted = list(saved)
        # It waits in a system call: the instruction that made it stands right before.
        wanted[RIP] = saved[RIP] - len(_SYSCALL)
        with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:
            memory.seek(wanted[RIP])
            if memory.read(len(_SYSCALL)) != _SYSCALL:
                raise BusyError
            for register, value in zip(_ARGUMENTS, _placed(memory, saved[RSP], arguments), strict=False):
                wanted[register] = value
        # Without a call of its own to restart meanwhile.
        wanted[RAX], wanted[ORIG_RAX] = number, 2**64 - 1
        _set_registers(pid, wanted)
        _ptrace(STEP, pid)
        os.waitpid(pid, 0x4000_0000)
        (answer,) = struct.unpack("<q", struct.pack("<Q", _registers(pid)[RAX]))
        _set_registers(pid, saved)
    finally:
        _ptrace(DETACH, pid)
    return int(answer)


def _placed(memory: object, stack: int, arguments: tuple[Argument, ...]) -> list[int]:
    values, at = [], stack - _BELOW_STACK
    for argument in arguments:
        if isinstance(argument, bytes):
            memory.seek(at)  # type: ignore[attr-defined]
            memory.write(argument)  # type: ignore[attr-defined]
            values.append(at)
            at += len(argument) + 8
        else:
            values.append(argument % 2**64)
    return values


def _registers(pid: int) -> tuple[int, ...]:
    raw = ctypes.create_string_buffer(8 * _COUNT)
    _ptrace(GET_REGISTERS, pid, raw)
    return struct.unpack(f"<{_COUNT}Q", raw.raw)


def _set_registers(pid: int, values: "list[int] | tuple[int, ...]") -> None:
    _ptrace(SET_REGISTERS, pid, ctypes.create_string_buffer(struct.pack(f"<{_COUNT}Q", *values), 8 * _COUNT))


def _ptrace(request: int, pid: int, data: "ctypes.Array[ctypes.c_char] | None" = None) -> None:
    if _LIBC.ptrace(request, pid, None, data) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
