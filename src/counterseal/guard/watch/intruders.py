"""What did not come through the gateway: orders, fills, transfers, changed rights of keys. Each is told once."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from counterseal.core.intent import EXCHANGE_IDS
from counterseal.core.positions.statements import Moved
from counterseal.core.userdata.intruders import Once

# Reasons of the exchange's own under which balances change and nobody has moved anything.
_ITS_OWN = frozenset({
    "ORDER", "FUNDING_FEE", "MARGIN_TRANSFER", "MARGIN_TYPE_CHANGE", "ADJUSTMENT", "INSURANCE_CLEAR", "AUTO_EXCHANGE",
})  # fmt: skip
# With these a key can send money away.
LEAVING = ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")


class Intruder(NamedTuple):
    """What was seen. `code` is one of core.alerts.codes, `response` one of core.config.model.ON_INTRUDER."""

    code: str
    account: str
    family: str
    text: str
    response: str
    symbol: str = ""


def is_transfer(moved: Moved) -> bool:
    """Tell whether money came or went that nobody earned, lost or paid."""
    return bool(moved.amount) and moved.reason not in _ITS_OWN


class Intruders:
    """Tells `on_intruder` of each once. `response` is the configured one at this moment."""

    def __init__(
        self,
        on_intruder: Callable[[Intruder], None],
        response: Callable[[], str],
        record: Callable[[Mapping[str, Any]], object],
    ) -> None:
        self._on_intruder, self._response, self._record = on_intruder, response, record
        self._once = Once()
        self._rights: dict[str, dict[str, bool]] = {}

    def fold(self, record: Mapping[str, Any]) -> None:
        """Take up the rights that were known before a restart."""
        rights = record.get("rights")
        for account, held in rights.items() if isinstance(rights, dict) else ():
            if isinstance(held, dict):
                self._rights[account] = {name: value for name, value in held.items() if type(value) is bool}

    def order(self, account: str, family: str, fields: Mapping[str, Any]) -> None:
        """The gateway tells of an order that it did not send."""
        number, symbol = fields.get("order_id"), str(fields.get("symbol", ""))
        if fields.get("what") == "foreign_many":
            self._tell("intruder_order", account, family, f"{fields.get('orders')} more orders from outside")
        elif self._once.is_new(account, family, symbol, number):
            text = f"order {number} of {symbol}, {fields.get('side')}, did not come through the gateway"
            self._tell("intruder_order", account, family, text, symbol)

    def fill(self, account: str, family: str, symbol: str, number: int, client_id: str) -> None:
        """A fill that nobody owns, of an order that the exchange did not make itself."""
        if not client_id.startswith(EXCHANGE_IDS) and self._once.is_new("fill", account, family, symbol, number):
            text = f"order {number} of {symbol} was filled and did not come through the gateway"
            self._tell("intruder_fill", account, family, text, symbol)

    def listed(self, account: str, family: str, symbol: str, number: int, client_id: str) -> None:
        """An open order that the exchange shows and no event has told."""
        if not client_id.startswith(EXCHANGE_IDS) and self._once.is_new(account, family, symbol, number):
            text = f"order {number} of {symbol} is open and no event has told whose it is"
            self._tell("intruder_order", account, family, text, symbol)

    def transfer(self, account: str, family: str, moved: Moved) -> None:
        """Money came or went."""
        amount = f"{moved.amount.normalize():f} {moved.asset}"
        self._tell("intruder_transfer", account, family, f"{amount} were moved ({moved.reason})")

    def unexplained(self, account: str, family: str, text: str, *, was_traded: bool) -> None:
        """The exchange states what no event has told although events come."""
        self._tell("intruder_fill" if was_traded else "intruder_transfer", account, family, text)

    def rights(self, account: str, held: Mapping[str, bool], key: str = "") -> None:
        """A key's rights were read. What changed is told, and what can send money away even at the first look."""
        whose = f"{account} {key}".rstrip()
        known = self._rights.get(whose)
        if known is None:
            changed = [name for name in LEAVING if held.get(name)]
        else:
            changed = sorted(name for name in held.keys() | known.keys() if held.get(name) != known.get(name))
        if known != held:
            self._rights[whose] = dict(held)
            self._record({"type": "watch", "what": "rights", "rights": {whose: dict(held)}})
        if changed:
            text = ", ".join(f"{name} is {str(held.get(name)).lower()}" for name in changed)
            named = f"key {key}" if key else "a key of the account"
            self._tell("intruder_rights", account, "", f"{named}: {text}")

    def restate(self) -> None:
        """Write all rights down."""
        if self._rights:
            self._record({"type": "watch", "what": "rights", "rights": self._rights})

    def _tell(self, code: str, account: str, family: str, text: str, symbol: str = "") -> None:
        intruder = Intruder(code, account, family, text, self._response(), symbol)
        self._record({"type": "watch", "what": "intruder", **intruder._asdict()})
        self._on_intruder(intruder)
