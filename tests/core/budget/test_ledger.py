"""core.budget.ledger: all pools or none, every limit to the last unit, lanes, parts, settling, live limits."""

import pytest
from tests.core.budget.exchange import MIDNIGHT, ask_for, catalogue, check_sums, moment, most_of, plan_of

from counterseal.core.budget import ledger as ledgers
from counterseal.core.budget.charge import Plan
from counterseal.core.budget.ledger import Ask, Ledger, Reservation, Short
from counterseal.core.budget.pools import POOLS
from counterseal.core.budget.share import ANONYMOUS_QUOTAS, Lane, Quotas, Shares
from counterseal.core.budget.window import Moment, Window

START = MIDNIGHT + 5_000
TIME, DEPTH, ORDER, CANCEL = (
    "spot GET /api/v3/time",
    "spot GET /api/v3/depth",
    "spot POST /api/v3/order",
    "spot DELETE /api/v3/order",
)
USED, COUNT_10S, COUNT_1D = "x-mbx-used-weight-1m", "x-mbx-order-count-10s", "x-mbx-order-count-1d"


def take(ledger: Ledger, ask: Ask, at_ms: int = START) -> Reservation:
    """Reserve what must be there."""
    held = ledger.reserve(ask, moment(at_ms))
    assert isinstance(held, Reservation), held
    return held


def refuse(ledger: Ledger, ask: Ask, at_ms: int = START) -> Short:
    """Ask for what must not be there."""
    short = ledger.reserve(ask, moment(at_ms))
    assert isinstance(short, Short)
    return short


def spend(ledger: Ledger, ask: Ask, at_ms: int = START, times: int = 1, status: int = 400, **headers: int) -> None:
    """Reserve and settle at once. The names of headers are as in the exchange, with _ for -."""
    texts = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    for _ in range(times):
        ledger.settle(take(ledger, ask, at_ms), status, None, texts, moment(at_ms), moment(at_ms))


def window(ledger: Ledger, pool: str, key: str | None = None) -> Window:
    """The window of a pool."""
    found = [w for w in ledger._windows.values() if w.pool.id == pool and key in (None, w.key)]
    assert len(found) == 1
    check_sums(found[0])
    return found[0]


# -- every pool, every lane, to the last unit

# An endpoint for each pool of REST calls.
OF_POOL = {
    "spot_weight": TIME,
    "spot_raw": TIME,
    "spot_orders_10s": ORDER,
    "spot_orders_1d": ORDER,
    "sapi_ip": "spot GET /sapi/v1/margin/allAssets",
    "sapi_uid": "spot POST /sapi/v1/sub-account/subAccountApi",
    "futures_weight": "usdm GET /fapi/v1/time",
    "usdm_ws_api_weight": "usdm DELETE /fapi/v1/order",
    "futures_orders_10s": "usdm POST /fapi/v1/order",
    "futures_orders_1m": "usdm POST /fapi/v1/order",
    "futures_funding": "usdm GET /fapi/v1/fundingRate",
    "papi_weight": "papi GET /papi/v1/ping",
    "papi_orders": "papi POST /papi/v1/um/order",
    "eapi_weight": "options GET /eapi/v1/time",
    "eapi_orders_10s": "options POST /eapi/v1/order",
    "eapi_orders_1m": "options POST /eapi/v1/order",
}
REASONS = {"WEIGHT": "weight_budget_spent", "RAW": "raw_requests_spent", "COUNT": "raw_requests_spent",
           "ORDERS": "order_count_spent"}  # fmt: skip


