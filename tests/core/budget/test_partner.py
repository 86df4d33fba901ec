"""core.budget.partner: two ledgers share one address, each within its part, and only others' use shrinks either."""

from random import Random  # noqa: TID251 - seeded

import pytest
from tests.core.budget.exchange import MIDNIGHT, ask_for, moment

from counterseal.core.budget.ledger import Ledger, Reservation, Short
from counterseal.core.budget.partner import spend_of, window_name
from counterseal.core.budget.share import BESIDE_GUARD, Lane, Shares
from counterseal.core.budget.window import Window

START = MIDNIGHT + 5_000
TIME, ORDER = "spot GET /api/v3/time", "spot POST /api/v3/order"
USED, DAY = "x-mbx-used-weight-1m", "x-mbx-order-count-1d"
NAME = "spot_weight|ip|"


def take(ledger: Ledger, at_ms: int = START, name: str = TIME, lane: Lane = Lane.TRADE) -> Reservation:
    held = ledger.reserve(ask_for(name, lane=lane), moment(at_ms))
    assert isinstance(held, Reservation), held
    return held


def settle(ledger: Ledger, held: Reservation, at_ms: int = START, **headers: int) -> list[object]:
    texts = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return list(ledger.settle(held, 200, None, texts, moment(at_ms), moment(at_ms)))


def window(ledger: Ledger, pool: str = "spot_weight") -> Window:
    (found,) = [one for one in ledger._windows.values() if one.pool.id == pool]
    return found


def begun(shares: Shares | None = None) -> Ledger:
    """A ledger that has seen a whole window turn, so that what it hears is not of a life before."""
    ledger = Ledger(shares)
    settle(ledger, take(ledger, MIDNIGHT - 1), MIDNIGHT - 1, x_mbx_used_weight_1m=1)
    settle(ledger, take(ledger), x_mbx_used_weight_1m=1)
    return ledger


def told(ledger: Ledger, used: int, in_flight: int = 0, at_ms: int = START, name: str = NAME) -> None:
    row = {"used": used, "in_flight": in_flight, "begin_ms": MIDNIGHT}
    ledger.hear_partner({name: row}, moment(at_ms))


def test_each_tells_what_it_has_spent() -> None:
    """By window, with when it began; of windows in which there is nothing, nothing."""
    ledger = begun()
    held = take(ledger)
    spend = ledger.spend(moment(START))
    assert spend[NAME] == {"used": 1, "in_flight": 1, "begin_ms": MIDNIGHT}
    assert window_name("spot_weight", "ip", "") == NAME
    ledger.release(held, moment(START))
    assert NAME not in ledger.spend(moment(MIDNIGHT + 60_000))
    assert spend_of([]) == {}


def test_the_partner_s_spending_takes_nothing_from_ours() -> None:
    """As soon as a number of the exchange surely contains it; what is above both is others'."""
    ledger = begun()
    told(ledger, 900)
    settle(ledger, take(ledger), x_mbx_used_weight_1m=902)
    assert (window(ledger).level, window(ledger).foreign) == (2, 0)
    settle(ledger, take(ledger), x_mbx_used_weight_1m=1_003)
    assert (window(ledger).level, window(ledger).foreign) == (103, 100)


def test_a_request_from_before_the_word_may_not_contain_it() -> None:
    """Its number counts in full, until a later one tells."""
    ledger = begun()
    early = take(ledger)
    told(ledger, 900)
    settle(ledger, early, x_mbx_used_weight_1m=902)
    assert window(ledger).level == 902
    settle(ledger, take(ledger), x_mbx_used_weight_1m=903)
    assert window(ledger).level == 3


def test_what_is_in_doubt_is_counted_beside_it() -> None:
    """An answer without a number, and one that fits to nothing."""
    ledger = begun()
    told(ledger, 900)
    settle(ledger, take(ledger), x_mbx_used_weight_1m=902)
    settle(ledger, take(ledger))
    settle(ledger, take(ledger), x_mbx_used_weight_1m=1)
    assert window(ledger).level == 4
    settle(ledger, take(ledger), x_mbx_used_weight_1m=905)
    assert window(ledger).level == 5


