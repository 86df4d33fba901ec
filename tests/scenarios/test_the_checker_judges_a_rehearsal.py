"""An evening of seeded faults between the real gateway and the paper exchange: both journals still agree, and the
operator's checker says so; a doctored journal does not pass it.
"""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import json
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from stack import Stack

from counterseal.cli.main import main
from counterseal.paper import check, gateway_journal
from counterseal.paper.admin_socket import ask

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=9{n:04}.00&newClientOrderId=r-{n}"
FUTURE = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=9{n:04}.0&newClientOrderId=f-{n}"
KINDS = ["reset", "close", "fin_in_body", "tls_cut", "truncated", "wrong_client_id", "wrong_symbol", "duplicate_keys",
         "nan_price", "error_in_200", "missing_field", "answer:503-unknown", "answer:-1007", "answer:502",
         "answer:-1021", "answer:-2010-duplicate", "answer:403", "reset_in_body", "http10"]  # fmt: skip
WRITES = {"path": "/*", "method": "POST"}


@pytest.fixture(scope="module", name="evening")
def _evening(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    options = ("--no-limits", "--volatility", "0", "--max-num-orders", "999", "--seed", "5")
    with Stack(tmp_path_factory.mktemp("evening"), paper_options=options) as stack:
        rng = random.Random(5)
        ask(stack.paper_home, {"do": "fault", "chaos": {"per_mille": 350, "kinds": KINDS, "match": WRITES, "seed": 5}})
        for number in range(120):
            spot = rng.random() < 0.6
            path, query = ("/api/v3/order", ORDER) if spot else ("/fapi/v1/order", FUTURE)
            stack.call("POST", path, query.format(n=number))
        ask(stack.paper_home, {"do": "fault", "clear": True})
    return stack


def test_both_journals_tell_the_same_story(evening: Stack) -> None:
    report = check.compare(
        gateway_journal.read(evening.journal_path), check.read_exchange(evening.paper_home / "journal.jsonl")
    )
    assert report.findings == []
    refused = [entry["reason"] for entry in evening.journal() if entry["type"] == "denied"]
    assert (report.intents + len(refused), report.intents > 40, report.unknown > 8) == (120, True, True)
    assert set(refused) <= {"symbol_has_unknown_orders", "account_has_unknown_orders", "bot_slowed"}, (
        "while too many are UNKNOWN nothing that raises risk is sent"
    )
    done = Counter(row["fault"] for row in evening.received() if "fault" in row)
    assert sum(done.values()) > 15
    assert len(done) > 8


def test_two_readers_of_the_gateways_journal_see_the_same(evening: Stack) -> None:
    assert gateway_journal.read(evening.journal_path) == evening.journal()


def test_the_operators_command_says_so(evening: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    exchange = str(evening.paper_home / "journal.jsonl")
    assert main(["paper", "check", "--home", str(evening.home.root), "--paper-journal", exchange]) == 0
    assert "0 disagreements" in capsys.readouterr().out


def test_a_doctored_journal_does_not_pass(evening: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(evening.paper_home / "journal.jsonl", tmp_path / "doctored.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "doctored.jsonl").read_text().splitlines()]
    row = next(row for row in rows if row.get("order") and "fault" not in row)
    row["order"]["orderId"] = "1"
    (tmp_path / "doctored.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["paper", "check", "--home", str(evening.home.root), "--paper-journal", str(tmp_path / "doctored.jsonl")]
    assert main(words) == 1
    assert "L4: order" in capsys.readouterr().out
