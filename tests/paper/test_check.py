"""The checker of two journals: silent on an honest pair, and loud about each planted disagreement of L1, L2 and L4."""

import copy
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from counterseal.paper import check, gateway_journal
from counterseal.paper.main import main

Row = dict[str, Any]
T0 = 1_795_000_000_000


def intent(seq: int, name: str, client_id: str, price: str = "96000.00") -> Row:
    pairs = [["symbol", "BTCUSDT"], ["side", "BUY"], ["type", "LIMIT"], ["timeInForce", "GTC"], ["quantity", "0.010"],
             ["price", price], ["newClientOrderId", client_id]]  # fmt: skip
    return {"v": 1, "seq": seq, "t": T0 + seq, "type": "intent", "id": name, "bot": "alpha", "family": "spot",
            "method": "POST", "path": "/api/v3/order", "pairs": pairs, "client_ids": [client_id],
            "key": "main"}  # fmt: skip


def outcome(seq: int, name: str, order_id: str | None, what: str = "ACCEPTED", status: int | None = 200) -> Row:
    return {"v": 1, "seq": seq, "t": T0 + seq + 5, "type": "outcome", "id": name, "outcome": what, "status": status,
            "code": None, "order_id": order_id, "reason": None}  # fmt: skip


def arrival(n: int, client_id: str, order_id: str, price: str = "96000.00") -> Row:
    pairs = [*intent(1, "", client_id, price)["pairs"], ["timestamp", str(T0 + 3)]]
    order = {"orderId": order_id, "clientOrderId": client_id, "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT",
             "timeInForce": "GTC", "price": price + "000000", "stopPrice": "0.00000000", "origQty": "0.01000000",
             "executedQty": "0.00000000", "status": "NEW", "positionSide": "BOTH", "reduceOnly": "false"}  # fmt: skip
    return {"n": n, "t": T0 + n + 3, "method": "POST", "path": "/api/v3/order", "host": "x", "params": pairs,
            "key": "abcdefgh", "headers": [], "order": order, "status": 200, "code": None}  # fmt: skip


@pytest.fixture
def honest() -> tuple[list[Row], list[Row]]:
    gateway = [{"v": 1, "seq": 1, "t": T0, "type": "start", "incarnation": "x"}]
    exchange = []
    for number in range(3):
        gateway.append(intent(2 + number * 2, f"x-{number}", f"c-{number}"))
        gateway.append(outcome(3 + number * 2, f"x-{number}", str(500 + number)))
        exchange.append(arrival(2 + number * 2, f"c-{number}", str(500 + number)))
    reads = {
        "n": 1,
        "t": T0,
        "method": "GET",
        "path": "/api/v3/time",
        "params": [],
        "key": None,
        "status": 200,
        "code": None,
    }
    exchange.insert(0, reads)
    for number, row in enumerate(exchange, 1):
        row["n"] = number
    return gateway, exchange


def laws(gateway: list[Row], exchange: list[Row], keys: tuple[str, ...] = ()) -> list[str]:
    return sorted(finding.law for finding in check.compare(gateway, exchange, keys).findings)


def test_an_honest_pair_is_left_alone(honest: tuple[list[Row], list[Row]]) -> None:
    report = check.compare(*honest)
    assert (report.findings, report.intents, report.changes, report.orders, report.unknown) == ([], 3, 3, 3, 0)


def _two_orders_under_one_id(gateway: list[Row], exchange: list[Row]) -> None:
    exchange[2]["order"]["clientOrderId"] = "c-0"


def _arrived_twice(gateway: list[Row], exchange: list[Row]) -> None:
    again = copy.deepcopy(exchange[-1])
    again["n"] += 1
    again["order"]["orderId"] = "777"
    exchange.append(again)


def _no_intent(gateway: list[Row], exchange: list[Row]) -> None:
    exchange.append(arrival(5, "stranger", "900"))


def _intent_without_end(gateway: list[Row], exchange: list[Row]) -> None:
    gateway.pop()


def _two_ends(gateway: list[Row], exchange: list[Row]) -> None:
    gateway.append(outcome(8, "x-0", "500"))


