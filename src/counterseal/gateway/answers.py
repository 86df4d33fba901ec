"""From the exchange's answer to what the bot gets: scrubbed, and classified where it matters."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from counterseal.core import redact
from counterseal.core.messages import HeldKey
from counterseal.core.outcome import Answer, read_answer
from counterseal.gateway import reply as replies
from counterseal.gateway.reply import Reply
from counterseal.ports.venue import VenueReply

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_look_at = msgspec.json.Decoder(msgspec.Raw).decode
# Where an error has its words: the exchange's own shape, and those of what stands in front of it.
_WORDS = frozenset({"msg", "message", "error", "errorMsg", "errorMessage", "detail", "details", "description"})
# What is taken apart needs many times its bytes when it holds next to nothing: four MiB of orders have fewer values,
# and an error is a sentence.
MOST_VALUES, MOST_ERROR = 160_000, 64 << 10
# An escaped letter or digit, of which our keys consist, or any other escape, so that none is taken for two.
_ESCAPE = re.compile(rb"\\(?:u00(3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])|.)", re.DOTALL)


def is_whole(body: bytes) -> bool:
    """Tell whether a body is one JSON document in UTF-8, without taking in what it says."""
    try:
        _look_at(body)
        return body.isascii() or bool(body.decode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def parse(answer: VenueReply) -> Answer:
    """Read an answer's body; what is no JSON, nested without end, or more than an answer says becomes None."""
    told = answer.body
    if told.count(b",") > MOST_VALUES or (answer.status >= 400 and len(told) > MOST_ERROR):
        return read_answer(answer.status, None)
    try:
        body = _decode(told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    return read_answer(answer.status, body)


def passed_on(answer: VenueReply, keys: Mapping[str, HeldKey], parsed: Answer | None = None) -> Reply:
    """Give the bot's answer: data as received, errors with their text cleaned, our keys nowhere.

    An error that is no JSON (a web firewall's page) becomes one in the exchange's shape.
    """
    if answer.status < 300 and (parsed is None or not _has_errors(parsed)):
        given = Reply(answer.status, answer.body)
    else:
        given = _error(answer.status, parsed or parse(answer))
    given.body = _without(given.body, [key.api_key.encode() for key in keys.values()])
    given.headers = replies.passed_headers(answer.headers)
    return given


def cleaned(answer: VenueReply, keys: Mapping[str, HeldKey]) -> VenueReply:
    """Give the answer as bots may see it, for `passed_on_clean`: its headers are picked there."""
    given = passed_on(answer, keys)
    return answer._replace(status=given.status, body=given.body)


def passed_on_clean(answer: VenueReply) -> Reply:
    """Give a bot's answer without another look at the body."""
    return Reply(answer.status, answer.body, replies.passed_headers(answer.headers))


def _without(body: bytes, secrets: list[bytes]) -> bytes:
    """Mask our keys, also where JSON escapes hide one, and also in what is no JSON or is nested without end: somebody
    may read it all the same. A body that holds none stays byte for byte.
    """
    if b"\\u" in body and any(secret in (plain := _plain(body)) for secret in secrets):
        body = plain
    return redact.without(body, secrets)


def _plain(body: bytes) -> bytes:
    """Give a body without escapes of letters and digits; if it is JSON, it says what it said."""
    plain, at = bytearray(), 0
    for found in _ESCAPE.finditer(body):
        if found[1]:
            plain += body[at : found.start()]
            plain.append(int(found[1], 16))
            at = found.end()
    plain += body[at:]
    return bytes(plain)


def _has_errors(parsed: Answer) -> bool:
    """Tell whether a 2xx body carries errors of legs (batches do)."""
    return parsed.code is not None or (
        isinstance(parsed.body, list) and any(isinstance(item, dict) and "msg" in item for item in parsed.body)
    )


def _error(status: int, parsed: Answer) -> Reply:
    # What sends elsewhere is no answer of the exchange's, whatever it says: some clients would take it for data.
    if isinstance(parsed.body, dict | list) and not 300 <= status < 400:
        try:
            return Reply(status, _encode(_clean(parsed.body)))
        except RecursionError:
            pass  # nested deeper than anything the exchange means, and no cleaner for it
    return replies.error(
        status if status >= 400 else 502, -1000, "An unknown error occurred while processing the request."
    )


def _clean(body: Any) -> Any:
    """Clean the words of an error body, wherever in it they stand."""
    if isinstance(body, dict):
        return {name: _clean_text(name, value) for name, value in body.items()}
    return [_clean(item) for item in body] if isinstance(body, list) else body


def _clean_text(name: str, value: Any) -> Any:
    return redact.message(value) if name in _WORDS and isinstance(value, str) else _clean(value)
