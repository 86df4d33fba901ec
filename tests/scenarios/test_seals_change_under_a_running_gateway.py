"""Passphrase and recovery recipient are changed while it serves; killed and started again, it serves on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
from stack import Stack, child_environ, wait
from tests import cheap_age, leaks

from counterseal.adapters.home import create_private, replace_private

PASSPHRASE = "stapled-quartz-under-nine-rivers-7731"
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00&newClientOrderId={}"


def order(stack: Stack, name: str) -> int:
    return stack.call("POST", "/api/v3/order", ORDER.format(name)).status


def seal(stack: Stack, *words: str) -> int:
    """Run a verb of `seal` in a process of its own: it hardens the one that it runs in."""
    argv = [sys.executable, "-m", "counterseal.cli.main", "seal", *words, "--home", str(stack.home.root)]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, env=child_environ(), check=False).returncode


def kill_signer(stack: Stack) -> None:
    before = stack.pids()["signer"]
    os.kill(before, signal.SIGKILL)
    wait(lambda: stack.pids().get("signer") not in (None, before), 15, "another signer")
    wait(lambda: stack.call("GET", "/api/v3/account").status == 200, 15, "its signature")


@pytest.mark.parametrize("armored", [False, True])
def test_a_passphrase_comes_a_recipient_comes_and_nothing_is_lost(tmp_path: Path, armored: bool) -> None:
    offline = pyrage.x25519.Identity.generate()
    with Stack(tmp_path) as stack:
        leaks.plant("passphrase of the identity", PASSPHRASE.encode())
        assert order(stack, "first") == 200
        # As `age -p` and `age -p -a` make it; the library's own second of scrypt is tried elsewhere.
        opened = stack.home.signer_identity.read_bytes()
        replace_private(stack.home.signer_identity, cheap_age.lock(opened, PASSPHRASE.encode(), armored=armored))
        create_private(stack.home.root / "passphrase", PASSPHRASE.encode() + b"\n")
        leaks.exempt(stack.home.root / "passphrase")  # the operator's own file
        stack.write_config(stack.config_text() + '\n[signer]\npassphrase_file = "passphrase"\n')
        kill_signer(stack)
        assert order(stack, "second") == 200

        assert seal(stack, "add-recipient", str(offline.to_public())) == 0
        assert pyrage.decrypt(stack.home.exchange_keys.read_bytes(), [offline])
        assert seal(stack, "verify") == 0

        assert stack.down() == 0
        stack.up()
        assert order(stack, "third") == 200
        kill_signer(stack)
        assert order(stack, "fourth") == 200
        (stack.home.root / "passphrase").unlink()
