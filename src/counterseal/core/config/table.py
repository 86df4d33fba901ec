"""The table of settings: what counterseal.toml may hold. Parsing, hints and the reference come from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from counterseal.core.config import model
from counterseal.core.config.addresses import (
    parse_egress,
    parse_host,
    parse_host_value,
    parse_listen_address,
    parse_network,
    parse_paper_address,
)
from counterseal.core.config.grammar import parse_label, parse_name, parse_path, parse_user
from counterseal.core.config.hours import parse_hours
from counterseal.core.config.parsers import (
    Parser,
    amount,
    choice,
    flag,
    quantities,
    symbols,
    text,
    texts,
    whole,
    words,
)

PRODUCTS = ("spot", "usdm", "coinm", "options", "papi", "sapi", "www")
DURABILITIES = ("process", "power")
STREAM_GAPS = ("close", "event")


class Required:
    """Stands where a default would, in a setting that has none."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `example` is TOML text; `absent` tells what a default of None means.

    `instead_of` names a setting that cannot stand beside this one.
    """

    name: str
    parser: Parser
    default: Any
    purpose: str
    example: str
    unit: str = ""
    absent: str = "none"
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file. A `named` one holds one table for each bot or key: `[bots.NAME]`."""

    name: str
    purpose: str
    settings: tuple[Setting, ...]
    named: bool = False
    required: bool = False

    @property
    def header(self) -> str:
        """How the table is written, without brackets."""
        return f"{self.name}.NAME" if self.named else self.name


VENUE = Section(
    "venue",
    "The exchange, or what stands in for it.",
    (
        Setting(
            "environment",
            choice(model.ENVIRONMENTS),
            Required,
            "Which exchange the gateway talks to.",
            '"paper"',
        ),
        Setting(
            "address",
            text(parse_paper_address, "host:port of a loopback or private address", "127.0.0.1:9443"),
            None,
            "Where the paper exchange listens. The hosts of the other environments are built in.",
            '"127.0.0.1:9443"',
        ),
        Setting(
            "ca_file",
            text(parse_path, "a path of a file", "paper/ca.pem"),
            None,
            "Certificates (PEM) that the paper exchange is verified with. "
            "A relative path starts in the folder of counterseal.toml.",
            '"paper/ca.pem"',
        ),
        Setting(
            "unsafe_production",
            flag(),
            False,
            "Lets the gateway reach the real exchange although its connections are not pinned yet.",
            "false",
        ),
        Setting(
            "unsafe_tls12",
            texts(parse_host, "a host name in lower case", "api.binance.com"),
            (),
            "Hosts that may be reached with TLS 1.2; all others need TLS 1.3.",
            "[]",
        ),
        Setting(
            "egress",
            texts(parse_egress, "an IP address of this host", "10.0.0.5"),
            (),
            "Addresses of this host that connections to the exchange leave from, each with its own share of the "
            "exchange's limits. With an empty array the system chooses, and there is one. Keys that are bound to "
            "addresses need all of them.",
            '["10.0.0.5", "10.0.0.6"]',
        ),
    ),
    required=True,
)

LISTEN = Section(
    "listen",
    "Where bots connect.",
    (
        Setting(
            "address",
            text(parse_listen_address, "IP-address:port", "127.0.0.1:8180"),
            "127.0.0.1:8180",
            "Address that the gateway binds; port 0 takes any free one.",
            '"127.0.0.1:8180"',
        ),
        Setting(
            "hosts",
            texts(parse_host_value, "a host name in lower case, with or without :port", "localhost:8180"),
            (),
            "Values of the Host header that are accepted besides the address itself.",
            '["localhost:8180"]',
        ),
        Setting(
            "proxy",
            text(parse_listen_address, "IP-address:port", "127.0.0.1:8443"),
            None,
            "Address of the proxy for bots that keep the exchange's own addresses: it takes CONNECT to the exchange's "
            "hosts and answers there with a certificate of the private CA. Off by default: who needs no proxy has "
            "none to attack.",
            '"127.0.0.1:8443"',
            absent="no proxy",
        ),
        Setting(
            "tls",
            texts(parse_listen_address, "IP-address:port", "127.0.0.1:443"),
            (),
            "Addresses that answer TLS as the exchange's own hosts, for bots whose machine resolves those names to "
            "the gateway.",
            '["127.0.0.1:443", "127.0.0.1:9443"]',
        ),
        Setting(
            "unsafe_listen",
            flag(),
            False,
            "Lets the gateway listen where other machines can reach it. Connections to `address` are not encrypted.",
            "false",
        ),
    ),
)

