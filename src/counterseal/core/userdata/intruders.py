"""Orders on an account that this gateway did not send: told once each, whoever placed them."""

from enum import Enum

from counterseal.core.config.model import Config
from counterseal.core.intent import EXCHANGE_IDS
from counterseal.core.orders import IdLedger
from counterseal.core.userdata.rows import Told

_ENDED = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "FINISHED", "ALL_DONE"})
# Of so many orders it is remembered that they were told; of more the oldest may be told again.
REMEMBERED = 20_000


class Sender(Enum):
    """Who an order is of, as far as an event tells."""

    OURS = "ours"
    EXCHANGE = "the exchange"
    INTRUDER = "somebody else"


def sender(family: str, account: str, one: Told, ledger: IdLedger, config: Config) -> Sender:
    """Tell whose an order is. One without a number was never born, and is nobody's concern."""
    if one.number is None or one.status == "REJECTED" or _is_ours(family, account, one, ledger, config):
        return Sender.OURS
    if any(name.startswith(EXCHANGE_IDS) for name in one.names):
        return Sender.EXCHANGE
    return Sender.INTRUDER


def _is_ours(family: str, account: str, one: Told, ledger: IdLedger, config: Config) -> bool:
    number = ledger.owners(family, one.scope, None, one.number)
    if number != (None,):
        return True
    entries = [entry for name in one.names if (entry := ledger.get(family, name)) is not None]
    # The exchange takes the id of an order that has ended again, this gateway does not.
    return any(entry.order_status not in _ENDED and _may_be_of(entry.bot, account, config) for entry in entries)


def _may_be_of(bot: str, account: str, config: Config) -> bool:
    """An id of a bot that has no key of this account was used again by somebody else; a bot that is gone may have had.

    Also what a start found at the exchange is known, and has been told.
    """
    policy = config.bots.get(bot)
    return policy is None or any(config.keys[key].account == account for key in policy.keys)


class Once:
    """Remembers which orders have been told, by whatever names them."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._told: dict[tuple[object, ...], None] = {}

    def has(self, *order: object) -> bool:
        """Tell whether it has been told."""
        return order in self._told

    def is_new(self, *order: object) -> bool:
        """Tell whether it is the first time, and remember it."""
        if order in self._told:
            return False
        self._told[order] = None
        if len(self._told) > self._most:
            del self._told[next(iter(self._told))]
        return True
