"""Questions of our own that a key signs: about orders that nobody knows the fate of, and those the journal may lack."""

from counterseal.core.budget.share import Lane
from counterseal.core.intent import Intent
from counterseal.core.key_refs import name_of
from counterseal.core.key_refusal import Need, need_of
from counterseal.core.keys import active_keys
from counterseal.core.messages import HeldKey
from counterseal.core.queries import Question
from counterseal.gateway.admission import Admitted
from counterseal.gateway.budget import Budget, NoRoom
from counterseal.gateway.cases import MAX_RECV_WINDOW_MS
from counterseal.gateway.outbound import Outbound, SignerRefused
from counterseal.gateway.state import State
from counterseal.ports.journal import JournalError
from counterseal.ports.signing import SignerUnavailable, SigningClient
from counterseal.ports.venue import Lost, NotSent, VenueReply


class Asker:
    """Sends signed reads, each once. All that they cost at the exchange goes through here."""

    def __init__(self, state: State, outbound: Outbound, budget: Budget, signer: SigningClient) -> None:
        self._state = state
        self._outbound = outbound
        self._budget = budget
        self._signer = signer

    def holds(self, name: str) -> bool:
        """Tell whether a key can sign at all at this moment."""
        return name in active_keys(self._signer.keys())

    def _key(self, ref: str, need: Need) -> HeldKey | None:
        active, state = active_keys(self._signer.keys()), self._state
        found = active.get(name_of(ref))
        if found is not None and found.environment != state.config.venue.environment:
            return None
        if found is not None and not state.quarantine.holds_back(found.ref, need):
            return found
        return state.quarantine.stand_in(name_of(ref), state.config, active, need)

    async def ask(self, bot: str, ref: str, family: str, asked: Question, lane: Lane = Lane.RISK) -> VenueReply | None:
        """Have a question signed, on behalf of a bot or the gateway; None when no answer came.

        The key is that of the version `ref`, and its active version signs: both are of one account. Where the exchange
        refuses that key, another one of its account signs that may read. It goes ahead of everybody, unless `lane` is
        another.
        """
        endpoint = self._state.catalogue.get(family, "GET", asked.path)
        key = None if endpoint is None else self._key(ref, need_of(endpoint))
        if endpoint is None or key is None:
            return None
        intent = Intent(endpoint, asked.pairs, dict(asked.pairs), (), (), (), places=False)
        admitted = Admitted(bot, self._state.bot(bot), endpoint, intent, None, (), MAX_RECV_WINDOW_MS, None)
        try:
            permit = self._budget.take_own(endpoint, intent.values, self._state.account_of(key.ref), lane)
        except NoRoom:
            return None
        try:
            with self._outbound.uses.using(key.ref):
                return await self._outbound.send(admitted, await self._outbound.sign(admitted, key), key, permit)
        except (SignerRefused, SignerUnavailable, JournalError, NotSent, Lost):
            return None
        finally:
            self._budget.close(permit)
