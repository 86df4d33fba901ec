"""Clock, schedules, admin commands, the canned path, the crowd and the view."""

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import START_MS, Rig
from tests.paper.test_ws_users import listen_key
from tests.paper.ws_harness import Api, Client, run

from counterseal.paper.clock import PaperClock
from counterseal.paper.crowd import IMPATIENT, Crowd
from counterseal.paper.director import schedule
from counterseal.paper.errors import ApiError
from counterseal.paper.main import main
from counterseal.paper.watch import Watch, picture


def do(rig: Rig, name: str, **what: Any) -> dict[str, Any]:
    return rig.exchange.admin.run({"do": name, **what})


# time


def test_the_clock_has_an_offset_and_a_drift_that_can_change() -> None:
    now = [0]
    clock = PaperClock(lambda: now[0], offset_ms=250, drift_ppm=100)
    now[0] = 10_000_000_000
    assert clock() == 10_000_000_000 + 250_000_000 + 1_000_000
    clock.skew(drift_ppm=-100)
    now[0] += 10_000_000_000
    assert clock.skew_ms() == 250, "it went on from where it was"
    clock.skew(offset_ms=-3000)
    assert clock.skew_ms() == -3000


def test_skew_on_demand_makes_honest_timestamps_wrong(rig: Rig) -> None:
    assert do(rig, "clock", offset_ms=-2000)["skew_ms"] == -2000
    assert rig.order().code == -1021
    assert rig.public("/api/v3/time").body["serverTime"] == START_MS - 2000
    assert rig.lines()[-1]["skew"] == -2000
    do(rig, "clock", offset_ms=7000)
    assert rig.order().code == -1021
    do(rig, "clock", offset_ms=0)
    assert rig.order().status == 200


def test_a_clock_that_steps_back_breaks_nothing(rig: Rig) -> None:
    rig.order(newClientOrderId="kept")
    do(rig, "clock", offset_ms=-600_000)
    assert rig.public("/api/v3/ticker/price", symbol="BTCUSDT").status == 200
    timestamp = rig.now_ms - 600_000
    assert (
        rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="kept", timestamp=timestamp).status
        == 200
    )


# plans


