"""What the gateway knows at this moment. One object, changed only on the event loop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from counterseal.core.binance.catalogue import Catalogue, Endpoint
from counterseal.core.config.model import Bot, Config
from counterseal.core.credential import Credential
from counterseal.core.exchange_clock import Reading
from counterseal.core.failures import Failures
from counterseal.core.market import FamilyMarket
from counterseal.core.orders import IdLedger
from counterseal.core.overload import Overload
from counterseal.core.public_cache import PublicCache
from counterseal.core.public_reads import Pair, SharedRead, shared_read
from counterseal.core.repeats import Latch
from counterseal.core.replay import SeenWindow
from counterseal.core.unknowns import Unknowns
from counterseal.core.venue_wall import VenueWall
from counterseal.gateway.reply import Reply
from counterseal.ports.clock import Clock

ANONYMOUS = "anonymous"
Source = IPv4Address | IPv6Address


@dataclass(slots=True)
class BotCounters:
    """What one bot did since the gateway started. `verified` counts signatures per variant, `shared` the public reads
    that another request's answer served, `waited` the requests that stood in line for the exchange's limits.
    """

    requests: int = 0
    denied: dict[str, int] = field(default_factory=dict)
    verified: dict[str, int] = field(default_factory=dict)
    weight: int = 0
    unknown: int = 0
    would_deny: int = 0
    shared: int = 0
    waited: int = 0


@dataclass(slots=True)
class State:
    """Configuration, credentials, ledgers and views of the market.

    `cancels` are the answers to cancels of the run before, by the mark of their payload.
    """

    clock: Clock
    catalogue: Catalogue
    config: Config
    policy_hash: str
    credentials: dict[str, Credential]
    incarnation: str
    seen: SeenWindow
    ledger: IdLedger = field(default_factory=IdLedger)
    unknowns: Unknowns = field(default_factory=Unknowns)
    latches: dict[str, Latch] = field(default_factory=dict)
    cancels: Mapping[bytes, tuple[int, bytes]] = field(default_factory=dict)
    failures: Failures = field(default_factory=Failures)
    markets: dict[str, FamilyMarket] = field(default_factory=dict)
    wall: VenueWall = field(default_factory=VenueWall)
    overload: Overload = field(default_factory=Overload)
    public: PublicCache = field(default_factory=PublicCache)
    reading: Reading | None = None
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

    def told_ms(self, monotonic_ms: int) -> int:
        """Exchange time at a monotonic moment, as bots are told it: by this host's clock until it has been measured."""
        known = self.exchange_ms(monotonic_ms)
        return self.clock.wall_ns() // 1_000_000 + monotonic_ms - self.monotonic_ms() if known is None else known

    def offset_ms(self) -> int:
        """Exchange time minus the host's wall time: what the signer adds to its own clock. 0 until measured."""
        if self.reading is None:
            return 0
        return self.reading.exchange_ms(self.monotonic_ms()) - self.clock.wall_ns() // 1_000_000

    def clock_certain(self, monotonic_ms: int) -> bool:
        """Whether exchange time is known well enough at a monotonic moment to sign what raises risk."""
        return self.reading is not None and self.reading.is_certain(monotonic_ms)

    def shared_read(self, endpoint: Endpoint, pairs: Sequence[Pair], time_unit: str | None) -> SharedRead | None:
        """What makes this read the same as another's at this moment; None where it is not shared."""
        if endpoint.signed or not self.config.gateway.share_public_reads:
            return None
        span = None if self.reading is None else self.reading.span(self.monotonic_ms())
        return shared_read(endpoint, pairs, time_unit, span)

    def market(self, family: str) -> FamilyMarket:
        """The view of one family's market, empty at first."""
        return self.markets.setdefault(family, FamilyMarket())

    def account_of(self, key: str) -> str:
        """The exchange account of one of our keys; a key that counterseal.toml no longer names is of the first."""
        found = self.config.keys.get(key)
        return "main" if found is None else found.account

    def cancel_told(self, mark: bytes) -> Reply | None:
        """What became of a cancel before the start, None where nobody knows."""
        found = self.cancels.get(mark)
        return None if found is None else Reply(*found)

    def counter(self, bot: str) -> BotCounters:
        """The counters of one bot."""
        found = self.counters.get(bot)
        if found is None:
            found = self.counters[bot] = BotCounters()
        return found

    def bot(self, name: str) -> Bot | None:
        """The bot's policy, None when counterseal.toml does not name it."""
        return self.config.bots.get(name)