def _end_of_nothing(gateway: list[Row], exchange: list[Row]) -> None:
    gateway.append(outcome(8, "x-9", "500", "UNKNOWN", None))


def _intent_twice(gateway: list[Row], exchange: list[Row]) -> None:
    gateway.append({**gateway[1], "seq": 8})


def _record_missing(gateway: list[Row], exchange: list[Row]) -> None:
    for row in gateway[3:]:
        row["seq"] += 1


def _line_missing(gateway: list[Row], exchange: list[Row]) -> None:
    exchange[-1]["n"] += 1


def _lost(gateway: list[Row], exchange: list[Row]) -> None:
    exchange.pop()


def _not_sent_but_arrived(gateway: list[Row], exchange: list[Row]) -> None:
    gateway[2].update(outcome="NOT_SENT", status=None, order_id=None)


def _younger(gateway: list[Row], exchange: list[Row]) -> None:
    gateway[1]["t"] = T0 + 999


def _price_changed_on_the_way(gateway: list[Row], exchange: list[Row]) -> None:
    exchange[1]["params"][5][1] = "96000.0"


def _order_of_parameters_changed(gateway: list[Row], exchange: list[Row]) -> None:
    exchange[1]["params"][0:2] = exchange[1]["params"][1::-1]


def _price_parsed_wrongly(gateway: list[Row], exchange: list[Row]) -> None:
    exchange[1]["order"]["price"] = "9600.00000000"


def _side_parsed_wrongly(gateway: list[Row], exchange: list[Row]) -> None:
    exchange[1]["order"]["side"] = "SELL"


def _other_order_id(gateway: list[Row], exchange: list[Row]) -> None:
    gateway[2]["order_id"] = "501"


def _accepted_of_nothing(gateway: list[Row], exchange: list[Row]) -> None:
    del exchange[1]["order"]


def _rejected_but_made(gateway: list[Row], exchange: list[Row]) -> None:
    gateway[2].update(outcome="REJECTED", order_id=None)


def _other_status(gateway: list[Row], exchange: list[Row]) -> None:
    exchange[1].update(status=400, code=-1013)
    gateway[2].update(outcome="REJECTED", status=400, code=-2010, order_id=None)
    del exchange[1]["order"]


PLANTED = {
    _two_orders_under_one_id: ["L1", "L4", "L4"], _arrived_twice: ["L1", "L1"], _no_intent: ["L2"],
    _intent_without_end: ["L2"], _two_ends: ["L2"], _end_of_nothing: ["L2"], _intent_twice: ["L2"],
    _record_missing: ["L2"], _line_missing: ["L2"], _lost: ["L2"], _not_sent_but_arrived: ["L2"], _younger: ["L2"],
    _price_changed_on_the_way: ["L2", "L4"], _order_of_parameters_changed: ["L2", "L4"],
    _price_parsed_wrongly: ["L4"], _side_parsed_wrongly: ["L4"], _other_order_id: ["L4"],
    _accepted_of_nothing: ["L4"], _rejected_but_made: ["L4"], _other_status: ["L4"],
}  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_each_planted_disagreement_is_found(honest: tuple[list[Row], list[Row]], plant: Any) -> None:
    gateway, exchange = honest
    plant(gateway, exchange)
    found = laws(gateway, exchange)
    assert set(found) == set(PLANTED[plant]), check.compare(gateway, exchange).findings


def test_a_lost_answer_is_no_disagreement(honest: tuple[list[Row], list[Row]]) -> None:
    gateway, exchange = honest
    gateway[2].update(outcome="UNKNOWN", status=None, order_id=None)
    exchange[1].update(fault="reset", executed=True)
    assert laws(gateway, exchange) == []


def test_a_request_that_a_fault_answered_unread_is_not_lost(honest: tuple[list[Row], list[Row]]) -> None:
    gateway, exchange = honest
    exchange[1].update(params=[], status=503, fault="reset_during", executed=False)
    del exchange[1]["order"]
    gateway[2].update(outcome="REJECTED", status=429, order_id=None)
    assert laws(gateway, exchange) == []


