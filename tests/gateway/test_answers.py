"""gateway.answers: whatever the exchange says, a bot gets an answer, and our keys are not in it."""

import pytest

from counterseal.core.messages import HeldKey
from counterseal.gateway import answers
from counterseal.ports.venue import VenueReply

KEY = "Kf9" * 21 + "K"
KEYS = {"main": HeldKey("main", KEY, "hmac", "paper")}


def given(body: bytes, status: int = 200) -> bytes:
    """What a bot gets of an answer."""
    return answers.passed_on(VenueReply(status, {}, body, 0, 0), KEYS).body


@pytest.mark.threat(24)
@pytest.mark.parametrize("hidden", [KEY, "\\u004b" + KEY[1:], "".join(f"\\u{ord(one):04X}" for one in KEY)])
@pytest.mark.parametrize("frame", ['{"k":"%s"}', '{"k":"%s","k":1}', '{"a":NaN,"k":"%s"}', "%s", "[" * 5000 + '"%s"'])
def test_our_key_is_found_behind_escapes_also_in_what_is_no_strict_json(frame: str, hidden: str) -> None:
    """Some reader would take it: one that knows NaN, that takes the first of two names, that does not mind nesting."""
    assert given((frame % hidden).encode()) == (frame % "[redacted]").encode()


def test_other_escapes_stay_as_they_are() -> None:
    """Also beside a key, and a backslash that is escaped itself begins none."""
    for text in (b'{"a":"\\u004b \\n \\u0022 \\\\u004b \\u5e01"}', b"[1"):
        assert given(text) == text
    assert given(b'["\\\\u004b \\u0022\\u5e01","%b"]' % KEY.encode()) == b'["\\\\u004b \\u0022\\u5e01","[redacted]"]'


@pytest.mark.threat(34)
@pytest.mark.parametrize("depth", [400, 700, 5000])
def test_an_error_that_is_nested_without_end_is_an_error(depth: int) -> None:
    """It could not be cleaned, so it is told in our words."""
    body = given(b'{"code":-1013,"msg":"","x":%b%b}' % (b"[" * depth, b"]" * depth), 400)
    assert body.startswith(b'{"code":-1013') or body == (
        b'{"code":-1000,"msg":"An unknown error occurred while processing the request."}'
    )


@pytest.mark.threat(26)
@pytest.mark.parametrize("name", ["msg", "message", "error", "errorMessage", "detail"])
def test_an_error_in_other_words_shows_no_address_either(name: str) -> None:
    """What stands in front of the exchange has shapes of its own; names of orders stay."""
    error = b'{"%b":"blocked, IP 203.0.113.7","clientOrderId":"%b"}' % (name.encode(), b"x" * 36)
    told = given(b'{"code":-1,"data":{"a":[%b]}}' % error, 400)
    assert b"203.0.113.7" not in told
    assert b"blocked" in told
    assert b"x" * 36 in told


@pytest.mark.threat(29)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("body", [b'{"code":0}', b"[]", b"<html>", b""])
def test_what_sends_elsewhere_is_an_error(status: int, body: bytes) -> None:
    """Some libraries take every answer below 400 that holds JSON for data."""
    told = answers.passed_on(VenueReply(status, {"location": "https://example.com/"}, body, 0, 0), KEYS)
    assert (told.status, told.headers) == (502, {})
    assert b'"code":-1000' in told.body