def test_a_schedule_is_carried_out_on_the_paper_clock(rig: Rig, tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    rows = [{"at_ms": 5000, "do": "fault", "fault": "answer:502", "times": None}, {"at_ms": 2000, "do": "price",
            "market": "spot", "symbol": "BTCUSDT", "price": "91000"}, {"at_ms": 8000, "do": "fault", "clear": True},
            {"at_ms": 9000, "do": "price", "market": "moon", "symbol": "X", "price": "1"}]  # fmt: skip
    plan.write_text("# a comment\n" + "".join(json.dumps(row) + "\n" for row in rows))
    rig.exchange.director.plan(rig.now_ms, schedule(plan))
    seen = []
    for _ in range(10):
        answer = rig.exchange.handle(request("/api/v3/ticker/price?symbol=BTCUSDT"))
        seen.append(answer.status if answer.status != 200 else json.loads(answer.body)["price"][:6])
        rig.wait(1000)
    assert seen == ["100000", "100000", "91000.", "91000.", "91000.", 502, 502, 502, "91000.", "91000."]
    assert [error for _, error in rig.exchange.director.failed], "a plan that cannot be carried out is kept"
    events = [line["command"]["do"] for line in rig.lines() if line.get("event") == "admin"]
    assert events == ["price", "fault", "fault"]


def request(target: str, peer: str = "127.0.0.1") -> Any:
    from counterseal.paper.wire import Request

    return Request("GET", target.encode(), {}, [], b"", peer)


@pytest.mark.parametrize("text", ["fish\n", '{"do": "state"}\n', '["at_ms"]\n', '{"at_ms": "soon"}\n'])
def test_a_malformed_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan").write_text(text)
    with pytest.raises(ValueError, match="line 1"):
        schedule(tmp_path / "plan")


# commands


def test_limits_and_bans_by_command(rig: Rig) -> None:
    do(rig, "limit", pool="spot_weight", size=3)
    assert [rig.public("/api/v3/ping").status for _ in range(4)] == [200, 200, 200, 429]
    do(rig, "ban", side="futures", seconds=30)
    assert rig.public("/fapi/v1/ping").status == 418
    do(rig, "ban", side="futures", seconds=0)
    assert rig.public("/fapi/v1/ping").status == 200


def test_spending_by_command_shows_in_the_headers(rig: Rig) -> None:
    assert do(rig, "spend", pool="spot_weight", amount=5990)["used"] == 5990
    assert rig.public("/api/v3/depth", symbol="BTCUSDT").headers["X-MBX-USED-WEIGHT-1M"] == "5995"


def test_a_deposit_is_in_the_balance_and_on_the_stream(rig: Rig) -> None:
    api = Api(rig)
    api.signed("userDataStream.subscribe.signature")
    futures = Client(rig, f"/private/ws/{listen_key(rig)}", "fstream.binance.com")
    had = Decimal(rig.balance("BTC")[0])
    assert Decimal(do(rig, "deposit", market="spot", asset="BTC", amount="1.5")["free"]) == had + Decimal("1.5")
    assert Decimal(rig.balance("BTC")[0]) == had + Decimal("1.5")
    rows = [row["event"] for row in api.read()]
    assert [(row["e"], row.get("a"), row.get("d")) for row in rows] == [
        ("balanceUpdate", "BTC", "1.50000000"), ("outboundAccountPosition", None, None)
    ]  # fmt: skip
    do(rig, "deposit", market="usdm", asset="USDT", amount="-1000000")
    told = futures.read()[0]["a"]
    assert (told["m"], told["B"][0]["wb"], told["B"][0]["bc"]) == ("WITHDRAW", "9000000.00000000", "-1000000")
    assert rig.signed("GET", "/fapi/v1/income").body[0]["incomeType"] == "TRANSFER"


def test_maintenance_is_announced_to_everybody(rig: Rig) -> None:
    """Without a key; orders are taken all the same, because nobody tells what the exchange refuses then."""
    assert rig.public("/sapi/v1/system/status").body == {"status": 0, "msg": "normal"}
    assert do(rig, "maintenance") == {"on": True}
    assert rig.public("/sapi/v1/system/status").body == {"status": 1, "msg": "system maintenance"}
    assert rig.order().status == 200
    assert do(rig, "maintenance", on=0) == {"on": False}
    assert rig.public("/sapi/v1/system/status").body["status"] == 0


def test_a_shutdown_is_announced_and_happens(rig: Rig) -> None:
    spot, api, futures = (
        Client(rig, "/ws/btcusdt@kline_1m"), Api(rig),
        Client(rig, "/market/ws/btcusdt@kline_1m", "fstream.binance.com"),
    )  # fmt: skip
    assert do(rig, "shutdown", wait_ms=2000) == {"connections": 3, "wait_ms": 2000}
    assert spot.read()[-1]["e"] == api.read()[-1]["event"]["e"] == "serverShutdown"
    assert futures.read() == []
    run(rig, 1900)
    assert spot.is_open
    run(rig, 200)
    assert {client.close_code for client in (spot, api, futures)} == {1001}


@pytest.mark.parametrize(
    "command",
    [{"do": "deposit", "market": "spot", "asset": "BTC", "amount": "-1000"}, {"do": "deposit", "market": "moon"},
     {"do": "deposit", "market": "coinm", "asset": "BTC", "amount": "-101"},
     {}, {"do": "fish"}, {"do": "price", "market": "spot"}, {"do": "spend", "pool": "x", "amount": 1},
     {"do": "ban", "side": "moon", "seconds": 1}, {"do": "limit", "pool": "x", "size": 1},
     {"do": "rim", "kind": "refuse"},
     {"do": "scenario", "name": "tsunami"}, {"do": "foreign", "method": "GET", "path": "/nope", "params": {}},
     {"do": "price", "market": "spot", "symbol": "BTCUSDT", "price": "fish"}, {"do": "fault"}],
)  # fmt: skip
def test_wrong_commands_are_refused(rig: Rig, command: dict[str, Any]) -> None:
    with pytest.raises(ApiError):
        rig.exchange.admin.run(command)


def test_the_catalogue_names_everything(rig: Rig) -> None:
    found = do(rig, "catalogue")
    assert {"418", "-1007", "503-strange"} <= set(found["answers"])
    assert {"flash-crash", "slow-bleed", "gap", "illiquid-wick", "correlation-break"} == set(found["scenarios"])
    assert {"ws_close", "server_shutdown", "stream_gap"} <= set(found["streams"])


# canned answers


def test_canned_answers_say_so_and_execute_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, canned=True)
    answer = rig.order(newClientOrderId="mine")
    assert answer.headers["X-Paper-Canned"] == "1"
    assert (answer.body["clientOrderId"], answer.body["symbol"], answer.body["status"]) == ("mine", "BTCUSDT", "NEW")
    assert (answer.body["price"], answer.body["origQty"], answer.body["side"]) == ("96000", "0.01", "BUY")
    assert rig.futures_order(newClientOrderId="mine").body["clientOrderId"] == "mine"
    assert rig.signed("GET", "/api/v3/openOrders").body == []
    assert [line["path"] for line in rig.lines()] == ["/api/v3/openOrders"]
    assert "X-Paper-Canned" not in rig.public("/api/v3/ping").headers