def test_an_exchange_clock_that_is_behind_is_taken_into_account(honest: tuple[list[Row], list[Row]]) -> None:
    gateway, exchange = honest
    for row in exchange:
        row["t"] -= 60_000
    assert laws(gateway, exchange) == ["L2", "L2", "L2"]
    for row in exchange:
        row["skew"] = -60_000
    assert laws(gateway, exchange) == []


def test_other_peoples_keys_are_left_out_on_demand(honest: tuple[list[Row], list[Row]]) -> None:
    gateway, exchange = honest
    exchange.append({**arrival(5, "stranger", "900"), "key": "zzzzzzzz"})
    assert laws(gateway, exchange) == ["L2"]
    assert laws(gateway, exchange, ("abcdefghijkl",)) == []


# a power cut, and what became of UNKNOWN


def after_a_cut(honest: tuple[list[Row], list[Row]], boot: str = "two") -> tuple[list[Row], list[Row]]:
    """The last order's intent is gone and so is a cancel's; a start on another boot found the order."""
    gateway, exchange = honest
    gateway[0].update(boot="one", durability="process", reconciles=None)
    exchange[-1]["t"] = gateway[4]["t"] + 1
    cancel = {**arrival(5, "c-0", "500"), "method": "DELETE", "t": exchange[-1]["t"],
              "params": [["symbol", "BTCUSDT"], ["origClientOrderId", "c-0"]]}  # fmt: skip
    exchange.append(cancel)
    begun, t = {"type": "start", "boot": boot, "durability": "process", "reconciles": T0 - 3_600_000}, T0 + 9_000
    found = {"type": "recovered_order", "account": "main", "family": "spot", "symbol": "BTCUSDT", "client_id": "c-2",
             "numbers": [["BTCUSDT", 502]], "order_status": "NEW", "bot": "", "foreign": True}  # fmt: skip
    more: list[Row] = [begun, {"type": "latch", "bot": "alpha", "state": "disabled"}, found, {"type": "reconciled"}]
    del gateway[5:]
    gateway += [{"v": 1, "seq": 6 + number, "t": t + number, **row} for number, row in enumerate(more)]
    return gateway, exchange


def test_what_a_power_cut_took_and_the_next_start_found_is_no_disagreement(
    honest: tuple[list[Row], list[Row]],
) -> None:
    gateway, exchange = after_a_cut(honest)
    report = check.compare(gateway, exchange)
    assert (report.findings, report.lost, report.orders) == ([], 2, 3)
    # A bot cancels again what it has cancelled; the first of the two is the lost one.
    pairs = exchange[-1]["params"]
    again = {**intent(10, "x-9", ""), "method": "DELETE", "pairs": pairs, "client_ids": [], "t": T0 + 9_100}
    gateway += [again, {**outcome(11, "x-9", None), "t": T0 + 9_101}]
    exchange.append({**exchange[-1], "n": 6, "t": T0 + 9_100})
    report = check.compare(gateway, exchange)
    assert (report.findings, report.lost) == ([], 2)


def _was_not_found(gateway: list[Row], exchange: list[Row]) -> None:
    gateway[-2]["client_id"] = "c-9"


def _on_the_other_market(gateway: list[Row], exchange: list[Row]) -> None:
    gateway[-2]["family"] = "usdm"


def _before_the_cut(gateway: list[Row], exchange: list[Row]) -> None:
    exchange[-2]["t"] = gateway[4]["t"] - 2


def _after_the_start(gateway: list[Row], exchange: list[Row]) -> None:
    exchange[-2]["t"] = gateway[5]["t"] + 2


def _same_boot(gateway: list[Row], exchange: list[Row]) -> None:
    gateway[5]["boot"] = "one"


def _never_asked(gateway: list[Row], exchange: list[Row]) -> None:
    gateway[5]["reconciles"] = None


def _placed_again(gateway: list[Row], exchange: list[Row]) -> None:
    again = copy.deepcopy(exchange[-2])
    again["n"] = 6
    again["order"]["orderId"] = "777"
    exchange.append(again)


