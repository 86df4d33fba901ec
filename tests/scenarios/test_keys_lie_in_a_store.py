"""The whole installation with its key in a real OpenBao: orders, the store that goes away, the lease that ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from laws import check_l1_l2_l4
from stack import Stack, child_environ, wait
from tests.stores import services
from tests.stores.conftest import vault_settings
from tests.stores.services import OpenBao

from counterseal.adapters import control_socket, key_source
from counterseal.adapters.home import replace_private
from counterseal.adapters.process import die_with_parent
from counterseal.core.lease import HOUR_MS

HURRIED = str(Path(services.__file__).with_name("run_watched.py"))
pytestmark = pytest.mark.slow
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00&newClientOrderId={}"


@dataclass
class StoreStack(Stack):
    """A stack whose exchange key was given to the store by an operator."""

    bao: OpenBao | None = None

    def config_text(self) -> str:
        assert self.bao is not None
        return super().config_text() + vault_settings(self.bao)

    def _exchange_key(self) -> None:
        assert self.bao is not None
        for name, content in (("secret-id", self.bao.wrapped_secret_id()), ("token", self.bao.operator_token())):
            replace_private(self.home.root / name, content.encode())
        os.environ[key_source.OPERATOR_VARIABLE] = str(self.home.root / "token")
        try:
            super()._exchange_key()
        finally:
            del os.environ[key_source.OPERATOR_VARIABLE]
            key_source._stores.clear()
        # What the operator's command has kept is not what the installation starts from.
        for path in (self.home.exchange_keys, key_source._note_path(self.home)):
            path.unlink()

    def _start(self, *verb: str) -> "subprocess.Popen[bytes]":
        environ = child_environ()
        more = os.environ.get("PYTHONPATH", "")
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, (environ["PYTHONPATH"], more)))
        with (self.root / f"{verb[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, HURRIED, "counterseal.cli.main", *verb],
                stdout=log, stderr=log, env=environ, start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip

    def order(self, name: str) -> Any:
        return self.call("POST", "/api/v3/order", ORDER.format(name))

    def states(self) -> dict[str, Any]:
        return {row["state"]: row for row in (self.status()["gateway"] or {}).get("failing", [])}


@pytest.fixture(name="bao", scope="module")
def _bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    with services.openbao(tmp_path_factory.mktemp("openbao")) as server:
        yield server


def test_orders_go_on_without_the_store_and_stop_when_the_lease_is_over(tmp_path: Path, bao: OpenBao) -> None:
    with StoreStack(tmp_path, bao=bao, paper_options=("--no-limits", "--volatility", "0")) as stack:
        wait(lambda: stack.call("GET", "/api/v3/account").status == 200, 10, "the key")
        stack.settled()
        assert stack.order("first").status == 200
        log = (tmp_path / "up.log").read_text
        assert stack.states().keys() & {"secrets_away", "secrets_lease_over"} == set()

        # Another place is no matter of a reload: the processes are shut in for this one.
        good = stack.config_text()
        stack.write_config(good.replace('path = "counterseal/desk"', 'path = "counterseal/other"'))
        code, said = stack.attempt("reload")
        assert code == 1 and "[keystore]" in said and "change only with a restart" in said
        stack.write_config(good)

        # The store goes away, the signer is replaced: its copy stands for it.
        bao.seal()
        try:
            signer = stack.pids()["signer"]
            control_socket.call(stack.home.control_socket, "restart_signer", 20.0)
            wait(lambda: stack.pids().get("signer") not in (None, signer), 20, "another signer")
            assert "is used, no longer than keystore.max_lease_hours" in log()
            wait(lambda: stack.call("GET", "/api/v3/account").status == 200, 10, "its signature")

            # Killed, the next one finds the keys in memory and asks nobody.
            signer, asked = stack.pids()["signer"], log().count("is used, no longer")
            os.kill(signer, signal.SIGKILL)
            wait(lambda: stack.pids().get("signer") not in (None, signer), 10, "another signer")
            wait(lambda: stack.call("GET", "/api/v3/account").status == 200, 10, "its signature")
            if stack.status()["children"]["signer"]["secret_memory"] == "memfd_secret":
                assert log().count("is used, no longer") == asked

            # Its lease is over at the next look: what raises risk is refused, exits and reads go on.
            note = {"format": key_source.FORMAT, "fetched_ms": key_source._now_ms() - 25 * HOUR_MS}
            replace_private(key_source._note_path(stack.home), json.dumps(note).encode())
            wait(lambda: "secrets_lease_over" in stack.states(), 20, "the lease to be over")
            assert "cannot serve now" in stack.states()["secrets_away"]["detail"]
            refused = stack.order("over")
            assert (refused.status, refused.reason, refused.code) == (400, "secrets_lease_over", -2010)
            assert stack.call("DELETE", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=first").status == 200
            assert stack.call("GET", "/api/v3/account").status == 200
            code, alerts = stack.attempt("alert", "list")
            assert code == 0 and "secrets store down until the lease is over" in alerts
            assert "keystore_away" in alerts
        finally:
            bao.unseal()
        wait(lambda: stack.states().keys() & {"secrets_away", "secrets_lease_over"} == set(), 20, "it to be well again")
        stack.settled()
        assert stack.order("again").status == 200
        check_l1_l2_l4(stack)
        assert "Traceback" not in log()
