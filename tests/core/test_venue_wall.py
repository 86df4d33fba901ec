"""After 429 a pool is closed, after 418 everything is, until the exchange's own time is over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.venue_wall import (
    DEFAULT_BACKOFF_S,
    DEFAULT_BAN_S,
    MAX_WAIT_S,
    MIN_WAIT_S,
    AddressWall,
    Closed,
    Standing,
    VenueWall,
    seconds_of,
)

NOW = 5_000_000
PRODUCTS = ("spot", "sapi", "usdm", "coinm", "options", "papi")


def told(closed: Closed | None) -> tuple[str, int] | None:
    return None if closed is None else closed[:2]


def wall_after(product: str, status: int, retry_after_s: int | None) -> VenueWall:
    wall = VenueWall()
    wall.note(product, status, retry_after_s, NOW)
    return wall


@pytest.mark.threat(40)
@pytest.mark.parametrize("product", PRODUCTS)
def test_418_closes_every_product(product: str) -> None:
    """Nothing leaves this address until Retry-After, to the millisecond."""
    wall = wall_after("spot", 418, 120)
    assert told(wall.closed(product, NOW)) == ("venue_ban", 120)
    assert told(wall.closed(product, NOW + 119_999)) == ("venue_ban", 1)
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
    assert {p for p in PRODUCTS if told(wall.closed(p, NOW)) == ("venue_backoff", 7)} == closed
    assert {p for p in PRODUCTS if wall.closed(p, NOW)} == closed
    assert wall.closed(product, NOW + 7_000) is None


def test_without_retry_after_there_is_a_default() -> None:
    """A minute after 429, two after 418."""
    assert told(wall_after("spot", 429, None).closed("spot", NOW)) == ("venue_backoff", DEFAULT_BACKOFF_S)
    assert told(wall_after("spot", 418, None).closed("spot", NOW)) == ("venue_ban", DEFAULT_BAN_S)


@pytest.mark.parametrize("status", [200, 400, 403, 500, 503])
def test_other_answers_close_nothing(status: int) -> None:
    """Only 429 and 418 are about us calling too much."""
    assert wall_after("spot", status, 60).closed("spot", NOW) is None


@pytest.mark.parametrize("status", [418, 429])
def test_no_answer_closes_for_more_than_three_days(status: int) -> None:
    """A wrong or hostile Retry-After cannot close the way out for ever."""
    closed = wall_after("spot", status, 10**15).closed("spot", NOW)
    assert closed is not None
    assert closed.wait_s == MAX_WAIT_S == 259_200


@pytest.mark.threat(40)
@pytest.mark.parametrize("status", [418, 429])
@pytest.mark.parametrize(
    ("header", "waits_s"),
    [("0", MIN_WAIT_S), ("1", 1), ("604800", MAX_WAIT_S), ("soon", None), ("", None), ("-5", None), ("1e3", None)],
)
def test_a_bad_retry_after_neither_opens_at_once_nor_closes_for_ever(
    status: int, header: str, waits_s: int | None
) -> None:
    """Nothing is a moment, a week is three days, what is no number or missing is the default."""
    expected = waits_s or {418: DEFAULT_BAN_S, 429: DEFAULT_BACKOFF_S}[status]
    closed = wall_after("spot", status, seconds_of(header)).closed("spot", NOW)
    assert closed is not None
    assert (closed.wait_s, closed.until_ms) == (expected, NOW + 1000 * expected)


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
            bans.append(now + 1000 * (120 if retry is None else max(retry, 1)))
        elif status == 429 and pool(product) == pool(asked):
            backoffs.append(now + 1000 * (60 if retry is None else max(retry, 1)))
        now += wait
        closed = wall.closed(asked, now)
        until = max(bans) if now < max(bans) else max(backoffs)
        if now >= until:
            assert closed is None
        else:
            reason = "venue_ban" if now < max(bans) else "venue_backoff"
            assert closed == (reason, (until - now + 999) // 1000, until)


@pytest.mark.threat(40)
def test_three_exits_pass_a_429_and_none_a_ban() -> None:
    """Exits outrank entries, but a banned address is silent; an exit that is throttled too buys no further ones."""
    wall = VenueWall()
    wall.note("spot", 429, 60, 0)
    assert told(wall.closed("spot", 1, is_exit=False)) == ("venue_backoff", 60)
    assert [wall.closed("spot", 1, is_exit=True) for _ in range(2)] == [None, None]
    wall.note("spot", 429, 60, 2)
    assert wall.closed("spot", 3, is_exit=True) is None
    assert told(wall.closed("spot", 3, is_exit=True)) == ("venue_backoff", 60)
    assert wall.closed("usdm", 3) is None
    wall.note("spot", 429, 60, 100_000)
    assert wall.closed("spot", 100_001, is_exit=True) is None
    wall.note("spot", 418, 60, 100_002)
    assert told(wall.closed("spot", 100_003, is_exit=True)) == ("venue_ban", 60)


@pytest.mark.threat(40)
def test_an_exit_that_only_asks_is_none_of_the_three() -> None:
    wall = VenueWall()
    wall.note("spot", 429, 60, 0)
    assert [wall.closed("spot", 1, is_exit=True, takes=False) for _ in range(9)] == [None] * 9
    assert [wall.closed("spot", 1, is_exit=True) for _ in range(3)] == [None] * 3
    assert told(wall.closed("spot", 1, is_exit=True, takes=False)) == ("venue_backoff", 60)


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


@pytest.mark.threat(40)
def test_each_address_has_a_wall_of_its_own() -> None:
    """The exchange bans addresses: what one of them did closes no other."""
    wall = VenueWall()
    wall.note("spot", 418, 60, NOW, egress="10.0.0.5")
    wall.note("spot", 429, 30, NOW, egress="10.0.0.6")
    assert told(wall.closed("usdm", NOW, egress="10.0.0.5")) == ("venue_ban", 60)
    assert told(wall.closed("spot", NOW, egress="10.0.0.6")) == ("venue_backoff", 30)
    assert wall.closed("usdm", NOW, egress="10.0.0.6") is None
    assert wall.closed("spot", NOW) is wall.closed("spot", NOW, egress="10.0.0.7") is None
    assert wall.at("10.0.0.5").banned_until_ms == NOW + 60_000
    assert wall.at().banned_until_ms == 0


def test_three_exits_are_counted_for_each_address() -> None:
    wall = VenueWall()
    for egress in ("a", "b"):
        wall.note("spot", 429, 30, NOW, egress=egress)
    assert [wall.closed("spot", NOW, is_exit=True, egress="a") for _ in range(3)] == [None] * 3
    assert told(wall.closed("spot", NOW, is_exit=True, egress="a")) == ("venue_backoff", 30)
    assert wall.closed("spot", NOW, is_exit=True, egress="b") is None


def test_the_standing_of_an_address() -> None:
    """Open, exits only, closed when they are used up or after a ban; looking takes no exit."""
    wall = VenueWall()
    assert wall.standing("spot", NOW) is Standing.OPEN
    wall.note("spot", 429, 30, NOW)
    assert [wall.standing("spot", NOW) for _ in range(5)] == [Standing.EXITS_ONLY] * 5
    assert wall.standing("usdm", NOW) is wall.standing("spot", NOW + 30_000) is Standing.OPEN
    for _ in range(3):
        wall.closed("spot", NOW, is_exit=True)
    assert wall.standing("spot", NOW) is Standing.CLOSED
    wall.note("spot", 418, 60, NOW)
    assert wall.standing("usdm", NOW) is Standing.CLOSED
    assert wall.standing("usdm", NOW + 60_000) is Standing.OPEN


def test_what_is_told_when_all_addresses_are_closed() -> None:
    """The one that opens first; nothing while one is open or where there is none to ask about."""
    wall = VenueWall()
    wall.note("spot", 418, 600, NOW, egress="a")
    wall.note("spot", 429, 30, NOW, egress="b")
    assert told(wall.soonest("spot", NOW, ["a", "b"])) == ("venue_backoff", 30)
    assert told(wall.soonest("usdm", NOW, ["a"])) == ("venue_ban", 600)
    assert wall.soonest("usdm", NOW, ["a", "b"]) is None
    assert wall.soonest("spot", NOW, []) is None


def test_places_that_were_told_to_stop_are_shown() -> None:
    wall = VenueWall()
    assert wall.places() == []
    wall.note("spot", 429, 5, 0, "10.0.0.6")
    wall.note("spot", 418, 5, 0)
    assert [(place, each.banned_until_ms) for place, each in wall.places()] == [("", 5_000), ("10.0.0.6", 0)]


def test_since_when_an_address_is_closed() -> None:
    """Since the first 429 of a pool that was open, since the first 418; a second one prolongs and is no beginning."""
    wall = AddressWall()
    assert wall.since_ms("spot", 0) is None
    wall.note("spot", 429, 10, 1_000)
    wall.note("spot", 429, 10, 2_000)
    assert (wall.since_ms("spot", 3_000), wall.since_ms("usdm", 3_000)) == (1_000, None)
    assert wall.since_ms("spot", 12_000) is None
    wall.note("spot", 418, 10, 13_000)
    wall.note("spot", 418, 20, 14_000)
    assert wall.since_ms("usdm", 15_000) == 13_000


def test_with_several_addresses_it_is_since_the_last_of_them() -> None:
    """Until then something still left."""
    wall = VenueWall()
    assert wall.since_ms("spot", 0) is None
    wall.note("spot", 418, 60, 1_000, "10.0.0.1")
    wall.note("spot", 418, 60, 5_000, "10.0.0.2")
    assert wall.since_ms("spot", 6_000) == 5_000
    assert wall.since_ms("spot", 61_500) == 5_000


def test_a_wall_that_nobody_was_told_to_stop_before_is_none() -> None:
    """Who has never been told to stop need not ask: the wall is empty until then."""
    wall = VenueWall()
    assert not wall.walls
    wall.note("spot", 429, 1, 0)
    assert wall.walls
