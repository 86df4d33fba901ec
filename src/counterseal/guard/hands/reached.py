"""The hands by what a scope of the ladder reaches: whose orders, and what is held there."""

from collections.abc import Callable

from counterseal.core.config.model import Config
from counterseal.core.open_orders import Open
from counterseal.core.reach import Reach
from counterseal.guard.hands.deadman import Owner
from counterseal.guard.hands.hands import Hands
from counterseal.guard.hands.proof import Proof, joined


class Reaching:
    """Cancels and flattens. `owner` gives whose order a client id is, None where nobody knows."""

    def __init__(self, hands: Hands, config: Callable[[], Config], owner: Owner) -> None:
        self._hands, self._config, self._owner = hands, config, owner

    async def cancel(self, reached: Reach) -> Proof:
        """Cancel what is open there, but what protects an open position."""
        return await self._hands.cancel_all(reached.account, reached.family, reached.symbols, self._theirs(reached))

    async def flatten(self, reached: Reach) -> Proof:
        """Close what is held there. Positions belong to an account, not to a bot: all of it is closed."""
        symbols = reached.symbols or (None,)
        return joined([await self._hands.flatten(reached.account, reached.family, symbol) for symbol in symbols])

    def _theirs(self, reached: Reach) -> Callable[[Open], bool] | None:
        """Give what tells the orders of some bots; None, which is everybody's, where nobody else trades there."""
        bots, config = frozenset(reached.bots or ()), self._config()
        others = [
            bot
            for bot in config.bots.values()
            if bot.name not in bots and "trade" in bot.purposes and reached.family in bot.products
            if any(config.keys[key].account == reached.account for key in bot.keys)
        ]
        if reached.bots is None or not others:
            return None
        return lambda order: self._owner(reached.account, reached.family, order.client_id) in bots
