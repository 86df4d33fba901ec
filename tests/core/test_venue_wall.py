"""After 429 a pool is closed, after 418 everything is, until the exchange's own time is over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.venue_wall import DEFAULT_BACKOFF_S, DEFAULT_BAN_S, MAX_WAIT_S, VenueWall, seconds_of

NOW = 5_000_000
PRODUCTS = ("spot", "sapi", "usdm", "coinm", "options", "papi")


def wall_after(product: str, status: int, retry_after_s: int | None) -> VenueWall:
    wall = VenueWall()
    wall.note(product, status, retry_after_s, NOW)
    return wall


@pytest.mark.threat(40)
@pytest.mark.parametrize("product", PRODUCTS)
def test_418_closes_every_product(product: str) -> None:
    """Nothing leaves this address until Retry-After, to the millisecond."""
    wall = wall_after("spot", 418, 120)
    assert wall.closed(product, NOW) == ("venue_ban", 120)
    assert wall.closed(product, NOW + 119_999) == ("venue_ban", 1)
    assert wall.closed(product, NOW + 120_000) is None


@pytest.mark.parametrize(
    ("product", "closed"),
    [
        ("spot", {"spot"}),
        ("sapi", {"sapi"}),
        ("usdm", {"usdm", "coinm"}),
        ("coinm", {"usdm", "coinm"}),
        ("papi", {"papi"}),
    ],
)
def test_429_closes_its_pool(product: str, closed: set[str]) -> None:
    """Both futures families are one pool; the others stand alone."""
    wall = wall_after(product, 429, 7)
    assert {p for p in PRODUCTS if wall.closed(p, NOW) == ("venue_backoff", 7)} == closed
    assert {p for p in PRODUCTS if wall.closed(p, NOW)} == closed
    assert wall.closed(product, NOW + 7_000) is None


def test_without_retry_after_there_is_a_default() -> None:
    """A minute after 429, two after 418."""
    assert wall_after("spot", 429, None).closed("spot", NOW) == ("venue_backoff", DEFAULT_BACKOFF_S)
    assert wall_after("spot", 418, None).closed("spot", NOW) == ("venue_ban", DEFAULT_BAN_S)


@pytest.mark.parametrize("status", [200, 400, 403, 500, 503])
def test_other_answers_close_nothing(status: int) -> None:
    """Only 429 and 418 are about us calling too much."""
    assert wall_after("spot", status, 60).closed("spot", NOW) is None


@pytest.mark.parametrize("status", [418, 429])
def test_no_answer_closes_for_more_than_three_days(status: int) -> None:
    """A wrong or hostile Retry-After cannot close the way out for ever."""
    closed = wall_after("spot", status, 10**15).closed("spot", NOW)
    assert closed is not None
    assert closed[1] == MAX_WAIT_S == 259_200


events = st.tuples(
    st.sampled_from(PRODUCTS), st.sampled_from((200, 418, 429)), st.none() | st.integers(0, 300), st.integers(0, 90_000)
)


@given(st.lists(events, max_size=12), st.sampled_from(PRODUCTS))
def test_a_later_answer_never_opens_earlier(story: list[tuple[str, int, int | None, int]], asked: str) -> None:
    """Against a model that remembers every answer: closed exactly until the latest of the ends that concern it."""
    wall, now = VenueWall(), NOW
    bans, backoffs = [0], [0]

    def pool(product: str) -> str:
        return "futures" if product in ("usdm", "coinm") else product

    for product, status, retry, wait in story:
        wall.note(product, status, retry, now)
        if status == 418:
            bans.append(now + 1000 * (120 if retry is None else retry))
        elif status == 429 and pool(product) == pool(asked):
            backoffs.append(now + 1000 * (60 if retry is None else retry))
        now += wait
        closed = wall.closed(asked, now)
        until = max(bans) if now < max(bans) else max(backoffs)
        if now >= until:
            assert closed is None
        else:
            reason = "venue_ban" if now < max(bans) else "venue_backoff"
            assert closed == (reason, (until - now + 999) // 1000)


@pytest.mark.threat(40)
def test_three_exits_pass_a_429_and_none_a_ban() -> None:
    """Exits outrank entries, but a banned address is silent; an exit that is throttled too buys no further ones."""
    wall = VenueWall()
    wall.note("spot", 429, 60, 0)
    assert wall.closed("spot", 1, is_exit=False) == ("venue_backoff", 60)
    assert [wall.closed("spot", 1, is_exit=True) for _ in range(2)] == [None, None]
    wall.note("spot", 429, 60, 2)
    assert wall.closed("spot", 3, is_exit=True) is None
    assert wall.closed("spot", 3, is_exit=True) == ("venue_backoff", 60)
    assert wall.closed("usdm", 3) is None
    wall.note("spot", 429, 60, 100_000)
    assert wall.closed("spot", 100_001, is_exit=True) is None
    wall.note("spot", 418, 60, 100_002)
    assert wall.closed("spot", 100_003, is_exit=True) == ("venue_ban", 60)


@pytest.mark.threat(40)
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("60", 60), ("604800", 604_800), ("9" * 9, 999_999_999),
        ("", None), ("soon", None), ("-1", None), ("1.5", None), (" 5", None), ("5\n", None),
        ("\u00b2", None), ("\u0663", None), ("9" * 5_000, None),
    ],
)  # fmt: skip
def test_only_a_plain_number_is_a_retry_after(text: str, seconds: int | None) -> None:
    """Digits of other scripts and numbers without end are no number: they must not raise either."""
    assert seconds_of(text) == seconds
