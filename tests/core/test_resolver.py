"""When an unknown request is proven: what is found is final at once, absence needs time and several denials."""

from itertools import pairwise

import pytest

from counterseal.core.resolver import OVERDUE_MS, RARELY_MS, RULES, Ask, End, Finding, Proof, begin, learn, next_ask

SENT, WINDOW = 1_000_000, 2_000
EXPIRES = SENT + WINDOW + 1_000
SETTLED = EXPIRES + 12_000


def run(proof: Proof, findings: dict[Ask, Finding], until_ms: int = SENT + 600_000) -> tuple[Proof, list[int]]:
    """Answer every question at its own moment with what is found there; gives the proof and the moments."""
    moments: list[int] = []
    while proof.end is None:
        ask, at_ms = next_ask(proof)
        if at_ms > until_ms:
            break
        moments.append(at_ms)
        proof = learn(proof, findings[ask], at_ms)
    return proof, moments


def order(now_ms: int = SENT) -> Proof:
    """An order's birth, unknown since `now_ms`."""
    return begin(SENT, WINDOW, now_ms, places=True)


EMPTY = dict.fromkeys(Ask, Finding.NOT_THERE)


@pytest.mark.parametrize("places", [True, False])
@pytest.mark.parametrize(("finding", "end"), [(Finding.THERE, End.TAKEN), (Finding.NEVER, End.REFUSED)])
def test_what_is_shown_is_final_at_once(places: bool, finding: Finding, end: End) -> None:
    """Whenever it is shown, and to whichever question."""
    proof = begin(SENT, WINDOW, SENT, places=places)
    assert learn(proof, finding, SENT + 1).end is end
    assert learn(proof._replace(ask=Ask.WINDOW), finding, SENT + 1).end is end


def test_an_order_is_absent_after_all_waits_and_soon_after_them() -> None:
    """Never before sent + recvWindow + 1 + 10 + 2 s, four denials over 10 s, two late ones; at most 15 s later."""
    proof, moments = run(order(), EMPTY)
    assert proof.end is End.ABSENT
    assert SETTLED + 1_000 <= moments[-1] <= SETTLED + 15_000
    assert moments[-1] - SENT < 16_200
    after = [at_ms for at_ms in moments[:-2] if at_ms >= EXPIRES]
    assert len(after) >= 4
    assert after[-1] - after[0] >= 10_000
    assert len([at_ms for at_ms in after if at_ms >= SETTLED]) == 2
    assert EXPIRES in moments, "evidence begins with the first moment that counts"
    assert proof.ask is Ask.TRADES


def test_it_is_asked_often_at_first() -> None:
    """Found in 3 s on average: when the exchange shows it within a second, five questions have been asked by then."""
    _, moments = run(order(), EMPTY)
    assert [at_ms - SENT for at_ms in moments[:5]] == [0, 250, 750, 1_750, 3_000]


def test_denials_before_expiry_prove_nothing() -> None:
    """However many they are: the request may still be on its way."""
    proof = order()
    for step in range(1_000):
        proof = learn(proof, Finding.NOT_THERE, SENT + step)
    assert (proof.missing, proof.end, proof.ask) == (0, None, Ask.NAMED)


@pytest.mark.parametrize(
    ("moments", "proven"),
    [
        ([EXPIRES, EXPIRES + 4_000, SETTLED, SETTLED + 1_000], True),
        # Ten seconds to the millisecond.
        ([SETTLED - 9_000, SETTLED - 5_000, SETTLED, SETTLED + 1_000], True),
        # Three denials only.
        ([EXPIRES, SETTLED, SETTLED + 1_000], False),
        # Four, but within less than ten seconds.
        ([SETTLED - 4_000, SETTLED - 2_000, SETTLED, SETTLED + 1_000], False),
        # One of them late.
        ([EXPIRES, EXPIRES + 4_000, EXPIRES + 8_000, SETTLED], False),
        # The late ones less than a second apart.
        ([EXPIRES, EXPIRES + 4_000, SETTLED, SETTLED + 999], False),
        # The first of them before expiry.
        ([EXPIRES - 1, SETTLED - 2_000, SETTLED, SETTLED + 1_000], False),
    ],
)
def test_each_condition_is_needed(moments: list[int], proven: bool) -> None:
    """Take one away and the open orders are not even asked for."""
    proof = order()
    for at_ms in moments:
        proof = learn(proof, Finding.NOT_THERE, at_ms)
    assert (proof.ask is Ask.OPEN) == proven
    assert proof.end is None


