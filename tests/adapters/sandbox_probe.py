"""A process that enters a profile and tries: PROFILE HOME PORT OTHER_PORT WAY; prints what came of each try as JSON.

WAY is "all", "writes", or the name of one deadly try. A result is "ok", the name of an errno, or what else was raised.
"""

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from counterseal.adapters import sandbox
from counterseal.adapters.home import Home
from counterseal.adapters.sandbox import profiles

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
LIBC.syscall.restype = ctypes.c_long
X86 = os.uname().machine == "x86_64"
PARENT = os.getppid()
IO_URING_SETUP = 425


def number(x86: int, arm: int) -> int:
    return x86 if X86 else arm


def raw(call: int, *arguments: int) -> int:
    return checked(LIBC.syscall(ctypes.c_long(call), *(ctypes.c_long(value) for value in arguments)))


def checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def attempt(action: Callable[[], object]) -> str:
    try:
        action()
    except OSError as fault:
        return errno.errorcode.get(fault.errno or 0, repr(fault))
    except Exception as fault:  # noqa: BLE001  its kind is the result
        return type(fault).__name__
    return "ok"


def executable_memory() -> None:
    if LIBC.mmap(None, 4096, mmap.PROT_READ | mmap.PROT_EXEC, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0) in (
        None,
        ctypes.c_void_p(-1).value,
    ):
        checked(-1)


def made_executable() -> None:
    page = LIBC.mmap(None, 4096, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    checked(LIBC.mprotect(page, 4096, mmap.PROT_READ | mmap.PROT_EXEC))


def mapped_file() -> None:
    if LIBC.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_SHARED, FILE, 0) == ctypes.c_void_p(-1).value:
        checked(-1)


def connect(port: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> None:
    with socket.socket(socket.AF_INET, kind, protocol) as tried:
        tried.settimeout(5)
        tried.connect(("127.0.0.1", port))


def fast_open(port: int) -> None:
    with socket.socket() as tried:
        tried.sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", port))


def listen_anew() -> None:
    with socket.socket() as tried:
        tried.listen()


def listen_bound() -> None:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        tried.listen()


def bind(family: int, address: object) -> None:
    with socket.socket(family) as tried:
        tried.bind(address)


def child() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def thread() -> None:
    found: list[int] = []
    worker = threading.Thread(target=lambda: found.append(1))
    worker.start()
    worker.join()
    if not found:
        raise RuntimeError("did not run")


def resolve() -> None:
    try:
        socket.getaddrinfo("localhost", 443, type=socket.SOCK_STREAM)
        socket.getaddrinfo("name-that-does-not-exist.invalid", 443)
    except socket.gaierror as fault:
        if fault.errno not in (socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_NODATA):
            raise


def trust() -> None:
    ssl.create_default_context().load_default_certs()


def import_late() -> None:
    import sqlite3
    import wsgiref.simple_server  # noqa: F401

    sqlite3.connect(":memory:").execute("select 1")


def write(path: Path) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, b"x")
    os.close(fd)


def descriptor_from_outside() -> None:
    """What recvmsg would let in."""
    socket.recv_fds(PAIR, 16, 1)


Tries = dict[str, Callable[[], object]]


def tries(home: Home, port: int, other: int) -> Tries:
    """What a confined process may attempt, by name; `port` is one that it may connect to, `other` is not."""
    return {**_files(home), **_programs(), **_sockets(port, other), **_others()}


def _files(home: Home) -> Tries:
    root = home.root
    return {
        "read keys": lambda: (root / "keys/exchange.age").read_bytes(),
        "read ca key": lambda: (root / "keys/ca.age").read_bytes(),
        "read signer identity": lambda: (root / "identities/signer.key").read_bytes(),
        "read ca identity": lambda: (root / "identities/ca.key").read_bytes(),
        "read gateway identity": lambda: (root / "identities/gateway.key").read_bytes(),
        "read keys through proc": lambda: Path(f"/proc/self/root{root}/keys/exchange.age").read_bytes(),
        "link keys": lambda: os.link(root / "keys/exchange.age", root / "journal/linked"),
        "move keys": lambda: os.rename(root / "keys/exchange.age", root / "journal/moved"),
        "open keys to others": lambda: (root / "keys/exchange.age").chmod(0o600),
        "open keys by descriptor": lambda: raw(number(268, 53), -100, PARAMS, 0o600),
        "attribute of keys": lambda: os.setxattr(root / "keys/exchange.age", "user.x", b""),
        "read bots": lambda: [path.read_bytes() for path in home.bots.iterdir()],
        "read settings": lambda: home.config.read_bytes(),
        "read leaf": lambda: (root / "tls/leaf.pem").read_bytes(),
        "read parent's memory": lambda: os.close(os.open(f"/proc/{PARENT}/mem", os.O_RDONLY)),
        "read parent's environ": lambda: Path(f"/proc/{PARENT}/environ").read_bytes(),
        "read neighbour": lambda: (root.parent / "neighbour").read_bytes(),
        "write keys": lambda: write(root / "keys/exchange.age"),
        "write settings": lambda: write(home.config),
        "write bots": lambda: write(home.bots / "new.age"),
        "write run": lambda: write(home.run / "supervisor.json"),
        "write package": lambda: write(Path(profiles.__file__).with_name("planted.py")),
        "write neighbour": lambda: write(root.parent / "neighbour"),
        "write journal": lambda: write(home.journal / "gateway.journal"),
        "write log": lambda: write(home.logs / "gateway.jsonl"),
        "write marks": lambda: write(home.run / "replay" / "seen.0"),
        "remove journal": lambda: (home.journal / "gateway.journal").unlink(),
        "make folder": lambda: (home.journal / "folder").mkdir(),
        "null": lambda: write(Path("/dev/null")),
    }


