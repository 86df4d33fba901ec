"""People who are only there to be watched: leveraged positions that a crash closes, and a poller that gets banned.

They use the same handlers as everybody.  They exist only with `--crowd`, and their accounts are named `crowd-N`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterseal.paper.errors import ApiError
from counterseal.paper.wire import Request

if TYPE_CHECKING:
    from counterseal.paper.exchange import Exchange

# (symbol, side, leverage, quantity): isolated, so that each stands and falls alone
HOLDINGS = (
    ("BTCUSDT", "BUY", 20, "0.5"), ("ETHUSDT", "BUY", 10, "12"), ("SOLUSDT", "BUY", 8, "200"),
    ("BTCUSDT", "SELL", 10, "0.4"), ("XRPUSDT", "BUY", 15, "15000"), ("DOGEUSDT", "BUY", 5, "150000"),
    ("BNBUSDT", "BUY", 12, "40"), ("LTCUSDT", "SELL", 6, "300"),
)  # fmt: skip
IMPATIENT = "203.0.113.7"
POLLS_A_SECOND = 40
POLL = Request("GET", b"/api/v3/depth?symbol=BTCUSDT&limit=1000", {}, [], b"", IMPATIENT)


class Crowd:
    """So many accounts.  `advance` lets them act: they buy once, and poll while a scenario plays."""

    def __init__(self, exchange: Exchange, size: int) -> None:
        self._exchange = exchange
        self._size = size
        self._is_in = False
        self._second = 0
        self.failed: list[str] = []

    def advance(self, now_ms: int) -> None:
        if not self._is_in:
            self._is_in = True
            for number in range(self._size):
                self._enter(number)
        if now_ms // 1000 > self._second:
            self._second = now_ms // 1000
            self._poll(now_ms)

    def _enter(self, number: int) -> None:
        symbol, side, leverage, quantity = HOLDINGS[number % len(HOLDINGS)]
        account = f"crowd-{number + 1}"
        calls = (
            ("/fapi/v1/leverage", {"symbol": symbol, "leverage": str(leverage)}),
            ("/fapi/v1/marginType", {"symbol": symbol, "marginType": "ISOLATED"}),
            ("/fapi/v1/order", {"symbol": symbol, "side": side, "type": "MARKET", "quantity": quantity}),
        )
        for path, params in calls:
            try:
                self._exchange.run_foreign(account, "POST", path, params)
            except ApiError as error:
                self.failed.append(f"{account} {path}: {error.msg}")

    def _poll(self, now_ms: int) -> None:
        """Nerves: while prices move, somebody polls far beyond the limit and does not stop at a 429."""
        playing = self._exchange.director.playing
        if any(item.start_ms <= now_ms and not item.is_over(now_ms) for item in playing):
            for _ in range(POLLS_A_SECOND):
                self._exchange.handle(POLL)