GATEWAY = Section(
    "gateway",
    "Bounds of what passes.",
    (
        Setting(
            "order_recv_window_ms",
            whole(1, 5000),
            2000,
            "Longest recvWindow that an order carries to the exchange; a bot's shorter one stays.",
            "2000",
            "ms",
        ),
        Setting(
            "max_connections_per_source",
            whole(1, 4096),
            32,
            "Connections that one client address may hold open.",
            "32",
            "connections",
        ),
        Setting(
            "max_wait_ms",
            whole(0, 5000),
            250,
            "How long a request may wait for weight or order count of the exchange's limits before it is refused.",
            "250",
            "ms",
        ),
        Setting(
            "durability",
            choice(DURABILITIES),
            "process",
            "What the journal survives. With `process` an order is written before it is sent, and the record "
            "survives any end of the gateway's process; the disk has it within 10 ms. With `power` nothing is sent "
            "before the disk has it: it survives a power cut, and each order waits for the disk. Needs a restart.",
            '"process"',
        ),
        Setting(
            "share_public_reads",
            flag(),
            True,
            "Whether identical public reads are one request to the exchange, and its answer serves for a moment "
            "whoever asks the same. With `false` every read goes to the exchange.",
            "false",
        ),
        Setting(
            "on_stream_gap",
            choice(STREAM_GAPS),
            "close",
            "How bots are told that messages of a stream are missing. With `close` their connection ends with code "
            "1012, and they take new snapshots as they come back. With `event` it stays, and a message says so: for "
            "bots that know it.",
            '"close"',
        ),
        Setting(
            "stream_reads_ms",
            whole(0, 5_000),
            0,
            "How old the newest message of a market stream may be that answers a read of the same, at no weight. With "
            "0 every such read goes to the exchange.",
            "500",
            "ms",
        ),
    ),
)

JOURNAL = Section(
    "journal",
    "How the journal is kept, and who else keeps what proves it. Needs a restart.",
    (
        Setting(
            "segment_mib",
            whole(1, 4096),
            64,
            "Size at which the journal goes on in a new file.",
            "64",
            "MiB",
        ),
        Setting(
            "segment_hours",
            whole(1, 8760),
            24,
            "Age at which the journal goes on in a new file.",
            "24",
            "hours",
        ),
        Setting(
            "keep_days",
            whole(1, 36_500),
            None,
            "How long closed files are kept. One that holds an order without an end, or whose records no checkpoint"
            " covers, is never removed.",
            "2000",
            "days",
            "for ever",
        ),
        Setting(
            "reserve_mib",
            whole(1, 1024),
            16,
            "Room that is taken on the disk in advance, for the records of cancels when the disk is full.",
            "16",
            "MiB",
        ),
        Setting(
            "checkpoint_ms",
            whole(100, 600_000),
            1000,
            "How often the signer signs the journal's state, while anything is written.",
            "1000",
            "ms",
        ),
        Setting(
            "witness",
            text(parse_path, "a path of a folder", "/mnt/witness"),
            None,
            "Folder on storage that this user can neither rewrite nor cut, to which every checkpoint is appended."
            " After 10 minutes or 10,000 records without it, orders that raise risk are refused.",
            '"/mnt/witness"',
        ),
    ),
)

PROCESS = Section(
    "process",
    "What the processes of the gateway itself may do.",
    (
        Setting(
            "sandbox",
            choice(model.SANDBOXES),
            "best",
            "With `best` each process gives up whatever the kernel lets it, and `counterseal status` tells what is"
            " missing. With `require` nothing starts on a kernel that lacks seccomp or Landlock's rules for TCP"
            " (Linux 6.7).",
            '"best"',
        ),
        Setting(
            "user",
            text(parse_user, "a name of a user of this machine", "counterseal"),
            None,
            "User that everything runs as when it is started as root. Needs a restart.",
            '"counterseal"',
            absent="the user that starts it",
        ),
    ),
)

