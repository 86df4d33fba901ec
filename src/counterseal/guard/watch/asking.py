"""The reads of the watch over the guard's own connection: an answer that cannot be read is no answer."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from counterseal.core.budget.share import Lane
from counterseal.core.market import SymbolRule, parse_rules
from counterseal.core.positions.marks import Mark
from counterseal.core.positions.reading import figure, number, rows, text
from counterseal.core.positions.snapshots import margin_snapshot, portfolio_snapshot
from counterseal.core.positions.statements import Margin, Statement
from counterseal.guard.watch.plan import READS, Pairs
from counterseal.ports.venue import VenueReply

_decode = msgspec.json.Decoder().decode
MARGIN_PATH, PORTFOLIO_PATH = "/sapi/v1/margin/account", "/papi/v1/account"
RIGHTS_PATH = "/sapi/v1/account/apiRestrictions"


class Asker(Protocol):
    """The guard's own way to the exchange. `account` is "" for what is public."""

    async def ask(
        self, account: str, family: str, method: str, path: str, pairs: Pairs = (), lane: Lane = Lane.ACCOUNT
    ) -> VenueReply | None: ...


class Answer(NamedTuple):
    """A status of 200 with its body, or another status; 0 when nothing came."""

    status: int
    body: Any


class Reader:
    """Asks and reads."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def snapshot(self, account: str, family: str) -> Statement | None:
        """Read what an account has in one market."""
        reads = READS[family]
        answer = await self._get(account, family, reads.account_path, reads.account_pairs)
        return reads.parse(answer.body)

    async def orders(self, account: str, family: str) -> list[tuple[bool, Any]] | None:
        """Read the lists of all open orders, each with whether it is of conditional ones."""
        found = []
        for path in READS[family].orders_paths:
            answer = await self._get(account, family, path)
            if answer.status != 200:
                return None
            found.append((path.endswith("openAlgoOrders"), answer.body))
        return found

    async def marks(self, family: str, now_ms: int, exchange_ms: int, symbol: str = "") -> dict[str, Mark] | None:
        """Read the price of a symbol, or of all: marks of futures, and last prices of spot, which states no time.

        A price is as old as the exchange says it is. Both times are those of the question.
        """
        pairs = (("symbol", symbol),) if symbol else ()
        answer = await self._get("", family, READS[family].marks_path, pairs)
        listed = [answer.body] if isinstance(answer.body, dict) else answer.body
        if not isinstance(listed, list):
            return None
        name = "price" if family == "spot" else "markPrice"
        found = {}
        for row in rows(listed):
            price, at_ms = figure(row.get(name)), number(row, "time") or exchange_ms
            if price is not None and text(row, "symbol"):
                seen_ms = now_ms - max(0, exchange_ms - at_ms)
                found[text(row, "symbol")] = Mark(price, "market", at_ms, seen_ms)
        return found

    async def rules(self, family: str) -> Mapping[str, SymbolRule] | None:
        """Read the symbols."""
        answer = await self._get("", family, READS[family].rules_path)
        listed = answer.body.get("symbols") if isinstance(answer.body, dict) else None
        try:
            return parse_rules(family, listed) if isinstance(listed, list) else None
        except (KeyError, TypeError, AttributeError):
            return None

    async def margin(self, account: str) -> Margin | None:
        """Read the level of a cross-margin account."""
        return margin_snapshot((await self._get(account, "spot", MARGIN_PATH)).body)

    async def portfolio(self, account: str) -> Margin | None:
        """Read the ratio of a portfolio-margin account."""
        return portfolio_snapshot((await self._get(account, "papi", PORTFOLIO_PATH)).body)

    def key_of(self, account: str) -> str:
        """Name the key that signs reads of an account at this moment; "" where whoever asks does not tell."""
        tell = getattr(self._asker, "reads_with", None)
        return "" if tell is None else str(tell(account))

    async def rights(self, account: str) -> dict[str, bool] | None:
        """Read what a key of an account may do."""
        body = (await self._get(account, "spot", RIGHTS_PATH)).body
        if not isinstance(body, dict):
            return None
        found = {name: value for name, value in body.items() if type(value) is bool and len(name) <= 64}
        return found or None

    async def _get(self, account: str, family: str, path: str, pairs: Pairs = ()) -> Answer:
        reply = await self._asker.ask(account, family, "GET", path, pairs, Lane.ACCOUNT)
        if reply is None or reply.status != 200:
            return Answer(0 if reply is None else reply.status, None)
        try:
            return Answer(200, _decode(reply.body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Answer(0, None)