@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize("pool", OF_POOL)
def test_every_pool_to_the_last_unit(pool: str, lane: Lane) -> None:
    """At the ceiling of the lane minus one, at it and one above it; the other pools have room."""
    ask = ask_for(OF_POOL[pool], lane=lane)
    own = [p.id for p in ask.plan.pools].index(pool)
    ceiling = most_of(POOLS[pool].limit, lane)
    for amount, fits in ((ceiling - 1, True), (ceiling, True), (ceiling + 1, False)):
        amounts = tuple(amount if number == own else 0 for number in range(len(ask.amounts)))
        held = Ledger().reserve(ask._replace(amounts=amounts), moment(START))
        assert isinstance(held, Reservation) is fits
        if isinstance(held, Short):
            window_ms = POOLS[pool].window_ms
            ends_ms = (START // window_ms + 1) * window_ms
            key = "ip" if POOLS[pool].scope == "ip" else "main"
            assert held == Short(pool, key, REASONS[POOLS[pool].kind.name], ends_ms - START, False)


@pytest.mark.parametrize("lane", Lane)
def test_one_by_one_to_the_last_unit(lane: Lane) -> None:
    """Settled, kept or in flight is the same; what was given back is not."""
    ledger, ask = Ledger(), ask_for(TIME, lane=lane)
    ceiling = most_of(6_000, lane)
    for number in range(ceiling):
        held = take(ledger, ask)
        if number % 3 == 0:
            ledger.settle(held, 200, None, {}, moment(START), moment(START))
        elif number % 3 == 1:
            ledger.keep(held, moment(START))
    assert window(ledger, "spot_weight").used == ceiling
    assert refuse(ledger, ask).reason == "weight_budget_spent"
    ledger.release(held, moment(START))
    take(ledger, ask)
    refuse(ledger, ask)


def test_better_lanes_find_what_is_kept_for_them() -> None:
    """Market data at its end leaves room for account reads, these for trading, trading for exits."""
    ledger = Ledger()
    for lane, room in ((Lane.MARKET, 3_300), (Lane.ACCOUNT, 600), (Lane.TRADE, 300), (Lane.RISK, 1_680)):
        ask = ask_for(TIME, lane=lane)
        assert ledger.room(ask, moment(START)) == room
        spend(ledger, ask, times=room)
        refuse(ledger, ask)
    assert window(ledger, "spot_weight").spent == 5_880


def test_exits_are_short_of_nothing_but_what_exits_spent() -> None:
    """Whatever the other lanes do."""
    ledger = Ledger()
    ask = ask_for(TIME, "greedy", Lane.TRADE)
    while isinstance(ledger.reserve(ask, moment(START)), Reservation):
        pass
    cancel = ask_for(CANCEL, "late", Lane.RISK)
    held = [take(ledger, cancel) for _ in range(1_680)]
    assert refuse(ledger, cancel).may_free
    ledger.settle(held[0], 200, None, {}, moment(START), moment(START))
    take(ledger, cancel)


def test_cancels_in_a_loop_leave_the_other_bots_their_part_of_the_reserve() -> None:
    """Ten bots are active; one of them cancels until it is refused: each other one has what is due to it."""
    ledger = Ledger()
    for number in range(9):
        take(ledger, ask_for(CANCEL, f"bot{number}", Lane.RISK))
    looping = ask_for(CANCEL, "loop", Lane.RISK)
    while isinstance(ledger.reserve(looping, moment(START)), Reservation):
        pass
    for number in range(9):
        for _ in range(55):
            take(ledger, ask_for(CANCEL, f"bot{number}", Lane.RISK))


def test_the_gateway_s_own_reads_get_nothing_of_what_is_lent_to_exits() -> None:
    """Who has no share stops where the guard's part begins, and an exit of a bot goes on."""
    ledger = Ledger()
    own, exit_of_a_bot = ask_for(TIME, "gateway", Lane.RISK, share=0), ask_for(CANCEL, "late", Lane.RISK)
    spend(ledger, own, times=4_800)
    assert (ledger.room(own, moment(START)), ledger.room(exit_of_a_bot, moment(START))) == (0, 1_080)
    refuse(ledger, own)
    take(ledger, exit_of_a_bot)


def test_an_overdraft_counts_like_everything_else() -> None:
    ledger, cancel = Ledger(), ask_for(CANCEL, lane=Lane.RISK)
    over = ledger.overdraw(cancel, moment(START))
    assert window(ledger, "spot_weight").used == 1
    while isinstance(ledger.reserve(cancel, moment(START)), Reservation):
        pass
    full = window(ledger, "spot_weight").used
    again = ledger.overdraw(cancel, moment(START))
    assert window(ledger, "spot_weight").used == full + 1 == 5_881
    for held in (over, again):
        ledger.settle(held, 200, None, {}, moment(START), moment(START))
    assert window(ledger, "spot_weight").used == 5_879
    free = ask_for(TIME, lane=Lane.RISK)
    ledger.release(ledger.overdraw(free, moment(START)), moment(START))
    assert window(ledger, "spot_weight").used == 5_879


# -- all pools or none


def test_nothing_is_taken_of_any_pool_when_one_is_short() -> None:
    """The order count of the account is spent: the weight of the address is not touched."""
    ledger, order = Ledger(), ask_for(ORDER)
    for _ in range(70):
        take(ledger, order)
    before = [w.used for w in ledger._windows.values()]
    short = refuse(ledger, order)
    assert (short.pool, short.key, short.reason) == ("spot_orders_10s", "main", "order_count_spent")
    assert short.retry_after_ms == 5_000
    assert [w.used for w in ledger._windows.values()] == before
    for name in ("spot_weight", "spot_raw", "spot_orders_1d"):
        window(ledger, name)
    # The other account of the same address has its own count.
    take(ledger, order._replace(account="other"))
    assert window(ledger, "spot_weight").in_flight == 71


def test_of_several_pools_the_one_that_is_short_longest_is_named() -> None:
    """Retrying sooner would be in vain."""
    ledger, order = Ledger(), ask_for(ORDER)
    ledger.learn_limits("spot", [{"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 100}])
    for _ in range(70):
        take(ledger, order)
    short = refuse(ledger, order)
    assert (short.pool, short.retry_after_ms) == ("spot_orders_1d", 86_400_000 - 5_000)


def test_what_succeeds_for_nothing_may_free() -> None:
    """In flight are orders whose weight comes back: worth a short wait. Reads give nothing back."""
    ledger = Ledger()
    order = ask_for(ORDER)._replace(amounts=(4_200, 1, 1, 1))
    held = take(ledger, order)
    assert refuse(ledger, ask_for(TIME)).may_free
    ledger.settle(held, 200, None, {}, moment(START), moment(START))
    take(ledger, ask_for(TIME)._replace(amounts=(4_200, 1)))
    assert not refuse(ledger, ask_for(TIME)).may_free


def test_the_wait_is_until_the_window_has_surely_turned() -> None:
    """With the clock's uncertainty on top; at that moment there is room, a millisecond before there is none."""
    ledger, ask = Ledger(), ask_for(TIME)._replace(amounts=(4_200, 1))
    seen = Moment(START, 30, 1_000)
    held = ledger.reserve(ask, seen)
    assert isinstance(held, Reservation)
    ledger.settle(held, 200, None, {}, seen, seen)
    short = ledger.reserve(ask, seen)
    assert isinstance(short, Short)
    assert short.retry_after_ms == 55_030
    assert isinstance(ledger.reserve(ask, Moment(START + 55_029, 30, 56_029)), Short)
    assert isinstance(ledger.reserve(ask, Moment(START + 55_030, 30, 56_030)), Reservation)


def test_a_refusal_turns_the_windows_that_it_looks_at() -> None:
    """The first pool is short; the next ones are looked at in their present window."""
    ledger = Ledger()
    take(ledger, ask_for(ORDER), START)
    take(ledger, ask_for(TIME)._replace(amounts=(4_199, 1)), START + 10_000)
    assert refuse(ledger, ask_for(ORDER), START + 20_000).pool == "spot_weight"
    assert window(ledger, "spot_orders_10s").begin_ms == MIDNIGHT + 20_000


# -- bots


def greed(ledger: Ledger, ask: Ask, at_ms: int) -> int:
    """Take as much as one gets."""
    got = 0
    while isinstance(ledger.reserve(ask, moment(at_ms)), Reservation):
        got += 1
    return got


@pytest.mark.parametrize("greedy", [1, 2, 3, 7, 19])
@pytest.mark.parametrize("lane", [Lane.MARKET, Lane.ACCOUNT, Lane.TRADE])
def test_a_modest_bot_gets_its_part(lane: Lane, greedy: int) -> None:
    """However many others take what they can get, whenever it comes within its part of the time."""
    ledger = Ledger()
    asks = [ask_for(DEPTH, f"greedy{number}", lane, limit="100") for number in range(greedy)]
    modest = ask_for(DEPTH, "modest", lane, limit="100")
    part = Shares().ceilings(6_000)[lane] // 2 // (greedy + 1) // 5
    assert greed(ledger, asks[0], START) == Shares().ceilings(6_000)[lane] // 5
    for late in (*asks[1:], modest):
        refuse(ledger, late)
    settle_all(ledger)
    # From here on all are known to want their parts.
    for minute in range(1, 4):
        got = 0
        for second in range(60):
            at_ms = MIDNIGHT + minute * 60_000 + second * 1_000
            for ask in asks:
                greed(ledger, ask, at_ms)
            while got < part * (second + 1) // 60:
                take(ledger, modest, at_ms)
                got += 1
        assert got == part
        assert window(ledger, "spot_weight").used <= Shares().ceilings(6_000)[lane]
        settle_all(ledger)


def settle_all(ledger: Ledger) -> None:
    """Let everything come back as spent."""
    for counted in ledger._windows.values():
        counted.spent += counted.in_flight
        counted.level += counted.in_flight
        counted.in_flight = 0
        for seat in counted.seats.values():
            seat.spent, seat.in_flight = seat.spent + seat.in_flight, 0


def test_a_lone_bot_gets_the_whole_lane() -> None:
    """Also when others were there the window before the last."""
    ledger = Ledger()
    for name in ("a", "b", "c"):
        spend(ledger, ask_for(TIME, name), times=10)
    assert greed(ledger, ask_for(TIME, "a"), START + 120_000) == 4_200


def test_parts_follow_shares() -> None:
    """A bot with three times the share has three times the part; a change of policy counts from the next call on."""
    ledger = Ledger()
    small, large = ask_for(TIME, "small", share=1), ask_for(TIME, "large", share=3)
    take(ledger, small, MIDNIGHT)
    take(ledger, large, MIDNIGHT)
    # Half of the lane is for whoever comes first, half is divided.
    assert greed(ledger, small, MIDNIGHT) + 1 == 4_200 - 2_100 * 3 // 4
    assert greed(ledger, large, MIDNIGHT) + 1 == 2_100 * 3 // 4
    ledger = Ledger()
    take(ledger, small, MIDNIGHT)
    take(ledger, large, MIDNIGHT)
    assert greed(ledger, small._replace(share=9), MIDNIGHT) + 1 == 4_200 - 2_100 * 3 // 12
    assert greed(ledger, large, MIDNIGHT) + 1 == 2_100 * 3 // 12


def test_our_own_reads_have_no_part() -> None:
    """With no share nothing is kept for them; what they need they take as exits do."""
    ledger = Ledger()
    own = ask_for(TIME, "gateway", Lane.RISK, share=0)
    take(ledger, own)
    assert greed(ledger, ask_for(TIME, "a"), START) == 4_199
    take(ledger, own)


def test_quotas_bound_one_bot() -> None:
    """To the last unit, not for exits, and there is room for others."""
    ledger, quotas = Ledger(), Quotas(weight_1m=10, orders_10s=3)
    read = ask_for(TIME, quotas=quotas)
    spend(ledger, read, times=7)
    take(ledger, ask_for(ORDER, quotas=quotas))
    take(ledger, ask_for(ORDER, quotas=quotas))
    take(ledger, ask_for(ORDER, quotas=quotas))
    short = refuse(ledger, read)
    assert (short.reason, short.pool, short.may_free) == ("bot_quota_spent", "spot_weight", True)
    assert window(ledger, "spot_weight").used == 10
    take(ledger, ask_for(CANCEL, lane=Lane.RISK, quotas=quotas))
    take(ledger, ask_for(TIME, "b"))
    assert refuse(ledger, ask_for(ORDER, quotas=Quotas(orders_10s=3))).pool == "spot_orders_10s"


def test_quotas_do_not_bound_what_costs_nothing() -> None:
    """A pool of which nothing is asked is no reason."""
    ledger = Ledger()
    take(ledger, ask_for(ORDER))
    free = ask_for(ORDER, quotas=Quotas(orders_10s=1))
    assert refuse(ledger, free).reason == "bot_quota_spent"
    take(ledger, free._replace(amounts=(1, 1, 0, 0)))


def test_a_bound_that_is_exceeded_already_is_no_reason_where_nothing_is_asked() -> None:
    """Two orders were placed before the bot was bounded to one."""
    ledger, limit = Ledger(), {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 100}
    ledger.learn_limits("spot", [limit])
    take(ledger, ask_for(ORDER))
    take(ledger, ask_for(ORDER))
    free = ask_for(ORDER, quotas=Quotas(orders_10s=1))._replace(amounts=(1, 1, 0, 0))
    take(ledger, free)
    short = refuse(ledger, free._replace(amounts=(61, 1, 0, 0), quotas=Quotas(percent=1)))
    assert (short.pool, short.reason) == ("spot_weight", "bot_quota_spent"), "and not the day's orders, two of one"


def test_an_exit_that_is_refused_is_never_told_of_the_bots_own_bounds() -> None:
    ledger = Ledger()
    ledger.learn_limits(
        "spot", [{"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 100}]
    )
    cancel = ask_for(CANCEL, lane=Lane.RISK, quotas=Quotas(percent=1))
    held = [take(ledger, cancel) for _ in range(2)]
    assert len(held) == 2
    ledger.overdraw(ask_for(TIME, "b", Lane.RISK)._replace(amounts=(5_880, 1)), moment(START))
    short = refuse(ledger, cancel)
    assert (short.pool, short.reason) == ("spot_weight", "weight_budget_spent")


def test_whose_requests_may_free_room() -> None:
    """Of a pool anybody's; of a bot's own bound only its own."""
    ledger, quotas = Ledger(), Quotas(weight_1m=10)
    take(ledger, ask_for(ORDER, "b"))
    spend(ledger, ask_for(TIME, quotas=quotas), times=10)
    assert refuse(ledger, ask_for(TIME, quotas=quotas))[2:] == ("bot_quota_spent", 55_000, False)
    much = ask_for(TIME, "c")._replace(amounts=(4_190, 1))
    assert refuse(ledger, much)[2:] == ("weight_budget_spent", 55_000, True)


def test_the_shortest_wait_is_one_millisecond() -> None:
    ledger = Ledger()
    take(ledger, ask_for(TIME)._replace(amounts=(4_200, 1)), MIDNIGHT + 59_999)
    assert refuse(ledger, ask_for(TIME), MIDNIGHT + 59_999).retry_after_ms == 1


def test_the_gateway_itself_divides_with_nobody() -> None:
    """Two bots are active; what the gateway needs it takes up to the end of our part."""
    ledger = Ledger()
    for bot in ("a", "b"):
        take(ledger, ask_for(CANCEL, bot, Lane.RISK))
    own = ask_for(TIME, "gateway", Lane.RISK, share=0)
    assert greed(ledger, own, START) == 4_798


def test_callers_without_a_credential_share_a_twentieth() -> None:
    """300 of 6,000."""
    ledger = Ledger()
    ask = ask_for(TIME, "anonymous", Lane.MARKET, quotas=ANONYMOUS_QUOTAS)
    assert greed(ledger, ask, START) == 300
    assert refuse(ledger, ask).reason == "bot_quota_spent"


def test_a_claim_tells_its_lane_its_way_and_its_bounds() -> None:
    """What the queue and the throttle ask it for."""
    ledger, now, quotas = Ledger(), moment(START), Quotas(weight_1m=10)
    trade = ledger.claim(ask_for(ORDER), now)
    assert (trade.work, trade.rank, trade.is_exit, trade.gives_back, trade.is_bounded) == (
        "TRADE",
        1,
        False,
        True,
        False,
    )
    assert [ledger.claim(ask_for(TIME, lane=lane), now).work for lane in Lane] == ["RISK", "TRADE", "ACCOUNT", "MARKET"]
    assert ledger.claim(ask_for(TIME, quotas=quotas), now).is_bounded
    assert not ledger.claim(ask_for(CANCEL, lane=Lane.RISK, quotas=quotas), now).is_bounded
    assert trade.way == "spot from ip"
    assert ledger.claim(ask_for("usdm POST /fapi/v1/order", egress=""), now).way == "usdm"


def test_what_may_come_back_is_counted_for_every_request_in_flight() -> None:
    """Of the window and of the bot, reserved or overdrawn."""
    ledger, now = Ledger(), moment(START)
    held = [take(ledger, ask_for(ORDER)), take(ledger, ask_for(ORDER)), ledger.overdraw(ask_for(CANCEL), now)]
    held += [ledger.overdraw(ask_for(CANCEL), now), ledger.overdraw(ask_for(TIME), now), take(ledger, ask_for(TIME))]
    counted = window(ledger, "spot_weight")
    seat = counted.seats["a"]
    assert (counted.loose, seat.loose, seat.in_flight) == (4, 4, 6)
    assert window(ledger, "spot_raw").loose == window(ledger, "spot_raw").seats["a"].loose == 0
    for left, one in zip((3, 2, 1, 0, 0, 0), held, strict=True):
        ledger.settle(one, 200, None, {}, now, now)
        assert (counted.loose, seat.loose) == (left, left)


def test_calls_and_weight_of_every_bot_are_added_up() -> None:
    ledger = Ledger()
    spend(ledger, ask_for(DEPTH, limit="100"), times=3)
    for _ in range(2):
        ledger.keep(take(ledger, ask_for(DEPTH, limit="5000")), moment(START))
        ledger.keep(take(ledger, ask_for(ORDER, "b")), moment(START))
    ledger.release(take(ledger, ask_for(DEPTH, limit="5000")), moment(START))
    spend(ledger, ask_for(ORDER, "b"), status=200)
    assert ledger.report_bots() == [("a", DEPTH, 5, 15 + 500), ("b", ORDER, 3, 2)]


# -- settling


def test_a_spot_order_that_succeeds_costs_no_weight() -> None:
    """One that fails costs its weight; both count as orders and as requests."""
    ledger, order = Ledger(), ask_for(ORDER)
    spend(ledger, order, status=200)
    assert [window(ledger, p.id).spent for p in order.plan.pools] == [0, 1, 1, 1]
    spend(ledger, order, status=400)
    assert [window(ledger, p.id).spent for p in order.plan.pools] == [1, 2, 2, 2]
    assert [window(ledger, p.id).loose for p in order.plan.pools] == [0, 0, 0, 0]


def test_a_reservation_is_closed_once() -> None:
    """Settled, released or kept: the second time nothing happens."""
    ledger, now = Ledger(), moment(START)
    for first in ("settle", "release", "keep"):
        held = take(ledger, ask_for(TIME))
        close(ledger, held, first)
        spent = window(ledger, "spot_weight").spent
        for second in ("settle", "release", "keep"):
            close(ledger, held, second)
        assert not held.is_open
        assert (window(ledger, "spot_weight").spent, window(ledger, "spot_weight").in_flight) == (spent, 0)
    assert window(ledger, "spot_weight").spent == 2
    assert [row[1:] for row in ledger.report_bots()] == [(TIME, 2, 2)]
    assert ledger.report(now)[0].unheard == {"missing": 1}


def close(ledger: Ledger, held: Reservation, how: str) -> None:
    now = moment(START)
    if how == "settle":
        assert ledger.settle(held, 200, None, {}, now, now) == []
    elif how == "release":
        ledger.release(held, now)
    else:
        ledger.keep(held, now)


def test_what_is_in_flight_over_a_boundary_counts_on_both_sides() -> None:
    """And when it is settled behind it, also there; what was settled before the boundary was near does not."""
    ledger, ask = Ledger(), ask_for(TIME)
    spend(ledger, ask, START)
    over = take(ledger, ask, START)
    behind = START + 60_000
    take(ledger, ask, behind)
    assert window(ledger, "spot_weight").used == 2
    ledger.settle(over, 200, None, {}, moment(START), moment(behind))
    assert (window(ledger, "spot_weight").spent, window(ledger, "spot_weight").used) == (1, 2)


@pytest.mark.parametrize(
    ("at_ms", "uncertainty_ms", "carried"),
    [(59_969, 30, 0), (59_970, 30, 1), (59_999, 0, 0), (59_999, 1, 1)],
)
def test_what_is_settled_within_the_uncertainty_counts_on_both_sides(
    at_ms: int, uncertainty_ms: int, carried: int
) -> None:
    """It may have arrived behind the boundary."""
    ledger, ask = Ledger(), ask_for(TIME)
    now = moment(MIDNIGHT + at_ms, uncertainty_ms)
    held = ledger.reserve(ask, now)
    assert isinstance(held, Reservation)
    ledger.settle(held, 200, None, {}, now, now)
    (report, _) = ledger.report(moment(MIDNIGHT + 60_000))
    assert (report.spent, report.carried) == (carried, carried)


def test_a_reservation_s_own_uncertainty_counts() -> None:
    """A better reading before it is settled does not take back that it may have been later than thought."""
    ledger, ask = Ledger(), ask_for(TIME)
    held = ledger.reserve(ask, moment(MIDNIGHT + 59_900, 200))
    assert isinstance(held, Reservation)
    now = moment(MIDNIGHT + 59_950, 1)
    ledger.settle(held, 200, None, {}, now, now)
    assert ledger.report(moment(MIDNIGHT + 60_001, 1))[0].spent == 1


def test_what_was_given_up_may_arrive_for_a_second_more() -> None:
    """UNKNOWN close to the boundary counts behind it too."""
    ledger, ask = Ledger(), ask_for(TIME)
    ledger.keep(take(ledger, ask, MIDNIGHT + 58_000), moment(MIDNIGHT + 58_999))
    ledger.keep(take(ledger, ask, MIDNIGHT + 58_000), moment(MIDNIGHT + 59_000))
    assert ledger.report(moment(MIDNIGHT + 60_000))[0].spent == 1


@pytest.mark.parametrize(
    ("sent_ms", "now_ms", "is_heard"),
    [(10_000, 20_000, True), (0, 59_999, True), (-1, 10_000, False), (10_000, 60_000, False)],
)
def test_a_header_counts_when_all_of_it_lies_in_one_window(sent_ms: int, now_ms: int, is_heard: bool) -> None:
    """Request and answer, to the millisecond."""
    ledger, ask = Ledger(), ask_for(TIME)
    held = take(ledger, ask, MIDNIGHT + sent_ms)
    ledger.settle(held, 200, None, {USED: "500"}, moment(MIDNIGHT + sent_ms), moment(MIDNIGHT + now_ms))
    assert window(ledger, "spot_weight").level == (500 if is_heard else 1)


def test_others_spending_shrinks_what_we_may_spend() -> None:
    """Of every lane, and it is told; not in the window in which we began."""
    ledger, ask = Ledger(), ask_for(TIME)
    first = ledger.settle(take(ledger, ask), 200, None, {USED: "1000"}, moment(START), moment(START))
    assert first == []
    later = START + 60_000
    held = take(ledger, ask, later)
    (told,) = ledger.settle(held, 200, None, {USED: "1001"}, moment(later), moment(later))
    assert told == ("spot_weight", "ip", "", MIDNIGHT + 60_000, 1_001, 1, 0)
    assert ledger.room(ask, moment(later)) == 4_200 - 1_001
    assert ledger.report(moment(later))[0].foreign == 1_000
    quiet = ledger.settle(take(ledger, ask, later), 200, None, {USED: "1002"}, moment(later), moment(later))
    assert quiet == []


@pytest.mark.parametrize("sent_ms", [0, 5_000])
def test_a_header_is_heard_by_each_pool_whose_window_holds_all_of_it(sent_ms: int) -> None:
    """Ten seconds turn while it is under way, the minute does not."""
    ledger, sent, now = Ledger(), moment(MIDNIGHT + sent_ms), moment(MIDNIGHT + 12_000)
    held = take(ledger, ask_for(ORDER), MIDNIGHT + sent_ms)
    told = {USED: "500", COUNT_10S: "50", COUNT_1D: "900"}
    ledger.settle(held, 400, None, told, sent, now)
    assert [window(ledger, pool.id).level for pool in held.plan.pools] == [500, 1, 1, 900]


@pytest.mark.parametrize(("uncertainty_ms", "level"), [(9, 500), (10, 1), (20, 1)])
def test_a_header_that_may_be_of_the_next_window_is_not_heard(uncertainty_ms: int, level: int) -> None:
    ledger, now = Ledger(), moment(MIDNIGHT + 59_990, uncertainty_ms)
    held = ledger.reserve(ask_for(TIME), moment(START))
    assert isinstance(held, Reservation)
    ledger.settle(held, 200, None, {USED: "500"}, moment(START), now)
    assert window(ledger, "spot_weight").level == level


def test_others_spending_is_told_of_every_pool() -> None:
    ledger, later = Ledger(), START + 60_000
    spend(ledger, ask_for(ORDER))
    held = take(ledger, ask_for(ORDER), later)
    told = ledger.settle(held, 400, None, {USED: "1001", COUNT_10S: "51"}, moment(later), moment(later))
    assert [(one.pool, one.header) for one in told] == [("spot_weight", 1_001), ("spot_orders_10s", 51)]


def test_what_a_reservation_cost_is_known_when_it_is_closed() -> None:
    ledger, now = Ledger(), moment(START)
    for status, weight in ((200, 0), (400, 1)):
        held = take(ledger, ask_for(ORDER))
        assert held.weight == 1
        ledger.settle(held, status, None, {}, now, now)
        assert held.weight == weight
    held = take(ledger, ask_for(ORDER))
    ledger.release(held, now)
    assert (held.weight, held.amounts) == (0, (0, 0, 0, 0))


def test_each_header_tells_its_own_pool() -> None:
    """Weight of the address, orders of the account; the day's count may sink."""
    ledger, order = Ledger(), ask_for(ORDER)
    spend(ledger, order, status=200, x_mbx_used_weight_1m=40, x_mbx_order_count_10s=30, x_mbx_order_count_1d=900)
    assert [window(ledger, p.id).level for p in order.plan.pools] == [40, 1, 30, 900]
    spend(ledger, order, status=200, x_mbx_used_weight_1m=4, x_mbx_order_count_10s=3, x_mbx_order_count_1d=9)
    assert [window(ledger, p.id).level for p in order.plan.pools] == [40, 2, 31, 9]
    # Released and kept: nothing is heard, what stays is counted.
    ledger.release(take(ledger, order), moment(START))
    ledger.keep(take(ledger, order), moment(START))
    assert [window(ledger, p.id).level for p in order.plan.pools] == [41, 3, 32, 10]


def test_endpoints_of_sapi_are_counted_one_by_one() -> None:
    """By address or by account, each with its own limit."""
    ledger = Ledger()
    one, other = ask_for("spot GET /sapi/v1/margin/allAssets"), ask_for("spot GET /sapi/v1/margin/allPairs")
    spend(ledger, one._replace(amounts=(8_400,)))
    refuse(ledger, one)
    take(ledger, other)
    keys = {(w.pool.id, w.key, w.endpoint) for w in ledger._windows.values()}
    assert keys == {("sapi_ip", "ip", one.plan.name), ("sapi_ip", "ip", other.plan.name)}


def test_addresses_have_a_ledger_each() -> None:
    """Weight by address, orders by account over all addresses."""
    ledger = Ledger()
    take(ledger, ask_for(ORDER, egress="one"))
    take(ledger, ask_for(ORDER, egress="two"))
    assert window(ledger, "spot_orders_10s").in_flight == 2
    assert window(ledger, "spot_weight", "one").in_flight == window(ledger, "spot_weight", "two").in_flight == 1


# -- the clock


def steps() -> list[tuple[int, int]]:
    """Steps of exchange time and the uncertainty of the new reading."""
    sizes = (-(10**10), -90_000, -61_000, -30_000, -700, 700, 30_000, 61_000, 90_000, 10**10)
    return [(step_ms, uncertainty_ms) for step_ms in sizes for uncertainty_ms in (0, 20)]


@pytest.mark.parametrize(("step_ms", "uncertainty_ms"), steps())
def test_a_step_of_the_clock_gives_nothing_back(step_ms: int, uncertainty_ms: int) -> None:
    """For a whole window by the monotonic clock; then the lane is open again, and open it stays."""
    ledger, ask = Ledger(), ask_for(TIME)._replace(amounts=(4_200, 1))
    over = take(ledger, ask._replace(amounts=(200, 1)))
    spend(ledger, ask._replace(amounts=(4_000, 1)))
    for later_ms in (1, 20_000, 40_000, 59_000):
        now = moment(START + later_ms, uncertainty_ms, step_ms)
        assert isinstance(ledger.reserve(ask._replace(amounts=(1, 1)), now), Short)
        if later_ms == 20_000:
            ledger.settle(over, 200, None, {USED: "5"}, moment(START), now)
    for minutes in (3, 4, 5):
        now = moment(START + minutes * 60_000 + 20_000, uncertainty_ms, step_ms)
        held = ledger.reserve(ask, now)
        assert isinstance(held, Reservation)
        ledger.settle(held, 200, None, {}, now, now)
        check_sums(window(ledger, "spot_weight"))


def test_a_reservation_from_before_a_step_counts_a_window_longer() -> None:
    """Nobody knows when it arrived: settled behind the step, it is held like all that was spent before."""
    ledger, ask = Ledger(), ask_for(TIME)
    over = take(ledger, ask._replace(amounts=(50, 1)), MIDNIGHT + 10_000)
    now = moment(MIDNIGHT + 20_000, 0, 30_000)
    ledger.settle(over, 200, None, {USED: "900"}, moment(MIDNIGHT + 10_000), now)
    for later_ms, spent in ((31_000, 50), (151_000, 0)):
        (report, _) = ledger.report(moment(MIDNIGHT + later_ms, 0, 30_000))
        assert (report.spent, report.foreign) == (spent, 0)


def test_what_is_settled_long_after_a_step_counts_a_window_longer_too() -> None:
    """The step is a minute old, and still nobody knows when a request from before it arrived."""
    ledger, step_ms = Ledger(), 30_000
    over = take(ledger, ask_for(TIME)._replace(amounts=(50, 1)), MIDNIGHT + 10_000)
    ledger.report(moment(MIDNIGHT + 20_000, 0, step_ms))
    ledger.settle(over, 200, None, {}, moment(MIDNIGHT + 10_000), moment(MIDNIGHT + 75_000, 0, step_ms))
    for later_ms, spent in ((95_000, 50), (210_000, 0)):
        assert ledger.report(moment(MIDNIGHT + later_ms, 0, step_ms))[0].spent == spent


@pytest.mark.parametrize("look", ["room", "report"])
def test_whoever_looks_notices_a_step(look: str) -> None:
    ledger, ask = Ledger(), ask_for(TIME)
    spend(ledger, ask, times=100)
    stepped = moment(START + 1_000, 0, 90_000)
    if look == "room":
        assert ledger.room(ask, stepped) == 4_100
    else:
        assert ledger.report(stepped)[0].spent == 100


def test_settling_turns_the_windows() -> None:
    """A request that outlived its window, and one that is asked for in vain in the next."""
    ledger, order = Ledger(), ask_for(ORDER)
    over = take(ledger, order, MIDNIGHT + 1_000)
    ledger.settle(over, 200, None, {}, moment(MIDNIGHT + 1_000), moment(MIDNIGHT + 61_000))
    assert window(ledger, "spot_orders_10s").begin_ms == MIDNIGHT + 60_000
    take(ledger, ask_for(TIME)._replace(amounts=(4_199, 1)), MIDNIGHT + 62_000)
    take(ledger, ask_for(TIME), MIDNIGHT + 71_000)
    assert refuse(ledger, order, MIDNIGHT + 71_000).pool == "spot_weight"
    assert window(ledger, "spot_orders_10s").begin_ms == MIDNIGHT + 70_000


@pytest.mark.parametrize("noticed_before", [True, False])
def test_a_window_that_is_new_after_a_step_is_as_doubtful(noticed_before: bool) -> None:
    """It began under a clock that nobody trusts yet: its first turn gives nothing back."""
    ledger, ask = Ledger(), ask_for("usdm GET /fapi/v1/time")
    take(ledger, ask_for(TIME))
    now = moment(START + 1_000, 0, 30_000)
    if noticed_before:
        ledger.report(now)
    held = ledger.reserve(ask._replace(amounts=(1_680,)), now)
    assert isinstance(held, Reservation)
    ledger.settle(held, 200, None, {}, now, now)
    assert ledger.room(ask, moment(START + 27_000, 0, 30_000)) == 0
    assert ledger.room(ask, moment(START + 180_000, 0, 30_000)) == 1_680


# -- limits


def rows(weight: int) -> list[dict[str, object]]:
    return [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight}]


def test_live_limits_win() -> None:
    """In the middle of a window, for windows that are and that come."""
    ledger, ask = Ledger(), ask_for(TIME)
    spend(ledger, ask, times=1_000)
    assert ledger.learn_limits("spot", rows(1_400)) == ((("spot_weight", 6_000, 1_400),), 0)
    refuse(ledger, ask)
    assert ledger.learn_limits("spot", rows(1_430)) == ((("spot_weight", 1_400, 1_430),), 0)
    take(ledger, ask)
    refuse(ledger, ask)
    assert ledger.learn_limits("spot", rows(1_430)) == ((), 0)
    assert ledger.room(ask._replace(egress="two"), moment(START)) == 1_001
    assert ledger.learn_limits("spot", [{}, *rows(0)]) == ((), 2)
    assert ledger.limit("spot_weight") == 1_430
    with pytest.raises(KeyError):
        ledger.limit("none")


def test_of_two_families_the_smaller_limit_stands() -> None:
    """USD-M and COIN-M share their pools."""
    ledger = Ledger()
    assert ledger.learn_limits("usdm", rows(3_000)).changed == (("futures_weight", 2_400, 3_000),)
    assert ledger.learn_limits("coinm", rows(1_000)).changed == (("futures_weight", 3_000, 1_000),)
    assert ledger.learn_limits("usdm", rows(2_000)).changed == ()
    assert ledger.learn_limits("coinm", rows(5_000)).changed == (("futures_weight", 1_000, 2_000),)


def test_a_limit_of_one_closes_the_lanes_and_nothing_else() -> None:
    """All of it is the guard's."""
    ledger = Ledger()
    ledger.learn_limits("spot", rows(1))
    assert refuse(ledger, ask_for(CANCEL, lane=Lane.RISK)).reason == "weight_budget_spent"
    take(ledger, ask_for("usdm GET /fapi/v1/time"))


# -- what it tells


def test_a_plan_without_pools_is_free() -> None:
    """Nothing to reserve, nothing short."""
    ledger = Ledger()
    ask = ask_for("www GET /bapi/defi/v1/public/alpha-trade/klines")
    held = take(ledger, ask)
    assert (held.weight, ledger.left(held), ledger.load(ask, moment(START))) == (0, 0, 0)
    assert ledger.room(ask, moment(START)) == 1_000_000
    assert ledger.settle(held, 200, None, {}, moment(START), moment(START)) == []


def test_room_looks_at_pools_of_the_address_only() -> None:
    """The account's are the same from everywhere; what costs nothing takes no room."""
    ledger = Ledger()
    spend(ledger, ask_for(ORDER), times=60)
    assert ledger.room(ask_for(ORDER), moment(START)) == 4_140
    assert ledger.room(ask_for("usdm POST /fapi/v1/order"), moment(START)) == 1_000_000
    assert ledger.room(ask_for(DEPTH, limit="5000"), moment(START)) == 16
    assert ledger.room(ask_for(DEPTH)._replace(amounts=(0, 1)), moment(START)) == 210_000 - 60
    assert ledger.room(ask_for(DEPTH)._replace(amounts=(9_999, 1)), moment(START)) == 0


def test_what_is_left_is_the_lane_s() -> None:
    """Of the first pool, with what is in flight."""
    ledger = Ledger()
    held = take(ledger, ask_for(DEPTH, lane=Lane.MARKET, limit="5000"))
    assert (held.weight, ledger.left(held)) == (250, 3_050)
    spend(ledger, ask_for(TIME, lane=Lane.RISK), times=3_500)
    assert ledger.left(held) == 0


def test_what_is_left_to_a_bot_s_exits_is_what_is_lent_to_them() -> None:
    """A bot that heeds the number must not stop cancelling where it still may; the gateway itself has no such loan."""
    for share, left in ((1, 5_880), (0, 4_800)):
        ledger = Ledger()
        held = take(ledger, ask_for(TIME, lane=Lane.RISK, share=share))
        assert ledger.left(held) == left - held.weight


def test_the_last_unit_is_left() -> None:
    ledger = Ledger()
    held = take(ledger, ask_for(TIME)._replace(amounts=(4_199, 1)))
    assert ledger.left(held) == 1
    take(ledger, ask_for(TIME))
    assert ledger.left(held) == 0


def test_load_of_the_smallest_pool() -> None:
    ledger = Ledger()
    ledger.learn_limits("spot", rows(1))
    ledger.overdraw(ask_for(TIME), moment(START))
    assert ledger.load(ask_for(TIME), moment(START)) == 1_000_000


def test_load_is_use_by_share() -> None:
    """Who has least goes first."""
    ledger = Ledger()
    assert ledger.load(ask_for(TIME), moment(START)) == 0
    spend(ledger, ask_for(TIME), times=6)
    spend(ledger, ask_for(TIME, "large", share=3), times=6)
    assert ledger.load(ask_for(TIME), moment(START)) == 1_000
    assert ledger.load(ask_for(TIME, "large", share=3), moment(START)) == 333


def test_the_report_tells_whose_it_is() -> None:
    """By lane and by bot, with limits, window and what is in flight."""
    ledger = Ledger()
    spend(ledger, ask_for(TIME, "a", Lane.MARKET), times=3)
    spend(ledger, ask_for(TIME, "b", Lane.TRADE), times=2)
    take(ledger, ask_for(TIME, "b", Lane.TRADE))
    weight, raw = ledger.report(moment(START))
    assert weight.lanes == {"RISK": 0, "TRADE": 2, "ACCOUNT": 0, "MARKET": 3}
    assert weight.bots == {"a": 3, "b": 3}
    assert (weight.spent, weight.in_flight, weight.foreign, weight.carried, weight.limit) == (5, 1, 0, 0, 6_000)
    assert (weight.pool, weight.scope, weight.key, weight.endpoint) == ("spot_weight", "ip", "ip", "")
    assert (weight.window_start_ms, weight.window_end_ms) == (MIDNIGHT, MIDNIGHT + 60_000)
    assert weight.ceilings == {"RISK": 4_800, "TRADE": 4_200, "ACCOUNT": 3_900, "MARKET": 3_300}
    assert raw.pool == "spot_raw"
    (later, _) = ledger.report(moment(START + 60_000))
    assert (later.spent, later.bots, later.window_start_ms) == (0, {"b": 1}, MIDNIGHT + 60_000)


def test_routes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgotten ones are found again, with what was spent."""
    monkeypatch.setattr(ledgers, "_MAX_ROUTES", 2)
    ledger = Ledger()
    for name in ("a", "b", "c", "a"):
        spend(ledger, ask_for(TIME, name))
    assert len(ledger._routes) <= 2
    assert ledger.report(moment(START))[0].bots == {"a": 2, "b": 1, "c": 1}


def test_a_route_is_found_once() -> None:
    """Whoever asks for it, and for whatever."""
    ledger, now, ask = Ledger(), moment(START), ask_for(ORDER)
    route = ledger.claim(ask, now).route
    assert ledger.claim(ask._replace(lane=Lane.RISK), now).route is route
    ledger.room(ask, now)
    ledger.load(ask, now)
    assert ledger.claim(ask, now).route is route
    assert ledger.claim(ask._replace(account="other"), now).route is not route
    assert ledger.claim(ask, now).route is route


def test_a_connections_pool_belongs_to_the_connection() -> None:
    ledger, now = Ledger(), moment(START)
    time = catalogue().get("spot", "GET", "/api/v3/time")
    assert time is not None
    messages = Plan(time, (POOLS["spot_ws_messages"],), (1,), None)
    for _ in range(2):
        for connection in ("one", "two"):
            take(ledger, Ask("a", 1, Lane.TRADE, "main", connection, messages, messages.amounts({})))
    assert {(report.key, report.in_flight) for report in ledger.report(now)} == {("one", 2), ("two", 2)}


def test_other_shares_make_other_lanes() -> None:
    """Where there is no guard and nothing is kept."""
    ledger = Ledger(Shares(guard=0, risk=0, account=0, market=0))
    assert greed(ledger, ask_for(TIME, lane=Lane.MARKET), START) == 6_000
    assert plan_of(TIME) is plan_of(TIME)
