"""core.budget.share: lanes, parts and quotas, to the last unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.budget.pools import POOLS
from counterseal.core.budget.share import ANONYMOUS_QUOTAS, UNBOUNDED, Quotas, Shares, easy_of, may_take, part_of


@pytest.mark.parametrize(
    ("limit", "ceilings"),
    [
        (6_000, (4_800, 4_200, 3_900, 3_300)),
        (2_400, (1_920, 1_680, 1_560, 1_320)),
        (100, (80, 70, 65, 55)),
        (30, (24, 21, 19, 16)),
        (99, (79, 69, 64, 54)),
        (5, (4, 3, 2, 1)),
        (4, (3, 2, 1, 0)),
        (2, (1, 0, 0, 0)),
        (1, (0, 0, 0, 0)),
        (0, (0, 0, 0, 0)),
    ],
)
def test_lanes_leave_what_belongs_to_better_ones(limit: int, ceilings: tuple[int, ...]) -> None:
    """A fifth is the guard's, a tenth is for exits; what rounding leaves over belongs to the better lane."""
    assert Shares().ceilings(limit) == ceilings


@given(st.integers(0, 10**9))
def test_reserves_are_never_rounded_down(limit: int) -> None:
    """At any limit, and none is negative."""
    ours, trade, account, market = Shares().ceilings(limit)
    assert 0 <= market <= account <= trade <= ours
    assert (limit - ours) * 100 >= limit * 20
    assert trade == 0 or (ours - trade) * 100 >= limit * 10
    assert market == 0 or (trade - market) * 100 >= limit * 15


@pytest.mark.parametrize(("limit", "exits"), [(6_000, 5_880), (2_400, 2_352), (100, 98), (30, 29), (1, 0), (0, 0)])
def test_what_is_set_aside_for_the_guard_is_lent_to_exits(limit: int, exits: int) -> None:
    """But for a rest, for what nobody has told us of yet."""
    assert Shares().exits(limit) == exits
    assert Shares(guard=0).exits(limit) == limit


def test_shares_can_be_others() -> None:
    """All of it for all lanes, or none for any: nothing divides by zero."""
    assert Shares(0, 0, 0, 0).ceilings(7) == (7, 7, 7, 7)
    assert Shares(100, 100, 100, 100).ceilings(7) == (0, 0, 0, 0)


def test_lanes_are_divided_from_half_on_and_exits_where_only_they_may_spend() -> None:
    assert easy_of((4_800, 4_200, 3_901, 3_300)) == (4_200, 2_100, 1_950, 1_650)


@pytest.mark.parametrize(
    ("quotas", "pool", "bound"),
    [
        (UNBOUNDED, "spot_weight", None),
        (ANONYMOUS_QUOTAS, "spot_weight", 300),
        (ANONYMOUS_QUOTAS, "eapi_orders_10s", 1),
        (Quotas(weight_1m=120), "spot_weight", 120),
        (Quotas(weight_1m=120), "spot_raw", None),
        (Quotas(weight_1m=120), "spot_orders_10s", None),
        (Quotas(orders_10s=5), "spot_orders_10s", 5),
        (Quotas(orders_10s=5), "spot_orders_1d", None),
        (Quotas(orders_10s=5), "futures_weight", None),
        (Quotas(weight_1m=120, percent=1), "spot_weight", 60),
        (Quotas(weight_1m=20, percent=1), "spot_weight", 20),
    ],
)
def test_quotas_bound_what_they_name(quotas: Quotas, pool: str, bound: int | None) -> None:
    """Weight by the minute, orders by 10 s, a percentage of anything; the narrowest counts."""
    assert quotas.bound(POOLS[pool], POOLS[pool].limit) == bound


def test_parts() -> None:
    """By share; nobody has a part where nobody has a share."""
    assert [part_of(100, share, 7) for share in (0, 1, 2, 4)] == [0, 14, 28, 57]
    assert part_of(100, 1, 0) == 0


