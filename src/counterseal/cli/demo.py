"""`counterseal demo`: everything that exists, on this machine, with the paper exchange and one bot."""

import argparse
import contextlib
import io
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from counterseal.adapters.home import Home, create_private, replace_private
from counterseal.cli import waiting
from counterseal.cli.recipes import connect_text
from counterseal.cli.shared import FAILED, OK, UsageError

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

BOT = "demo"
START_S = 20.0
CONFIG = """\
# counterseal.toml of the demonstration: one bot in front of the paper exchange.

[venue]
environment = "paper"
address = "{address}"
ca_file = "{ca}"

[listen]
address = "{listen}"

# An Ed25519 key: its private half was made here and has never left the sealed file.
[keys.paper]
functions = ["account", "trade", "settings"]

[bots.demo]
keys = ["paper"]
products = ["spot", "sapi", "usdm", "coinm"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["*"]
max_order_notional = 50000
price_collar_percent = 20
max_leverage = 20
"""


# Wider than the bot's own limits, as they should be: they are for the day on which the gateway is in other hands.
CAPS = (
    *("--max-quantity", "BTCUSDT=5", "--max-quantity", "ETHUSDT=100", "--max-quantity", "*=1000000"),
    *("--max-quote-quantity", "*=50000", "--max-per-second", "50", "--max-per-minute", "1200", "--max-leverage", "20"),
)


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser("demo", help="run everything with the paper exchange and a demo bot")
    parser.add_argument("--home", metavar="DIR", default=".run/demo", help="where the demonstration lives")
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:8180", help="where bots connect")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Start, print how to connect, wait for Ctrl-C, stop everything."""
    _listen_to_signals()
    home = Home(Path(args.home).absolute())
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    paper = start("paper", "serve", "--home", str(home.root / "paper"), "--listen", "127.0.0.1:0")
    gateway: subprocess.Popen[bytes] | None = None
    try:
        endpoint = endpoint_of(home, paper)
        prepare(home, endpoint, args.listen)
        gateway = start("up", "--home", str(home.root))
        base = wait_for_gateway(home, gateway)
        print(_welcome(home, base), flush=True)
        return FAILED if waiting.first_death((paper, gateway)) else OK
    except KeyboardInterrupt:
        print("stopping", flush=True)
        return OK
    finally:
        # The gateway first: what is in flight may still reach the exchange.
        stop(gateway)
        stop(paper)


def start(*words: str, said: BinaryIO | None = None) -> "subprocess.Popen[bytes]":
    """Start a verb that runs on; what it says goes into a file, or to the terminal."""
    # Its own session: Ctrl-C reaches this process only, and it stops the others in order.
    argv = [sys.executable, "-m", "counterseal.cli.main", *words]
    return subprocess.Popen(argv, start_new_session=True, stdout=said, stderr=said)


def verb(*words: str) -> bytes:
    """Run one verb to its end, in this process, and give its standard output. Raises UsageError with what it said."""
    # The command line knows this verb and so cannot be known to it before it runs.
    from counterseal.cli.main import main

    said, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        code = main(list(words))
    if code:
        raise UsageError(f"`counterseal {' '.join(words[:2])}` failed: {complained.getvalue().strip()}")
    return said.getvalue().encode()


def endpoint_of(home: Home, paper: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """Wait for the paper exchange and give where it listens. Raises UsageError."""
    path = home.root / "paper" / "endpoint.json"
    started = waiting.until(lambda: path.exists() and _pid_current(path, paper), START_S, paper)
    if not started:
        raise UsageError("the paper exchange did not start; its message stands above")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _pid_current(path: Path, paper: "subprocess.Popen[bytes]") -> bool:
    """An endpoint file of an earlier run does not count."""
    return waiting.can_connect(json.loads(path.read_text())) and paper.poll() is None


def prepare(home: Home, endpoint: dict[str, Any], listen: str) -> None:
    """Make an installation before the paper exchange, or point one that is there at it."""
    address = f"{endpoint['host']}:{endpoint['port']}"
    text = CONFIG.format(address=address, ca=endpoint["ca"], listen=listen)
    if home.is_initialised:
        # Changes of the user stay; only where the paper exchange listens is new at each start.
        kept = re.sub(r'(?m)^address = "[^"]*"$', f'address = "{address}"', home.config.read_text(), count=1)
        replace_private(home.config, kept.encode())
        return
    create_private(home.config, text.encode())
    verb("init", "--home", str(home.root))
    _make_key(home)
    verb("caps", "set", "paper", *CAPS, "--home", str(home.root))
    verb("bot", "mint", BOT, "--home", str(home.root), "--out", str(home.root / "demo-bot.json"))


def _make_key(home: Home) -> None:
    public, registered = home.root / "paper-key.pub.pem", home.root / "paper" / "demo-key.json"
    public.write_bytes(verb("key", "new", "paper", "--home", str(home.root)))
    verb("paper", "key", "create", "--home", str(home.root / "paper"), "--kind", "ed25519",
          "--public-key", str(public), "--out", str(registered))  # fmt: skip
    api_key = home.root / "paper" / "api-key"
    create_private(api_key, json.loads(registered.read_text())["apiKey"].encode() + b"\n")
    verb("key", "set-api-key", "paper", "--home", str(home.root), "--file", str(api_key))
    api_key.unlink()


def wait_for_gateway(home: Home, gateway: "subprocess.Popen[bytes]") -> str:
    """Wait until it serves and give its address. Raises UsageError."""
    ready = waiting.until(lambda: waiting.is_ready(home), START_S, gateway)
    if not ready:
        raise UsageError("the gateway did not become ready; its message stands above")
    return f"http://{json.loads(home.supervisor_file.read_text())['listen']}"


def _welcome(home: Home, base: str) -> str:
    file = str(home.root / "demo-bot.json")
    command = "bin/counterseal" if Path("bin/counterseal").exists() else "counterseal"
    return (
        f"\n{connect_text(base, file)}\n\n"
        f"gateway          {base}\n"
        f"demo credential  {file}\n"
        f"journal          {command} audit tail --home {home.root}\n"
        f"status           {command} status --home {home.root}\n"
        "Ctrl-C stops everything."
    )


def _listen_to_signals() -> None:
    """SIGTERM ends it like Ctrl-C; a shell that starts it in the background has Ctrl-C ignored, which is undone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def stop(child: "subprocess.Popen[bytes] | None") -> None:
    """End a child, and wait for it."""
    if child is None or child.poll() is not None:
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    child.terminate()
    try:
        child.wait(timeout=15)
    except subprocess.TimeoutExpired:
        child.kill()