OF_A_CUT = {
    _was_not_found: ["L2"], _on_the_other_market: ["L2"], _before_the_cut: ["L2"], _after_the_start: ["L2"],
    _same_boot: ["L2"], _never_asked: ["L2"], _placed_again: ["L1"],
}  # fmt: skip


@pytest.mark.parametrize("plant", OF_A_CUT, ids=lambda plant: plant.__name__)
def test_a_power_cut_excuses_nothing_else(honest: tuple[list[Row], list[Row]], plant: Any) -> None:
    gateway, exchange = after_a_cut(honest)
    plant(gateway, exchange)
    assert set(laws(gateway, exchange)) == set(OF_A_CUT[plant]), check.compare(gateway, exchange).findings


def resolved(seq: int, name: str, what: str, **more: Any) -> Row:
    return {"v": 1, "seq": seq, "t": T0 + 9_000, "type": "resolved", "id": name, "outcome": what, **more}


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (resolved(8, "x-0", "ACCEPTED"), []),
        (resolved(8, "x-0", "ABSENT"), ["L4"]),
        (resolved(8, "x-0", "REJECTED"), ["L4"]),
        (resolved(8, "x-0", "ABSENT", operator="jane", uid=1000), []),
        (resolved(8, "x-1", "ACCEPTED"), ["L2"]),
        (resolved(8, "x-9", "ACCEPTED"), ["L2"]),
    ],
)
def test_what_an_unknown_order_came_to_is_compared(
    honest: tuple[list[Row], list[Row]], row: Row, found: list[str]
) -> None:
    """Only a proof must be true; what a person says is on record, and proves nothing."""
    gateway, exchange = honest
    gateway[2].update(outcome="UNKNOWN", status=None, order_id=None)
    gateway.append(row)
    assert laws(gateway, exchange) == found
    if row["id"] == "x-0":
        assert laws([*gateway, resolved(9, "x-0", "ACCEPTED")], exchange) == sorted([*found, "L2"])


# files and the command


def framed(rows: list[Row]) -> bytes:
    data = b"counterseal journal 1\n"
    for row in rows:
        payload = json.dumps(row).encode()
        data += struct.pack(">II", len(payload), zlib.crc32(payload)) + payload
    return data


def write(folder: Path, gateway: list[Row], exchange: list[Row]) -> list[str]:
    (folder / "journal").mkdir()
    (folder / "journal" / "gateway.journal").write_bytes(framed(gateway))
    (folder / "paper.jsonl").write_text("".join(json.dumps(row) + "\n" for row in exchange))
    return ["check", "--home", str(folder), "--paper-journal", str(folder / "paper.jsonl")]


def test_the_command_says_what_it_compared(
    tmp_path: Path, honest: tuple[list[Row], list[Row]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(write(tmp_path, *honest)) == 0
    assert capsys.readouterr().out == "3 intents, 3 changes arrived, 3 orders made, 0 unknown: 0 disagreements\n"


def test_the_command_fails_on_a_disagreement(
    tmp_path: Path, honest: tuple[list[Row], list[Row]], capsys: pytest.CaptureFixture[str]
) -> None:
    _other_order_id(*honest)
    assert main(write(tmp_path, *honest)) == 1
    assert "L4: order 501 is the exchange's 500 (intent x-0, exchange line 2)" in capsys.readouterr().out


def test_a_torn_tail_is_read_over_and_damage_is_not(tmp_path: Path, honest: tuple[list[Row], list[Row]]) -> None:
    data, path = framed(honest[0]), tmp_path / "gateway.journal"
    path.write_bytes(data[:-7])
    assert len(gateway_journal.read(path)) == len(honest[0]) - 1
    path.write_bytes(data + bytes(64))
    assert len(gateway_journal.read(path)) == len(honest[0])
    path.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    with pytest.raises(gateway_journal.Unreadable, match="damaged"):
        gateway_journal.read(path)
    path.write_bytes(b"something else")
    with pytest.raises(gateway_journal.Unreadable, match="no journal"):
        gateway_journal.read(path)