SIGNER = Section(
    "signer",
    "Where the exchange's keys lie while the signer runs, and how it gets at them. Needs a restart.",
    (
        Setting(
            "secret_memory",
            choice(model.SECRET_MEMORIES),
            "none",
            "The least that the signer's memory must be, or nothing starts. The best that the kernel has is taken in"
            " any case: `memfd_secret` cannot be read even by root's debugger, `mlock` is never written to a disk.",
            '"memfd_secret"',
        ),
        Setting(
            "passphrase_file",
            text(parse_path, "a path of a file", "/run/counterseal/passphrase"),
            None,
            "File of mode 0600 with the passphrase of the signer's identity. "
            "A relative path starts in the folder of counterseal.toml.",
            '"/run/counterseal/passphrase"',
            absent="asked for by `counterseal up`",
        ),
        Setting(
            "passphrase_credential",
            text(parse_label, "1 to 32 letters, digits, dots, _ and -", "counterseal-passphrase"),
            None,
            "Name of the systemd credential that holds the passphrase of the signer's identity.",
            '"counterseal-passphrase"',
            absent="asked for by `counterseal up`",
            instead_of="passphrase_file",
        ),
    ),
)

KEYS = Section(
    "keys",
    "One exchange key as the policy sees it. The key itself never stands in this file: "
    "`counterseal key add NAME` gives it to the signer.",
    (
        Setting(
            "functions",
            words(model.KEY_FUNCTIONS, frozenset),
            frozenset(),
            "What requests this key may sign.",
            '["account", "trade"]',
        ),
        Setting(
            "account",
            text(parse_label, "1 to 32 letters, digits, dots, _ and -", "main"),
            "main",
            "The account or sub-account that issued the key. The exchange counts orders per account: keys that name"
            " the same one share those counts. Name another one only where it is one.",
            '"main"',
        ),
        Setting(
            "strategy",
            text(parse_label, "1 to 32 letters, digits, dots, _ and -", "grid"),
            None,
            "The strategy that the key belongs to, to tell keys apart.",
            '"grid"',
        ),
        Setting(
            "environment",
            choice(model.ENVIRONMENTS),
            None,
            "The environment that issued the key; it must be the venue's.",
            '"paper"',
            absent="the venue's",
        ),
        Setting(
            "region",
            text(parse_label, "1 to 32 letters, digits, dots, _ and -", "eu-west"),
            None,
            "The region that the key is used from, to tell keys apart.",
            '"eu-west"',
        ),
        Setting(
            "rotation_days",
            whole(1, 365),
            None,
            "Age at which the key is due for replacement.",
            "7",
            "days",
        ),
    ),
    named=True,
)

ACCOUNTS = Section(
    "accounts",
    "What all bots of one account may have at risk together. NAME is what the keys call the account: `main` where they"
    " name none.",
    (
        Setting(
            "max_exposure",
            amount(),
            None,
            "Largest sum of what the bots of the account hold and of what their open orders can add, at the worse of"
            " the last price and the order's own. On futures the positions that the exchange states count where they"
            " are more.",
            "20000",
            "US dollars",
            "no limit",
        ),
        Setting(
            "max_symbol_exposure",
            quantities(),
            MappingProxyType({}),
            "The same for one symbol, on all products of the account.",
            '{ BTCUSDT = 5000, "*" = 1000 }',
            "US dollars",
        ),
    ),
    named=True,
)

