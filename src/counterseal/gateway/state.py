"""What the gateway knows at this moment. One object, changed only on the event loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from counterseal.core.binance.catalogue import Catalogue
from counterseal.core.config.model import Bot, Config
from counterseal.core.credential import Credential
from counterseal.core.exchange_clock import Reading
from counterseal.core.market import FamilyMarket
from counterseal.core.orders import IdLedger
from counterseal.core.replay import SeenWindow
from counterseal.core.venue_wall import VenueWall
from counterseal.ports.clock import Clock

ANONYMOUS = "anonymous"
Source = IPv4Address | IPv6Address


@dataclass(slots=True)
class BotCounters:
    """What one bot did since the gateway started. `verified` counts signatures per variant."""

    requests: int = 0
    denied: dict[str, int] = field(default_factory=dict)
    verified: dict[str, int] = field(default_factory=dict)
    weight: int = 0
    unknown: int = 0
    would_deny: int = 0


@dataclass(slots=True)
class State:
    """Configuration, credentials, ledgers and views of the market."""

    clock: Clock
    catalogue: Catalogue
    config: Config
    policy_hash: str
    credentials: dict[str, Credential]
    incarnation: str
    seen: SeenWindow
    ledger: IdLedger = field(default_factory=IdLedger)
    markets: dict[str, FamilyMarket] = field(default_factory=dict)
    wall: VenueWall = field(default_factory=VenueWall)
    reading: Reading | None = None
    used_weight: dict[str, str] = field(default_factory=dict)
    counters: dict[str, BotCounters] = field(default_factory=dict)
    serving: bool = False
    draining: bool = False
    requests: int = 0
    allowed_hosts: frozenset[str] = frozenset()
    hosts: Mapping[str, str] = field(default_factory=dict)

    def monotonic_ms(self) -> int:
        """Milliseconds that only grow: the scale of ages and windows."""
        return self.clock.monotonic_ns() // 1_000_000

    def exchange_ms(self, monotonic_ms: int) -> int | None:
        """Exchange time at a monotonic moment, None until it has been measured."""
        return None if self.reading is None else self.reading.exchange_ms(monotonic_ms)

    def offset_ms(self) -> int:
        """Exchange time minus the host's wall time: what the signer adds to its own clock. 0 until measured."""
        if self.reading is None:
            return 0
        return self.reading.exchange_ms(self.monotonic_ms()) - self.clock.wall_ns() // 1_000_000

    def clock_certain(self, monotonic_ms: int) -> bool:
        """Whether exchange time is known well enough at a monotonic moment to sign what raises risk."""
        return self.reading is not None and self.reading.is_certain(monotonic_ms)

    def market(self, family: str) -> FamilyMarket:
        """The view of one family's market, empty at first."""
        return self.markets.setdefault(family, FamilyMarket())

    def counter(self, bot: str) -> BotCounters:
        """The counters of one bot."""
        return self.counters.setdefault(bot, BotCounters())

    def bot(self, name: str) -> Bot | None:
        """The bot's policy, None when counterseal.toml does not name it."""
        return self.config.bots.get(name)
