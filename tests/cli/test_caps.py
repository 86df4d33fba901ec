"""`counterseal caps`: set, show, remove; and what status and check-config say."""

import json
from decimal import Decimal

import pytest
from tests.cli.conftest import Run
from tests.supervisor.conftest import Running

from counterseal.adapters import caps_file
from counterseal.adapters.home import Home
from counterseal.core.caps import Caps

# The starter configuration has one key, `main`.
SET = ("caps", "set", "main")


def test_caps_are_set_and_shown(run: Run, home: Home) -> None:
    outcome = run(
        *SET, "--max-quantity", "BTCUSDT=0.5", "--max-quantity", "*=10", "--max-quote-quantity", "BTCUSDT=5000",
        "--symbols", "BTCUSDT,ETHUSDT", "--max-per-second", "10", "--max-per-minute", "200", "--max-leverage", "5",
    )  # fmt: skip

    assert outcome.code == 0, outcome.err
    assert "nothing is running" in outcome.err
    assert caps_file.read(home) == {
        "main": Caps(
            symbols=frozenset({"BTCUSDT", "ETHUSDT"}),
            max_quantity={"BTCUSDT": Decimal("0.5"), "*": Decimal(10)},
            max_quote_quantity={"BTCUSDT": Decimal(5000)},
            max_per_second=10,
            max_per_minute=200,
            max_leverage=5,
        )
    }
    shown = run("caps", "show").out
    assert "BTCUSDT 0.5, * 10" in shown
    assert json.loads(run("caps", "show", "--json").out)["main"]["max_leverage"] == 5


def test_what_is_not_named_stays_and_none_lifts(run: Run, home: Home) -> None:
    run(*SET, "--max-quantity", "A=1", "--max-quantity", "B=2", "--max-leverage", "5", "--symbols", "A")
    run(*SET, "--max-quantity", "B=3", "--max-per-second", "7")
    run(*SET, "--max-quantity", "A=none", "--symbols", "none")

    assert caps_file.read(home)["main"] == Caps(max_quantity={"B": Decimal(3)}, max_leverage=5, max_per_second=7)

    run(*SET, "--max-quantity", "B=none", "--max-leverage", "none", "--max-per-second", "none")
    assert caps_file.read(home) == {}
    assert not caps_file.path_of(home).exists()


def test_caps_of_every_key_hold_where_a_key_has_none_of_the_kind(run: Run, home: Home) -> None:
    run("caps", "set", "*", "--max-per-second", "5", "--max-leverage", "3")
    run(*SET, "--max-leverage", "10")

    rows = [line.split() for line in run("caps", "show").out.splitlines()]
    assert ["main", "max_per_second", "5"] in rows
    assert ["main", "max_leverage", "10"] in rows
    assert ["*", "max_leverage", "3"] in rows

    assert run("caps", "remove", "*").code == 0
    assert caps_file.read(home) == {"main": Caps(max_leverage=10)}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "no cap is named"),
        (("--max-quantity", "0.5"), "SYMBOL=SIZE"),
        (("--max-quantity", "BTCUSDT=1e9"), "decimal"),
        (("--max-quantity", "BTCUSDT="), "decimal"),
        (("--max-quantity", "BTC USDT=1"), "symbol"),
        (("--symbols", "BTCUSDT,,"), "symbol"),
        (("--symbols", "*"), "--symbols none"),
        (("--max-per-second", "0"), "max_per_second"),
        (("--max-leverage", "126"), "max_leverage"),
    ],
)
def test_what_is_no_cap_is_refused_and_changes_nothing(run: Run, home: Home, words: tuple[str, ...], told: str) -> None:
    run(*SET, "--max-leverage", "5")
    outcome = run(*SET, *words)

    assert outcome.code == 2
    assert told in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert caps_file.read(home) == {"main": Caps(max_leverage=5)}


def test_a_key_that_the_settings_do_not_know_gets_no_caps(run: Run, home: Home) -> None:
    """A cap of a misspelt key would cap nothing, and nobody would notice."""
    outcome = run("caps", "set", "mian", "--max-leverage", "5")

    assert outcome.code == 2
    assert "there are: main" in outcome.err
    home.config.write_text("nonsense")
    assert run(*SET, "--max-leverage", "5").code == 2
    assert run("caps", "set", "*", "--max-leverage", "5").code == 0


def test_removing_what_is_not_there_is_told(run: Run, home: Home) -> None:
    outcome = run("caps", "remove", "main")

    assert outcome.code == 2
    assert "there are: none" in outcome.err


def test_where_there_are_no_caps_it_is_said_plainly(run: Run, home: Home) -> None:
    assert "no signer caps" in run("caps", "show").out
    assert "no signer caps" in run("check-config").out


def test_the_check_tells_the_caps_of_each_key(run: Run, home: Home) -> None:
    run(*SET, "--max-leverage", "5")

    out = run("check-config").out
    assert "signer caps of main: max_leverage 5" in out
    assert "no signer caps" not in out


def test_a_key_without_caps_among_others_is_named(run: Run, home: Home) -> None:
    home.config.write_text(home.config.read_text() + '\n[keys.second]\nfunctions = ["account"]\n')
    run(*SET, "--max-leverage", "5")

    assert "without any caps: second" in run("caps", "show").out
    assert "signer caps of second: none" in run("check-config").out


def test_caps_that_cannot_be_read_are_told_and_not_taken_for_none(run: Run, home: Home) -> None:
    caps_file.path_of(home).write_bytes(b"x")
    caps_file.path_of(home).chmod(0o600)

    assert "signer caps cannot be read" in run("check-config").out
    assert run("caps", "show").code == 1


@pytest.mark.slow
def test_a_running_signer_takes_them_up_and_status_shows_them(run: Run, home: Home) -> None:
    supervisor = Running(home)
    with supervisor.process:
        try:
            assert "no signer caps" in run("status").out
            assert json.loads(run("status", "--json").out)["signer_caps"] == {}
            outcome = run(*SET, "--max-leverage", "5")
            assert (outcome.code, "taken it up" in outcome.err) == (0, True)
            assert "signer caps of main: max_leverage 5" in run("status").out
            assert json.loads(run("status", "--json").out)["signer_caps"] == {"main": {"max_leverage": 5}}
        finally:
            assert supervisor.end() == 0
