"""core.streams: how many may be said, what has been said, and who wants what."""

import json

from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.fan import MOST_LINES, MOST_ON_A_LINE, Fan
from counterseal.core.streams.telling import MOST_NAMES, Telling


def test_an_allowance_holds_in_any_stretch_of_time() -> None:
    """Not only in aligned windows."""
    allowance = Allowance(3, 1000)
    assert [allowance.take(at) for at in (0, 900, 950, 999)] == [True, True, True, False]
    assert allowance.wait_ms(999) == 1
    assert allowance.take(1000)
    assert not allowance.take(1800)
    assert allowance.wait_ms(1800) == 100
    assert (allowance.count(1800), allowance.count(1900)) == (3, 2)


def test_a_stream_is_on_one_line_however_many_listen() -> None:
    """The first who comes makes it, the last who goes ends it."""
    fan: Fan[str] = Fan()
    assert [fan.join(bot, "a@trade", newest_only=False) for bot in ("x", "y", "x")] == [0, 0, 0]
    stream = fan.find("a@trade")
    assert stream is not None and list(stream.members) == ["x", "y"]
    assert list(fan.wanted(0)) == ["a@trade"]
    assert fan.leave("x", "a@trade") is None
    assert fan.leave("x", "a@trade") is None
    assert fan.leave("y", "a@trade") == 0
    assert fan.leave("y", "a@trade") is None
    assert (len(fan), dict(fan.wanted(0)), fan.find("a@trade")) == (0, {}, None)


def test_a_full_line_is_followed_by_the_next_and_the_last_by_a_refusal() -> None:
    """Places that become free are used again."""
    fan: Fan[str] = Fan()
    lines = [fan.join("x", f"s{number}@trade", newest_only=False) for number in range(MOST_LINES * MOST_ON_A_LINE)]
    assert [lines.count(line) for line in range(MOST_LINES)] == [MOST_ON_A_LINE] * MOST_LINES
    assert fan.join("x", "more@trade", newest_only=False) is None
    assert fan.leave("x", "s0@trade") == 0
    assert fan.join("x", "more@trade", newest_only=True) == 0
    assert len(fan) == MOST_LINES * MOST_ON_A_LINE


def test_only_the_difference_is_told() -> None:
    """Who comes and goes between two messages costs none."""
    wanted: dict[str, None] = {}
    telling = Telling(wanted)
    assert telling.next_message() is None
    assert telling.is_settled
    wanted |= {"a@trade": None, "币@trade": None}
    assert telling.next_message() == '{"method":"SUBSCRIBE","params":["a@trade","币@trade"],"id":1}'.encode()
    assert telling.next_message() is None
    assert not telling.is_settled
    assert telling.answered(7) == telling.answered("1") == ()
    assert telling.answered(1) == ("a@trade", "币@trade")
    assert telling.is_settled
    del wanted["a@trade"]
    wanted["a@trade"] = None
    assert telling.next_message() is None
    del wanted["币@trade"]
    assert telling.next_message() == '{"method":"UNSUBSCRIBE","params":["币@trade"],"id":2}'.encode()
    assert len(telling) == 1


def test_many_names_go_in_few_messages() -> None:
    """1,024 streams are told in six."""
    wanted = {f"s{number}@trade": None for number in range(1024)}
    telling = Telling(wanted)
    messages = [json.loads(text) for text in iter(telling.next_message, None)]
    assert [len(message["params"]) for message in messages] == [MOST_NAMES] * 5 + [24]
    assert not telling.is_settled
    for message in messages:
        telling.answered(message["id"])
    assert telling.is_settled


def test_what_is_refused_is_asked_for_again_without_it() -> None:
    """In halves: in the end one name is refused, and stays so; what nobody wants any more is not asked for."""
    wanted = {f"s{number}@trade": None for number in range(9)}
    telling = Telling(wanted)
    taken: list[str] = []
    said = 0
    while (text := telling.next_message()) is not None:
        message = json.loads(text)
        said += 1
        if "s5@trade" in message["params"]:
            assert telling.refused(message["id"]) == tuple(message["params"])
            for number in (0, 1, 2, 3, 8):
                wanted.pop(f"s{number}@trade", None)
            assert telling.is_whole == (len(message["params"]) == 1)
        else:
            taken += message["params"]
            telling.answered(message["id"])
    assert (sorted(taken), said) == ([f"s{number}@trade" for number in (4, 6, 7)], 6)
    assert telling.is_settled
    assert len(telling) == 4


def test_who_changes_its_mind_all_the_time_does_not_keep_a_connection_from_standing() -> None:
    """What was wanted at first has been answered, whatever is asked for since."""
    wanted: dict[str, None] = {"a@trade": None}
    telling = Telling(wanted)
    assert not telling.is_whole
    telling.next_message()
    wanted |= {f"s{number}@trade": None for number in range(300)}
    telling.next_message()
    assert not telling.is_whole
    telling.answered(1)
    assert (telling.is_whole, telling.is_settled) == (True, False)
