"""Child processes of a benchmark: start them pinned, wait for their port, account their CPU time, end them.

Everything here works by process id; nothing is ever found or ended by name.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class ProcessFailed(Exception):
    """A child ended, or did not open its port in time; the message holds the last lines of its log."""


@dataclass(frozen=True)
class Cores:
    """The two CPUs of a run: contestants on one, load generator and stand-in upstream on the other."""

    contestant: int
    load: int

    @classmethod
    def of_this_machine(cls) -> Cores:
        """First and last CPU this process may use; the same one twice where there is only one."""
        allowed = sorted(os.sched_getaffinity(0))
        return cls(contestant=allowed[0], load=allowed[-1])


@dataclass(frozen=True)
class Child:
    """A started process and the file that its output goes to."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def last_words(self) -> str:
        """The last ten lines of its log, for error messages."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])

    def close(self, patience_s: float = 5.0) -> None:
        """End it with SIGTERM, and what is left of its tree after `patience_s` with SIGKILL."""
        tree = process_tree(self.pid)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid, started in tree.items():
            if _start_time(pid) == started:  # still the process we saw, not a reused id
                _kill(pid)


def start(command: Sequence[str], core: int, log: Path, env: dict[str, str] | None = None) -> Child:
    """Start `command` pinned to CPU `core`, in its own session, with stdout and stderr in `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            start_new_session=True,
        )
    return Child(process, log)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(child: Child, port: int, patience_s: float = 20.0) -> None:
    """Return once `port` accepts connections; raise ProcessFailed if the child ends or time runs out."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if child.process.poll() is not None:
            raise ProcessFailed(f"ended with status {child.process.returncode}: {child.last_words()}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise ProcessFailed(f"did not listen within {patience_s:.0f} s: {child.last_words()}")


def cpu_seconds(pid: int) -> float:
    """User and system time of the whole tree under `pid`, children that have already been reaped included."""
    ticks = 0
    for member in process_tree(pid):
        fields = _stat(member)
        if fields is not None:
            ticks += sum(int(value) for value in fields[11:15])  # utime, stime, cutime, cstime
    return ticks / CLOCK_TICKS


def pin_tree(pid: int, core: int) -> None:
    """Move every thread of the tree under `pid` to CPU `core`; what they start later inherits it."""
    for member in process_tree(pid):
        try:
            for thread in Path(f"/proc/{member}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {core})
        except (FileNotFoundError, ProcessLookupError):
            pass  # it ended in between


def process_tree(pid: int) -> dict[int, int]:
    """{process id: start time} of `pid`, its descendants and whoever is left in its session."""
    everyone = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    stats = {process: _stat(process) for process in everyone}
    known = {process: fields for process, fields in stats.items() if fields is not None}
    members = {process for process, fields in known.items() if process == pid or int(fields[3]) == pid}
    grown = True
    while grown:
        children = {process for process, fields in known.items() if int(fields[1]) in members} - members
        grown = bool(children)
        members |= children
    return {process: int(known[process][19]) for process in members}


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third (state) on; None when the process has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _start_time(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[19]) if fields is not None else None


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it ended by itself in between