def _programs() -> Tries:
    return {
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "fork": child,
        "thread": thread,
        "executable memory": executable_memory,
        "made executable": made_executable,
        "map descriptor": mapped_file,
        "import late": import_late,
    }


def _sockets(port: int, other: int) -> Tries:
    return {
        "connect": lambda: connect(port),
        "connect elsewhere": lambda: connect(other),
        "connect mptcp": lambda: connect(other, socket.SOCK_STREAM, 262),
        "fast open": lambda: fast_open(other),
        "udp": lambda: connect(other, socket.SOCK_DGRAM),
        "bind": lambda: bind(socket.AF_INET, ("127.0.0.1", 0)),
        "bind port": lambda: bind(socket.AF_INET, ("127.0.0.5", 47_113)),
        "listen": listen_anew,
        "listen bound": listen_bound,
        "unix socket": lambda: socket.socket(socket.AF_UNIX).close(),
        "socket pair": lambda: [end.close() for end in socket.socketpair()],
        "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
        "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
        "vsock": lambda: socket.socket(40, socket.SOCK_STREAM).close(),
        "descriptor from outside": descriptor_from_outside,
        "resolve": resolve,
        "trust": trust,
    }


def _others() -> Tries:
    return {
        "signal parent": lambda: os.kill(PARENT, 0),
        "signal parent by thread": lambda: raw(number(200, 130), PARENT, 0),
        "signal parent by group": lambda: raw(number(234, 131), PARENT, PARENT, 0),
        "signal self": lambda: raw(number(234, 131), os.getpid(), threading.get_native_id(), 0),
        "io_uring": lambda: raw(IO_URING_SETUP, 8, PARAMS),
        "keyctl": lambda: raw(number(250, 219), 0, -3, 0, 0, 0),
        "limit parent": lambda: raw(number(302, 261), PARENT, 7, 0, PARAMS),
        "schedule parent": lambda: raw(number(144, 119), PARENT, 0, PARAMS),
        "slow parent": lambda: raw(number(141, 140), 0, PARENT, 0),
        "unshare": lambda: raw(number(272, 97), 0x1000_0000),
        "mount": lambda: raw(number(165, 40), 0, 0, 0, 0, 0),
        "set user": lambda: os.setuid(os.getuid()),
        "dumpable": lambda: checked(LIBC.prctl(4, 1, 0, 0, 0)),
        "outlive": lambda: checked(LIBC.prctl(1, 0, 0, 0, 0)),
        "new call": lambda: raw(999),
        "clock": lambda: raw(number(228, 113), 0, PARAMS),
        "memory": lambda: bytearray(64 << 20),
    }


DEADLY: dict[str, Callable[[], object]] = {
    "ptrace": lambda: raw(number(101, 117), 0, 0, 0, 0),
    "process_vm_readv": lambda: raw(number(310, 270), PARENT, 0, 0, 0, 0, 0),
    "bpf": lambda: raw(number(321, 280), 0, 0, 0),
    "perf": lambda: raw(number(298, 241), 0, 0, -1, -1, 0),
    "userfaultfd": lambda: raw(number(323, 282), 0),
    "module": lambda: raw(number(313, 273), 0, 0, 0),
    "pidfd_getfd": lambda: raw(438, 0, 0, 0),
}

BUFFER = ctypes.create_string_buffer(256)
PARAMS = ctypes.addressof(BUFFER)
FILE = os.open(__file__, os.O_RDONLY)
PAIR, OTHER_END = socket.socketpair()
socket.send_fds(OTHER_END, [b"here"], [FILE])


def profile_of(name: str, home: Home, port: int) -> profiles.Profile:
    if name == "signer":
        return profiles.signer()
    if name == "token":
        return profiles.signer_with_token(home, [], [home.root.parent / "token"])
    if name == "opener":
        return profiles.opener(home)
    if name == "supervisor":
        return profiles.supervisor(home)
    binds = name == "gateway with egress"
    gateway = profiles.gateway(home, ports=[port], resolves=False, ca_file=None, listeners=[], binds=binds)
    return profiles.reading(gateway, home.root / "tls")


def main() -> None:
    name, home, port, other, way = sys.argv[1], Home(Path(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    chosen = tries(home, port, other)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    report = sandbox.enter(profile_of(name, home, port), required=True)
    if way == "writes":
        chosen = {key: action for key, action in chosen.items() if key.startswith(("write", "null"))}
        chosen.pop("write marks")
    results = {way: attempt(DEADLY[way])} if way in DEADLY else {key: attempt(action) for key, action in chosen.items()}
    os.write(1, json.dumps({"report": report.as_data(), "results": results}).encode())


if __name__ == "__main__":
    main()
