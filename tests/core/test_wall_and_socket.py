"""While USD-M's REST pool is closed three exits may go by its WebSocket API, whose weight is a pool of its own."""

import pytest

from counterseal.core.venue_wall import EXITS_AFTER_429, SOCKET, AddressWall, VenueWall

NOW = 5_000_000


def lets(wall: AddressWall | VenueWall, now_ms: int = NOW) -> int:
    """How many are let through."""
    return sum(wall.lets_by_socket(now_ms, takes=True) for _ in range(10))


@pytest.mark.threat(40)
@pytest.mark.parametrize(
    ("product", "status", "exits"),
    [("usdm", 429, 3), ("coinm", 429, 3), ("usdm", 418, 0), ("spot", 429, 0), ("papi", 429, 0), (SOCKET, 429, 0),
     ("usdm", 200, 0)],
)  # fmt: skip
def test_only_a_429_of_the_futures_pool_opens_it(product: str, status: int, exits: int) -> None:
    wall = VenueWall()
    assert lets(wall) == 0
    wall.note(product, status, 10, NOW)
    assert lets(wall) == exits


def test_it_is_the_other_pool_s_time_that_counts() -> None:
    """No more once REST is open; and no renewal by another 429 while it is closed."""
    wall = AddressWall()
    wall.note("usdm", 429, 10, NOW)
    assert wall.lets_by_socket(NOW + 9_999)
    assert not wall.lets_by_socket(NOW + 10_000)
    assert lets(wall) == EXITS_AFTER_429
    wall.note("usdm", 429, 20, NOW + 1_000)
    assert lets(wall, NOW + 1_000) == 0
    wall.note("usdm", 429, 10, NOW + 21_000)
    assert lets(wall, NOW + 21_000) == EXITS_AFTER_429


def test_its_own_429_closes_it_alone_and_a_ban_everything() -> None:
    wall = AddressWall()
    wall.note("usdm", 429, 10, NOW)
    wall.note(SOCKET, 429, 5, NOW)
    assert not wall.lets_by_socket(NOW + 4_999)
    assert wall.closed("usdm", NOW, is_exit=True) is None
    assert wall.lets_by_socket(NOW + 5_000)
    wall.note(SOCKET, 418, 5, NOW + 5_000)
    assert not wall.lets_by_socket(NOW + 5_000)
    assert wall.closed("spot", NOW + 5_000) is not None


def test_to_ask_takes_none_and_what_did_not_leave_comes_back() -> None:
    wall = AddressWall()
    wall.note("usdm", 429, 10, NOW)
    assert all(wall.lets_by_socket(NOW) for _ in range(10))
    assert wall.lets_by_socket(NOW, takes=True)
    wall.return_socket_exit()
    wall.return_socket_exit()
    assert lets(wall) == EXITS_AFTER_429


def test_the_exits_of_rest_are_others_and_each_address_has_its_own() -> None:
    wall = VenueWall()
    wall.note("usdm", 429, 10, NOW, "10.0.0.1")
    assert sum(wall.lets_by_socket(NOW, "10.0.0.1", takes=True) for _ in range(10)) == EXITS_AFTER_429
    assert not wall.lets_by_socket(NOW, "10.0.0.2")
    exits = [wall.closed("usdm", NOW, is_exit=True, egress="10.0.0.1") for _ in range(10)]
    assert exits.count(None) == EXITS_AFTER_429
