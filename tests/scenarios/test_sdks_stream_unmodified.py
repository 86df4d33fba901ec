"""Pinned, unmodified SDKs listen to market streams through the gateway; ways A and C, real processes, real TLS."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from stack import PROXY, Stack
from streams_published import Published, identity
from websockets.asyncio.client import connect

from counterseal.adapters import control_socket
from counterseal.adapters.tls import client_context

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
import environments

HERE = Path(__file__).parent
SECONDS = 5
# What each hears: at least so many messages in that time, of a market's stream, by either way in.
EXPECTED = {
    "binance_sdk_spot": {"spot trade": 4, "spot depth": 4, "spot ticker": 2},
    "binance_sdk_usdm": {"usdm aggTrade": 4, "usdm depth": 4, "usdm ticker": 1},
    "js_binance_spot": {"spot trade": 4, "spot depth": 4, "spot ticker": 2},
    "js_binance": {"spot trade": 4, "spot depth": 4, "spot ticker": 2,
                   "usdm aggTrade": 4, "usdm depth": 4, "usdm ticker": 1},
    "python_binance": {"spot trade": 4, "spot ticker": 2, "spot candle": 1, "usdm aggTrade": 4, "usdm mark": 2},
    "ccxt": {"spot trade": 4, "spot ticker": 2, "usdm trade": 4, "usdm ticker": 1},
}  # fmt: skip
BOOKS = [("ccxt", "spot book"), ("ccxt", "usdm book"), ("python_binance", "spot book"), ("python_binance", "usdm top")]
# Fields of the exchange's that a library's own model leaves out.
LEFT_OUT = {"binance_sdk_usdm": {"ps"}}


@pytest.fixture(scope="module", name="stack")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("streams"), listen=PROXY) as stack:
        stack.export_ca()
        yield stack


@dataclass
class Heard:
    """What every library heard by each way in, what was published meanwhile, and the gateway's counts."""

    published: Published
    by: dict[str, dict[str, dict[str, list[Any]]]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module", name="heard")
def _heard(stack: Stack) -> Heard:
    """All libraries at once, each by both ways in: one connection of the gateway for each place upstream."""
    job = {
        "port": stack.port,
        "proxy_port": stack.proxy_port,
        "ca": str(stack.root / "bots-ca.pem"),
        "seconds": SECONDS,
    }
    with Published(stack) as published:
        heard = Heard(published)
        drivers = {name: start(name, job, stack.root) for name in EXPECTED if environments.is_installed(name)}
        deadline = time.monotonic() + 60
        while any(driver.poll() is None for driver in drivers.values()) and time.monotonic() < deadline:
            found = streams(stack)
            heard.counts = max(heard.counts, found, key=lambda counts: counts.get("bots", 0))
            time.sleep(0.2)  # noqa: TID251 - the libraries' own time
        for name, driver in drivers.items():
            driver.kill()
            assert driver.wait() == 0, f"{name}: {(stack.root / f'{name}.err').read_text()[-3000:]}"
            heard.by[name] = json.loads((stack.root / f"{name}.out").read_text())
    return heard


def start(name: str, job: dict[str, Any], folder: Path) -> "subprocess.Popen[bytes]":
    """Run one library's driver; what it prints is more than a pipe holds."""
    command = environments.command(name)
    assert command is not None
    [place] = [number for number, word in enumerate(command) if Path(word).stem == "drive"]
    command[place] = str(HERE / f"streams_{name}{Path(command[place]).suffix}")
    environ = environments.clean_environ() | {"NODE_EXTRA_CA_CERTS": job["ca"]}
    with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.err").open("wb") as err:
        driver = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err, env=environ)
    assert driver.stdin is not None
    driver.stdin.write(json.dumps(job).encode())
    driver.stdin.close()
    return driver


def of(heard: Heard, name: str) -> dict[str, dict[str, list[Any]]]:
    """What one library heard; skipped on a user's machine where it is not installed."""
    if name not in heard.by:
        text = f"SDK {name} is not installed; run: make sdk"
        if os.environ.get("COUNTERSEAL_CI"):
            pytest.fail(text)
        pytest.skip(text)
    return heard.by[name]


def streams(stack: Stack) -> dict[str, int]:
    """What `counterseal status` says of streams."""
    found: dict[str, int] = control_socket.call(stack.home.control_socket, "status", 2.0)["gateway"]["streams"]
    return found


@pytest.mark.sdk
@pytest.mark.slow
@pytest.mark.parametrize("way", "AC")
@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_heard_was_published(heard: Heard, name: str, way: str) -> None:
    """By the address of the gateway (A) and by the proxy (C): nothing is lost, doubled or changed on the way."""
    published = heard.published
    for stream, least in EXPECTED[name].items():
        family, messages = stream.split()[0], of(heard, name)[way][stream]
        assert len(messages) >= least, stream
        ids = [identity(message) for message in messages]
        assert ids == published.order(family, ids[0], ids[-1]), stream
        for each, message in zip(ids, messages, strict=True):
            original = published.messages[family][each]
            assert {**original, **message} == original, stream
            assert original.keys() - message.keys() <= LEFT_OUT.get(name, set()), stream


@pytest.mark.sdk
@pytest.mark.slow
@pytest.mark.parametrize("way", "AC")
@pytest.mark.parametrize(("name", "stream"), BOOKS)
def test_its_books_are_the_exchanges(heard: Heard, name: str, stream: str, way: str) -> None:
    """The best levels at each change, of books that ccxt and python-binance keep by themselves."""
    published = heard.published
    truth = published.tops if stream == "usdm top" else published.books[stream.split()[0]]
    found = of(heard, name)[way][stream]
    compared = [(truth[mark], (bids, asks)) for mark, bids, asks in found if mark in truth]
    assert len(compared) >= 4
    assert found[-1][0] in truth
    for exchanges, own in compared:
        assert own == exchanges


@pytest.mark.sdk
@pytest.mark.slow
def test_other_streams_come_too(heard: Heard) -> None:
    """Candles, several streams on one connection, ccxt's dummy names."""
    for way in "AC":
        binance, ccxt = of(heard, "python_binance")[way], of(heard, "ccxt")[way]
        assert {message.get("s") for message in binance["spot multiplex"]} == {"BTCUSDT", "ETHUSDT"}
        assert all(len(candle) == 6 for family in ("spot", "usdm") for candle in ccxt[f"{family} candle"])


@pytest.mark.sdk
@pytest.mark.slow
def test_all_of_them_are_three_connections(heard: Heard) -> None:
    """Spot, and both routes of USD-M; nobody was too slow, and nothing was missed."""
    counts = heard.counts
    assert counts["bots"] >= 4 * len(heard.by)
    assert counts["connections"] == 3
    assert [counts[name] for name in ("lost", "dropped", "cut", "gaps", "told")] == [0] * 5


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