BOTS = Section(
    "bots",
    "What one bot may do. What is not allowed here is denied: a bot without settings can do nothing.",
    (
        Setting(
            "mode",
            choice(model.MODES),
            "enforce",
            "`report` lets pass orders that symbols and limits would deny, and writes it down; `enforce` denies them."
            " Products, purposes, hours and sources hold in both.",
            '"enforce"',
        ),
        Setting(
            "verification",
            choice(model.VERIFICATIONS),
            "lenient",
            "`lenient` accepts the known ways in which SDKs encode a signed request, `strict` only one.",
            '"lenient"',
        ),
        Setting(
            "keys",
            texts(parse_name, "a name of a key", "main"),
            (),
            "Exchange keys that may sign for the bot; of those that fit, the one with fewest functions does.",
            '["main"]',
        ),
        Setting(
            "products",
            words(PRODUCTS),
            (),
            "Parts of the exchange that the bot may use.",
            '["spot"]',
        ),
        Setting(
            "purposes",
            words(model.PURPOSES),
            (),
            "`read` is market data, `account` is the bot's view of the account, `trade` is orders, "
            "`settings` is leverage and margin.",
            '["read", "account", "trade"]',
        ),
        Setting("symbols", symbols(), (), "Symbols that the bot may trade.", '["BTCUSDT", "ETHUSDT"]'),
        Setting(
            "max_order_notional",
            amount(),
            None,
            "Largest value of one order.",
            "500",
            "US dollars",
            "no limit",
        ),
        Setting(
            "max_exposure",
            amount(),
            None,
            "Largest sum of what the bot holds and of what its open orders can add, at the worse of the last price and"
            " the order's own.",
            "2000",
            "US dollars",
            "no limit",
        ),
        Setting(
            "max_order_quantity",
            quantities(),
            MappingProxyType({}),
            "Largest quantity of one order, by symbol. COIN-M symbols (such as BTCUSD_PERP) count contracts.",
            '{ BTCUSDT = 0.01, "*" = 5 }',
            "base asset, or contracts",
        ),
        Setting(
            "price_collar_percent",
            amount(100),
            None,
            "How far an order's price may lie from the last price.",
            "2.5",
            "percent",
            "no limit",
        ),
        Setting(
            "max_leverage",
            whole(1, 125),
            None,
            "Highest leverage that the bot may set.",
            "5",
            "times",
            "the bot may set none",
        ),
        Setting(
            "share",
            whole(1, 1000),
            1,
            "The bot's part of the exchange's limits, in relation to the other bots' when there is not enough for all."
            " What the others leave unused it may have as well.",
            "2",
            "parts",
        ),
        Setting(
            "max_weight_1m",
            whole(1, 1_000_000),
            None,
            "Request weight that the bot may spend in a minute on each part of the exchange. Cancels and reduces are"
            " never refused for it.",
            "600",
            "weight",
            "no limit of its own",
        ),
        Setting(
            "max_orders_10s",
            whole(1, 100_000),
            None,
            "Orders that the bot may place in ten seconds on each part of the exchange.",
            "20",
            "orders",
            "no limit of its own",
        ),
        Setting(
            "sees_account",
            flag(),
            False,
            "Lets the bot see positions, and see, cancel and change orders of other bots on its accounts. The only bot"
            " that may trade on an account needs no right for that.",
            "true",
        ),
        Setting(
            "max_repeats",
            whole(0, 100_000),
            100,
            "After so many equal orders (endpoint, symbol, side, type, quantity, prices) within `repeat_window_s` the"
            " bot may place none any more, until an operator says `counterseal bot enable`. 0 switches it off.",
            "100",
            "orders",
        ),
        Setting(
            "repeat_window_s",
            whole(1, 86_400),
            60,
            "In how many seconds `max_repeats` are counted.",
            "60",
            "s",
        ),
        Setting(
            "hours",
            texts(parse_hours, "a range of hours", "Mon-Fri 08:00-18:00"),
            (),
            "When the bot may call. Weekdays are optional; an end before the start lies on the next day; "
            "an empty array allows every hour.",
            '["Mon-Fri 08:00-18:00"]',
            "UTC",
        ),
        Setting(
            "sources",
            texts(parse_network, "an IP address, or a network without host bits", "127.0.0.1"),
            (),
            "Client addresses that the bot may call from; an empty array allows every one.",
            '["127.0.0.1"]',
        ),
    ),
    named=True,
)

SECTIONS: Mapping[str, Section] = MappingProxyType(
    {section.name: section for section in (VENUE, LISTEN, GATEWAY, JOURNAL, PROCESS, SIGNER, KEYS, ACCOUNTS, BOTS)}
)