def test_a_partner_that_is_known_is_nobody_else() -> None:
    """Also what it has in flight; only what is above is told as foreign."""
    ledger = begun()
    told(ledger, 500, 400)
    assert settle(ledger, take(ledger), x_mbx_used_weight_1m=902) == []
    told(ledger, 900)
    # It may be the partner's, whose word is still on its way: two more are waited for.
    for word in (900, 900):
        assert settle(ledger, take(ledger), x_mbx_used_weight_1m=1_803) == []
        told(ledger, word)
    (found,) = settle(ledger, take(ledger), x_mbx_used_weight_1m=1_803)
    assert found.header == 1_803  # type: ignore[attr-defined]
    assert begun_without_word() != []


def test_what_the_next_words_explain_is_never_told() -> None:
    """A burst of the partner, seen before it told of it; and what follows is suspected anew."""
    ledger = begun()
    told(ledger, 0)
    for used in (0, 900, 900, 900):
        assert settle(ledger, take(ledger), x_mbx_used_weight_1m=910) == []
        told(ledger, used)
    assert window(ledger).suspected == 0
    assert settle(ledger, take(ledger), x_mbx_used_weight_1m=2_000) == []
    told(ledger, 900)
    assert settle(ledger, take(ledger), x_mbx_used_weight_1m=2_000) == []
    told(ledger, 900)
    assert len(settle(ledger, take(ledger), x_mbx_used_weight_1m=2_000)) == 1
    # Once in a window, as ever, and again when it has doubled.
    assert settle(ledger, take(ledger), x_mbx_used_weight_1m=2_100) == []
    assert len(settle(ledger, take(ledger), x_mbx_used_weight_1m=4_000)) == 1


def begun_without_word() -> list[object]:
    ledger = begun()
    return settle(ledger, take(ledger), x_mbx_used_weight_1m=902)


@pytest.mark.parametrize(
    "pools",
    [
        {}, {NAME: None}, {NAME: {}}, {NAME: {"used": 5, "in_flight": 0, "begin_ms": MIDNIGHT - 60_000}},
        {NAME: {"used": -5, "in_flight": 0, "begin_ms": MIDNIGHT}},
        {NAME: {"used": 10**10, "in_flight": 0, "begin_ms": MIDNIGHT}},
        {NAME: {"used": 5, "in_flight": True, "begin_ms": MIDNIGHT}},
        {NAME: {"used": "5", "in_flight": 0, "begin_ms": MIDNIGHT}},
        {"spot_weight|elsewhere|": {"used": 5, "in_flight": 0, "begin_ms": MIDNIGHT}},
    ],
)  # fmt: skip
def test_what_is_of_another_window_or_no_amount_changes_nothing(pools: dict[str, object]) -> None:
    """What was told before stands, but for what was in flight then."""
    ledger = begun()
    told(ledger, 7, 3)
    ledger.hear_partner(pools, moment(START))
    assert (window(ledger).partner_spent, window(ledger).partner_in_flight) == (7, 0)


def test_a_new_window_begins_without_a_word() -> None:
    """Both counts are the window's."""
    ledger = begun()
    told(ledger, 900, 100)
    settle(ledger, take(ledger), x_mbx_used_weight_1m=902)
    settle(ledger, take(ledger, MIDNIGHT + 60_000), MIDNIGHT + 60_000, x_mbx_used_weight_1m=50)
    one = window(ledger)
    assert (one.partner, one.partner_spent, one.partner_in_flight) == (0, 0, 0)
    assert one.level >= 50


def test_an_answer_over_the_boundary_brings_no_word_along() -> None:
    """A reservation of the window before knew of that one."""
    ledger = begun()
    told(ledger, 900)
    late = take(ledger, MIDNIGHT + 59_000)
    after = MIDNIGHT + 61_000
    take(ledger, after)
    texts = {USED: "950"}
    ledger.settle(late, 200, None, texts, moment(after), moment(after))
    assert window(ledger).partner == 0


