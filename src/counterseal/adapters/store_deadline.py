"""Work of a library that blocks, given up when its time is over."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from counterseal.ports.key_store import KeyStoreError, Trouble

_T = TypeVar("_T")


class _Call(Generic[_T]):
    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self.value: list[_T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.value.append(self._work())
        except BaseException as fault:  # noqa: BLE001  it is raised where it is waited for
            self.error = fault


def within(seconds: float, name: str, work: Callable[[], _T]) -> _T:
    """Give what the work gives, or raise what it raises. Raises KeyStoreError SLOW when it takes longer.

    The library's own timeouts begin anew with each byte; this one does not. Work that hangs is left to a thread that
    nobody waits for at the end of the process.
    """
    call = _Call(work)
    thread = threading.Thread(target=call.run, name=name, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise KeyStoreError(
            Trouble.SLOW,
            f"{name} gave no whole answer within {seconds:g} s; see how it is, or raise keystore.timeout_s",
        )
    if call.error is not None:
        raise call.error
    return call.value[0]
