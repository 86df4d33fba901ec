"""Pinned, unmodified SDKs trade through the gateway: every kind of key they can sign with, every market they have.

The bot signs with its own kind; the exchange's key behind the gateway is Ed25519. Afterwards both journals agree, the
exchange has seen nothing virtual, and no secret stands in any file.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from laws import check_l1_l2_l4
from stack import BotKey, Stack

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
import environments

pytestmark = [pytest.mark.sdk, pytest.mark.slow]
CASES = [
    (name, kind, market) for name, sdk in environments.SDKS.items() for kind in sdk.kinds for market in sdk.markets
]
BOTS = {"hmac": "hmac", "rsa": "rsa", "ed25519": "ed25519"}


@pytest.fixture(scope="module", name="stack")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("sdk"), bots=BOTS, paper_options=("--no-limits",)) as stack:
        yield stack


@pytest.mark.parametrize(("name", "kind", "market"), CASES)
def test_an_unmodified_sdk_trades(stack: Stack, name: str, kind: str, market: str) -> None:
    """Start-up, account, place, query, cancel, fill, trades; leverage, position and close on USD-M."""
    steps = drive(stack, name, stack.keys[kind], market)

    assert steps and all(step["ok"] for step in steps), [step for step in steps if not step["ok"]]
    assert not [step for step in steps if "warnings" in step]


def test_afterwards_both_journals_agree(stack: Stack) -> None:
    """No order twice, none unrecorded, none with other words than the bot's."""
    check_l1_l2_l4(stack)


def test_afterwards_the_exchange_has_seen_nothing_virtual(stack: Stack) -> None:
    """Neither key ids nor secrets of bots reach the exchange."""
    received = (stack.paper_home / "journal.jsonl").read_text()
    for key in stack.keys.values():
        assert key.key_id not in received
        assert key.kind != "hmac" or key.secret not in received


def drive(stack: Stack, name: str, key: BotKey, market: str) -> list[dict[str, object]]:
    """Run one SDK's driver in its own environment; skips on a user's machine where it is not installed."""
    command = environments.command(name)
    if command is None:
        text = f"SDK {name} is not installed; run: make sdk"
        if os.environ.get("COUNTERSEAL_CI"):
            pytest.fail(text)
        pytest.skip(text)
    private = {"secret": key.secret} if key.kind == "hmac" else {"private_key": key.secret}
    wish = {"base": f"http://127.0.0.1:{stack.port}", "key": key.key_id, "kind": key.kind, "market": market, "ca": None}
    done = subprocess.run(
        command, input=json.dumps({**wish, **private}), capture_output=True, text=True, timeout=120,
        env=environments.clean_environ(), check=False,
    )  # fmt: skip
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    return steps or [{"ok": False, "error": done.stderr[-2000:]}]
