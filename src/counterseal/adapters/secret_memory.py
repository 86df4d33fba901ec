"""Memory for key bytes, on the best of three levels that the kernel gives.

`memfd_secret`: pages that the kernel itself has no mapping of; neither root nor a debugger can read them from another
process, and they outlive their process in the descriptor. `mlock`: never swapped, not in a core file, not inherited.
`none`: ordinary memory.
"""

import ctypes
import errno
import mmap
import os
import platform

from counterseal.core.config.model import SECRET_MEMORIES

MEMFD_SECRET, MLOCK, NONE = "memfd_secret", "mlock", "none"
_SYS_MEMFD_SECRET = 447
# The call has this number wherever it exists; elsewhere the number could mean another call.
_MACHINES = frozenset({"x86_64", "aarch64", "riscv64"})
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long
for _call in (_LIBC.mlock, _LIBC.mprotect):
    _call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)[: 2 if _call is _LIBC.mlock else 3]


class SecretMemory:
    """Bytes at a fixed address, zero at first or as the descriptor kept them. `level` is what was got."""

    def __init__(self, pages: mmap.mmap, level: str) -> None:
        self.level = level
        self._pages = pages
        self._size = len(pages)
        self._bytes = (ctypes.c_char * self._size).from_buffer(pages)

    def __len__(self) -> int:
        return self._size

    def view(self) -> memoryview:
        """Give the bytes themselves. After `protect` a write through it ends the process."""
        return memoryview(self._pages)

    def read_from(self, fd: int, start: int, end: int) -> int:
        """Read once from a descriptor straight into [start, end); gives how much came, 0 at its end."""
        with self.view() as whole, whole[start:end] as place:
            return os.readv(fd, [place])

    def protect(self) -> None:
        """Let nobody change the bytes any more. Raises OSError."""
        self._mprotect(mmap.PROT_READ)

    def wipe(self) -> None:
        """Overwrite all with zeros and let it be changed again. Raises OSError."""
        self._mprotect(mmap.PROT_READ | mmap.PROT_WRITE)
        ctypes.memset(self._bytes, 0, self._size)

    def _mprotect(self, rights: int) -> None:
        if _LIBC.mprotect(ctypes.addressof(self._bytes), self._size, rights) != 0:
            raise _fault("mprotect refused")


def descriptor(size: int) -> int:
    """Make a descriptor of secret pages, closed on exec, not mapped here: what any process maps, all that map it see.

    Raises OSError where the kernel has none.
    """
    if platform.machine() not in _MACHINES:
        raise OSError(errno.ENOSYS, "this machine has no memfd_secret")
    fd = int(_LIBC.syscall(_SYS_MEMFD_SECRET, os.O_CLOEXEC))
    if fd < 0:
        raise _fault("memfd_secret refused")
    os.ftruncate(fd, size)
    return fd


def mapped(fd: int, size: int) -> SecretMemory:
    """Map a descriptor of `descriptor(size)`. Raises OSError when it is of another size or the limit is reached."""
    if os.fstat(fd).st_size != size:
        raise OSError(errno.EINVAL, "secret memory of another size")
    pages = mmap.mmap(fd, size)
    pages.madvise(mmap.MADV_DONTFORK)
    return SecretMemory(pages, MEMFD_SECRET)


def best(size: int) -> SecretMemory:
    """Make memory of the best level that there is, zeroed."""
    try:
        fd = descriptor(size)
        try:
            return mapped(fd, size)
        finally:
            os.close(fd)
    except OSError:
        return _anonymous(size)


def reaches(level: str, required: str) -> bool:
    """Tell whether a level is at least the required one."""
    return SECRET_MEMORIES.index(level) >= SECRET_MEMORIES.index(required)


def shortfall(level: str, required: str) -> str:
    """Give the sentence for an operator who required more than there is."""
    return (
        f'secret memory of level "{required}" is required and this system gives "{level}"; '
        "raise its limit of locked memory or lower signer.secret_memory"
    )


def _anonymous(size: int) -> SecretMemory:
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for advice in (mmap.MADV_DONTDUMP, mmap.MADV_DONTFORK):
        pages.madvise(advice)
    memory = SecretMemory(pages, MLOCK)
    if _LIBC.mlock(ctypes.addressof(memory._bytes), size) != 0:
        memory.level = NONE
    return memory


def _fault(what: str) -> OSError:
    return OSError(ctypes.get_errno(), what)
