"""Pinned, unmodified SDKs trade through the gateway without a changed URL.

By the proxy with two settings (proxy and CA), and by TLS under the exchange's own names in a network namespace that has
no route out: an address that nobody thought of fails there at once.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from laws import check_l1_l2_l4
from stack import PROXY, BotKey, Stack

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
import environments

pytestmark = [pytest.mark.sdk, pytest.mark.slow]
CASES = [
    (name, kind, market) for name, sdk in environments.SDKS.items() for kind in sdk.kinds for market in sdk.markets
]
BOTS = {"hmac": "hmac", "rsa": "rsa", "ed25519": "ed25519"}
OPTIONS = ("--no-limits",)
SPACE = Path(__file__).with_name("namespace.py")


@pytest.fixture(scope="module", name="stack")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("sdk"), bots=BOTS, paper_options=OPTIONS, listen=PROXY) as stack:
        stack.export_ca()
        yield stack


@pytest.mark.parametrize(("name", "kind", "market"), CASES)
def test_by_the_proxy(stack: Stack, name: str, kind: str, market: str) -> None:
    """Two settings: the proxy and the CA."""
    proxy = f"http://127.0.0.1:{stack.proxy_port}"
    steps = drive(name, stack.keys[kind], market, ca=stack.root / "bots-ca.pem", proxy=proxy)

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


@pytest.fixture(scope="module", name="found")
def _found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """All cases in one namespace: the steps of each by name, kind and market."""
    missing = why_no_namespace()
    if missing:
        pytest.skip(missing)
    for name in environments.SDKS:
        command_or_skip(name)
    root = tmp_path_factory.mktemp("namespace")
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, str(SPACE), str(root)],
        capture_output=True, text=True, timeout=600, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, list[dict[str, Any]]] = json.loads((root / "found.json").read_text())
    return found


@pytest.mark.parametrize(("name", "kind", "market"), CASES)
def test_under_the_exchange_s_names(found: dict[str, list[dict[str, Any]]], name: str, kind: str, market: str) -> None:
    """One setting, the CA; every name of the exchange is this machine, and nothing else can be reached."""
    steps = found[f"{name} {kind} {market}"]

    assert steps and all(step["ok"] for step in steps), [step for step in steps if not step["ok"]]
    assert not [step for step in steps if "warnings" in step]


def test_nothing_else_can_be_reached_there(found: dict[str, list[dict[str, Any]]]) -> None:
    """The namespace has the loopback alone; laws and journals were checked inside."""
    assert found["interfaces"] == [{"ok": True, "names": ["lo"]}]
    assert found["laws"] == [{"ok": True}]


def why_no_namespace() -> str:
    """Tell why a network namespace cannot be made here; empty when it can."""
    if os.geteuid() != 0:
        return "needs root: run the tests as root to try the names of the exchange on ports 443 and 9443"
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return "needs unshare and mount of util-linux"
    tried = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "the kernel or the container forbids network namespaces"


def command_or_skip(name: str) -> list[str]:
    """Give the command of one SDK's driver; skips on a user's machine where it is not installed."""
    command = environments.command(name)
    if command is None:
        text = f"SDK {name} is not installed; run: make sdk"
        if os.environ.get("COUNTERSEAL_CI"):
            pytest.fail(text)
        pytest.skip(text)
    return command


def drive(name: str, key: BotKey, market: str, *, ca: Path, proxy: str | None) -> list[dict[str, Any]]:
    """Run one SDK's driver in its own environment with the exchange's own addresses."""
    private = {"secret": key.secret} if key.kind == "hmac" else {"private_key": key.secret}
    job = {"base": None, "key": key.key_id, "kind": key.kind, "market": market}
    wish = {**job, "ca": str(ca), "proxy": proxy, "strict": False, **private}
    done = subprocess.run(
        command_or_skip(name), input=json.dumps(wish), capture_output=True, text=True, timeout=120,
        env=environments.clean_environ(), check=False,
    )  # fmt: skip
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    return steps or [{"ok": False, "error": done.stderr[-2000:]}]