def test_trades_lead_to_all_orders_of_that_time() -> None:
    """Something was traded: whose it was, only the orders of that time can tell."""
    proof, _ = run(order(), {**EMPTY, Ask.TRADES: Finding.TRADED})
    assert (proof.end, proof.ask) == (End.ABSENT, Ask.WINDOW)
    proof, _ = run(order(), {**EMPTY, Ask.TRADES: Finding.TRADED, Ask.WINDOW: Finding.THERE})
    assert proof.end is End.TAKEN
    proof, _ = run(order(), {**EMPTY, Ask.OPEN: Finding.THERE})
    assert proof.end is End.TAKEN


def test_a_cancel_or_change_that_does_not_show_is_absent_once_all_has_settled() -> None:
    """The order itself says so: one sound answer after the wait is enough."""
    proof, moments = run(begin(SENT, WINDOW, SENT, places=False), EMPTY)
    assert proof.end is End.ABSENT
    assert moments[-1] == SETTLED
    assert moments[-2] < SETTLED


def test_silence_proves_nothing_and_is_asked_ever_more_rarely() -> None:
    """Five seconds at most in the first minute, then growing to one minute; a sound answer begins anew."""
    proof, moments = run(order(), dict.fromkeys(Ask, Finding.SILENT))
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert proof.end is None
    # At expiry and when all has settled it is asked in any case.
    assert {EXPIRES, SETTLED} <= set(moments)
    early = [pause for at_ms, pause in zip(moments, pauses, strict=False) if at_ms < SENT + OVERDUE_MS]
    assert max(early) == 5_000
    late = pauses[len(early) :]
    assert late == sorted(late)
    assert (late[0] // 1_000, late[-1]) == (10, RARELY_MS)
    assert learn(proof, Finding.NOT_THERE, moments[-1] + 1).silent == 0


def test_a_late_answer_counts_from_its_question() -> None:
    """Taken up long after it was sent: what has expired already is proven in little over ten seconds."""
    now_ms = SETTLED + 3_600_000
    proof, moments = run(order(now_ms), EMPTY, now_ms + 60_000)
    assert proof.end is End.ABSENT
    assert moments[0] == now_ms
    assert 10_000 <= moments[-1] - now_ms <= 15_000


def test_the_rules_are_those_of_the_design() -> None:
    """With recvWindow 2 s absence takes at least 15 s."""
    assert RULES == (1_000, 10_000, 2_000, 4, 10_000, 1_000)
    assert order().settled_ms - SENT == 15_000


def moments_of(finding: Finding, count: int) -> list[int]:
    """When a request that lives for long is asked for, from its sending on."""
    proof, moments = begin(SENT, 60_000, SENT, places=True), []
    for _ in range(count):
        _, at_ms = next_ask(proof)
        moments.append(at_ms - SENT)
        proof = learn(proof, finding, at_ms)
    return moments


def test_pauses_are_exact() -> None:
    """Denials up to three seconds apart, silence up to five."""
    assert moments_of(Finding.NOT_THERE, 8) == [0, 250, 750, 1_750, 3_750, 6_750, 9_750, 12_750]
    assert moments_of(Finding.SILENT, 8) == [0, 500, 1_500, 3_500, 7_500, 12_500, 17_500, 22_500]


@pytest.mark.parametrize(
    ("age_ms", "pause_ms"), [(59_999, 5_000), (60_000, 10_000), (359_999, 59_999), (10**9, 60_000)]
)
def test_pauses_grow_with_the_age_of_what_stays_silent(age_ms: int, pause_ms: int) -> None:
    proof = order()._replace(asked=30, silent=30, asked_ms=SENT + age_ms)
    assert next_ask(proof) == (Ask.NAMED, SENT + age_ms + pause_ms)


def test_the_last_questions_follow_at_once() -> None:
    late = order()._replace(asked=9, asked_ms=SETTLED)
    assert next_ask(late) == (Ask.NAMED, SETTLED + 1_100)
    for ask in (Ask.OPEN, Ask.TRADES, Ask.WINDOW):
        assert next_ask(late._replace(ask=ask)) == (ask, SETTLED)


def test_it_begins_with_nothing_known() -> None:
    assert order() == Proof(True, SENT, EXPIRES, SETTLED, Ask.NAMED, 0, 0, 0, 0, 0, None, None)


def test_an_operator_reads_what_was_asked_and_found() -> None:
    assert [ask.value for ask in Ask] == ["by its id", "open orders", "trades", "all orders of that time"]
    assert [finding.value for finding in Finding] == [
        "it came about", "it cannot come about any more", "not there", "something was traded", "no sound answer",
    ]  # fmt: skip
