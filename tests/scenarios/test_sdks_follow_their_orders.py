"""Pinned, unmodified SDKs follow their orders through the gateway: two bots on one account, each sees its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stack import WIDE_BOT, Stack

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
import environments

pytestmark = [pytest.mark.sdk, pytest.mark.slow]
HERE = Path(__file__).parent


@pytest.fixture(scope="module", name="stack")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    bots = {"alpha": "hmac", "beta": "hmac"}
    alone = WIDE_BOT.replace("sees_account = true", "sees_account = false")
    policies = {name: alone.format(name=name, key="main") for name in bots}
    root = tmp_path_factory.mktemp("orders")
    with Stack(root, bots=bots, policies=policies, paper_options=("--no-limits",)) as stack:
        yield stack


def drive(stack: Stack, name: str) -> Any:
    """What one library's driver saw; skipped where the library is not installed."""
    if not environments.is_installed(name):
        pytest.skip(f"python tests/sdk/environments.py install {name}")
    python, driver = environments.ROOT / name / "bin" / "python", HERE / f"orders_{name}.py"
    keys = {bot: {"key": key.key_id, "secret": key.secret} for bot, key in stack.keys.items()}
    done = subprocess.run(
        [str(python), "-X", "utf8", str(driver)], input=json.dumps({"port": stack.port, "keys": keys}), text=True,
        capture_output=True, timeout=120, env=environments.clean_environ(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.threat(25)
@pytest.mark.parametrize("name", ["ccxt", "python_binance"])
def test_each_sees_its_own_orders(stack: Stack, name: str) -> None:
    """On spot by the WebSocket API, on USD-M by listen keys of which one is deleted: the other misses nothing."""
    seen = drive(stack, name)
    owners = {leg: row["bot"] for row in stack.journal() if row["type"] == "intent" for leg in row["client_ids"]}

    def of(*heard: list[str]) -> list[set[str]]:
        return [{owners[each] for each in ids} for ids in heard]

    for kind in ("spot", "future"):
        assert of(*seen[kind]["first"]) == [{"alpha"}, {"beta"}]
        assert of(seen[kind]["second"]) == [{"beta"}]
        assert len(seen[kind]["second"]) > len(seen[kind]["before"])


def test_afterwards_nothing_virtual_has_left(stack: Stack) -> None:
    """No credential of a bot is known to the exchange, and no listen key stands in any file of the gateway."""
    received = (stack.paper_home / "journal.jsonl").read_text()
    assert not [key.key_id for key in stack.keys.values() if key.key_id in received]
