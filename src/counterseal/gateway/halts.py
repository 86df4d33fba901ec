"""The ladder in the way of a request: asked before it is taken up, after it has waited, and at its first byte."""

from counterseal.core.config.model import Config
from counterseal.core.halts import REASON_OF, kind_of
from counterseal.core.ladder import Trip
from counterseal.core.messages import HeldKey
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import State


class Halting:
    """Refuses what raises risk by `state.halts`. Nobody asks it as long as nothing there is tripped."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._config: Config | None = None
        self._known: dict[str, tuple[str, ...]] = {}

    def shut(self, admitted: Admitted, key: HeldKey) -> Reply | None:
        """Give the refusal of a request that `key` would sign; None when it may go on."""
        trip = self.refuses(admitted, key)
        if trip is None:
            return None
        # The guard's moments are this host's wall clock; bots are told exchange time.
        return replies.denial(REASON_OF[trip.rung], since_ms=trip.at_ms + self._state.offset_ms())

    def refuses(self, admitted: Admitted, key: HeldKey) -> Trip | None:
        """Give the trip that holds for a request, None when none does.

        It is of the account whose key signs it, and of the strategies of all keys of its bot: a strategy is stopped
        with everything that it can reach.
        """
        kind = kind_of(admitted.intent)
        if kind is None:
            return None
        accounts, strategies = (self._state.account_of(key.ref),), self._strategies(admitted.bot)
        return self._state.halts.refuses(admitted.bot, accounts, strategies, admitted.intent.symbols, kind)

    def _strategies(self, bot: str) -> tuple[str, ...]:
        config = self._state.config
        if config is not self._config:
            keys = config.keys
            self._config, self._known = config, {
                name: tuple([strategy for key in policy.keys if (strategy := keys[key].strategy) is not None])
                for name, policy in config.bots.items()
            }  # fmt: skip
        return self._known.get(bot, ())
