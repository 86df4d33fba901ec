"""core.streams.commands: what bots say, read in one way only, and answers in the exchange's words."""

import json
from typing import Any

import pytest

from counterseal.core.streams import commands
from counterseal.core.streams.commands import Command, Refused


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"method":"SUBSCRIBE","params":["a@trade"],"id":1}', Command("SUBSCRIBE", "1", ("a@trade",))),
        ('{"id":"x","params":["a@trade"],"method":"UNSUBSCRIBE"}', Command("UNSUBSCRIBE", '"x"', ("a@trade",))),
        ('{"method":"SUBSCRIBE","params":[],"id":null}', Command("SUBSCRIBE", "null")),
        ('{"method":"LIST_SUBSCRIPTIONS","id":9223372036854775807}', Command("LIST_SUBSCRIPTIONS", str(2**63 - 1))),
        ('{"method":"GET_PROPERTY","params":["combined"]}', Command("GET_PROPERTY", "null")),
        ('{"method":"SET_PROPERTY","params":["combined",true],"id":5}', Command("SET_PROPERTY", "5", (), True)),
        ('{"method":"LIST_SUBSCRIPTIONS","id":"币\\"\\n"}', Command("LIST_SUBSCRIPTIONS", '"币\\"\\n"')),
    ],
)
def test_a_command_is_read(text: str, command: Command) -> None:
    """Whatever the order of its keys."""
    assert commands.read(text) == command


@pytest.mark.parametrize(
    ("text", "code", "asked"),
    [
        ("no json", 3, None),
        ('{"method":"SUBSCRIBE","method":"UNSUBSCRIBE","params":[]}', 3, None),
        ("[1]", 2, None),
        ('{"id":1}', 2, 1),
        ('{"method":"session.logon","id":2}', 2, 2),
        ('{"method":["SUBSCRIBE"],"id":2}', 2, 2),
        ('{"method":"SUBSCRIBE","params":"a@trade","id":3}', 2, 3),
        ('{"method":"SUBSCRIBE","params":[1],"id":3}', 2, 3),
        ('{"method":"SUBSCRIBE","params":[null],"id":3}', 2, 3),
        ('{"method":"SUBSCRIBE","params":[],"id":-1}', 2, None),
        ('{"method":"SUBSCRIBE","params":[],"id":1.5}', 2, None),
        ('{"method":"SUBSCRIBE","params":[],"id":9223372036854775808}', 2, None),
        ('{"method":"SUBSCRIBE","params":[],"id":' + "9" * 5_000 + "}", 2, None),
        ('{"method":"SUBSCRIBE","params":[],"id":"' + "x" * 37 + '"}', 2, None),
        ('{"method":"SUBSCRIBE","params":[],"id":{}}', 2, None),
        ('{"method":"GET_PROPERTY","params":[],"id":4}', 2, 4),
        ('{"method":"SET_PROPERTY","params":["combined"],"id":4}', 2, 4),
        ('{"method":"GET_PROPERTY","params":["other"],"id":4}', 0, 4),
        ('{"method":"SET_PROPERTY","params":["combined","true"],"id":4}', 1, 4),
    ],
)
def test_anything_else_is_answered_with_an_error(text: str, code: int, asked: Any) -> None:
    """In the exchange's shape, with the id where there is a sound one."""
    with pytest.raises(Refused) as caught:
        commands.read(text)
    answer = json.loads(caught.value.text)
    assert (answer["error"]["code"], answer["id"]) == (code, asked)


def test_results_look_like_the_exchanges() -> None:
    """Byte for byte."""
    assert commands.result("1") == b'{"result":null,"id":1}'
    assert commands.result('"x"', ["a@trade", "币@trade"]) == '{"result":["a@trade","币@trade"],"id":"x"}'.encode()
    assert commands.result("null", True) == b'{"result":true,"id":null}'


def test_only_market_streams_are_subscribed() -> None:
    """Dummy names are nothing; an unknown one refuses all, and is not repeated."""
    assert commands.wanted("spot", Command("SUBSCRIBE", "1", ("0", "a@trade", ""))) == ["a@trade"]
    with pytest.raises(Refused) as caught:
        commands.wanted("spot", Command("SUBSCRIBE", "1", ("0", "a@trade", "k" * 64)))
    answer = json.loads(caught.value.text)
    assert answer == {"error": {"code": 2, "msg": "Invalid request: item 2 is no market stream of spot"}, "id": 1}
