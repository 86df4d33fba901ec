"""RFC 6455 as others read it: all of Autobahn's cases against both of our sides (WSC-1, WSC-2)."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conformance import differences, suite
from tests.conformance.differences import CASES, CLIENT, SERVER, Difference
from tests.conformance.suite import Outcome

Run = Callable[[Iterable[str], Path], dict[str, Outcome]]
SOURCES = {**os.environ, "PYTHONPATH": str(suite.HERE.parents[1] / "src")}


@contextmanager
def echo_server(log: Path) -> Iterator[int]:
    """The gateway's side; gives its port."""
    command = [sys.executable, suite.HERE / "echo_server.py"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=SOURCES) as process,
    ):
        try:
            yield int(process.stdout.readline())  # type: ignore[union-attr]  # a pipe was asked for
            assert process.poll() is None
        finally:
            process.kill()


def try_client(cases: Iterable[str], scratch: Path, log: Path) -> dict[str, Outcome]:
    """Run our side of these cases (all: none named)."""
    with suite.serving(cases, scratch) as port, log.open("ab") as errors:
        command = [sys.executable, suite.HERE / "echo_client.py", str(port), str(suite.AT_ONCE)]
        subprocess.run(command, stderr=errors, timeout=suite.LONGEST_S, check=True, env=SOURCES)
    return suite.read_report(scratch)


def judge(run: Run, known: Sequence[Difference], home: Path) -> Mapping[str, Outcome]:
    """Run all cases. What surprises is run once more: cases wait a second for an answer, and hosts may be busy."""
    outcomes = run([], home / "all")
    again = differences.surprises(outcomes, known)
    first = {case: outcomes[case] for case in again}
    # What is broken altogether is not a matter of a busy host.
    if 0 < len(again) <= 10:
        outcomes |= run(again, home / "again")
    print(f"\n{differences.table(outcomes, known)}\nrun again: {first or 'none'}")
    assert {case: outcomes[case] for case in differences.surprises(outcomes, known)} == {}
    return outcomes


@pytest.mark.slow
def test_the_side_that_bots_see(tmp_path: Path) -> None:
    """WSC-1: an echo on the bots' WebSocket. Nothing was raised either."""
    suite.require()
    log = tmp_path / "server.log"
    with echo_server(log) as port:
        outcomes = judge(lambda cases, scratch: suite.try_server(port, cases, scratch), SERVER, tmp_path)
    assert len(outcomes) == CASES
    assert log.read_text() == ""


@pytest.mark.slow
def test_the_side_that_the_exchange_sees(tmp_path: Path) -> None:
    """WSC-2: an echo on the link to the exchange. Nothing was raised either."""
    suite.require()
    log = tmp_path / "client.log"
    outcomes = judge(lambda cases, scratch: try_client(cases, scratch, log), CLIENT, tmp_path)
    assert len(outcomes) == CASES
    assert log.read_text() == ""


def test_a_surprise_is_one_in_both_directions() -> None:
    """A case that fails and is not named, one that is named and passes, and one that fails in another way."""
    outcomes = {"1.1.1": Outcome("OK", "OK", 1000), "1.2.1": Outcome("FAILED", "FAILED", 1003)}
    assert differences.surprises(outcomes, SERVER) == []
    assert differences.surprises(outcomes | {"1.1.1": Outcome("NON-STRICT", "OK", 1000)}, SERVER) == ["1.1.1"]
    assert differences.surprises(outcomes | {"1.1.1": Outcome("OK", "UNCLEAN", None)}, SERVER) == ["1.1.1"]
    assert differences.surprises(outcomes | {"1.2.1": Outcome("OK", "OK", 1000)}, SERVER) == ["1.2.1"]
    assert differences.surprises(outcomes | {"1.2.1": Outcome("FAILED", "FAILED", 1011)}, SERVER) == ["1.2.1"]
