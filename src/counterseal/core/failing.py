"""What stays open and what is closed when something fails: one table, by which requests are judged and docs written.

A row is a state of something that the gateway depends on. Its cells tell for each kind of request whether it goes on.
Rows that name what they come with describe a part that does not exist yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

# An input that failed must have been well for so long before what it closed opens again.
WELL_MS = 10_000


class Kind(Enum):
    """What a request is to the table. EXIT is a cancel or an order that can only reduce, READ a signed read."""

    INCREASE = "increase"
    EXIT = "reduce / cancel"
    READ = "signed reads"


class Cell(Enum):
    """What becomes of a kind of request. RESERVE goes on through what is kept for exits, SHED is refused for now."""

    OPEN = "open"
    RESERVE = "reserve"
    CLOSED = "closed"
    SHED = "shed"
    NOT_AFFECTED = "–"

    @property
    def refuses(self) -> bool:
        """Whether such a request is refused."""
        return self in (Cell.CLOSED, Cell.SHED)


class Ends(Enum):
    """How a closure ends."""

    WELL = "by itself, after 10 s without the fault"
    LIMIT = "by itself, when the limit has room again (`Retry-After`)"
    PROOF = "by itself, when they are resolved"
    SUCCESS = "by itself, with the next success"
    RELOAD = "with a reload of a sound file"
    NEWS = "by itself, when the exchange lists the symbol as trading"
    LATCHED = "only by a person: a restart"
    NEVER = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """One state. `increase` to `kill` are its cells, `alert` how loudly it is told.

    `reasons` are the codes by which a refusal says that it was this state; no other row has them. `comes_with` names
    the part that it needs and that does not exist, "" for a state that can exist today. `today` holds the cells that
    differ from the rule, each with its ground in decision 0021. `gated` rows are refused in one place, from the states
    in force; the others where the order is judged, because they hold for a symbol, an account or a limit.
    """

    name: str
    state: str
    increase: Cell
    exits: Cell
    reads: Cell
    auto_reduce: Cell
    kill: Cell
    alert: str
    reasons: tuple[str, ...] = ()
    ends: Ends = Ends.NEVER
    comes_with: str = ""
    note: str = ""
    gated: bool = False
    today: Mapping[Kind, Cell] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def exists(self) -> bool:
        """Whether this state can occur today."""
        return not self.comes_with

    def rule(self, kind: Kind) -> Cell:
        """Give the cell of a kind as the rule has it."""
        return {Kind.INCREASE: self.increase, Kind.EXIT: self.exits, Kind.READ: self.reads}[kind]

    def cell(self, kind: Kind) -> Cell:
        """Give the cell of a kind as it is today."""
        return self.today.get(kind, self.rule(kind))

    def refuses(self, kind: Kind) -> bool:
        """Tell whether this state refuses such a request."""
        return self.cell(kind).refuses


_C, _O, _R, _S, _N = Cell.CLOSED, Cell.OPEN, Cell.RESERVE, Cell.SHED, Cell.NOT_AFFECTED
_GUARD, _ALERTS, _SECOND = "the guard", "alerts", "a second instance"
_STORES = "stores for secrets"

_ROWS = (
    # -- limits and positions
    Row(
        "limits_store_away", "limits store unreachable, slow > 50 ms, or corrupt", _C, _O, _O, _O, _O, "critical",
        comes_with=_SECOND, note="limits lie in the gateway's own memory, made from the journal at the start",
    ),
    Row(
        "limits_store_behind", "limits store lost its newest writes (power cut, restored from a backup)", _C, _O, _O,
        _C, _O, "critical", ("account_not_reconciled",), Ends.PROOF,
        note="until the exchange's orders and trades have been read; a journal shorter than the witness knows does not "
        "start at all",
    ),
    Row(
        "positions_stale", "position monitor stale", _C, _O, _O, _C, _O, "critical", ("exposure_unread",),
        Ends.SUCCESS, note="where exposure is limited: futures positions older than 30 s, or not all read since a "
        "start or a reload; the guard brings a monitor of its own",
    ),
    Row(
        "stream_gap", "user stream gap, being resynced", _C, _O, _O, _C, _O, "warn, critical after 10 s",
        ("user_stream_gap",), Ends.SUCCESS,
        note="where exposure is limited: of an account whose feed had stood and is lost, until it stands again and "
        "what it missed has been read; a feed that the exchange refuses counts as none",
    ),
    # -- the market
    Row(
        "prices_old", "last prices older than 5 s", _C, _O, _O, _R, _O, "critical",
        ("price_unknown", "exposure_unpriced"), Ends.WELL,
        note="orders that a limit judges by a price; a second source comes with streams",
    ),
    Row(
        "rules_old", "exchangeInfo older than 24 h", _C, _O, _O, _O, _O, "warn", ("rules_stale",), Ends.WELL,
        gated=True, note="of that product",
    ),
    Row(
        "symbol_closed", "symbol unknown, not trading or CANCEL_ONLY", _C, _O, _O, _O, _O, "warn",
        ("unknown_symbol", "symbol_closed"), Ends.NEWS, note="of that symbol",
    ),
    # -- time
    Row(
        "clock_uncertain", "clock offset uncertain > 500 ms", _C, _O, _O, _O, _O, "critical", ("clock_uncertain",),
        Ends.WELL, gated=True, note="before the first measurement exits and reads go by this host's clock",
    ),
    # -- the journal
    Row(
        "journal_failing", "journal failing (EIO, full)", _C, _R, _O, _R, _R, "critical", ("journal_unavailable",),
        Ends.LATCHED, gated=True,
    ),
    Row(
        "journal_slow", "journal slow (a sync takes > 1 s)", _C, _R, _O, _R, _R, "critical", ("journal_slow",),
        Ends.WELL, gated=True, today=MappingProxyType({Kind.EXIT: _O}),
        note="exits are written to the segment itself, which takes them",
    ),
    Row(
        "journal_lost", "journal and its reserve both failing", _C, _O, _C, _C, _O, "critical", ("journal_lost",),
        Ends.LATCHED, gated=True, note="exits are recorded in memory and on standard error",
    ),
    Row(
        "witness_away", "witness has kept nothing for 10 min or 10,000 records", _C, _O, _O, _O, _O, "critical",
        ("witness_unreachable",), Ends.WELL, gated=True, note="before that all goes on, with a warning",
    ),
    Row(
        "replay_marks_lost", "marks of seen payloads cannot be kept over a restart", _C, _O, _O, _O, _O, "critical",
        ("replay_marks_lost",), Ends.WELL, gated=True,
    ),
    # -- whom to tell
    Row("alert_channel_down", "one alert channel down", _O, _O, _O, _O, _O, "on the other", comes_with=_ALERTS),
    Row(
        "alerts_down", "all alert channels down", _C, _O, _O, _O, _O, "local, dead-man from outside",
        comes_with=_ALERTS, note="open for the first 5 min",
    ),
    # -- keys, policy, credentials
    Row(
        "secrets_away_at_start", "secrets store down at start", _N, _N, _N, _N, _N, "critical", comes_with=_STORES,
        note="not ready; today the supervisor ends, saying which key file it could not open",
    ),
    Row(
        "secrets_away", "secrets store down later", _O, _O, _O, _O, _O, "warn, critical at 50 % of the lease",
        comes_with=_STORES, note="increase until the lease ends (at most 24 h), exits until its hard expiry",
    ),
    Row(
        "signer_dead", "signer dead or wrong epoch", _C, _C, _C, _C, _N, "critical", ("signer_unavailable",),
        Ends.SUCCESS, note="nothing can be signed; it is started again within 2 s",
    ),
    Row(
        "lease_away", "standby instance or lease store unreachable", _C, _O, _O, _O, _O, "critical", comes_with=_SECOND,
        note="increase goes on while the lease is valid",
    ),
    Row(
        "policy_load_failed", "policy load fails", _O, _O, _O, _O, _O, "critical", ends=Ends.RELOAD,
        note="the old policy stays in force",
    ),
    Row(
        "policy_absent", "policy absent or empty at start", _C, _O, _O, _C, _O, "critical", ends=Ends.LATCHED,
        today=MappingProxyType({Kind.EXIT: _C, Kind.READ: _C}), note="the gateway does not start, and says why",
    ),
    Row(
        "credentials_away", "credential store unreadable", _C, _C, _C, _O, _O, "critical", ends=Ends.RELOAD,
        note="for bots whose credential is not known or has been unreadable for 60 s (`credential_or_signature`, as "
        "for every unknown one); for these 60 s it is read again every 5 s",
    ),
    # -- the exchange's limits
    Row(
        "budget_spent", "weight budget spent, or 429", _C, _R, _C, _R, _R, "warn",
        ("weight_budget_spent", "raw_requests_spent", "order_count_spent", "bot_quota_spent", "venue_backoff"),
        Ends.LIMIT, note="of that pool; exits have a reserve, three after it is spent, and a few after a 429",
    ),
    Row(
        "banned", "418 ban", _C, _C, _C, _N, _N, "critical", ("venue_ban",), Ends.LIMIT,
        note="of that address; another one goes on where `venue.egress` names several",
    ),
    # -- the exchange
    Row(
        "half_away", "REST down and WebSocket API up, or the reverse", _C, _O, _O, _O, _O, "critical",
        comes_with="the WebSocket API",
    ),
    Row(
        "exchange_away", "exchange fails or cannot be reached", _C, _O, _C, _O, _O, "warn",
        ("venue_breaker_open", "venue_unreachable"), Ends.SUCCESS,
        note="of that host; exits are tried each time, and are refused only when no byte could leave",
    ),
    Row(
        "maintenance", "maintenance of the exchange", _C, _O, _O, _O, _O, "info", ("venue_maintenance",), Ends.WELL,
        gated=True, note="from its notice on; serverShutdown comes with streams",
    ),
    # -- what nobody knows
    Row(
        "unknown_orders", "≥ 3 unknown orders on a symbol, ≥ 10 on the account", _C, _O, _O, _C, _O, "critical",
        ("symbol_has_unknown_orders", "account_has_unknown_orders", "symbol_unresolved"), Ends.PROOF,
        note="also one that has been unknown for a minute",
    ),
    Row(
        "foreign_order", "foreign order or position seen", _C, _O, _O, _O, _O, "critical", comes_with=_GUARD,
        note="today an order is told as an event `intruder`",
    ),
    Row("build_differs", "build hash differs between instances", _C, _O, _O, _O, _O, "critical", comes_with=_SECOND),
    Row("kill_unreadable", "kill state unreadable", _C, _O, _O, _C, _O, "critical", comes_with=_GUARD),
    # -- this host
    Row(
        "disk_nearly_full", "disk of the journal > 95 % full", _C, _O, _S, _O, _O, "warn", ("disk_nearly_full",),
        Ends.WELL, gated=True,
    ),
    Row(
        "memory_nearly_full", "memory > 80 % of its limit", _C, _O, _S, _O, _O, "warn", ("memory_nearly_full",),
        Ends.WELL, gated=True,
    ),
    Row(
        "loop_lagging", "event loop > 250 ms late, three times in a row", _C, _O, _S, _O, _O, "warn",
        ("loop_lagging",), Ends.WELL, gated=True,
    ),
    Row(
        "overloaded", "more is asked than can be done in time", _S, _O, _S, _O, _O, "warn", ("gateway_overloaded",),
        Ends.WELL, note="turns of the event loop later than 4 ms for 100 ms: each begins only so many requests; or all "
        "connections to the exchange are in use. An exit waits for one for a second",
    ),
    Row(
        "draining", "the gateway is stopping", _C, _O, _O, _O, _O, "info", ("draining",), Ends.LATCHED,
        today=MappingProxyType({Kind.EXIT: _C, Kind.READ: _C}), note="for at most 10 s, then the next one opens",
    ),
)  # fmt: skip

TABLE: Mapping[str, Row] = MappingProxyType({row.name: row for row in _ROWS})
_BY_REASON = MappingProxyType({reason: row for row in _ROWS for reason in row.reasons})


def row_of(reason: str) -> Row | None:
    """Give the row that a refusal's reason belongs to; None for a refusal that is no failure of anything."""
    return _BY_REASON.get(reason)
