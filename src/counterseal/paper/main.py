"""Command line of the paper exchange: `serve`, `key`, and the verbs of `operate` for a running one.

Without a verb, with options only (`counterseal paper --scenario flash-crash`), it serves from a throw-away home with a
crowd of demo accounts, and shows itself in the terminal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from pathlib import Path

from counterseal.paper import keys, money_options, operate, tls
from counterseal.paper.canned import NOTICE
from counterseal.paper.charging import LimitRules
from counterseal.paper.crowd import Crowd
from counterseal.paper.director import Traffic, schedule, traffic
from counterseal.paper.exchange import DEFAULT_ACCOUNT, Exchange
from counterseal.paper.journal import Journal
from counterseal.paper.keys import KeyFile, write_private
from counterseal.paper.limits import POOLS
from counterseal.paper.options import Options
from counterseal.paper.privileges import forbid_new
from counterseal.paper.scenarios import SCENARIOS
from counterseal.paper.server import serve
from counterseal.paper.state import snapshot
from counterseal.paper.watch import Watch

# With --no-limits: so many times the true limit. It stands in exchangeInfo, so it must still look like a limit.
UNLIMITED = 1000
ASSUMPTIONS = {item.name: item.default for item in fields(LimitRules)}
TEXT_ASSUMPTIONS = {"ban_reach": ("family", "all"), "futures_order_pool": ("ws", "rest")}


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 when a check found something, or 2 when the command is wrong."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0].startswith("--") and words[0] != "--help":
        words = ["serve", "--watch", "--crowd", "8", *words]
    arguments = _parser().parse_args(words)
    try:
        status: int = arguments.run(arguments)
    except (ValueError, OSError) as error:
        print(f"paper: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="counterseal.paper", description="A paper exchange that looks like Binance.")
    commands = parser.add_subparsers(required=True)
    _add_serve(commands.add_parser("serve", help="run the exchange"))
    operate.add(commands)
    key = commands.add_parser("key", help="make or delete API keys").add_subparsers(required=True)
    _add_create(key.add_parser("create"))
    delete = key.add_parser("delete")
    delete.add_argument("--home", type=Path, required=True)
    delete.add_argument("--api-key", required=True)
    delete.set_defaults(run=_delete_key)
    _add_change(key.add_parser("change"))
    return parser


def _add_create(create: argparse.ArgumentParser) -> None:
    create.add_argument("--home", type=Path, required=True)
    create.add_argument("--kind", choices=keys.KINDS, required=True)
    create.add_argument("--public-key", type=Path, help="PEM file, for ed25519 and rsa")
    create.add_argument("--permissions", default="read,trade,futures")
    create.add_argument("--account", default=DEFAULT_ACCOUNT)
    create.add_argument("--out", type=Path, required=True)
    create.set_defaults(run=_create_key)


def _add_change(change: argparse.ArgumentParser) -> None:
    change.add_argument("--home", type=Path, required=True)
    change.add_argument("--api-key", required=True)
    change.add_argument("--permissions", help="all that it has from now on, with commas")
    change.add_argument("--ips", help="addresses that it works from, with commas; empty for none")
    change.add_argument("--anywhere", action="store_true", help="it works from any address")
    change.add_argument("--shows", help="flags of apiRestrictions that it shows besides, with commas")
    change.add_argument("--trading-until-ms", type=int, help="when its permission to trade ends, 0 for never")
    change.set_defaults(run=_change_key)


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", type=Path, help="keys, certificate and journal; with --watch a throw-away one")
    parser.add_argument("--listen", default="127.0.0.1:0", help="address:port, port 0 for any")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--balance", type=_asset, action="append", default=[], metavar="ASSET=AMOUNT")
    parser.add_argument("--futures-balance", type=_asset, action="append", default=[], metavar="ASSET=AMOUNT")
    parser.add_argument("--limit", type=_limit, action="append", default=[], metavar="POOL=N", help=", ".join(POOLS))
    parser.add_argument("--no-limits", action="store_true", help="every limit so high that nothing meets it")
    parser.add_argument("--step-ms", type=int, default=500, help="how often prices move")
    parser.add_argument("--volatility", type=int, default=100, help="per cent of the usual, 0 freezes prices")
    parser.add_argument("--max-num-orders", type=int, default=200, help="open orders on a symbol")
    parser.add_argument("--ban-after", type=int, default=10, help="requests after a 429 until the 418")
    parser.add_argument("--ban-seconds", type=int, default=120)
    parser.add_argument("--clock-offset-ms", type=int, default=0, help="how far the exchange's clock is ahead")
    parser.add_argument("--default-recv-window", type=int, default=5000)
    parser.add_argument("--fault-control", action="store_true", help="open POST /paper/faults and /paper/price")
    money_options.add(parser.add_argument_group("money"), _asset)
    _add_rehearsal(parser.add_argument_group("rehearsing"))
    parser.set_defaults(run=_serve)


def _add_rehearsal(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--scenario", action="append", default=[], metavar="NAME[:ASSETS]", help=", ".join(SCENARIOS))
    group.add_argument("--scenario-after", type=int, default=10, metavar="SECONDS", help="when it begins (default 10)")
    group.add_argument("--replay", action="append", default=[], metavar="MARKET:SYMBOL=FILE",
                       help="play a kline or aggTrade file as Binance publishes it")  # fmt: skip
    group.add_argument("--replay-skip", type=int, default=0, metavar="SECONDS", help="begin so far into the files")
    group.add_argument("--replay-speed", type=int, default=1, help="recorded seconds for each second")
    group.add_argument("--schedule", type=Path, action="append", default=[], help="JSON lines of planned commands")
    group.add_argument("--other-traffic", type=_traffic, action="append", default=[],
                       metavar="POOL[@SUBJECT]=N/SECONDS", help="somebody else who uses up a limit")  # fmt: skip
    group.add_argument("--chaos", type=_per_mille, metavar="PER_MILLE", help="seeded faults on so many requests")
    group.add_argument("--jumps", type=int, default=100, help="per cent of the usual size of price jumps")
    group.add_argument("--clock-drift-ppm", type=int, default=0, help="how much too fast the exchange's clock runs")
    group.add_argument("--assume", type=_assumption, action="append", default=[], metavar="NAME=VALUE",
                       help="what the facts about limits leave open: " + ", ".join(ASSUMPTIONS))  # fmt: skip
    group.add_argument("--dns-port", type=int, metavar="PORT", help="a name server for the exchange's names, 0 for any")
    group.add_argument("--crowd", type=int, default=0, metavar="N", help="demo accounts with leveraged positions")
    group.add_argument("--watch", action="store_true", help="show prices, positions, liquidations and bans")
    group.add_argument("--canned", action="store_true", help="answer new orders without executing them (benchmarks)")


def _asset(text: str) -> tuple[str, Decimal]:
    name, _, amount = text.partition("=")
    try:
        return name, Decimal(amount)
    except InvalidOperation:
        raise argparse.ArgumentTypeError("expected ASSET=AMOUNT") from None


def _limit(text: str) -> tuple[str, int]:
    name, _, size = text.partition("=")
    if name not in POOLS or not size.isdigit():
        raise argparse.ArgumentTypeError("expected POOL=N")
    return name, int(size)


def _traffic(text: str) -> Traffic:
    try:
        return traffic(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _per_mille(text: str) -> str:
    try:
        if not 0 < Decimal(text) <= 1000:
            raise argparse.ArgumentTypeError("expected a number up to 1000")
    except InvalidOperation:
        raise argparse.ArgumentTypeError("expected a number up to 1000") from None
    return text


def _assumption(text: str) -> tuple[str, str | int | bool]:
    """NAME=VALUE of one of LimitRules' fields, by the type of its default."""
    name, _, value = text.partition("=")
    default = ASSUMPTIONS.get(name)
    if isinstance(default, bool) and value in ("true", "false"):
        return name, value == "true"
    if isinstance(default, int) and not isinstance(default, bool) and value.isdigit():
        return name, int(value)
    if isinstance(default, str) and value in TEXT_ASSUMPTIONS[name]:
        return name, value
    raise argparse.ArgumentTypeError("expected NAME=VALUE; see the reference")