def test_of_the_day_s_count_the_partner_s_orders_count_as_others() -> None:
    """Fills give back, nobody knows whose."""
    ledger = begun()
    order = "spot_orders_1d||"
    settle(ledger, take(ledger, name=ORDER), x_mbx_order_count_1d=1)
    told(ledger, 40, name=order)
    settle(ledger, take(ledger, name=ORDER), x_mbx_order_count_1d=42)
    settle(ledger, take(ledger, name=ORDER), x_mbx_order_count_1d=43)
    assert window(ledger, "spot_orders_1d").level == 43


@pytest.mark.parametrize("lane", Lane)
def test_the_gateway_never_spends_the_guard_s_part(lane: Lane) -> None:
    """Beside a guard nothing of its fifth is lent, to exits neither; without one it is."""
    spent = {}
    for name, shares in (("beside", BESIDE_GUARD), ("alone", Shares())):
        ledger, count = Ledger(shares), 0
        while not isinstance(held := ledger.reserve(ask_for(TIME, lane=lane), moment(START)), Short):
            settle(ledger, held)
            count += 1
        spent[name] = count
    assert spent["beside"] <= 4_800
    if lane is Lane.RISK:
        assert spent == {"beside": 4_800, "alone": 5_880}
    else:
        assert spent["beside"] == spent["alone"]


@pytest.mark.parametrize("seed", range(20))
def test_two_ledgers_and_a_stranger_never_exceed_the_limit_and_never_lose_their_part(seed: int) -> None:
    """Both spend as fast as they may, through latency, and tell each other late; a stranger spends besides.

    What the gateway counts as used is never less than what it and the stranger have used.
    """
    rng = Random(seed)
    ours, guard = Ledger(BESIDE_GUARD), Ledger(Shares(guard=0, risk=0, account=0, market=0, kept=0))
    for ledger in (ours, guard):
        settle(ledger, take(ledger, MIDNIGHT - 1), MIDNIGHT - 1, x_mbx_used_weight_1m=1)
        settle(ledger, take(ledger), x_mbx_used_weight_1m=2)
    true = {"ours": 1, "guard": 1, "stranger": 0}
    stranger_most, now_ms = rng.choice([0, 0, 300, 1_500]), START
    flying: list[tuple[int, str, Reservation, bool]] = []
    refused = 0
    for _ in range(9_000):
        now_ms += rng.randrange(4)
        if rng.random() < 0.1 and true["stranger"] < stranger_most:
            true["stranger"] += rng.randrange(20)
        who, ledger = ("ours", ours) if rng.random() < 0.8 else ("guard", guard)
        if who == "ours" or window(guard).spent + window(guard).in_flight < 1_200:
            held = ledger.reserve(ask_for(TIME, lane=Lane.RISK), moment(now_ms))
            if isinstance(held, Reservation):
                flying.append((now_ms + rng.randrange(40), who, held, False))
            else:
                refused += who == "ours"
        if rng.random() < 0.01:
            ours.hear_partner(guard.spend(moment(now_ms)), moment(now_ms))
            guard.hear_partner(ours.spend(moment(now_ms)), moment(now_ms))
        for one in [each for each in flying if each[0] <= now_ms]:
            flying.remove(one)
            true[one[1]] += 1
            number = sum(true.values())
            settle(ours if one[1] == "ours" else guard, one[2], now_ms, x_mbx_used_weight_1m=number)
            assert sum(true.values()) <= 6_000
        if now_ms > MIDNIGHT + 58_000:
            break
    # The level knows of the stranger what the last number told.
    assert window(ours).level >= true["ours"]
    settle(ours, ours.overdraw(ask_for(TIME, lane=Lane.RISK), moment(now_ms)), now_ms,
           x_mbx_used_weight_1m=sum(true.values()) + 1)  # fmt: skip
    true["ours"] += 1
    assert window(ours).level >= true["ours"] + true["stranger"]
    if refused:
        # Nothing but its own use and strangers' keeps it from its four fifths; late words cost a little for a moment.
        assert true["ours"] + true["stranger"] >= 4_600
