"""Pinned, unmodified SDKs listen to market streams through the gateway; ways A and C, real processes, real TLS."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stack import PROXY, Stack
from websockets.asyncio.client import connect

from counterseal.adapters import control_socket
from counterseal.adapters.tls import client_context

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
import environments

HERE = Path(__file__).parent


@pytest.fixture(scope="module", name="stack")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("streams"), listen=PROXY) as stack:
        stack.export_ca()
        yield stack


def drive(stack: Stack, name: str) -> Any:
    """What one library's driver saw; skipped where the library is not installed."""
    if not environments.is_installed(name):
        pytest.skip(f"python tests/sdk/environments.py install {name}")
    python, driver = environments.ROOT / name / "bin" / "python", HERE / f"streams_{name}.py"
    done = subprocess.run(
        [str(python), "-I", "-X", "utf8", str(driver)], input=json.dumps({"port": stack.port}), text=True,
        capture_output=True, timeout=120, env=environments.clean_environ(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def streams(stack: Stack) -> dict[str, int]:
    """What `counterseal status` says of streams."""
    found: dict[str, int] = control_socket.call(stack.home.control_socket, "status", 2.0)["gateway"]["streams"]
    return found


@pytest.mark.sdk
@pytest.mark.slow
def test_python_binance(stack: Stack) -> None:
    """Its socket manager and its depth caches, spot and USD-M."""
    seen = drive(stack, "python_binance")
    assert (seen["trade"], seen["kline"], seen["mark"]) == ("trade", "1m", "markPriceUpdate")
    assert seen["multiplex"] in ("ethusdt@bookTicker", "btcusdt@trade")
    assert (seen["spot_cache"], seen["usdm_cache"]) == (5, 5)


@pytest.mark.sdk
@pytest.mark.slow
def test_ccxt_pro(stack: Stack) -> None:
    """Its dummy names, its upgrade on a connection that carried REST, and its books."""
    for seen in drive(stack, "ccxt").values():
        assert (seen["candle"], seen["crossed"]) == (6, False)
        assert seen["trades"] >= 1
        assert seen["last"] > 0


def test_under_the_exchanges_name_by_the_proxy(stack: Stack) -> None:
    """Way C: CONNECT, the private CA, and the address that a bot would use at the exchange."""

    async def listen() -> list[Any]:
        context = client_context(stack.root / "bots-ca.pem")
        proxy = f"http://127.0.0.1:{stack.proxy_port}"
        address = "wss://stream.binance.com:9443/stream?streams=btcusdt@bookTicker"
        other = "wss://fstream.binance.com/market/ws"
        settings: dict[str, Any] = {"proxy": proxy, "ssl": context}
        async with connect(address, **settings) as spot, connect(other, **settings) as futures:
            await futures.send('{"method":"SUBSCRIBE","params":["btcusdt@markPrice@1s"],"id":1}')
            return [json.loads(await asyncio.wait_for(each.recv(), 20)) for each in (spot, futures, futures)]

    spot, answer, futures = asyncio.run(listen())
    assert spot["data"]["s"] == "BTCUSDT"
    assert answer == {"result": None, "id": 1}
    assert futures["e"] == "markPriceUpdate"


def test_forty_real_bots_are_one_connection(stack: Stack) -> None:
    """40 connections, 40 streams each, one TLS connection to the exchange with 40 streams."""
    kinds = ("trade", "aggTrade", "depth", "depth@100ms", "depth5", "depth10", "depth20", "bookTicker", "miniTicker",
             "ticker", "avgPrice", "kline_1s", "kline_1m", "kline_3m", "kline_5m", "kline_15m", "kline_1h", "kline_4h",
             "kline_1d", "ticker_1h")  # fmt: skip
    names = [f"{symbol}@{kind}" for symbol in ("btcusdt", "ethusdt") for kind in kinds]
    address = f"ws://127.0.0.1:{stack.port}/stream?streams={'/'.join(names)}"

    async def listen() -> tuple[dict[str, int], list[set[str]]]:
        bots = [await connect(address, proxy=None, max_queue=None) for _ in range(40)]
        heard = [{str(await asyncio.wait_for(bot.recv(), 20)) for _ in range(5)} for bot in bots]
        found = streams(stack)
        for bot in bots:
            await bot.close()
        return found, heard

    before = streams(stack)["attempts"]
    found, heard = asyncio.run(listen())
    assert (found["bots"], found["streams"], found["dropped"], found["cut"]) == (40, 40, 0, 0)
    assert found["attempts"] - before <= 1
    assert all(len(texts) == 5 for texts in heard)


def test_a_stopping_gateway_says_goodbye(stack: Stack) -> None:
    """1001 by both ways in, and nothing waits for the bots. The last of this file: the gateway is gone after it."""

    async def listen() -> tuple[list[int | None], int]:
        context = client_context(stack.root / "bots-ca.pem")
        proxy = f"http://127.0.0.1:{stack.proxy_port}"
        plain = await connect(f"ws://127.0.0.1:{stack.port}/ws/btcusdt@trade", proxy=None, max_queue=None)
        named = await connect("wss://stream.binance.com/ws/btcusdt@trade", proxy=proxy, ssl=context, max_queue=None)
        await plain.recv()
        await named.recv()
        code = await asyncio.to_thread(stack.down)
        await asyncio.gather(plain.wait_closed(), named.wait_closed())
        return [plain.close_code, named.close_code], code

    assert asyncio.run(listen()) == ([1001, 1001], 0)
