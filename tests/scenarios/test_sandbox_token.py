"""A signer whose key lies in a token keeps what the token's module needs, and nothing more."""

# ruff: noqa: E402 - what is imported further down exists with the extra only
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

import inject
import pytest
from stack import Stack
from tests import tokens
from tests.tokens import SoftHsm

tokens.require()

from counterseal.adapters.sandbox import landlock, seccomp

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
HERE, SOCKET, OPENAT, EXECVE, FORK = -100, 41, 257, 59, 57


class TokenStack(Stack):
    """An installation whose exchange key was made in a token."""

    softhsm: SoftHsm

    def _exchange_key(self) -> None:
        home, place = ("--home", str(self.home.root)), self.softhsm.token()
        pin, public, registered = self.root / "pin", self.root / "token.pub.pem", self.root / "token-key.json"
        tokens.with_pin_file(place, pin)
        public.write_text(self.verb("key", "new", "main", *self.softhsm.options(place), "--pin-file", str(pin), *home))
        self.verb("paper", "key", "create", "--home", str(self.paper_home), "--kind", "ed25519",
                  "--public-key", str(public), "--out", str(registered))  # fmt: skip
        api_key = self.root / "api-key"
        api_key.write_text(json.loads(registered.read_text())["apiKey"] + "\n")
        api_key.chmod(0o600)
        self.verb("key", "set-api-key", "main", "--file", str(api_key), *home)


@pytest.fixture(name="stack", scope="module")
def _stack(tmp_path_factory: pytest.TempPathFactory, softhsm: SoftHsm) -> Iterator[TokenStack]:
    stack = TokenStack(tmp_path_factory.mktemp("token"), paper_options=("--no-limits", "--volatility", "0"))
    stack.softhsm = softhsm
    with stack:
        yield stack


def test_orders_are_signed_in_the_token(stack: TokenStack) -> None:
    assert stack.call("POST", "/api/v3/order", ORDER).status == 200
    report = stack.status()["children"]["signer"]["sandbox"]
    assert (report["profile"], report["landlock"]) == ("signer", landlock.abi())


@pytest.mark.skipif(seccomp.lack() is not None or not landlock.abi(), reason="the kernel has no seccomp or Landlock")
@pytest.mark.skipif(inject.impossible() is not None, reason=str(inject.impossible()))
def test_the_signer_reaches_its_token_and_nothing_else(stack: TokenStack) -> None:
    pid = stack.pids()["signer"]

    def opened(path: Path, how: int = os.O_RDONLY) -> int:
        return inject.call(pid, OPENAT, HERE, str(path).encode() + b"\0", how, 0o600)

    assert opened(stack.softhsm.settings) > 0
    assert opened(stack.softhsm.folder) > 0
    closed = {
        "identity": opened(stack.home.signer_identity),
        "settings": opened(stack.home.config),
        "PIN": opened(stack.root / "pin"),
        "another program's": opened(stack.paper_home / "keys.json"),
        "write the token's settings": opened(stack.softhsm.settings, os.O_WRONLY),
        "write the journal": opened(stack.journal_path, os.O_WRONLY),
    }
    assert closed == dict.fromkeys(closed, -errno.EACCES)
    assert inject.call(pid, SOCKET, 2, 1, 0) == -errno.EPERM
    assert inject.call(pid, EXECVE, b"/bin/true\0", 0, 0) == -errno.EPERM
    assert inject.call(pid, FORK) == -errno.EPERM
    assert stack.call("POST", "/api/v3/order", ORDER).status == 200
