"""One write to the journal and one packet to the signer per turn of the event loop, in that order.

A signature is asked for only after the intent's record is written; a bot is answered only after the outcome's is.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from counterseal.adapters.replay_file import ReplayFile
from counterseal.core.messages import Refused, Sign, Signed
from counterseal.ports.clock import Clock
from counterseal.ports.journal import Journal, JournalError
from counterseal.ports.signing import SigningClient


class Turn:
    """Collects what this turn of the loop wants written, signed and answered."""

    def __init__(self, journal: Journal, signer: SigningClient, seen_file: ReplayFile | None, clock: Clock) -> None:
        self._journal = journal
        self._signer = signer
        self._seen_file = seen_file
        self._clock = clock
        self._answers: list[Callable[[], None]] = []
        self._scheduled = False
        self._scheduled_ns = 0
        self.marks_failed = False
        # Told of each turn how late it was, and when it ended (monotonic ns).
        self.on_turn: Callable[[int, int], None] = _tell_nobody

    def write(self, record: Mapping[str, Any]) -> None:
        """Put a record into the journal."""
        self._journal.append(record)
        if not self._scheduled:
            self._schedule()

    def sign(self, request: Sign) -> "asyncio.Future[Signed | Refused]":
        """Ask for a signature once everything written so far is in the journal.

        The future fails with JournalError when it could not be written, with SignerUnavailable without an answer.
        """
        future = self._signer.queue(request)
        if not self._scheduled:
            self._schedule()
        return future

    def mark(self, marks: Iterable[bytes], path_mark: int) -> None:
        """Remember a payload over a restart."""
        if self._seen_file is not None:
            for mark in marks:
                self._seen_file.append(mark, path_mark)
            if not self._scheduled:
                self._schedule()

    def answer(self, give: Callable[[], None]) -> None:
        """Call `give` once everything written so far is in the journal."""
        self._answers.append(give)
        if not self._scheduled:
            self._schedule()

    def _keep_marks(self) -> None:
        """Write the marks. Where the disk refuses, those in memory still hold: exits must not wait for a file."""
        if self._seen_file is None:
            return
        try:
            self._seen_file.flush(self._clock.monotonic_ns() // 1_000_000)
        except OSError as error:
            if not self.marks_failed:
                loop = asyncio.get_running_loop()
                loop.call_exception_handler({"message": "replay marks are not kept over a restart", "exception": error})
            self.marks_failed = True
        else:
            self.marks_failed = False

    def _schedule(self) -> None:
        self._scheduled = True
        self._scheduled_ns = self._clock.monotonic_ns()
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        now_ns = self._clock.monotonic_ns()
        self.on_turn(now_ns - self._scheduled_ns, now_ns)
        self._keep_marks()
        try:
            self._journal.flush()
        except JournalError as error:
            self._signer.drop(error)
        else:
            self._signer.flush()
        answers, self._answers = self._answers, []
        for give in answers:
            try:
                give()
            except Exception as error:  # noqa: BLE001 - one bot's broken connection must not cost the others their answers
                loop = asyncio.get_running_loop()
                loop.call_exception_handler({"message": "an answer could not be given", "exception": error})


def _tell_nobody(_late_ns: int, _now_ns: int) -> None:
    pass
