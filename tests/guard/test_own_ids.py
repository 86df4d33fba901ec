"""The guard's ids: named before they are sent, again to each new gateway, and known over restarts and segments."""

from typing import Any

from counterseal.guard.own_ids import AT_ONCE, RESTATED, OwnIds


def test_what_was_sent_before_a_restart_is_named_again() -> None:
    said: list[dict[str, Any]] = []
    sent = {"type": "guard_order", "act": "send", "account": "main", "family": "usdm", "client_id": "csg-1"}
    records = [sent, {**sent, "act": "answered"}, {"type": "alert", "act": "send"}]
    ids = OwnIds(lambda message: said.append(dict(message)), records)
    ids.register("main", "spot", ("csg-2", "csg-3"))
    assert said == [{"type": "ids", "family": "spot", "account": "main", "ids": ["csg-2", "csg-3"]}]
    ids.again()
    assert said[1:] == [
        {"type": "ids", "family": "usdm", "account": "main", "ids": ["csg-1"]},
        {"type": "ids", "family": "spot", "account": "main", "ids": ["csg-2", "csg-3"]},
    ]


def event(client_id: str) -> dict[str, Any]:
    body = {"e": "ORDER_TRADE_UPDATE", "o": {"s": "BTCUSDT", "c": client_id, "i": 7, "X": "FILLED"}}
    place = {"what": "order", "account": "main", "family": "usdm", "owner": "guard"}
    return {**place, "kind": "ORDER_TRADE_UPDATE", "body": body}


def test_an_order_in_the_name_of_a_bot_is_that_bot_s_over_restarts_too() -> None:
    sent = {"type": "guard_order", "act": "send", "account": "main", "family": "usdm", "client_id": "csg-1"}
    ids = OwnIds(lambda _message: None, [{**sent, "bot": "alpha"}])
    ids.note({**sent, "client_id": "csg-2", "bot": None})
    ids.note({**sent, "client_id": "csg-3", "bot": "beta"})
    assert [ids.named(event(f"csg-{number}"))["owner"] for number in (1, 2, 3)] == ["alpha", "guard", "beta"]
    other = {**event("csg-1"), "what": "account"}
    assert ids.named(other) is other


def test_the_newest_are_stated_anew_in_parts_and_read_back() -> None:
    records: list[dict[str, Any]] = []
    ids = OwnIds(lambda _message: None)
    ids.register("main", "usdm", [f"csg-{number}" for number in range(RESTATED + 10)])
    ids.restate(lambda record: records.append(dict(record)))
    assert [len(record["ids"]) for record in records] == [AT_ONCE] * (RESTATED // AT_ONCE)
    said: list[Any] = []
    OwnIds(said.append, records).again()
    named = [name for message in said for name in message["ids"]]
    assert named == [f"csg-{number}" for number in range(10, RESTATED + 10)]
