"""Whose the orders are that rest: the guard asks when it has just begun, because no event told it of them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from counterseal.gateway.state import State

# So many rows fit into a packet, and so many ids a question may have.
AT_ONCE = 500


class Whose:
    """Answers {"type": "whose", ...} by `send`, from what the gateway follows and from its ledger of ids."""

    def __init__(self, state: State, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._state, self._send = state, send

    def answer(self, message: Mapping[str, Any]) -> None:
        """Answer one question. Raises ValueError for what is none."""
        number, ids = message.get("seq"), message.get("ids")
        if type(number) is not int:
            raise ValueError("a question without a number")
        if ids is None:
            self._tell_resting()
        else:
            account, family = message.get("account"), message.get("family")
            if not isinstance(account, str) or not isinstance(family, str) or not _is_list(ids):
                raise ValueError("no question whose orders are")
            self._tell(account, family, [(name, bot) for name in ids if (bot := self._owner(family, name))])
        self._send({"type": "owners", "seq": number, "account": "", "family": "", "rows": []})

    def _tell_resting(self) -> None:
        resting = self._state.resting
        places: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for place, client_id, bot in () if resting is None else resting.owners():
            places.setdefault((place.account, place.family), []).append((client_id, bot))
        for (account, family), rows in places.items():
            self._tell(account, family, rows)

    def _tell(self, account: str, family: str, rows: Iterable[tuple[str, str]]) -> None:
        told = [list(row) for row in rows]
        for start in range(0, len(told), AT_ONCE):
            part = told[start : start + AT_ONCE]
            self._send({"type": "owners", "seq": None, "account": account, "family": family, "rows": part})

    def _owner(self, family: str, client_id: str) -> str | None:
        (owner,) = self._state.ledger.owners(family, "", client_id, None)
        return owner


def _is_list(ids: object) -> bool:
    return isinstance(ids, list) and len(ids) <= AT_ONCE and all(type(name) is str for name in ids)
