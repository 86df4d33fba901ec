"""Unmodified client libraries accept the paper exchange's WebSockets: their parsers, models and order books."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.paper.harness import ALL
from tests.paper.test_server import Running
from tests.sdk import environments

from counterseal.paper.keys import KeyFile, make

HERE = Path(__file__).parent
DRIVERS = {"ccxt": "drive_ccxt.py", "python_binance": "drive_python_binance.py",
           "binance_sdk_spot": "drive_official.py", "binance_sdk_usdm": "drive_official.py",
           "js_binance": "drive_js_binance.mjs", "js_binance_spot": "drive_js_binance_spot.mjs"}  # fmt: skip
TIMEOUT_S = 170

pytestmark = [pytest.mark.sdk, pytest.mark.slow]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    # steps of two seconds leave a REST snapshot time to be compared with the stream's book
    running = Running(tmp_path / "home", "--step-ms", "2000")
    yield running
    running.stop()


def drive(server: Running, name: str, key: tuple[str, str] | None = None) -> Any:
    """What one library's driver saw; skipped where the library is not installed.  `key` is (API key, secret)."""
    if not environments.is_installed(name):
        pytest.skip(f"python tests/sdk/environments.py install {name}")
    api_key, secret = key or (server.key.api_key, server.key.verifier)
    job = {"host": server.endpoint["host"], "port": server.endpoint["port"], "ca": server.endpoint["ca"],
           "key": api_key, "secret": secret}  # fmt: skip
    surroundings = environments.clean_environ() | {"SSL_CERT_FILE": str(server.endpoint["ca"])}
    done = subprocess.run(command(name), input=json.dumps(job), text=True, capture_output=True, timeout=TIMEOUT_S,
                          env=surroundings)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def command(name: str) -> list[str]:
    """The argv of one library's driver."""
    driver, place = str(HERE / DRIVERS[name]), environments.ROOT / name
    if environments.SDKS[name].runtime == "python":
        return [str(place / "bin" / "python"), "-I", "-X", "utf8", driver]
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node")
    return [node, driver, str(place)]


def test_ccxt_pro(server: Running) -> None:
    for seen in drive(server, "ccxt").values():
        assert seen["same_books"] == 3
        assert seen["trades"] >= 1
        assert seen["candle"] == 6
        assert seen["last"] > 0
        assert seen["told"] == [seen["placed"]]
        assert seen["status"] == "closed"
        assert seen["cancelled"] == seen["resting"]


def test_python_binance_and_its_depth_caches(server: Running) -> None:
    seen = drive(server, "python_binance")
    assert (seen["spot_cache"], seen["usdm_cache"]) == (3, 3)
    assert (seen["trade"], seen["kline"], seen["multiplex"]) == ("trade", "1m", "ethusdt@bookTicker")
    assert seen["user"] == ["executionReport", "outboundAccountPosition"]
    assert seen["futures_user"] == ["ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE", "TRADE_LITE"]
    assert seen["coin_user"] == ["ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]


@pytest.mark.parametrize("name", ["binance_sdk_spot", "binance_sdk_usdm"])
def test_the_official_sdks_models_fit_every_stream(server: Running, name: str) -> None:
    seen = drive(server, name)
    assert seen["warnings"] == []
    silent = {stream for stream, model in seen["streams"].items() if model is None}
    assert silent == set(seen["quiet"]) & set(seen["streams"])
    assert not [model for model in seen["streams"].values() if model is not None and "empty" in model]
    assert seen["calls"]["order"] in ("FILLED", "NEW")
    assert len(seen["calls"]) == 3


def test_npm_binance_with_its_beautifier(server: Running) -> None:
    seen = drive(server, "js_binance")
    assert seen["complaints"] == []
    assert seen["streams"] == {name: {"silent": [], "named": True} for name in ("spot", "usdm", "coinm")}
    for market, traded in seen["trades"].items():
        assert traded["answers"] == [200, 200, 200, "CANCELED"], market
        assert set(traded["told"]) == {"NEW", "FILLED", "CANCELED"}, market
    assert {market: traded["events"] for market, traded in seen["trades"].items()} == {
        "spot": ["executionReport", "outboundAccountPosition"],
        "usdm": ["ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE", "TRADE_LITE"],
        "coinm": ["ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"],
    }


def test_npm_binance_spot_with_a_session(server: Running) -> None:
    seen = drive(server, "js_binance_spot", ed25519_key(server))
    assert seen["complaints"] == []
    assert {name for name, count in seen["streams"].items() if not count} == set(seen["quiet"])
    assert seen["trade"] == {
        "isLoggedOn": True, "statuses": ["FILLED", "NEW", "CANCELED"], "told": ["NEW", "FILLED", "CANCELED"],
        "events": ["executionReport", "outboundAccountPosition"], "rateLimits": 1,
    }  # fmt: skip


def ed25519_key(server: Running) -> tuple[str, str]:
    """A new key of the account, which may log a session on: (API key, private key as PEM)."""
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    key = make("ed25519", public, ALL, "main", 0)
    KeyFile(server.home / "keys.json").add(key)
    return key.api_key, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
