"""The system calls that each process may make.

The serving signer has a list of what is allowed; its loop is small and known. The others run what changes with every
library, so that they have a list of what is refused: what none of their parts needs and what an intruder asks for.

A refused call fails with EPERM, so that Python raises and says where. Three kinds kill the process instead, because no
library tries them to see whether they work: reading another process's memory, changing the kernel, and calls by
numbers of another architecture.
"""

import mmap
import os
import socket
from collections.abc import Iterable, Mapping

from counterseal.adapters.sandbox.rules import ALLOW, ENOSYS, EPERM, KILL, WORD, Check, Rules, Verdict, Where

_CLONE_THREAD = 0x0001_0000
_MSG_FASTOPEN = 0x2000_0000
_PR_SET_NAME = 15
_PR_SET_VMA = 0x5356_4D41  # names a mapping, glibc's malloc does
_TYPE_MASK = 0xF  # socket(2) takes flags beside the type

_DEADLY = (
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "bpf", "perf_event_open", "userfaultfd",
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "iopl", "ioperm", "modify_ldt",
)  # fmt: skip
_MACHINE = (
    "mount", "umount2", "pivot_root", "chroot", "mount_setattr", "move_mount", "fsopen", "fsconfig", "fsmount",
    "fspick", "open_tree", "swapon", "swapoff", "reboot", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
    "sethostname", "setdomainname", "acct", "quotactl", "quotactl_fd", "syslog", "personality", "vhangup", "uselib",
    "lookup_dcookie", "name_to_handle_at", "open_by_handle_at", "fanotify_init", "nfsservctl", "unshare", "setns",
    "keyctl", "add_key", "request_key", "io_uring_setup", "io_uring_enter", "io_uring_register",
)  # fmt: skip
_PROGRAMS = ("execve", "execveat", "fork", "vfork")
_IDENTITY = (
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset",
)  # fmt: skip
_MODES = (
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
)
_OTHERS = ("sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr", "setpriority", "ioprio_set")
_SIGNALS = ("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal")

_SERVING = (
    "read", "write", "writev", "lseek", "close", "poll", "ppoll", "recvfrom", "sendto", "futex", "munmap", "mremap",
    "madvise", "brk", "exit", "exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    "restart_syscall", "getpid", "gettid", "getrandom", "clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday",
    "time", "getcpu", "sched_yield",
)  # fmt: skip


def serving() -> Rules:
    """The serving signer: no descriptor but those it has, no process, no code that was not there.

    recvmsg is missing on purpose: with it a descriptor could be handed in.
    """
    allowed = dict.fromkeys(_SERVING, ALLOW)
    memory: dict[str, Verdict] = {
        "mmap": Check((_has(3, mmap.MAP_ANONYMOUS), _lacks(2, mmap.PROT_EXEC))),
        "mprotect": Check((_lacks(2, mmap.PROT_EXEC),)),
    }
    # A call that glibc may try first and replace by an older one must look absent, not forbidden.
    return Rules(EPERM, ENOSYS, {**_deadly(), **allowed, **memory, "tgkill": _own_signals(), "clone3": ENOSYS})


def token() -> Rules:
    """The signer whose keys are in a token: files and UNIX sockets are open to its module, other sockets are not."""
    return _refusing(
        (*_PROGRAMS, *_IDENTITY, *_SIGNALS, "bind", "listen", "accept", "accept4"),
        {"socket": Check((Where(0, frozenset({socket.AF_UNIX})),))},
    )


def gateway(listeners: frozenset[int], *, binds: bool = False) -> Rules:
    """The gateway: TCP and UDP to the outside, threads, files as far as Landlock lets it; no program, no new listener.

    `listeners` are the descriptors on which it listens; `binds` leaves to Landlock what a socket is bound to.
    """
    return _refusing(
        (*_PROGRAMS, *_IDENTITY, *_SIGNALS, *_MODES, *_OTHERS, *(() if binds else ("bind",))),
        {**_outward(), "listen": Check((Where(0, listeners),)) if listeners else EPERM},
    )


def asking(*, resolves: bool) -> Rules:
    """A helper that asks a store of keys: TCP to the outside, and private files of its own making.

    UDP, to which no list of ports applies, only where names must be looked up.
    """
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM) if resolves else (socket.SOCK_STREAM,)
    return _refusing((*_PROGRAMS, *_IDENTITY, *_SIGNALS, *_OTHERS, "bind", "listen"), _outward(kinds))


def _outward(kinds: tuple[int, ...] = (socket.SOCK_STREAM, socket.SOCK_DGRAM)) -> dict[str, Verdict]:
    internet = Check((
        Where(0, frozenset({socket.AF_INET, socket.AF_INET6})),
        Where(1, frozenset(kinds), _TYPE_MASK),
        # Landlock judges TCP alone: MPTCP and SCTP would go round its list of ports.
        Where(2, frozenset({0, socket.IPPROTO_TCP, socket.IPPROTO_UDP})),
    ))  # fmt: skip
    return {
        "socket": internet,
        # With fast open, sending connects, and nobody looks at the port.
        "sendto": Check((_lacks(3, _MSG_FASTOPEN),)),
        "sendmsg": Check((_lacks(2, _MSG_FASTOPEN),)),
        "sendmmsg": Check((_lacks(3, _MSG_FASTOPEN),)),
    }


def opener() -> Rules:
    """The helper that opens the key file: no socket, no program."""
    return _refusing((*_PROGRAMS, *_IDENTITY, *_SIGNALS, "socket", "connect", "bind", "listen"))


def supervisor() -> Rules:
    """The supervisor, and with it every child: nothing that touches the machine or other processes' memory."""
    return Rules(ALLOW, ENOSYS, {**dict.fromkeys(_MACHINE, EPERM), **_deadly()})


def _refusing(names: Iterable[str], more: Mapping[str, Verdict] | None = None) -> Rules:
    """Everything but these, with threads and without new processes."""
    refused: dict[str, Verdict] = dict.fromkeys((*_MACHINE, *names), EPERM)
    threads: dict[str, Verdict] = {
        "clone": Check((_has(0, _CLONE_THREAD),)),
        "clone3": ENOSYS,  # its flags lie in memory, where no filter can look; libraries then use clone
        "tgkill": _own_signals(),
        "prlimit64": Check((Where(0, frozenset({0})),)),
        # Else it could make itself readable again, or outlive the supervisor.
        "prctl": Check((Where(0, frozenset({_PR_SET_NAME, _PR_SET_VMA})),)),
    }
    return Rules(ALLOW, ENOSYS, {**refused, **_deadly(), **threads, **(more or {})})


def _deadly() -> dict[str, Verdict]:
    return dict.fromkeys(_DEADLY, KILL)


def _own_signals() -> Check:
    """Signals to this process alone; abort(3) sends itself one."""
    return Check((Where(0, frozenset({os.getpid() & WORD})),))


def _has(argument: int, bit: int) -> Where:
    return Where(argument, frozenset({bit}), bit)


def _lacks(argument: int, bit: int) -> Where:
    return Where(argument, frozenset({0}), bit)
