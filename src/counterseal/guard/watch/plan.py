"""What is read of the exchange, how often, and what it weighs: all of it within a part of the guard's own fifth.

A read of an account is due every `ACCOUNT_MS` and, as more accounts share an address, less often; the bound that
positions may be old stays 10 s. With more accounts than fit, `Plan.fits` is False and the monitor will be stale.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from counterseal.core.config.model import Config
from counterseal.core.positions.snapshots import coinm_snapshot, spot_snapshot, usdm_snapshot
from counterseal.core.positions.statements import Statement

Pairs = tuple[tuple[str, str], ...]
# An account's snapshot may be so old; it is read as often as the second figure, and after an event at once, but no more
# often than the third.
BOUND_MS, ACCOUNT_MS, LEAST_MS = 10_000, 3_000, 2_000
# Prices may be 5 s old. All of them are read every MARKS_MS; where few symbols are held these alone are read, and all
# only every ALL_MS: a crash is seen a second sooner for each read more in a second.
MARKS_MS, ALL_MS = 4_500, 30_000
SINGLE_MS, LEAST_SINGLE_MS = 550, 1_000
# Where the exchange's stream tells the prices of everything, none is read before one is so old. On spot it tells only
# what has been traded: there all are read all the same.
STREAMED, LATE_MS = frozenset({"usdm", "coinm"}), 2_000
# The list of all open orders is dear; events tell of orders at once.
ORDERS_MS = 180_000
RULES_MS = 3_600_000
RIGHTS_MS = 60_000
LEVEL_MS = 10_000


@dataclass(frozen=True, slots=True)
class Reads:
    """The reads of one market. `account`, `marks`, `orders` and `rules` are what they weigh; `limit` is the pool's part
    in a minute that they may spend: 12 per cent of it, the guard's lane for reads. Up to `singly` prices are read one
    by one, at a weight of one each.
    """

    account_path: str
    account_pairs: Pairs
    parse: Callable[[object], Statement | None]
    marks_path: str
    orders_paths: tuple[str, ...]
    rules_path: str
    account: int
    marks: int
    orders: int
    rules: int
    limit: int
    singly: int


READS: Mapping[str, Reads] = MappingProxyType({
    "spot": Reads("/api/v3/account", (("omitZeroBalances", "true"),), spot_snapshot, "/api/v3/ticker/price",
                  ("/api/v3/openOrders",), "/api/v3/exchangeInfo", 20, 4, 80, 20, 720, 0),
    "usdm": Reads("/fapi/v3/account", (), usdm_snapshot, "/fapi/v1/premiumIndex",
                  ("/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders"), "/fapi/v1/exchangeInfo", 5, 10, 80, 1, 288, 8),
    "coinm": Reads("/dapi/v1/account", (), coinm_snapshot, "/dapi/v1/premiumIndex",
                   ("/dapi/v1/openOrders", "/dapi/v1/openAlgoOrders"), "/dapi/v1/exchangeInfo", 5, 10, 41, 1, 288, 0),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """How often one market is read, and the weight that it comes to in a minute."""

    account_ms: int
    least_ms: int
    orders_ms: int
    weight: int
    fits: bool

    @property
    def late_ms(self) -> int:
        """How far apart accounts are read: many answers at once would keep an event waiting. None gets too old so."""
        return min(self.account_ms // 2, max(0, BOUND_MS - 1_000 - self.account_ms))


def plan_of(family: str, accounts: int, egresses: int = 1) -> Plan:
    """Plan a market's reads for so many accounts over so many addresses."""
    reads = READS[family]
    marks = reads.marks * 60_000 // marks_ms(family, 0)
    room = max(1, reads.limit * egresses - marks)
    # In a round every account is read, and in sixty rounds its list of orders once.
    rounds = ORDERS_MS // ACCOUNT_MS
    needed_ms = -(-accounts * (reads.account * rounds + reads.orders) * 60_000 // (rounds * room))
    account_ms = max(ACCOUNT_MS, needed_ms)
    # Events may prompt more reads as long as there is room for these.
    least_ms = max(min(LEAST_MS, account_ms), needed_ms)
    weight = accounts * (reads.account * rounds + reads.orders) * 60_000 // (rounds * account_ms) + marks
    return Plan(account_ms, least_ms, account_ms * rounds, weight, account_ms <= BOUND_MS)


def marks_ms(family: str, wanted: int) -> int:
    """Give how often the prices of a market are read, of which so many are wanted."""
    if family == "spot":
        return MARKS_MS // 2
    return max(LEAST_SINGLE_MS, wanted * SINGLE_MS) if 0 < wanted <= READS[family].singly else MARKS_MS


def markets_of(config: Config) -> list[tuple[str, str]]:
    """Give the accounts with the markets that bots may trade there."""
    found: dict[tuple[str, str], None] = {}
    for bot in config.bots.values():
        for key in bot.keys if "trade" in bot.purposes else ():
            for family in bot.products:
                if family in READS:
                    found[config.keys[key].account, family] = None
    return sorted(found)


def members_of(config: Config) -> dict[str, tuple[str, ...]]:
    """Give the bots of each strategy: those with a key of it."""
    found: dict[str, list[str]] = {}
    for bot in config.bots.values():
        for strategy in sorted({config.keys[key].strategy or "" for key in bot.keys} - {""}):
            found.setdefault(strategy, []).append(bot.name)
    return {strategy: tuple(bots) for strategy, bots in found.items()}


def accounts_of(config: Config) -> dict[str, frozenset[str]]:
    """Give the accounts of each bot's keys."""
    return {bot.name: frozenset(config.keys[key].account for key in bot.keys) for bot in config.bots.values()}


def levels_of(config: Config) -> list[tuple[str, str]]:
    """Give the accounts whose margin is read, each with "papi" (portfolio margin) or "sapi" (cross margin)."""
    return sorted({
        (config.keys[key].account, product) for bot in config.bots.values() for key in bot.keys
        for product in bot.products if product in ("papi", "sapi")
    })  # fmt: skip
