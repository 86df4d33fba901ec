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
# What is done when a limit is passed, and when something comes from outside the gateway.
ON_LIMIT = ("alert", "halt", "flatten")
ON_INTRUDER = ("alert", "halt", "emergency")
# The same for spending of the exchange's limits that is not ours; it may be noise: "warn" is told, but not as critical.
ON_FOREIGN_SPEND = ("warn", *ON_INTRUDER)
# What becomes of something that the exchange says of a key.
ON_FACT = ("ignore", "alert", "refuse")
# Where the signer keeps its keys, the weakest first.
SECRET_MEMORIES = ("none", "mlock", "memfd_secret")
# Where the sealed keys are kept.
KEYSTORES = ("file", "vault", "aws", "systemd")


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
class Keystore:
    """Where the sealed keys are kept, of KEYSTORES. Each kind has settings of its own; the others' are None.

    `login_file` is a path and `login_credential` the name of a systemd credential with what we log in with; at most one
    is given. `max_lease_hours` is for how long a copy is used while the store is away.
    """

    kind: str = "file"
    url: str | None = None
    address: str | None = None
    mount: str = "secret"
    path: str | None = None
    auth_mount: str = "approle"
    role: str | None = None
    role_id: str | None = None
    wrapped: bool = True
    login_file: str | None = None
    login_credential: str | None = None
    ca_file: str | None = None
    region: str | None = None
    secret_name: str | None = None
    endpoint: str | None = None
    credential: str | None = None
    timeout_s: int = 3
    check_minutes: int = 15
    max_lease_hours: int = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What the guard goes by. `operators` are those who may resume what was halted; with none, whoever gives a name."""

    operators: tuple[str, ...] = ()
    on_intruder: str = "halt"
    on_foreign_spend: str = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """How people are told. `detail` is one of core.alerts.model.Detail, `order` names channels.

    `outside_s` is how often somebody outside hears that all is well; None is never.
    """

    label: str = "counterseal"
    detail: str = "none"
    order: tuple[str, ...] = ()
    escalate_after_s: int = 300
    dedupe_s: int = 300
    heartbeat_minutes: int = 1_440
    outside_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChannel:
    """One way to tell people, of a kind of core.alerts.routing.KINDS. What is secret about it is no setting.

    With neither `min_severity` nor `severities` its kind decides what it is told. The rest belongs to single kinds:
    `smtp` has a host and people, `sns` a topic, `sms` phones.
    """

    name: str
    kind: str
    min_severity: str | None = None
    severities: tuple[str, ...] = ()
    digest_minutes: int = 60
    timeout_s: int = 10
    credential: str | None = None
    host: str | None = None
    port: int | None = None
    tls: str = "starttls"
    user: str | None = None
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    region: str | None = None
    topic: str | None = None
    phones: tuple[str, ...] = ()
    endpoint: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An exchange key as policy sees it; its secret is the signer's. `functions` of KEY_FUNCTIONS.

    Keys of one `account` share the exchange's order counts. After `rotation_days` it is replaced, but not within the
    hours of `rotation_blackout`.
    """

    name: str
    functions: frozenset[str]
    account: str = "main"
    strategy: str | None
    environment: str
    region: str | None
    rotation_days: int | None
    rotation_blackout: tuple[HourRange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What becomes of what the exchange says of a key, each one of ON_FACT: by `refuse` it serves exits alone.

    `expiring_days` before its end a permission to trade is told of; every `ask_hours` each key is asked for.
    """

    withdrawals: str = "refuse"
    transfers: str = "alert"
    unrestricted: str = "alert"
    excess: str = "alert"
    lacking: str = "alert"
    expiring: str = "alert"
    locked: str = "alert"
    expiring_days: int = 14
    ask_hours: int = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Rails:
    """What the guard holds somebody to, in US dollars and numbers of orders; None is no limit.

    `max_symbol_position` is per symbol, "*" the default. The percentages are of a limit: where it is warned and where
    positions are reduced; `keep_percent` is how much of them stays when it is a loss. `on_limit` is one of ON_LIMIT.
    """

    max_position: Decimal | None = None
    max_symbol_position: Mapping[str, Decimal] = field(default_factory=dict)
    max_open_orders: int | None = None
    max_daily_loss: Decimal | None = None
    max_drawdown: Decimal | None = None
    warn_percent: Decimal = Decimal(60)
    emergency_percent: Decimal = Decimal(80)
    keep_percent: int = 0
    on_limit: str = "halt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy(Rails):
    """What the guard holds all bots with a key of one strategy to, together."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet(Rails):
    """What the guard holds all accounts to, together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Rails):
    """How much all bots of one account may have at risk, in US dollars: in all, and per symbol ("*" is the default).

    `max_effective_leverage` is of its futures' size over what its futures wallets are worth.
    """

    name: str
    max_exposure: Decimal | None = None
    max_symbol_exposure: Mapping[str, Decimal]
    max_effective_leverage: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot(Rails):
    """What one bot may do. An empty tuple of products, purposes, symbols or keys allows nothing.

    `symbols` == ("*",) allows every symbol. `max_order_notional` and `max_exposure` are in US dollars,
    `max_order_quantity` in units of the base asset per symbol ("*" is the default for symbols not named). `sources`
    limits client addresses. `share` is its part of the exchange's limits against the other bots' shares.
    `sees_account` lets it see and manage what other bots do on its accounts. After `max_repeats` equal orders within
    `repeat_window_s` it is disabled; 0 is never. `deadman_s` is the countdown at the exchange over its resting orders
    (0: none), `max_silence_s` after how long a silence of its own they go, `deadman_over_stops` whether the countdown
    runs where stops would vanish with it.
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
    deadman_s: int = 120
    max_silence_s: int | None = None
    deadman_over_stops: bool = False
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
    keystore: Keystore = Keystore()
    guard: Guard = Guard()
    alerts: Alerts = Alerts()
    alert_channels: Mapping[str, AlertChannel] = field(default_factory=dict)
    keys: Mapping[str, Key]
    facts: Facts = Facts()
    accounts: Mapping[str, Account] = field(default_factory=dict)
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    fleet: Fleet = Fleet()
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
