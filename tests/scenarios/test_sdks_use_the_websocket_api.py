"""Pinned, unmodified SDKs trade by the WebSocket API through the gateway; real processes.

The bot signs with its own kind of key, some libraries in another spelling than the exchange's; behind the gateway all
of it is the exchange's own Ed25519 key over REST.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from laws import check_l1_l2_l4
from stack import PROXY, BotKey, Stack
from websockets.asyncio.client import connect

from counterseal.adapters.tls import client_context

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
import environments

pytestmark = [pytest.mark.sdk, pytest.mark.slow]
HERE = Path(__file__).parent
DONE = ["NEW", "NEW", "CANCELED"]


@pytest.fixture(scope="module", name="stack")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    bots = {"hmac": "hmac", "ed25519": "ed25519"}
    with Stack(tmp_path_factory.mktemp("wsapi"), bots=bots, paper_options=("--no-limits",), listen=PROXY) as stack:
        yield stack


def drive(stack: Stack, name: str, *keys: BotKey) -> Any:
    """What one library's driver saw; skipped on a user's machine where the library is not installed."""
    command = environments.command(name)
    if command is None:
        text = f"SDK {name} is not installed; run: make sdk"
        if os.environ.get("COUNTERSEAL_CI"):
            pytest.fail(text)
        pytest.skip(text)
    [place] = [number for number, word in enumerate(command) if Path(word).stem == "drive"]
    command[place] = str(HERE / f"websocket_api_{name}{Path(command[place]).suffix}")
    shown = [{"key": key.key_id, "kind": key.kind, "secret": key.secret} for key in keys]
    job = {"port": stack.port, "keys": shown}
    done = subprocess.run(
        command, input=json.dumps(job), capture_output=True, text=True, timeout=120,
        env=environments.clean_environ(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def forms(stack: Stack, mark: int) -> set[str]:
    """How the intents since a mark were proven."""
    return {entry["form"] for entry in stack.journal_since(mark) if entry["type"] == "intent"}


def test_the_official_sdk(stack: Stack) -> None:
    """An Ed25519 key logs on and is shown its own; with the other kind each request is signed."""
    mark = stack.journal_mark()
    seen = drive(stack, "binance_sdk_spot", stack.keys["ed25519"], stack.keys["hmac"])
    assert {name: found["spot"] for name, found in seen.items()} == dict.fromkeys(("ed25519", "hmac"), DONE[1:])
    session = seen["ed25519"]
    assert (session["logon"], session["status"], session["logout"]) == (True, True, True)
    assert {"ORDERS", "REQUEST_WEIGHT"} <= {limit.rpartition(".")[2] for limit in session["limits"]}
    assert forms(stack, mark) == {"session", "ws_raw"}


def test_python_binance(stack: Stack) -> None:
    """Spot and USD-M."""
    seen = drive(stack, "python_binance", stack.keys["hmac"])
    assert (seen["spot"], seen["usdm"]) == (DONE, DONE)
    assert seen["balances"] > 0


def test_ccxt_pro(stack: Stack) -> None:
    """Which names an order's id twice."""
    seen = drive(stack, "ccxt", stack.keys["hmac"])
    assert seen == {kind: ["open", "open", "canceled", "canceled"] for kind in ("spot", "future")}


def test_npm_binance(stack: Stack) -> None:
    """With a session that it opens by itself."""
    mark = stack.journal_mark()
    assert drive(stack, "js_binance", stack.keys["ed25519"]) == {"spot": DONE}
    assert forms(stack, mark) == {"session"}


def test_under_the_exchanges_name_by_the_proxy(stack: Stack) -> None:
    """Way C: CONNECT, the private CA, and the address that a bot would use at the exchange."""

    async def ask() -> Any:
        context = client_context(stack.export_ca())
        proxy = f"http://127.0.0.1:{stack.proxy_port}"
        async with connect("wss://ws-api.binance.com:443/ws-api/v3", proxy=proxy, ssl=context) as bot:
            await bot.send('{"id":"t","method":"time"}')
            return json.loads(await asyncio.wait_for(bot.recv(), 20))

    answer = asyncio.run(ask())
    assert (answer["id"], answer["status"], list(answer["result"])) == ("t", 200, ["serverTime"])


def test_afterwards_both_journals_agree(stack: Stack) -> None:
    """No order twice, none unrecorded, none with other words than the bot's."""
    check_l1_l2_l4(stack)


def test_afterwards_the_exchange_has_seen_nothing_virtual(stack: Stack) -> None:
    """Neither key ids nor secrets of bots reach the exchange."""
    received = (stack.paper_home / "journal.jsonl").read_text()
    for key in stack.keys.values():
        assert key.key_id not in received
        assert key.kind != "hmac" or key.secret not in received
