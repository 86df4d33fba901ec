"""What a running gateway did is signed, verified, proven to a stranger, and kept by a witness."""

import contextlib
import io
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stack import Stack, wait

from counterseal.cli import main as cli

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00&newClientOrderId={}"


class Evening(Stack):
    """A stack whose journal has a witness."""

    def config_text(self) -> str:
        (self.root / "witness").mkdir(exist_ok=True)
        return f'[journal]\nwitness = "{self.root / "witness"}"\ncheckpoint_ms = 100\n' + super().config_text()

    def audit(self, *words: str) -> tuple[int, str]:
        """Run a verb of `audit`; gives its exit code and what it printed."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = cli.main(["audit", *words])
        return code, out.getvalue()

    def checkpoints(self) -> list[int]:
        """The sizes of the checkpoints in the journal."""
        return [entry["size"] for entry in self.journal() if entry["type"] == "checkpoint"]

    def place(self, name: str) -> None:
        """Place one order."""
        reply = self.call("POST", "/api/v3/order", ORDER.format(name))
        assert reply.status == 200, (reply.reason, reply.body)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    with Evening(tmp_path_factory.mktemp("evidence")) as stack:
        for number in range(5):
            stack.place(f"kept-{number}")
        size = len(stack.journal())
        wait(lambda: stack.checkpoints() and stack.checkpoints()[-1] >= size - 1, 5, "a checkpoint")
        yield stack


@pytest.mark.threat(48)
def test_what_ran_verifies_and_one_changed_byte_does_not(evening: Evening, tmp_path: Path) -> None:
    home = str(evening.home.root)
    code, told = evening.audit("verify", "--home", home, "--witness", str(evening.root / "witness"))
    assert (code, "holds together" in told, "agree with those that were kept" in told) == (0, True, True), told
    segment = evening.journal_path
    (tmp_path / "journal").mkdir()
    changed = segment.read_bytes().replace(b'"kept-2"', b'"kept-9"', 1)
    (tmp_path / "journal" / segment.name).write_bytes(changed)
    key = evening.audit("key", "--home", home)[1].strip()
    code, told = evening.audit("verify", "--journal", str(tmp_path / "journal"), "--key", key)
    assert code == 1
    assert "fails its checksum" in told


@pytest.mark.threat(47)
def test_a_stranger_with_the_public_key_can_check_one_order(evening: Evening, tmp_path: Path) -> None:
    home = str(evening.home.root)
    key = evening.audit("key", "--home", home)[1].strip()
    (intent,) = [entry for entry in evening.journal() if "kept-3" in entry.get("client_ids", ())]
    code, proof = evening.audit("prove", intent["id"], "--home", home)
    assert code == 0
    (tmp_path / "proof").write_text(proof)
    code, told = evening.audit("verify", "--proof", str(tmp_path / "proof"), "--key", key)
    assert (code, "kept-3" in told) == (0, True)
    assert json.loads(told.splitlines()[-1])["id"] == intent["id"]


def test_one_order_can_be_exported(evening: Evening) -> None:
    code, told = evening.audit("export", "--home", str(evening.home.root), "--order", "kept-1")
    assert code == 0
    assert [json.loads(line)["type"] for line in told.splitlines()] == ["intent", "outcome"]


@pytest.mark.threat(49)
def test_checkpoints_go_on_over_deaths_of_gateway_and_signer(evening: Evening) -> None:
    """The journal that a killed gateway left is continued, and the signer says so by signing."""
    for victim in ("gateway", "signer", "gateway"):
        before = evening.checkpoints()[-1]
        os.kill(evening.pids()[victim], signal.SIGKILL)
        wait(lambda victim=victim: evening.pids().get(victim) and evening._ready(), 20, "both to serve again")
        evening.place(f"after-{victim}-{time.monotonic_ns()}")
        wait(lambda before=before: evening.checkpoints()[-1] > before + 1, 10, "another checkpoint")
    code, told = evening.audit("verify", "--home", str(evening.home.root), "--witness", str(evening.root / "witness"))
    assert code == 0, told