def _create_key(arguments: argparse.Namespace) -> int:
    arguments.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = arguments.public_key.read_text("utf-8") if arguments.public_key else None
    held = tuple(part for part in arguments.permissions.split(",") if part)
    key = keys.make(arguments.kind, pem, held, arguments.account, time.time_ns() // 1_000_000)
    KeyFile(arguments.home / "keys.json").add(key)
    shown = {"apiKey": key.api_key} | ({"secretKey": key.verifier} if key.kind == "hmac" else {})
    write_private(arguments.out, json.dumps(shown) + "\n")
    return 0


def _delete_key(arguments: argparse.Namespace) -> int:
    if not KeyFile(arguments.home / "keys.json").delete(arguments.api_key):
        raise ValueError("no such API key")
    return 0


def _change_key(arguments: argparse.Namespace) -> int:
    wanted: dict[str, object] = {
        name: [part for part in text.split(",") if part] for name in ("permissions", "ips", "shows")
        if (text := getattr(arguments, name)) is not None
    }  # fmt: skip
    wanted |= {"ips": None} if arguments.anywhere else {}
    if arguments.trading_until_ms is not None:
        wanted["trading_until_ms"] = arguments.trading_until_ms
    try:
        KeyFile(arguments.home / "keys.json").change(arguments.api_key, keys.changes_of(wanted))
    except KeyError:
        raise ValueError("no such API key") from None
    return 0


def _options(arguments: argparse.Namespace) -> Options:
    limits = {name: pool.limit * UNLIMITED for name, pool in POOLS.items()} if arguments.no_limits else {}
    options = Options(
        seed=arguments.seed,
        step_ms=arguments.step_ms,
        volatility=arguments.volatility,
        balances=dict(arguments.balance),
        usdm_balances=dict(arguments.futures_balance),
        limits=limits | dict(arguments.limit),
        max_num_orders=arguments.max_num_orders,
        ban_after=arguments.ban_after,
        ban_s=arguments.ban_seconds,
        default_recv_window_ms=arguments.default_recv_window,
        fault_control=arguments.fault_control,
        clock_offset_ms=arguments.clock_offset_ms,
        clock_drift_ppm=arguments.clock_drift_ppm,
        jumps=arguments.jumps,
        limit_rules=LimitRules(**dict(arguments.assume)),
        canned=arguments.canned,
    )
    return money_options.apply(options, arguments)


def _serve(arguments: argparse.Namespace) -> int:
    forbid_new()
    if arguments.home is not None:
        return _serve_in(arguments.home.absolute(), arguments)
    if not arguments.watch:
        raise ValueError("serve needs --home")
    with tempfile.TemporaryDirectory(prefix="counterseal-paper-") as home:
        return _serve_in(Path(home), arguments)


def _serve_in(home: Path, arguments: argparse.Namespace) -> int:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    host, _, port = arguments.listen.rpartition(":")
    context = tls.server_context(home, time.time_ns())
    journal = Journal(home / "journal.jsonl")
    exchange = Exchange(_options(arguments), KeyFile(home / "keys.json"), journal, time.time_ns)
    _rehearse(exchange, arguments)

    def announce(bound: int, names: int | None) -> None:
        endpoint = {"host": host, "port": bound, "ca": str(home / "ca.pem")} | ({"dns": names} if names else {})
        write_private(home / "endpoint.json", json.dumps(endpoint) + "\n")
        print(f"paper exchange listening on https://{host}:{bound}", flush=True)  # noqa: T201  for who started it

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(exchange, context, host, int(port), announce, home, arguments.dns_port))
    journal.close()
    return 0


def _rehearse(exchange: Exchange, arguments: argparse.Namespace) -> None:
    """What the options ask for beyond a quiet market.  ValueError or OSError for what cannot be."""
    director, start_ms = exchange.director, exchange.now_ms()
    for spec in arguments.replay:
        director.replay(spec, start_ms, arguments.replay_skip * 1000, arguments.replay_speed)
    for spec in arguments.scenario:
        director.play(spec, start_ms + arguments.scenario_after * 1000)
    for path in arguments.schedule:
        director.plan(start_ms, schedule(path))
    director.traffic += arguments.other_traffic
    if arguments.chaos:
        exchange.faults.take({"chaos": {"per_mille": arguments.chaos}})
    if arguments.crowd:
        director.actors.append(Crowd(exchange, arguments.crowd).advance)
    if arguments.watch:
        director.actors.append(Watch(sys.stdout, lambda: snapshot(exchange)).look)
    if arguments.canned:
        print(f"paper: {NOTICE}", file=sys.stderr, flush=True)  # noqa: T201  for who started it


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
