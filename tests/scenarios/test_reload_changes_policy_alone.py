"""counterseal.toml while running: a wrong one changes nothing, a right one counts at once and drops nothing in
flight.
"""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import time

import pytest
from laws import check_l1_l2_l4
from stack import WIDE_BOT, Stack
from wire import Wire

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
NARROW = """
[bots.alpha]
keys = ["main"]
products = ["spot"]
purposes = ["read", "account", "trade"]
symbols = ["ETHUSDT"]
"""


@pytest.mark.threat(58)
def test_wrong_then_right(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All faults are named; the old policy stays in force and in the journal; the new one holds from its confirmation
    on.
    """
    with Stack(
        tmp_path_factory.mktemp("reload"), paper_options=("--fault-control", "--no-limits", "--volatility", "0")
    ) as stack:
        good = stack.config_text()
        old = stack.status()["gateway"]["policy"]
        wrong = good.replace('symbols = ["*"]', 'symbols = ["btcusdt"]').replace(
            "max_leverage = 125", "max_leverage = 126\ncolour = 1"
        )
        stack.write_config(wrong)
        code, said = stack.attempt("reload")
        assert code == 2
        for fault in ("bots.alpha.symbols", "bots.alpha.max_leverage", "bots.alpha.colour"):
            assert fault in said, fault
        assert stack.status()["gateway"]["policy"] == old
        assert stack.call("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=old-1").status == 200

        for broken in ("", "[venue", "\0", good.replace("[bots.alpha]", "[bots.alpha]\n[bots.alpha]")):
            stack.write_config(broken)
            assert stack.attempt("reload")[0] == 2
            assert stack.call("POST", "/api/v3/order", ORDER).status == 200

        # The request in flight was admitted under the old policy and is answered; the next one is judged by the new.
        stack.fault("delay:800", "POST", "/api/v3/order")
        with Wire(stack.port) as flying:
            flying.send(stack.request("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=flying-1"))
            time.sleep(0.2)
            stack.write_config(good[: good.index("[bots.alpha]")] + NARROW)
            assert stack.attempt("reload")[0] == 0
            assert stack.status()["gateway"]["policy"] != old
            with stack.nothing_received():
                refused = stack.call("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=new-1")
                assert (refused.status, refused.reason) == (403, "symbol_not_allowed")
                assert (
                    stack.call("POST", "/fapi/v1/leverage", "symbol=ETHUSDT&leverage=2").reason == "product_not_allowed"
                )
                assert stack.call("DELETE", "/api/v3/openOrders", "symbol=BTCUSDT").reason == "symbol_not_allowed"
            assert flying.reply().body["clientOrderId"] == "flying-1"
        reloads = [entry for entry in stack.journal() if entry["type"] == "reload" and entry["what"] == "config"]
        assert [entry["policy"] for entry in reloads] == [stack.status()["gateway"]["policy"]]
        check_l1_l2_l4(stack)


@pytest.mark.threat(58)
def test_a_file_that_is_none_changes_nothing_and_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A link, nothing at all, a file cut short, one without bots: the old policy stays, and a load is said to have
    failed until a sound one comes.
    """
    with Stack(tmp_path_factory.mktemp("none")) as stack:
        good, path = stack.config_text(), stack.home.config
        policy = stack.status()["gateway"]["policy"]
        beside = path.with_name("beside.toml")
        beside.write_text(good)

        def put(text: str | None) -> None:
            path.unlink(missing_ok=True)
            if text is not None:
                stack.write_config(text)

        for spoil in (lambda: path.symlink_to(beside), lambda: None, lambda: put(good[:-1]),
                      lambda: put(good[: good.index("[bots.")])):  # fmt: skip
            put(None)
            spoil()
            assert stack.attempt("reload")[0] != 0
            assert stack.status()["gateway"]["policy"] == policy
            assert "policy_load_failed" in [row["state"] for row in stack.status()["gateway"]["failing"]]
            assert stack.call("GET", "/api/v3/account").status == 200
            put(good)
            assert stack.attempt("reload")[0] == 0
            assert stack.status()["gateway"]["failing"] == []


def test_reload_under_load_drops_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Twenty reloads between pipelined orders: each is answered."""
    with Stack(tmp_path_factory.mktemp("load"), paper_options=("--no-limits", "--max-num-orders", "1000")) as stack:
        names = [f"load-{number}" for number in range(400)]
        data = b"".join(stack.request("POST", "/api/v3/order", f"{ORDER}&newClientOrderId={name}") for name in names)
        with Wire(stack.port) as wire:
            wire.send(data)
            for _ in range(20):
                assert stack.attempt("reload")[0] == 0
            answered = [wire.reply() for _ in names]
        assert [reply.body.get("clientOrderId") for reply in answered] == names
        check_l1_l2_l4(stack)


def test_report_mode_lets_pass_and_notes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An order that limits would deny goes out, with its reason in journal and counters; what the bot may not call at
    all, wrong credentials and wrong values stay refused.
    """
    policy = NARROW + 'mode = "report"\nmax_order_notional = 10\n'
    with Stack(tmp_path_factory.mktemp("report"), policies={"alpha": policy}) as stack:
        assert stack.call("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=seen-1").status == 200
        dear = "symbol=ETHUSDT&side=BUY&type=MARKET&quantity=0.1&newClientOrderId=seen-2"
        assert stack.call("POST", "/api/v3/order", dear).status == 200
        intents = [entry for entry in stack.journal() if entry["type"] == "intent"]
        assert intents[0]["would_deny"] in ("symbol_not_allowed", "notional_over_limit")
        assert intents[1]["would_deny"] == "notional_over_limit"
        assert stack.limits()["bots"]["alpha"]["would_deny"] >= 2
        with stack.nothing_received():
            leverage = stack.call("POST", "/fapi/v1/leverage", "symbol=ETHUSDT&leverage=2")
            assert leverage.reason == "product_not_allowed"
            assert stack.call("POST", "/api/v3/order", ORDER.replace("0.001", "1e-3")).reason == "malformed_number"
            assert (
                stack.call("POST", "/sapi/v1/capital/withdraw/apply", "coin=BTC&address=x&amount=1").reason
                == "endpoint_refused"
            )
        stack.write_config(stack.config_text().replace('mode = "report"', 'mode = "enforce"'))
        assert stack.attempt("reload")[0] == 0
        with stack.nothing_received():
            assert stack.call("POST", "/api/v3/order", ORDER).reason == "symbol_not_allowed"
        check_l1_l2_l4(stack)


def test_venue_and_listener_do_not_change_by_reload(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where money goes is not swapped under a running gateway."""
    with Stack(tmp_path_factory.mktemp("venue")) as stack:
        stack.write_config(stack.config_text().replace(f"127.0.0.1:{stack.paper_port}", "127.0.0.1:9"))
        code, said = stack.attempt("reload")
        assert code != 0
        assert "[venue]" in said
        assert stack.call("GET", "/api/v3/account").status == 200
    assert "alpha" in WIDE_BOT.format(name="alpha", key="main")
