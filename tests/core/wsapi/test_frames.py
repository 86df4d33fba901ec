"""core.wsapi.frames: a request is read in one way, or not at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.wsapi.frames import Frame, Refused, read


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"id":1,"method":"ping"}', Frame("1", "ping", ())),
        ('{"method":"ping","params":null}', Frame("null", "ping", ())),
        ('{"id":null,"method":"ping","params":{}}', Frame("null", "ping", ())),
        ('{"id":-9223372036854775808,"method":"m"}', Frame("-9223372036854775808", "m", ())),
        ('{"id":"币\\u5b89","method":"m"}', Frame('"币安"', "m", ())),
        ('{"id":"' + "x" * 36 + '","method":"m"}', Frame(f'"{"x" * 36}"', "m", ())),
        ('{"id":"a\\"b\\n","method":"m"}', Frame('"a\\"b\\n"', "m", ())),
        ('{"id":1,"method":"m","params":{"q":0.10}}', Frame("1", "m", (("q", "0.10"),))),
        ('{"id":1,"method":"m","params":{"q":1E-5}}', Frame("1", "m", (("q", "1E-5"),))),
        (
            '{"id":1,"method":"m","params":{"q":"0.10","b":true,"n":1}}',
            Frame("1", "m", (("q", "0.10"), ("b", "true"), ("n", "1"))),
        ),
        ('{"id":1,"method":"m","params":{"l":["A", "币"]}}', Frame("1", "m", (("l", '["A","币"]'),))),
        (
            '{"id":1,"method":"m","params":{"l":[1.50, {"a": false, "b": null}]}}',
            Frame("1", "m", (("l", '[1.50,{"a":false,"b":null}]'),)),
        ),
        ('{"id":1,"method":"m","more":[1]}', Frame("1", "m", ())),
    ],
)  # fmt: skip
def test_a_request(text: str, frame: Frame) -> None:
    """Its id as it was, its values as the texts they are."""
    assert read(text) == frame


@pytest.mark.parametrize(
    ("text", "reason", "asked"),
    [
        ("", "ws_frame_malformed", "null"),
        ("{", "ws_frame_malformed", "null"),
        ("[]", "ws_frame_malformed", "null"),
        ('"ping"', "ws_frame_malformed", "null"),
        ('{"id":1,"id":2,"method":"m"}', "ws_frame_malformed", "null"),
        ('{"id":1,"method":"m","params":{"a":1,"a":2}}', "ws_frame_malformed", "null"),
        ('{"id":1,"method":"m","params":{"a":1,"\\u0061":2}}', "ws_frame_malformed", "null"),
        ('{"id":1,"method":"m","params":{"a":NaN}}', "ws_frame_malformed", "null"),
        ('{"id":1,"method":"m","params":{"a":-Infinity}}', "ws_frame_malformed", "null"),
        ('{"id":1,"method":"m","params":{"a":"\\ud800"}}', "ws_frame_malformed", "null"),
        ('{"id":1,"method":"m","params":{"a":' + "[" * 8 + "]" * 8 + "}}", "ws_frame_malformed", "null"),
        ('{"id":1,"method":"m","params":{"a":"' + "x" * 65_536 + '"}}', "ws_frame_malformed", "null"),
        ('{"id":1,"method":"m"} {"id":2}', "ws_frame_malformed", "null"),
        ('{"id":1}', "ws_frame_malformed", "1"),
        ('{"id":1,"method":7}', "ws_frame_malformed", "1"),
        ('{"id":1,"method":null}', "ws_frame_malformed", "1"),
        ('{"id":1.0,"method":"m"}', "ws_id_malformed", "null"),
        ('{"id":1e3,"method":"m"}', "ws_id_malformed", "null"),
        ('{"id":9223372036854775808,"method":"m"}', "ws_id_malformed", "null"),
        ('{"id":' + "1" * 4000 + ',"method":"m"}', "ws_id_malformed", "null"),
        ('{"id":true,"method":"m"}', "ws_id_malformed", "null"),
        ('{"id":[1],"method":"m"}', "ws_id_malformed", "null"),
        ('{"id":"' + "x" * 37 + '","method":"m"}', "ws_id_malformed", "null"),
        ('{"id":1,"method":"m","params":[]}', "ws_params_malformed", "1"),
        ('{"id":1,"method":"m","params":"a"}', "ws_params_malformed", "1"),
        (json.dumps({"id": 1, "method": "m", "params": {f"a{n}": 1 for n in range(129)}}), "ws_params_malformed", "1"),
        ('{"id":1,"method":"m","params":{"a":null}}', "ws_params_malformed", "1"),
        ('{"id":1,"method":"m","params":{"":"1"}}', "ws_params_malformed", "1"),
        ('{"id":1,"method":"m","params":{"a&b":"1"}}', "ws_params_malformed", "1"),
        ('{"id":1,"method":"m","params":{"a":"x\\u0000"}}', "ws_params_malformed", "1"),
    ],
)  # fmt: skip
def test_no_request(text: str, reason: str, asked: str) -> None:
    """It is refused, and the id told as far as there is one."""
    with pytest.raises(Refused) as caught:
        read(text)
    assert (caught.value.reason, caught.value.id) == (reason, asked)


@given(st.text(max_size=200))
def test_anything_else(text: str) -> None:
    """Never another failure."""
    try:
        frame = read(text)
    except Refused:
        return
    assert isinstance(frame, Frame)
