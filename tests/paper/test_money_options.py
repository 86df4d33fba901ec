"""The command line's money knobs reach the exchange, and nonsense is refused."""

import argparse
from decimal import Decimal

import pytest

from counterseal.paper import main as paper
from counterseal.paper.options import Options


def options(*words: str) -> Options:
    parser: argparse.ArgumentParser = paper._parser()
    return paper._options(parser.parse_args(["serve", "--home", "x", *words]))


def test_without_knobs_the_options_are_the_defaults() -> None:
    assert options() == Options()


def test_every_knob_reaches_its_field() -> None:
    made = options("--coinm-balance", "BTC=1", "--margin-balance", "USDT=2", "--spot-maker-fee", "0.0003",
                   "--spot-taker-fee", "0.0004", "--funding-rate", "-0.001", "--funding-hours", "4", "--index-ms", "1",
                   "--basis-ms", "2", "--insurance-fund", "0", "--margin-call-ratio", "0.5",
                   "--sub-keys-need-ip")  # fmt: skip
    assert made.coinm_balances == {"BTC": Decimal(1)}
    assert made.margin_balances == {"USDT": Decimal(2)}
    assert (made.spot_maker_fee, made.spot_taker_fee) == (Decimal("0.0003"), Decimal("0.0004"))
    assert (made.funding_rate, made.funding_ms) == (Decimal("-0.001"), 4 * 3_600_000)
    assert (made.index_ms, made.basis_ms) == (1, 2)
    assert (made.insurance_fund, made.margin_call_ratio, made.sub_keys_need_ip) == (Decimal(0), Decimal("0.5"), True)


@pytest.mark.parametrize("words", [("--funding-rate", "fish"), ("--insurance-fund", "-1"), ("--funding-hours", "3"),
                                   ("--funding-rate", "NaN")])  # fmt: skip
def test_nonsense_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        options(*words)
