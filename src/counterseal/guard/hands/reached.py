"""The hands by what a scope of the ladder reaches: whose orders, and what is held there."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from counterseal.core.config.model import Config
from counterseal.core.open_orders import Open
from counterseal.core.reach import Reach
from counterseal.guard.hands.deadman import Learn, Owner
from counterseal.guard.hands.hands import Hands
from counterseal.guard.hands.parts import Part
from counterseal.guard.hands.proof import Proof, joined

# What a bot holds in a market of an account, by symbol and side, with its sign; None where that is not known.
Held = Callable[[str, str, str], Mapping[tuple[str, str], Decimal] | None]


class Reaching:
    """Cancels and flattens. `owner` gives whose order a client id is, None where nobody knows, and `learn` asks for it;
    `held` what is whose.
    """

    def __init__(self, hands: Hands, config: Callable[[], Config], owner: Owner, learn: Learn, held: Held) -> None:
        self._hands, self._config, self._owner, self._learn, self._held = hands, config, owner, learn, held

    async def cancel(self, reached: Reach) -> Proof:
        """Cancel what is open there, but what protects an open position."""
        theirs = self._theirs(reached)
        if theirs is None:
            return await self._hands.cancel_all(reached.account, reached.family, reached.symbols)
        return await self._cancel_theirs(reached, theirs)

    async def _cancel_theirs(
        self, reached: Reach, theirs: Callable[[Open], bool], *, everything: bool = False
    ) -> Proof:
        """Cancel the orders of some bots where others have some too; who they are of is asked for where it must be."""
        account, family, unknown = reached.account, reached.family, dict[str, None]()

        def is_theirs(order: Open) -> bool:
            if self._owner(account, family, order.client_id) is None:
                unknown[order.client_id] = None
            return theirs(order)

        await self._learn(account, family, ())
        proof = await self._hands.cancel_all(account, family, reached.symbols, is_theirs, everything=everything)
        asked = list(unknown)
        if not asked:
            return proof
        await self._learn(account, family, asked)
        nobodys = [name for name in asked if self._owner(account, family, name) is None]
        if len(nobodys) < len(asked):
            proof = await self._hands.cancel_all(account, family, reached.symbols, theirs, everything=everything)
        if not nobodys:
            return proof
        return proof._replace(text=f"{proof.text}, {len(nobodys)} open of which nobody knows whose they are")

    async def flatten(self, reached: Reach) -> Proof:
        """Close what is held there: all of the account's, or where others trade on it too the bots' own parts."""
        theirs = self._theirs(reached)
        if theirs is not None:
            return joined([await self._flatten_part(reached, bot) for bot in reached.bots or ()])
        symbols = reached.symbols or (None,)
        return joined([await self._hands.flatten(reached.account, reached.family, symbol) for symbol in symbols])

    async def _flatten_part(self, reached: Reach, bot: str) -> Proof:
        """Close what one bot holds of the account's positions, then cancel its stops, which protect nothing of its."""
        account, family = reached.account, reached.family
        held = self._held(account, family, bot)
        if held is None:
            why = f"{account} {family}: what {bot} holds is not known, and the rest is not its to close"
            return Proof(False, (why,), why)
        part = Part(held)
        if not part.has_any:
            text = f"{account} {family}: {bot} holds nothing there, by the guard's books"
            return joined([Proof(True, (), text), await self._cancel_part(reached, bot, everything=True)])
        closed = await self._hands.reduce(account, family, part, bot=bot)
        left = (*closed.left, *part.remains())
        closed = closed._replace(done=closed.done and not left, left=left)
        return joined([closed, await self._cancel_part(reached, bot, everything=closed.done)])

    async def _cancel_part(self, reached: Reach, bot: str, *, everything: bool) -> Proof:
        def is_its(order: Open) -> bool:
            return self._owner(reached.account, reached.family, order.client_id) == bot

        return await self._cancel_theirs(reached, is_its, everything=everything)

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
