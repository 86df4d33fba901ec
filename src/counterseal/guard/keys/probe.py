"""One key is tried at the exchange: does its signature hold, what may it do, and whose is it?

The guard asks by its own connection, signed with that key and no other, whatever stage the key is in.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from counterseal.core.budget.share import Lane
from counterseal.core.config.model import Config
from counterseal.guard.hands.asker import Asker, Told

RESTRICTIONS, TRADING_STATUS = "/sapi/v1/account/apiRestrictions", "/sapi/v1/account/apiTradingStatus"
# Where the wallet's paths do not exist.
WITHOUT_WALLET = frozenset({"testnet", "demo"})
# A probe is worth a short wait for room, and a second try where nothing came.
WAIT_S, TRIES = 2.0, 2
_MOST_TEXT = 200
_STALE = -1021


class Identity(NamedTuple):
    """A read whose answer names the account that a key is of."""

    family: str
    path: str
    field: str


# In this order: the first market of a key's bots decides, so that two versions of one key are asked the same.
IDENTITIES = (
    Identity("spot", "/api/v3/account", "uid"),
    Identity("usdm", "/fapi/v3/balance", "accountAlias"),
    Identity("coinm", "/dapi/v1/balance", "accountAlias"),
)


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of a probe.

    `signature` tells that the exchange has taken a request that this key signed. `account` names the key's account, to
    be compared with that of another key. `code` is the exchange's own, None where it said nothing wrong or nothing at
    all: then `status` is 0.
    """

    ref: str
    signature: bool = False
    restrictions: Mapping[str, bool | int] | None = None
    account: str | None = None
    code: int | None = None
    status: int = 0
    text: str = ""

    def view(self) -> dict[str, Any]:
        """Give it as the verb answers it."""
        return asdict(self)


class Prober:
    """Asks the exchange with single keys. `config` gives the settings in force."""

    def __init__(self, asker: Asker, config: Callable[[], Config]) -> None:
        self._asker, self._config = asker, config

    async def probe(self, ref: str, name: str = "") -> Probed:
        """Try a key. `name` is that of its settings where it is another than `ref`."""
        name = name or ref
        restrictions: Mapping[str, bool | int] | None = None
        if self._config().venue.environment not in WITHOUT_WALLET:
            told = await self.read(ref, name, "spot", RESTRICTIONS)
            restrictions = facts_of(told)
            if restrictions is None:
                return _failed(Probed(ref), told)
        identity = self.identity(name)
        told = await self.read(ref, name, identity.family, identity.path)
        found = Probed(ref, restrictions is not None, restrictions)
        account = await self._named(ref, name, identity, told)
        if account is None:
            return _failed(found, told)
        return Probed(ref, signature=True, restrictions=restrictions, account=account, status=200)

    async def _named(self, ref: str, name: str, first: Identity, told: Told) -> str | None:
        """Give the account's name. Where it has nothing yet a market answers without one: then another one is asked."""
        if told.answer.status != 200:
            return None
        account = _account(first, told.answer.body)
        for other in IDENTITIES:
            if account is None and other != first:
                told = await self.read(ref, name, other.family, other.path)
                account = _account(other, told.answer.body) if told.answer.status == 200 else None
        return account

    async def read(self, ref: str, name: str, family: str, path: str, lane: Lane = Lane.RISK) -> Told:
        """Ask one thing with one key, a second time where no answer came or the timestamp was too old."""
        key = self._config().keys.get(name)
        account = "main" if key is None else key.account
        for _ in range(TRIES):
            told = await self._asker.read_as(ref, account, family, path, lane, WAIT_S)
            is_lost = told.reply is None and told.left
            if not is_lost and told.answer.code != _STALE:
                break
        return told

    def identity(self, name: str) -> Identity:
        """Give the account read that fits the markets in which the key is used; spot where it is in none."""
        bots = self._config().bots.values()
        markets = {family for bot in bots if name in bot.keys for family in bot.products}
        return next((each for each in IDENTITIES if each.family in markets), IDENTITIES[0])


def facts_of(told: Told) -> Mapping[str, bool | int] | None:
    """Give what an answer says in flags and numbers; None for one that is no such answer."""
    answer = told.answer
    if answer.status != 200 or not isinstance(answer.body, dict):
        return None
    found = {name: value for name, value in answer.body.items() if type(value) in (bool, int) and len(name) <= 64}
    return found or None


def _failed(found: Probed, told: Told) -> Probed:
    """Say why a read brought nothing; what the read before it has shown stays."""
    answer = told.answer
    if told.reply is None:
        why = told.why or "no answer came"
    elif answer.status == 200:
        why = "the answer cannot be read"
    else:
        why = f"the exchange answered {answer.status}" + ("" if answer.code is None else f" with code {answer.code}")
    is_signed = found.signature or answer.status == 200
    return Probed(found.ref, is_signed, found.restrictions, None, answer.code, answer.status, why[:_MOST_TEXT])


def _account(identity: Identity, body: Any) -> str | None:
    """Give the account's name at the exchange, with the market that calls it so."""
    row = body[0] if isinstance(body, list) and body else body
    named = row.get(identity.field) if isinstance(row, dict) else None
    if type(named) not in (int, str) or not 0 < len(str(named)) <= 64:
        return None
    return f"{identity.family} {identity.field} {named}"
