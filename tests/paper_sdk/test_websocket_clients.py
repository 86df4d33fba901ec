"""Unmodified client libraries accept the paper exchange's WebSockets: their parsers, models and order books."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.paper.test_server import Running
from tests.sdk import environments

HERE = Path(__file__).parent
DRIVERS = {"ccxt": "drive_ccxt.py", "python_binance": "drive_python_binance.py",
           "binance_sdk_spot": "drive_official.py", "binance_sdk_usdm": "drive_official.py"}  # fmt: skip
TIMEOUT_S = 170

pytestmark = [pytest.mark.sdk, pytest.mark.slow]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    # steps of two seconds leave a REST snapshot time to be compared with the stream's book
    running = Running(tmp_path / "home", "--step-ms", "2000")
    yield running
    running.stop()


def drive(server: Running, name: str) -> Any:
    """What one library's driver saw; skipped where the library is not installed."""
    if not environments.is_installed(name):
        pytest.skip(f"python tests/sdk/environments.py install {name}")
    python = environments.ROOT / name / "bin" / "python"
    job = {"host": server.endpoint["host"], "port": server.endpoint["port"], "ca": server.endpoint["ca"],
           "key": server.key.api_key, "secret": server.key.verifier}  # fmt: skip
    surroundings = environments.clean_environ() | {"SSL_CERT_FILE": str(server.endpoint["ca"])}
    command = [str(python), "-I", "-X", "utf8", str(HERE / DRIVERS[name])]
    done = subprocess.run(command, input=json.dumps(job), text=True, capture_output=True, timeout=TIMEOUT_S,
                          env=surroundings)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


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


@pytest.mark.parametrize("name", ["binance_sdk_spot", "binance_sdk_usdm"])
def test_the_official_sdks_models_fit_every_stream(server: Running, name: str) -> None:
    seen = drive(server, name)
    assert seen["warnings"] == []
    silent = {stream for stream, model in seen["streams"].items() if model is None}
    assert silent == set(seen["quiet"]) & set(seen["streams"])
    assert not [model for model in seen["streams"].values() if model is not None and "empty" in model]
    assert seen["calls"]["order"] in ("FILLED", "NEW")
    assert len(seen["calls"]) == 3
