"""The command line's knobs for money: fees, funding, mark price, margin calls, the insurance fund, sub-account keys."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from counterseal.paper.options import Options

Asset = Callable[[str], tuple[str, Decimal]]
HOUR_MS = 3_600_000


def add(group: argparse._ArgumentGroup, asset: Asset) -> None:
    """Add the options; `asset` reads ASSET=AMOUNT."""
    for name, what in (("--coinm-balance", "COIN-M"), ("--margin-balance", "margin account")):
        group.add_argument(name, type=asset, action="append", default=[], metavar="ASSET=AMOUNT", help=what)
    group.add_argument("--spot-maker-fee", type=_amount, default=Decimal("0.001"), metavar="RATE")
    group.add_argument("--spot-taker-fee", type=_amount, default=Decimal("0.001"), metavar="RATE")
    group.add_argument("--funding-rate", type=_signed, metavar="RATE", help="instead of what the premium makes")
    group.add_argument("--funding-hours", type=int, choices=(1, 2, 4, 8), default=8, help="how often it is paid")
    group.add_argument("--index-ms", type=int, default=5000, help="the index price is the mean of so long")
    group.add_argument("--basis-ms", type=int, default=30_000, help="the mark price's basis likewise")
    group.add_argument("--insurance-fund", type=_amount, default=Decimal(1_000_000_000), metavar="AMOUNT",
                       help="of each margin asset; 0 deleverages at once")  # fmt: skip
    group.add_argument("--margin-call-ratio", type=_amount, default=Decimal("0.8"), metavar="RATIO",
                       help="maintenance over margin balance that is warned of")  # fmt: skip
    group.add_argument("--sub-keys-need-ip", action="store_true",
                       help="sub-account keys are managed by keys that are tied to addresses only")  # fmt: skip


def apply(options: Options, arguments: argparse.Namespace) -> Options:
    """The options with what the knobs say."""
    return replace(
        options,
        coinm_balances=dict(arguments.coinm_balance),
        margin_balances=dict(arguments.margin_balance),
        spot_maker_fee=arguments.spot_maker_fee,
        spot_taker_fee=arguments.spot_taker_fee,
        funding_rate=arguments.funding_rate,
        funding_ms=arguments.funding_hours * HOUR_MS,
        index_ms=arguments.index_ms,
        basis_ms=arguments.basis_ms,
        insurance_fund=arguments.insurance_fund,
        margin_call_ratio=arguments.margin_call_ratio,
        sub_keys_need_ip=arguments.sub_keys_need_ip,
    )


def _signed(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError("expected a number") from None
    if not found.is_finite():
        raise argparse.ArgumentTypeError("expected a number")
    return found


def _amount(text: str) -> Decimal:
    found = _signed(text)
    if found < 0:
        raise argparse.ArgumentTypeError("expected a number that is not negative")
    return found
