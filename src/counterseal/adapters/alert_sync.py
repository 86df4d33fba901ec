"""Makes the spool of alerts durable, in a thread: one sync at a time, and what comes meanwhile is in the next one."""

import os
import threading
from collections.abc import Callable
from pathlib import Path


class Syncer:
    """Syncs files below `folder` by `sync`. `old` is removed when one that was renamed has reached the disk."""

    def __init__(self, folder: Path, old: Path, sync: Callable[[int], None] = os.fdatasync) -> None:
        self._folder, self._old, self._sync = folder, old, sync
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._file: int | None = None
        self._renamed = False
        self._fault = ""

    def ask(self, file: int, *, renamed: bool = False) -> None:
        """Have a file synced as it is now; `renamed`, and then its name too. The file may be closed right away."""
        try:
            held = os.dup(file)
        except OSError as fault:
            self._fault = fault.strerror or "no descriptor"
            return
        with self._lock:
            if self._file is not None:
                os.close(self._file)
            self._file, self._renamed = held, self._renamed or renamed
            if not self._idle.is_set():
                return
            self._idle.clear()
        try:
            threading.Thread(target=self._run, name="alerts to disk", daemon=True).start()
        except RuntimeError as fault:
            # No thread to be had: the next one who asks tries again.
            self._fault = str(fault)
            self._idle.set()

    @property
    def has_fault(self) -> bool:
        """Whether the disk has refused since `take_fault`."""
        return bool(self._fault)

    def take_fault(self) -> str:
        """Give why, once; "" when it has not."""
        fault, self._fault = self._fault, ""
        return fault

    def wait(self, seconds: float) -> None:
        """Wait until all is done that was asked for, but not for ever."""
        self._idle.wait(seconds)

    def _run(self) -> None:
        while True:
            with self._lock:
                file, renamed = self._file, self._renamed
                self._file, self._renamed = None, False
                if file is None:
                    self._idle.set()
                    return
            try:
                self._make_durable(file, renamed=renamed)
            except Exception as fault:  # noqa: BLE001 - a thread that ends here would leave all later ones unsynced
                why = fault.strerror if isinstance(fault, OSError) else f"a fault of ours ({type(fault).__name__})"
                self._fault = f"sync failed: {why or 'input or output failed'}"
            finally:
                os.close(file)

    def _make_durable(self, file: int, *, renamed: bool) -> None:
        self._sync(file)
        if renamed:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            self._old.unlink(missing_ok=True)
