"""The settings as frozen values. Units stand in the names; money is Decimal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network

ENVIRONMENTS = ("paper", "testnet", "demo", "production")
PURPOSES = ("read", "account", "trade", "settings")
KEY_FUNCTIONS = ("account", "trade", "settings")
MODES = ("enforce", "report")
VERIFICATIONS = ("lenient", "strict")
SANDBOXES = ("best", "require")
# Where the signer keeps its keys, the weakest first.
SECRET_MEMORIES = ("none", "mlock", "memfd_secret")


@dataclass(frozen=True, slots=True)
class HourRange:
    """Minutes of the UTC day [start, end) and the weekdays (Monday = 0) on which it holds.

    `start > end` runs over midnight and belongs to the day on which it starts.
    """

    start_minute: int
    end_minute: int
    weekdays: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """`address` ("host:port") and `ca_file` are for the paper exchange only; elsewhere hosts are an enum.

    `egress` are the addresses that connections to the exchange leave from; with none the system chooses.
    """

    environment: str
    address: str | None
    ca_file: str | None
    unsafe_production: bool
    unsafe_tls12: tuple[str, ...]
    egress: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where bots connect, and the Host header values that are accepted besides the address itself.

    `proxy` takes CONNECT, `tls` are addresses of TLS at once; both under the exchange's own host names.
    """

    address: str
    hosts: tuple[str, ...]
    proxy: str | None = None
    tls: tuple[str, ...] = ()
    unsafe_listen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Bounds of the hot path. `order_recv_window_ms` caps the recvWindow that orders carry upstream; `max_wait_ms` is
    how long a request may wait for room in the exchange's limits. `on_stream_gap` is one of STREAM_GAPS.
    `stream_reads_ms` is how old a stream's message may be that answers a read, 0 for never.
    """

    order_recv_window_ms: int
    max_connections_per_source: int
    max_wait_ms: int = 250
    durability: str
    share_public_reads: bool = True
    on_stream_gap: str = "close"
    stream_reads_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """Segments, checkpoints, and the witness (a path) to which these are copied. `keep_days` None is for ever."""

    segment_mib: int = 64
    segment_hours: int = 24
    keep_days: int | None = None
    reserve_mib: int = 16
    checkpoint_ms: int = 1000
    witness: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What our processes may do at most, of SANDBOXES, and the user that they become when started as root."""

    sandbox: str = "best"
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The least kind of memory that its keys may lie in, of SECRET_MEMORIES, and where its passphrase comes from.

    At most one of `passphrase_file` (a path) and `passphrase_credential` (the name of a systemd credential) is given.
    """

    secret_memory: str = "none"  # noqa: S105  a level, no secret
    passphrase_file: str | None = None
    passphrase_credential: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An exchange key as policy sees it; its secret is the signer's. `functions` of KEY_FUNCTIONS.

    Keys of one `account` share the exchange's order counts.
    """

    name: str
    functions: frozenset[str]
    account: str = "main"
    strategy: str | None
    environment: str
    region: str | None
    rotation_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How much all bots of one account may have at risk, in US dollars: in all, and per symbol ("*" is the default)."""

    name: str
    max_exposure: Decimal | None = None
    max_symbol_exposure: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """What one bot may do. An empty tuple of products, purposes, symbols or keys allows nothing.

    `symbols` == ("*",) allows every symbol. `max_order_notional` and `max_exposure` are in US dollars,
    `max_order_quantity` in units of the base asset per symbol ("*" is the default for symbols not named). `sources`
    limits client addresses. `share` is its part of the exchange's limits against the other bots' shares.
    `sees_account` lets it see and manage what other bots do on its accounts. After `max_repeats` equal orders within
    `repeat_window_s` it is disabled; 0 is never.
    """

    name: str
    mode: str
    verification: str
    keys: tuple[str, ...]
    products: tuple[str, ...]
    purposes: tuple[str, ...]
    symbols: tuple[str, ...]
    max_order_notional: Decimal | None
    max_exposure: Decimal | None = None
    max_order_quantity: Mapping[str, Decimal]
    price_collar_percent: Decimal | None
    max_leverage: int | None
    share: int = 1
    max_weight_1m: int | None = None
    max_orders_10s: int | None = None
    sees_account: bool = False
    max_repeats: int = 0
    repeat_window_s: int = 60
    hours: tuple[HourRange, ...]
    sources: tuple[Network, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything of counterseal.toml, judged whole: it exists only when no fault was found."""

    venue: Venue
    listen: Listen
    gateway: Gateway
    journal: Journal = Journal()
    process: Process = Process()
    signer: Signer = Signer()
    keys: Mapping[str, Key]
    accounts: Mapping[str, Account] = field(default_factory=dict)
    bots: Mapping[str, Bot]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the file: where (1-based line, 0 when it has none), the setting, the cause, the way out."""

    line: int
    setting: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.setting}: {self.cause}; {self.remedy}"
