"""What `serve` may be told: the seed, and a knob for each thing that the facts leave open."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from counterseal.paper.charging import LimitRules


@dataclass(frozen=True, kw_only=True)
class Options:
    """Settings of one server.  Limits are by pool id of `limits.POOLS`."""

    seed: int = 1
    step_ms: int = 500
    volatility: int = 100  # per cent of the default; 0 freezes every price
    balances: dict[str, Decimal] = field(default_factory=dict)
    spot_maker_fee: Decimal = Decimal("0.001")
    spot_taker_fee: Decimal = Decimal("0.001")
    usdm_balances: dict[str, Decimal] = field(default_factory=dict)
    coinm_balances: dict[str, Decimal] = field(default_factory=dict)
    margin_balances: dict[str, Decimal] = field(default_factory=dict)
    sub_keys_need_ip: bool = False  # sub-account keys are managed by address-bound keys only
    funding_ms: int = 8 * 3_600_000
    funding_rate: Decimal | None = None  # instead of the rate that the premium makes
    index_ms: int = 5000  # the index price is the mean of so long
    basis_ms: int = 30_000  # the mark price's basis likewise
    insurance_fund: Decimal = Decimal(1_000_000_000)  # of each margin asset; 0 deleverages at once
    margin_call_ratio: Decimal = Decimal("0.8")  # maintenance over margin balance
    limits: dict[str, int] = field(default_factory=dict)
    ban_after: int = 10  # requests sent in spite of a 429 before the address is banned
    ban_s: int = 120
    default_recv_window_ms: int = 5000
    max_num_orders: int = 200  # open orders of an account on one symbol
    fault_control: bool = False
    jumps: int = 100  # per cent of the usual size of price jumps
    clock_offset_ms: int = 0
    clock_drift_ppm: int = 0
    limit_rules: LimitRules = field(default_factory=LimitRules)
    canned: bool = False  # orders are answered without being executed: for benchmarks of what stands in front
