"""Since when: refusals that rest on a failing thing say when that began."""

from collections.abc import Callable

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.failing import WELL_MS, row_of
from counterseal.gateway.admission import Inquiry
from counterseal.gateway.gate import Gate
from counterseal.gateway.reply import SINCE, Reply
from counterseal.gateway.state import State

# What one bot is refused for what it asks for: neither does it date another's refusals, nor pass for a failure of all.
_OWN = frozenset({"bot_quota_spent", "unknown_symbol", "symbol_closed"})
_NO_PRICE = frozenset({"price_unknown", "exposure_unpriced"})


class Since:
    """Dates refusals. What no table has the beginning of began with the first refusal that it caused."""

    def __init__(self, state: State, gate: Gate) -> None:
        self._state = state
        self._gate = gate
        self._begun_ms = state.monotonic_ms()
        self._known: dict[str, Callable[[Endpoint], int | None]] = {
            "clock_uncertain": self._of_clock,
            **dict.fromkeys(_NO_PRICE, self._of_prices),
            "rules_stale": self._of_rules,
            "venue_ban": self._of_wall,
            "venue_backoff": self._of_wall,
        }

    def tell(self, reply: Reply, reason: str, inquiry: Inquiry) -> None:
        """Write into a refusal since when, if it is one of the table's and does not say it yet."""
        row = row_of(reason)
        if row is None or SINCE in reply.headers:
            return
        known_ms, family, failures = self._known_begin(reason, inquiry), _family(inquiry), self._state.failures
        if row.gated or failures.watched(row.name, family):
            # Looked at, and known better than by any refusal.
            failure = failures.get(row.name) or failures.get(row.name, family)
            since_ms = failure.since_ms if failure else known_ms
        else:
            is_own = reason in _OWN or (reason in _NO_PRICE and known_ms is None)
            lasts_ms = max(WELL_MS, int(reply.headers.get("Retry-After", "0")) * 1000)
            since_ms = self._met(row.name, f"bot {inquiry.bot}" if is_own else family, known_ms, lasts_ms)
        reply.headers[SINCE] = str(self._state.told_ms(self._state.monotonic_ms() if since_ms is None else since_ms))

    def _met(self, name: str, scope: str, known_ms: int | None, lasts_ms: int) -> int:
        """Note a state that refusals alone show; give when it began, of several under one name this one."""
        now_ms = self._state.monotonic_ms()
        met_ms = self._gate.meet(name, scope, now_ms if known_ms is None else known_ms, lasts_ms)
        return met_ms if known_ms is None else known_ms

    def _known_begin(self, reason: str, inquiry: Inquiry) -> int | None:
        """Give when the state began, None where nothing tells."""
        look = self._known.get(reason)
        return None if look is None or inquiry.endpoint is None else look(inquiry.endpoint)

    # -- what has its beginning on record

    def _of_clock(self, _endpoint: Endpoint) -> int:
        reading = self._state.reading
        return self._begun_ms if reading is None else reading.uncertain_from_ms()

    def _of_prices(self, endpoint: Endpoint) -> int | None:
        market = self._state.market(endpoint.family)
        if market.prices_fresh(self._state.monotonic_ms()):
            # Another price is missing: of the symbol, or of its quote asset in dollars.
            return None
        since_ms = market.prices_old_from_ms()
        return self._begun_ms if since_ms is None else since_ms

    def _of_rules(self, endpoint: Endpoint) -> int:
        since_ms = self._state.market(endpoint.family).rules_old_from_ms()
        return self._begun_ms if since_ms is None else since_ms

    def _of_wall(self, endpoint: Endpoint) -> int | None:
        return self._state.wall.since_ms(endpoint.product, self._state.monotonic_ms())


def _family(inquiry: Inquiry) -> str:
    return inquiry.endpoint.family if inquiry.endpoint else ""
