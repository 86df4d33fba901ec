"""What is open and what is held, read from the exchange at this moment."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from counterseal.core.budget.share import Lane
from counterseal.core.holdings import Holding, read_free, read_positions
from counterseal.core.open_orders import LISTS, Open, read_open
from counterseal.guard.hands.asker import Asker

# A list of all symbols costs as much as so many of one.
FEW: Mapping[str, int] = {"spot": 13, "usdm": 20, "coinm": 20}
_HELD = {"usdm": "/fapi/v3/positionRisk", "coinm": "/dapi/v1/positionRisk"}


class Listing:
    """Signed reads, each as fresh as its answer; None where no sound answer came."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def open_orders(
        self, account: str, family: str, symbols: Collection[str] | None = None, lane: Lane = Lane.RISK
    ) -> list[Open] | None:
        """Read plain and conditional orders, of some symbols or of all: what is more than a few is read whole."""
        wanted = sorted(symbols) if symbols is not None and len(symbols) <= FEW[family] else [""]
        found = await asyncio.gather(
            *(self._page(account, family, path, symbol, lane) for path in LISTS[family] for symbol in wanted)
        )
        pages = [page for page in found if page is not None]
        if len(pages) != len(found):
            return None
        return [each for page in pages for each in page if symbols is None or each.symbol in symbols]

    async def _page(self, account: str, family: str, path: str, symbol: str, lane: Lane) -> list[Open] | None:
        pairs = (("symbol", symbol),) if symbol else ()
        body = await self._body(account, family, path, pairs, lane)
        return None if body is None else read_open(family, path, body)

    async def positions(self, account: str, family: str, lane: Lane = Lane.RISK) -> list[Holding] | None:
        """Read the positions of futures."""
        body = await self._body(account, family, _HELD[family], (), lane)
        return None if body is None else read_positions(body)

    async def busy(self, account: str, lane: Lane) -> frozenset[str] | None:
        """Give the symbols of USD-M with a plain order or a position, which costs little; None where unknown."""
        rows = await self._body(account, "usdm", _HELD["usdm"], (), lane)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return None
        return frozenset(str(row.get("symbol")) for row in rows)

    async def free(self, account: str, lane: Lane = Lane.RISK) -> dict[str, Decimal] | None:
        """Read what is free on spot, by asset."""
        body = await self._body(account, "spot", "/api/v3/account", (("omitZeroBalances", "true"),), lane)
        return None if body is None else read_free(body)

    async def _body(
        self, account: str, family: str, path: str, pairs: Sequence[tuple[str, str]], lane: Lane
    ) -> Any | None:
        reply = await self._asker.ask(account, family, "GET", path, tuple(pairs), lane)
        answer = self._asker.read(reply)
        return answer.body if answer.status == 200 else None
