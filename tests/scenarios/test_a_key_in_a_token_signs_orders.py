"""A key that lies in a hardware token (SoftHSM) stands behind real orders, and the token may come and go."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from laws import check_l1_l2_l4
from stack import Stack, child_environ, wait
from tests import leaks, tokens
from tests.tokens import PIN, SoftHsm

from counterseal.adapters.home import create_private
from counterseal.adapters.process import die_with_parent

# Planted: no file of a whole run may hold it. The PIN of other tests stands in files that play the operator's own.
TYPED = "typed-8a1f-never-written"
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00&newClientOrderId={}"


@dataclass
class TokenStack(Stack):
    """An installation whose exchange key was made in a token; `typed` is the PIN that `up` gets through a pipe."""

    hsm: SoftHsm = field(default_factory=lambda: SoftHsm(Path()))
    typed: str | None = None
    key_kind: str = "ed25519"

    def _exchange_key(self) -> None:
        pin_text = PIN if self.typed is None else TYPED
        self.place = self.hsm.token(pin=pin_text)
        words = self.hsm.options(self.place)
        create_private(self.root / "pin", pin_text.encode())
        if self.typed is None:
            words += ["--pin-file", str(self.root / "pin")]
        registered = self.root / "exchange-key.json"
        create = ["paper", "key", "create", "--home", str(self.paper_home), "--kind", self.key_kind]
        home = ["--home", str(self.home.root)]
        if self.key_kind == "ed25519":
            public, pin = self.root / "exchange-key.pub.pem", [*words, "--pin-file", str(self.root / "pin")]
            public.write_text(self.verb("key", "new", "main", *(words if self.typed is None else pin), *home))
            self.verb(*create, "--out", str(registered), "--public-key", str(public))
            api_key = self.root / "api-key"
            create_private(api_key, json.loads(registered.read_text())["apiKey"].encode())
            self.verb("key", "set-api-key", "main", *home, "--file", str(api_key))
            api_key.unlink()
        else:
            self.verb(*create, "--out", str(registered))
            leaks.exempt(self.paper_home / "keys.json")  # the exchange itself knows an HMAC secret
            leaks.plant("secret in a token", json.loads(registered.read_text())["secretKey"].encode())
            registered.chmod(0o600)
            self.verb("key", "add", "main", "--kind", "hmac", *words, "--import", *home, "--file", str(registered))
        registered.unlink()
        if self.typed is not None:
            self._ask_for_the_pin()
            (self.root / "pin").unlink()
            leaks.plant("PIN of the token", TYPED.encode())

    def _ask_for_the_pin(self) -> None:
        path = self.home.root / "keys" / "hsm.json"
        document = json.loads(path.read_text())
        for entry in document["keys"]:
            entry["token"]["pin"] = {"source": "prompt", "name": ""}
        path.write_text(json.dumps(document))

    def _start(self, *verb: str) -> "subprocess.Popen[bytes]":
        if verb[0] != "up" or self.typed is None:
            return super()._start(*verb)
        with (self.root / "up.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "counterseal.cli.main", *verb], stdin=subprocess.PIPE, stdout=log, stderr=log,
                env=child_environ(), start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(self.typed.encode() + b"\n")
        process.stdin.close()
        return process

    def order(self, name: str) -> int:
        """Place an order and give the status."""
        return self.call("POST", "/api/v3/order", ORDER.format(name)).status


@contextmanager
def taken_out(hsm: SoftHsm) -> Iterator[None]:
    """As if the token were pulled out."""
    away = hsm.folder.with_name("pulled out")
    hsm.folder.rename(away)
    hsm.folder.mkdir()
    try:
        yield
    finally:
        for path in hsm.folder.iterdir():
            path.unlink()
        hsm.folder.rmdir()
        away.rename(hsm.folder)


@pytest.fixture(name="hsm")
def _hsm(softhsm: SoftHsm) -> SoftHsm:
    return softhsm


@pytest.mark.parametrize("kind", ["ed25519", "hmac"])
def test_orders_are_signed_in_the_token_and_the_exchange_takes_them(tmp_path: Path, hsm: SoftHsm, kind: str) -> None:
    with TokenStack(tmp_path, hsm=hsm, key_kind=kind) as stack:
        assert stack.order("first") == 200
        assert stack.call("GET", "/api/v3/account").status == 200
        signed = [row for row in stack.received() if row["path"] == "/api/v3/order"]
        assert [row["status"] for row in signed] == [200]
        check_l1_l2_l4(stack)

        # A signer killed at any moment opens the token again by itself.
        before = stack.pids()["signer"]
        os.kill(before, signal.SIGKILL)
        wait(lambda: stack.pids().get("signer") not in (None, before), 10, "another signer")
        wait(lambda: stack.call("GET", "/api/v3/account").status == 200, 10, "its signature")
        assert stack.order("second") == 200
        assert not stack.home.exchange_keys.exists()


def test_a_token_taken_out_while_running_refuses_and_comes_back_by_itself(tmp_path: Path, hsm: SoftHsm) -> None:
    with TokenStack(tmp_path, hsm=hsm) as stack:
        assert stack.order("before") == 200
        signer = stack.pids()["signer"]
        with taken_out(hsm), stack.nothing_received():
            refused = stack.call("POST", "/api/v3/order", ORDER.format("away"))
            assert (refused.status, refused.reason) == (503, "signer_unavailable")
            assert stack.call("GET", "/api/v3/account").reason == "signer_unavailable"
        wait(lambda: stack.call("GET", "/api/v3/account").status == 200, 10, "the token to be opened again")
        assert stack.order("after") == 200
        assert stack.pids()["signer"] == signer
        assert "is open again" in (tmp_path / "up.log").read_text()
        check_l1_l2_l4(stack)


def test_a_typed_pin_outlives_a_killed_signer(tmp_path: Path, hsm: SoftHsm) -> None:
    with TokenStack(tmp_path, hsm=hsm, typed=TYPED) as stack:
        assert stack.order("before") == 200
        before = stack.pids()["signer"]
        os.kill(before, signal.SIGKILL)
        wait(lambda: stack.pids().get("signer") not in (None, before), 10, "another signer")
        wait(lambda: stack.call("GET", "/api/v3/account").status == 200, 10, "its signature")
        for process in stack.pids().values():
            for name in ("cmdline", "environ"):
                assert TYPED.encode() not in Path(f"/proc/{process}/{name}").read_bytes()


def test_a_wrong_pin_is_tried_once_however_often_the_signer_is_started(tmp_path: Path, hsm: SoftHsm) -> None:
    with TokenStack(tmp_path, hsm=hsm, typed="wrong pin") as stack:
        assert stack.call("GET", "/api/v3/account").status != 200
        for _ in range(3):
            before = stack.pids()["signer"]
            os.kill(before, signal.SIGKILL)
            wait(lambda before=before: stack.pids().get("signer") not in (None, before), 10, "another signer")
            wait(lambda: stack.status()["children"]["signer"]["ready"], 10, "the signer to serve")
        log = (tmp_path / "up.log").read_text()
        assert log.count("refuses the PIN") == 1
        assert log.count("has refused this PIN before") >= 3
        assert "wrong pin" not in log


def test_tokens_are_needed_in_ci() -> None:
    """Where the gate runs, none of this is skipped."""
    assert tokens.missing() is None or not os.environ.get("COUNTERSEAL_CI")
