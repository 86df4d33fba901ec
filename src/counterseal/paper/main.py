"""Command line of the paper exchange: `serve`, `key create`, `key delete`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path

from counterseal.paper import keys, tls
from counterseal.paper.exchange import DEFAULT_ACCOUNT, Exchange
from counterseal.paper.journal import Journal
from counterseal.paper.keys import KeyFile, write_private
from counterseal.paper.limits import POOLS
from counterseal.paper.options import Options
from counterseal.paper.privileges import forbid_new
from counterseal.paper.server import serve


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status is 0, or 2 when the command is wrong."""
    arguments = _parser().parse_args(argv)
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
    key = commands.add_parser("key", help="make or delete API keys").add_subparsers(required=True)
    _add_create(key.add_parser("create"))
    delete = key.add_parser("delete")
    delete.add_argument("--home", type=Path, required=True)
    delete.add_argument("--api-key", required=True)
    delete.set_defaults(run=_delete_key)
    return parser


def _add_create(create: argparse.ArgumentParser) -> None:
    create.add_argument("--home", type=Path, required=True)
    create.add_argument("--kind", choices=keys.KINDS, required=True)
    create.add_argument("--public-key", type=Path, help="PEM file, for ed25519 and rsa")
    create.add_argument("--permissions", default="read,trade,futures")
    create.add_argument("--account", default=DEFAULT_ACCOUNT)
    create.add_argument("--out", type=Path, required=True)
    create.set_defaults(run=_create_key)


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", type=Path, required=True)
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
    parser.set_defaults(run=_serve)


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


def _options(arguments: argparse.Namespace) -> Options:
    limits = dict.fromkeys(POOLS, 1 << 40) if arguments.no_limits else {}
    return Options(
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
    )


def _serve(arguments: argparse.Namespace) -> int:
    forbid_new()
    home: Path = arguments.home.absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    host, _, port = arguments.listen.rpartition(":")
    context = tls.server_context(home, time.time_ns())
    journal = Journal(home / "journal.jsonl")
    offset_ns = arguments.clock_offset_ms * 1_000_000
    exchange = Exchange(_options(arguments), KeyFile(home / "keys.json"), journal, lambda: time.time_ns() + offset_ns)

    def announce(bound: int) -> None:
        endpoint = {"host": host, "port": bound, "ca": str(home / "ca.pem")}
        write_private(home / "endpoint.json", json.dumps(endpoint) + "\n")
        print(f"paper exchange listening on https://{host}:{bound}", flush=True)  # noqa: T201

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(exchange, context, host, int(port), announce))
    journal.close()
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
