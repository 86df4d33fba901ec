"""What `serve` may be told: the seed, and a knob for each thing that the facts leave open."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Options:
    """Settings of one server.  Limits are by pool id of `limits.POOLS`."""

    seed: int = 1
    step_ms: int = 500
    volatility: int = 100  # per cent of the default; 0 freezes every price
    balances: dict[str, Decimal] = field(default_factory=dict)
    usdm_balances: dict[str, Decimal] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    ban_after: int = 10  # requests sent in spite of a 429 before the address is banned
    ban_s: int = 120
    default_recv_window_ms: int = 5000
    max_num_orders: int = 200  # open orders of an account on one symbol
    fault_control: bool = False
