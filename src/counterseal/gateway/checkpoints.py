"""Has the signer sign the head of the journal's tree, again and again, and hands what it signed to the witness.

Only records that are durable are counted. The tree is hashed here, between requests, not when a record is written.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from counterseal.adapters.journal_file import JournalFile
from counterseal.core.messages import CheckpointSigned, LastCheckpoint, Refused, SignCheckpoint
from counterseal.core.tlog import Tree
from counterseal.gateway.witnessing import Witnessing
from counterseal.ports.clock import Clock
from counterseal.ports.signing import SignerUnavailable

Answer = CheckpointSigned | LastCheckpoint | Refused
Rebuild = Callable[[int, int], Tree]
Write = Callable[[Mapping[str, Any]], None]
INCONSISTENT = "inconsistent_checkpoint"


class CheckpointSigner(Protocol):
    """What of the signer's client is needed here."""

    def next_id(self) -> int:
        """Give an unused number."""
        ...

    def checkpoint(self, request: SignCheckpoint) -> "asyncio.Future[Answer]":
        """Ask; fails with SignerUnavailable when no answer comes in time."""
        ...


class Checkpoints:
    """Makes checkpoints while the gateway runs. `tree` ends at the newest one, `pending` are the leaves behind it.

    `rebuild(base, size)` gives the tree of `size` records anew, to prove from `base`. `trouble` hears a reason once.
    """

    def __init__(
        self,
        journal: JournalFile,
        signer: CheckpointSigner,
        write: Write,
        trouble: Callable[[str], None],
        tree: Tree,
        pending: Iterable[bytes],
        rebuild: Rebuild,
        witnessing: Witnessing | None = None,
    ) -> None:
        self._journal, self._signer, self._write, self._tell = journal, signer, write, trouble
        self._tree, self._rebuild, self._witnessing = tree, rebuild, witnessing
        self._pending = list(pending)
        # The newest checkpoint's own record is no reason for another one.
        self._own = 1 if tree.size else 0
        self._told = ""

    async def run(self, clock: Clock, every_ms: int) -> None:
        """Make one whenever there is something new, for ever."""
        while True:
            await clock.sleep(every_ms / 1000)
            await self.make()
            if self._witnessing is not None:
                self._witnessing.look(self._journal.seq)

    async def last(self, clock: Clock, within_s: float) -> None:
        """Make one more over all that was written, once it is durable; give up when that takes too long."""
        deadline_ns = clock.monotonic_ns() + int(within_s * 1e9)
        while self._journal.behind and not self._journal.latched and clock.monotonic_ns() < deadline_ns:
            await clock.sleep(0.005)
        await self.make()
        if self._witnessing is not None:
            await self._witnessing.finish(deadline_ns)

    async def make(self) -> bool:
        """Make one if there is something new. False when the signer did not sign; the next call tries again."""
        self._pending += self._journal.durable_leaves()
        unsigned = self._tree.size > self._tree.base
        if self._journal.latched or not (unsigned or len(self._pending) > self._own):
            return True
        self._tree.add(self._pending)
        self._pending = []
        try:
            answer = await self._ask()
            if isinstance(answer, LastCheckpoint):
                answer = await self._ask_from(answer.size)
        except SignerUnavailable:
            answer = Refused(0, "signer_unavailable")
        if not isinstance(answer, CheckpointSigned):
            self._refused(answer.reason if isinstance(answer, Refused) else INCONSISTENT)
            return False
        self._signed(answer.note)
        return True

    async def _ask(self) -> Answer:
        tree = self._tree
        return await self._signer.checkpoint(
            SignCheckpoint(self._signer.next_id(), tree.base, tree.size, tree.root(), tuple(tree.proof()))
        )

    async def _ask_from(self, signed: int) -> Answer:
        """The signer signed what an earlier run of this gateway asked for and did not live to write."""
        size = self._tree.size
        if signed > size:
            return Refused(0, INCONSISTENT)
        self._tree = await asyncio.get_running_loop().run_in_executor(None, self._rebuild, signed, size)
        return await self._ask()

    def _signed(self, note: str) -> None:
        self._tree.rebase()
        self._own, self._told = 1, ""
        self._write({"type": "checkpoint", "size": self._tree.size, "note": note})
        if self._witnessing is not None:
            self._witnessing.offer(note, self._tree.size)

    def _refused(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            self._tell(reason)