@pytest.mark.parametrize(
    ("used", "amount", "own", "others", "left", "may"),
    [
        # alone: the whole lane, and not one more
        (90, 10, (90, 1), [], 60, True),
        (90, 11, (90, 1), [], 60, False),
        (90, 10, (90, 0), [], 60, True),
        # up to its part, always
        (60, 10, (40, 1), [(20, 1)], 60, True),
        (95, 5, (45, 1), [(50, 1)], 60, True),
        (95, 6, (44, 1), [(51, 1)], 60, False),
        # beyond it: what the other has not spent of its 50 is kept for it
        (60, 10, (50, 1), [(10, 1)], 60, False),
        (60, 10, (50, 1), [(20, 1)], 60, True),
        (60, 11, (50, 1), [(20, 1)], 60, False),
        # no more than is due to it in the time that is left, rounded for the other
        (60, 10, (50, 1), [(10, 1)], 36, True),
        (60, 11, (50, 1), [(10, 1)], 36, False),
        (60, 10, (50, 1), [(10, 1)], 37, False),
        (70, 10, (50, 1), [(20, 1)], 36, False),
        (60, 40, (50, 1), [(10, 1)], 0, True),
        (60, 40, (50, 1), [(10, 1)], 1, False),
        (60, 39, (50, 1), [(10, 1)], 1, True),
        # one that has spent more than its part keeps nothing from others
        (80, 20, (10, 1), [(70, 1)], 60, True),
        # shares count
        (0, 75, (0, 3), [(0, 1)], 60, True),
        (0, 76, (0, 3), [(0, 1)], 60, False),
        # no share is no part
        (0, 1, (0, 0), [(0, 1)], 60, False),
        (0, 1, (0, 0), [(0, 0)], 60, True),
    ],
)
def test_who_may_take(
    used: int, amount: int, own: tuple[int, int], others: list[tuple[int, int]], left: int, may: bool
) -> None:
    """Of a lane of 100 that is divided as a whole, in a window of 60."""
    assert may_take(100, 100, used, amount, own, others, (left, 60)) is may


@pytest.mark.parametrize(
    ("used", "amount", "own", "others", "may"),
    [
        (50, 25, (50, 1), [(0, 1)], True),
        (50, 26, (50, 1), [(0, 1)], False),
        (75, 25, (0, 1), [(75, 1)], True),
        (75, 26, (0, 1), [(75, 1)], False),
        (75, 1, (74, 1), [(1, 1)], True),
        (75, 2, (74, 1), [(1, 1)], False),
    ],
)
def test_only_the_end_of_a_lane_is_divided(
    used: int, amount: int, own: tuple[int, int], others: list[tuple[int, int]], may: bool
) -> None:
    """Half of 100, between two."""
    assert may_take(100, 50, used, amount, own, others, (60, 60)) is may


@given(
    st.integers(0, 500),
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 9)), min_size=1, max_size=6),
    st.integers(1, 200),
    st.integers(0, 60),
    st.integers(0, 500),
)
def test_others_parts_stay(capacity: int, bots: list[tuple[int, int]], amount: int, left: int, divided: int) -> None:
    """Whoever may take what is beyond its part leaves room for all that is kept; and nobody exceeds the lane."""
    used = sum(spent for spent, _ in bots)
    own, others = bots[0], bots[1:]
    if not may_take(capacity, divided, used, amount, own, others, (left, 60)):
        return
    assert used + amount <= capacity
    shares = sum(share for _, share in bots)
    if shares and own[0] + amount > divided * own[1] // shares:
        parts = [(divided * share // shares, spent) for spent, share in others]
        assert capacity - used - amount >= sum(max(0, min(part - spent, part * left / 60)) for part, spent in parts)


def test_a_bound_of_weight_bounds_no_orders_of_the_same_minute() -> None:
    assert Quotas(weight_1m=10).bound(POOLS["futures_orders_1m"], 1_200) is None
    assert Quotas(weight_1m=10).bound(POOLS["futures_weight"], 2_400) == 10
    assert Quotas(orders_10s=3).bound(POOLS["futures_orders_1m"], 1_200) is None
    assert Quotas(orders_10s=3).bound(POOLS["futures_orders_10s"], 300) == 3


def test_a_bots_part_is_its_own_to_the_last_unit() -> None:
    """Whatever is kept for others."""
    assert may_take(100, 100, 60, 1, (49, 1), [(0, 1)], (1, 1))
    assert not may_take(100, 100, 60, 1, (50, 1), [(0, 1)], (1, 1))
