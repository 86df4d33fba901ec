"""What became of an order whose answer did not come: asked by its id until the exchange shows or denies it for good."""

from counterseal.core.budget.share import Lane
from counterseal.core.freshness import MAX_SKEW_MS
from counterseal.core.queries import Window, question, read
from counterseal.core.resolver import RULES, End, Finding, Proof, begin, learn, next_ask
from counterseal.core.subjects import Change, Store, Subject
from counterseal.guard.hands.asker import Asker
from counterseal.ports.clock import Clock


class Unanswered:
    """Resolves one order at a time for each caller; nothing is ever sent again."""

    def __init__(self, asker: Asker, clock: Clock) -> None:
        self._asker, self._clock = asker, clock

    async def resolve(self, account: str, family: str, symbol: str, client_id: str, sent_ms: int) -> End:
        """Ask until it is proven whether the order was taken. `sent_ms` is monotonic, no earlier than its timestamp."""
        subject = Subject(Change.BORN, Store.ORDER, family, symbol, client_id)
        stamp_ms = self._asker.exchange_ms(sent_ms)
        window = Window(stamp_ms, stamp_ms + MAX_SKEW_MS + RULES.skew_ms + RULES.backend_ms + RULES.lag_ms)
        proof = begin(sent_ms, MAX_SKEW_MS, self._now_ms(), places=True)
        while proof.end is None:
            proof = await self._step(proof, account, subject, window)
        return proof.end

    async def _step(self, proof: Proof, account: str, subject: Subject, window: Window) -> Proof:
        ask, at_ms = next_ask(proof)
        await self._clock.sleep(max(0, at_ms - self._now_ms()) / 1000)
        asked = question(subject, ask, window)
        asked_ms, finding = self._now_ms(), Finding.SILENT
        if asked is not None:
            reply = await self._asker.ask(account, subject.family, "GET", asked.path, asked.pairs, Lane.RISK)
            try:
                finding, _ = read(subject, ask, self._asker.read(reply), window)
            except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError):
                pass  # what cannot be read proves nothing
        return learn(proof, finding, asked_ms)

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000
