"""Bots that share an account see and change their own orders; who owns the account by right, or alone, sees it all."""

from collections.abc import Mapping
from typing import Any

import msgspec

from counterseal.core import ownership
from counterseal.core.config.model import Config
from counterseal.core.legs import ALGO_ORDERS
from counterseal.core.messages import HeldKey
from counterseal.core.outcome import Outcome
from counterseal.core.ownership import ALGO_SCOPE, NAMING, Named, Number
from counterseal.core.sight import Sight, View, view_of
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.state import State
from counterseal.ports.venue import VenueReply

_decode = msgspec.json.Decoder().decode
_rows_of = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Ownership:
    """Judges requests before they go out, and answers before a bot gets them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._config: Config | None = None
        self._sees: dict[tuple[str, str], bool] = {}

    def sees_account(self, bot: str, key: HeldKey) -> bool:
        """Whether the bot may see and change everything on the account of this key."""
        if self._config is not self._state.config:
            self._config, self._sees = self._state.config, {}
        account = self._state.account_of(key.ref)
        found = self._sees.get((bot, account))
        if found is None:
            found = self._sees[(bot, account)] = ownership.sees_account(self._state.config, bot, account)
        return found

    # -- changes

    def refuses_change(self, inquiry: Inquiry, admitted: Admitted, key: HeldKey) -> str | None:
        """Give the reason why a change of what is there already is refused; None for all else, and for doubt."""
        endpoint = admitted.endpoint
        if endpoint.name not in NAMING:
            return None
        is_algo, sees_account = endpoint.path in ALGO_ORDERS, self.sees_account(admitted.bot, key)
        if sees_account and not is_algo:
            return None
        names = ownership.named(endpoint.name, endpoint.path, admitted.intent.values)
        if is_algo and not self._may_reach(inquiry, admitted, names[0]):
            return "all_symbols_not_allowed"
        if sees_account or not any(self.is_foreign(admitted, one) for one in names):
            return None
        modifies = endpoint.method == "PUT" and endpoint.family != "spot"
        return "foreign_order" if modifies else "foreign_order_change"

    def is_foreign(self, admitted: Admitted, one: Named) -> bool:
        """Tell whether a name is known to be another bot's: the exchange may go by either where there are two."""
        owners = self._state.ledger.owners(admitted.endpoint.family, *one)
        return any(owner is not None and owner != admitted.bot for owner in owners)

    def owner_amended(self, admitted: Admitted) -> str:
        """Give whose order an amendment gives a new id where it is another bot's: it stays that one's. Else empty."""
        names = ownership.named(admitted.endpoint.name, admitted.endpoint.path, admitted.intent.values)
        ledger, family = self._state.ledger, admitted.endpoint.family
        owner = next((owner for one in names for owner in ledger.owners(family, *one) if owner), "")
        return "" if owner == admitted.bot else owner

    def _may_reach(self, inquiry: Inquiry, admitted: Admitted, one: Named) -> bool:
        """A conditional order is cancelled without naming its symbol: a bot held to symbols may cancel its own.

        In report mode symbols stop nothing, which is noted.
        """
        policy = admitted.policy
        if policy is None or policy.symbols == ("*",) or admitted.intent.symbols:
            return True
        owners = self._state.ledger.owners(admitted.endpoint.family, *one)
        if owners and all(owner == admitted.bot for owner in owners):
            return True
        if policy.mode != "report":
            return False
        inquiry.would_deny = "all_symbols_not_allowed"
        self._state.counter(admitted.bot).would_deny += 1
        return True

    def made(
        self, admitted: Admitted, outcome: Outcome, body: object, order_id: int | None
    ) -> tuple[Number, ...] | None:
        """Remember whose the orders are that an answer proves to be born.

        Gives their numbers, each with its scope, where the journal needs them beside `order_id`.
        """
        endpoint, intent = admitted.endpoint, admitted.intent
        if outcome is not Outcome.ACCEPTED or not intent.client_ids or endpoint.method != "POST":
            return None
        symbol, several = intent.values.get("symbol", ""), endpoint.path in ownership.SEVERAL
        if not several and endpoint.path not in ALGO_ORDERS:
            if order_id is not None:
                self._state.ledger.own(endpoint.family, symbol, order_id, admitted.bot)
            return None
        numbers = ownership.born(endpoint.path, symbol, body)
        for scope, number in numbers:
            self._state.ledger.own(endpoint.family, scope, number, admitted.bot)
        return numbers if several else None

    # -- reads

    def refuses_read(self, admitted: Admitted, key: HeldKey | None) -> str | None:
        """Give the reason why a read is refused before it is asked."""
        view = self._view(admitted, key)
        if view is None or view.sight is Sight.ROWS:
            return None
        if view.sight is Sight.ACCOUNT:
            return "account_right_missing"
        return "foreign_order" if self.is_foreign(admitted, view.names_asked(admitted.intent.values)) else None

    def shown(self, admitted: Admitted, key: HeldKey | None, answer: VenueReply) -> VenueReply | None:
        """Give an answer without other bots' rows, each other byte as it came; None when it is their order alone."""
        view = self._view(admitted, key) if answer.status == 200 else None
        if view is None:
            return answer
        try:
            if not answer.body.lstrip().startswith(b"["):
                return answer if self._is_seen(admitted, view, _decode(answer.body)) else None
            rows = _rows_of(answer.body)
            kept = [row for row in rows if self._is_seen(admitted, view, _decode(row))]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # What cannot be read cannot be filtered.
            return answer._replace(status=502, body=b"")
        return answer if len(kept) == len(rows) else answer._replace(body=b"[%b]" % b",".join(map(bytes, kept)))

    def _view(self, admitted: Admitted, key: HeldKey | None) -> View | None:
        """Give how the endpoint is shown to this bot, None for whole."""
        if key is None or admitted.endpoint.purpose != "account":
            return None
        view = view_of(admitted.endpoint)
        return None if view.sight is Sight.PASSED or self.sees_account(admitted.bot, key) else view

    def _is_seen(self, admitted: Admitted, view: View, row: Any) -> bool:
        if not isinstance(row, dict):
            return True
        family, ledger = admitted.endpoint.family, self._state.ledger
        known: set[str] = set()
        for one in view.names_shown(row, admitted.intent.values.get("symbol", "")):
            owners = [owner for owner in ledger.owners(family, *one) if owner is not None]
            known.update(owners)
            if owners:
                self._learn(family, one, row, owners[-1])
        return not known or admitted.bot in known

    def _learn(self, family: str, one: Named, row: Mapping[str, Any], bot: str) -> None:
        """What an answer shows under a known name has that owner: its number, and the order that it became."""
        actual = ownership.number_in(row.get("actualOrderId")) if one.scope == ALGO_SCOPE else None
        for scope, number in ((one.scope, one.number), (row.get("symbol"), actual)):
            # What a placement proved is not taken over by what is only shown.
            unknown = isinstance(scope, str) and self._state.ledger.owners(family, scope, None, number) == (None,)
            if unknown and number is not None:
                self._state.ledger.own(family, str(scope), number, bot)