def test_nothing_is_canned_by_default(rig: Rig) -> None:
    assert "X-Paper-Canned" not in rig.order().headers
    assert len(rig.signed("GET", "/api/v3/openOrders").body) == 1


# what is executed between requests is in the journal too


def test_fills_by_the_market_are_journalled(rig: Rig) -> None:
    rig.order(price="99000", newClientOrderId="waits")
    rig.order(type="MARKET", newClientOrderId="takes")
    taken = rig.lines()[-1]["executions"]
    assert [(row["kind"], row["clientOrderId"], row["maker"]) for row in taken] == [("TRADE", "takes", False)]
    rig.set_price("spot", "BTCUSDT", "98000")
    rig.public("/api/v3/ping")
    row = next(line for line in rig.lines() if line.get("event") == "execution")
    assert (row["kind"], row["clientOrderId"], row["status"], row["method"]) == ("TRADE", "waits", "FILLED", None)
    assert [line["n"] for line in rig.lines()] == list(range(1, len(rig.lines()) + 1))


# the crowd and the view


def crash(rig: Rig, seconds: int) -> str:
    """Let the crowd go through a flash crash; what a plain view told."""
    crowd = Crowd(rig.exchange, 8)
    rig.exchange.director.actors.append(crowd.advance)
    out = io.StringIO()
    view = Watch(out, lambda: do(rig, "state"))
    rig.exchange.advance()
    assert crowd.failed == []
    rig.exchange.director.play("flash-crash", rig.now_ms)
    for _ in range(seconds * 2):
        rig.wait(500)
        rig.exchange.advance()
        view.look(rig.now_ms)
    return out.getvalue()


def test_a_crash_closes_the_leveraged_and_bans_the_impatient(rig: Rig) -> None:
    told = crash(rig, 45)
    assert "scenario flash-crash has begun" in told
    assert f"banned: {IMPATIENT} from spot" in told
    assert "closed by force: crowd-1" in told
    state = do(rig, "state")
    left = {row["account"] for row in state["positions"]}
    assert "crowd-4" in left, "the short one gains"
    assert len(left) < 8
    assert state["forced"][0]["clientOrderId"].startswith("autoclose-")
    assert "\x1b" not in told


def test_the_picture_shows_prices_positions_liquidations_and_bans(rig: Rig) -> None:
    crash(rig, 45)
    rig.exchange.faults.take({"fault": "answer:502", "times": 5})
    text = "\n".join(picture(do(rig, "state"), colour=False))
    for part in ("BTCUSDT", "crowd-4", "closed by force", IMPATIENT, "limits in use", "answer:502", "flash-crash at 4"):
        assert part in text, part
    assert "\x1b[31m" in "\n".join(picture(do(rig, "state"), colour=True))


def test_a_terminal_is_redrawn_in_place(rig: Rig) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    view = Watch(out, lambda: do(rig, "state"))
    for _ in range(3):
        view.look(rig.now_ms)
        rig.wait(600)
    assert out.getvalue().count("\x1b[2J") == 1
    assert out.getvalue().count("\x1b[H") == 3


# the command line


@pytest.mark.parametrize(
    "words",
    [["serve"], ["serve", "--home", "x", "--assume", "ban_reach=moon"], ["serve", "--home", "x", "--assume", "fish=1"],
     ["serve", "--home", "x", "--chaos", "2000"], ["serve", "--home", "x", "--other-traffic", "fish"],
     ["fault", "add", "reset", "--home", "/nonexistent"]],
)  # fmt: skip
def test_wrong_command_lines_end_with_2(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        assert main(words) == 2
    except SystemExit as ended:
        assert ended.code == 2
