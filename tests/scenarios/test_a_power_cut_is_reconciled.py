"""Real processes: the machine lost its power, the journal its end; the next start asks the exchange before it opens."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack

from counterseal.adapters.journal_segments import read_records
from counterseal.core import record
from counterseal.core.tlog import leaf_hash
from counterseal.paper import check, gateway_journal

SPOT, USDM = "/api/v3/order", "/fapi/v1/order"
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
AT_ONCE = "symbol=ETHUSDT&side=BUY&type=MARKET&quantity=0.01"


def as_another_boot_left_it(records: Iterator[dict[str, Any]], until: str) -> bytes:
    """Give the segment as it would lie there if the power had failed before the intent with the id `until` was synced.

    Checkpoints are left out: the signature of one covers the boot that is written here.
    """
    prev, data, number = record.FIRST_PREV, record.MAGIC, 0
    for entry in records:
        if until in entry.get("client_ids", ()):
            break
        if entry["type"] == "checkpoint":
            continue
        number += 1
        boot = {"boot": "another"} if entry["type"] == "start" else {}
        payload = json.dumps({**entry, **boot, "seq": number, "prev": prev}).encode()
        data += record.frame(payload)
        prev = leaf_hash(payload).hex()
    return data


@pytest.mark.threat(55)
def test_orders_that_the_journal_lost_are_found_before_it_opens(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A bot that repeats one is told that it is a duplicate; nothing is placed twice; what was found is cancelled."""
    options = ("--no-limits", "--volatility", "0")
    with Stack(tmp_path_factory.mktemp("cut"), paper_options=options) as stack:
        assert stack.call("POST", SPOT, f"{ORDER}&newClientOrderId=kept").status == 200
        assert stack.call("POST", SPOT, f"{ORDER}&newClientOrderId=lost").status == 200
        assert stack.call("POST", USDM, AT_ONCE).body["clientOrderId"].startswith("cs-")
        assert stack.down() == 0
        path = stack.journal_path
        path.write_bytes(as_another_boot_left_it(read_records(stack.home.journal), "lost"))
        placed = [row for row in stack.received() if row["method"] == "POST"]
        stack.up()
        found = {entry["client_id"]: entry for entry in stack.journal() if entry["type"] == "recovered_order"}
        (ours,) = found.keys() - {"lost"}
        assert (found["lost"]["foreign"], found["lost"]["bot"], found["lost"]["order_status"]) == (True, "", "NEW")
        assert (found[ours]["foreign"], found[ours]["bot"], found[ours]["order_status"]) == (False, "alpha", "FILLED")
        (done,) = [entry for entry in stack.journal() if entry["type"] == "reconciled"]
        assert (done["ours"], done["foreign"]) == (1, 1)
        assert done["after_ms"] < 5_000
        again = stack.call("POST", SPOT, f"{ORDER}&newClientOrderId=lost")
        assert (again.status, again.reason) == (400, "duplicate_client_order_id")
        assert [row for row in stack.received() if row["method"] == "POST"] == placed
        assert stack.call("DELETE", SPOT, "symbol=BTCUSDT&origClientOrderId=lost").body["status"] == "CANCELED"
        assert stack.call("POST", SPOT, f"{ORDER}&newClientOrderId=next").status == 200
        assert stack.status()["gateway"]["not_reconciled"] == []
        report = check.compare(
            gateway_journal.read(stack.home.journal), check.read_exchange(stack.paper_home / "journal.jsonl")
        )
        assert (report.findings, report.lost) == ([], 2)
