"""The address with the most room; banned ones never, closed ones for exits only."""

import pytest

from counterseal.core.budget.egress import choose
from counterseal.core.venue_wall import Standing, VenueWall

OPEN, EXITS, SHUT = Standing.OPEN, Standing.EXITS_ONLY, Standing.CLOSED


@pytest.mark.parametrize(
    ("standings", "rooms", "ordinary", "exits"),
    [
        ([OPEN], [5], "0", "0"),
        ([OPEN, OPEN, OPEN], [5, 9, 9], "1", "1"),
        ([OPEN, OPEN], [0, 0], "0", "0"),
        ([OPEN, OPEN], [-7, -3], "1", "1"),
        ([EXITS, OPEN], [900, 1], "1", "1"),
        ([EXITS, EXITS], [1, 900], None, "1"),
        ([SHUT, EXITS], [900, -5], None, "1"),
        ([SHUT, OPEN, SHUT], [900, 1, 900], "1", "1"),
        ([SHUT, SHUT], [900, 900], None, None),
        ([], [], None, None),
    ],
)
def test_who_is_chosen(standings: list[Standing], rooms: list[int], ordinary: str | None, exits: str | None) -> None:
    names = [str(number) for number in range(len(rooms))]

    def standing(egress: str) -> Standing:
        return standings[int(egress)]

    def room(egress: str) -> int:
        return rooms[int(egress)]

    assert choose(names, standing, room) == ordinary
    assert choose(names, standing, room, is_exit=True) == exits


@pytest.mark.threat(40)
def test_two_addresses_and_their_walls() -> None:
    """Together with the wall: after a ban of one all goes by the other; after both nothing goes."""
    wall, names = VenueWall(), ("10.0.0.5", "10.0.0.6")

    def chosen(now_ms: int, *, is_exit: bool = False) -> str | None:
        return choose(names, lambda egress: wall.standing("spot", now_ms, egress), lambda _egress: 1, is_exit=is_exit)

    assert chosen(0) == "10.0.0.5"
    wall.note("spot", 418, 60, 0, egress="10.0.0.5")
    assert chosen(1) == chosen(1, is_exit=True) == "10.0.0.6"
    wall.note("spot", 429, 10, 1, egress="10.0.0.6")
    assert (chosen(2), chosen(2, is_exit=True)) == (None, "10.0.0.6")
    for _ in range(3):
        assert wall.closed("spot", 2, is_exit=True, egress="10.0.0.6") is None
    assert chosen(2, is_exit=True) is None
    assert chosen(10_001) == "10.0.0.6"
    assert chosen(60_000) == "10.0.0.5"
