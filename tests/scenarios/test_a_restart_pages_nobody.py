"""A gateway and a guard that are killed are started again, and by that alone nobody's telephone rings."""

# ruff: noqa: TID251 - real processes live in real time
import os
import time

import pytest
from stack import Stack, wait

from counterseal.adapters import control_socket

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
# What a restart brings is a warning for so long; what would last longer is critical.
BOUND_S = 10


@pytest.mark.slow
@pytest.mark.threat(45)
def test_a_restart_is_a_warning_and_closes_what_raises_risk_meanwhile(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    options = ("--no-limits", "--volatility", "0")
    with Stack(tmp_path_factory.mktemp("restart"), paper_options=options) as stack:
        wait(lambda: stack.call("POST", "/api/v3/order", ORDER).status == 200, 20, "everything to be known")
        time.sleep(3)
        before = stack.pids()["gateway"]
        os.kill(before, 9)
        wait(lambda: stack.pids().get("gateway") not in (None, before), 10, "another gateway")
        wait(lambda: (stack.status()["gateway"] or {}).get("serving"), 10, "it to serve")
        wait(lambda: stack.call("POST", "/api/v3/order", ORDER).status == 200, BOUND_S, "it to trade again")
        time.sleep(2)
        alerts = control_socket.call(stack.home.control_socket, "alert_list", 5.0)["alerts"]
        assert [each for each in alerts if each["severity"] == "CRITICAL"] == []
        lines = (stack.home.logs / "guard.jsonl").read_text().splitlines()
        assert not [line for line in lines if '"level":"critical"' in line]
