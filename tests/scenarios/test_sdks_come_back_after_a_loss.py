"""Pinned, unmodified SDKs are told that the gateway lost its connection, come back, and have whole books again."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stack import Stack, wait

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
import environments

HERE = Path(__file__).parent


@pytest.fixture(scope="module", name="stack")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("losses"), paper_options=("--fault-control",)) as stack:
        yield stack


def drive(stack: Stack, name: str) -> Any:
    """What one library's driver saw while a connection of the gateway was lost."""
    if not environments.is_installed(name):
        pytest.skip(f"python tests/sdk/environments.py install {name}")
    command = [str(environments.ROOT / name / "bin" / "python"), "-X", "utf8", str(HERE / f"comes_back_{name}.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environments.clean_environ(),
    ) as driver:  # fmt: skip
        assert driver.stdin is not None
        driver.stdin.write(json.dumps({"port": stack.port}))
        driver.stdin.close()
        driver.stdin = None
        wait(lambda: stack.status()["gateway"]["streams"]["streams"], 20, "the library to listen")
        # So that it has some of everything before.
        time.sleep(4)  # noqa: TID251 - the library's own time
        stack.fault("ws_close", "WS", "btcusdt@depth@100ms")
        out, err = driver.communicate(timeout=60)
    assert driver.returncode == 0, err[-3000:]
    return json.loads(out)


def check(seen: list[str], good: str) -> None:
    """Data, then some word of the loss, then data until the end."""
    bad = [at for at, what in enumerate(seen) if what != good]
    assert 0 < len(bad) <= 3, seen
    assert bad[0] >= 2
    assert len(seen) - bad[-1] > 5


@pytest.mark.sdk
@pytest.mark.slow
def test_python_binance(stack: Stack) -> None:
    """Its depth cache says so and begins anew."""
    check(drive(stack, "python_binance"), "book")
    assert stack.status()["gateway"]["streams"]["told"] >= 1


@pytest.mark.sdk
@pytest.mark.slow
def test_ccxt_pro(stack: Stack) -> None:
    """What waits fails once, and the next call connects again: a book, and trades, which have no numbers."""
    books, trades = drive(stack, "ccxt")
    check(books, "data")
    check(trades, "data")
