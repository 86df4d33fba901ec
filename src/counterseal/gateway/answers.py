"""From the exchange's answer to what the bot gets: scrubbed, and classified where it matters."""

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


def is_whole(body: bytes) -> bool:
    """Tell whether a body is one JSON document in UTF-8, without taking in what it says."""
    try:
        _look_at(body)
        return body.isascii() or bool(body.decode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def parse(answer: VenueReply) -> Answer:
    """Read an answer's body; what is no JSON, or nested without end, becomes None."""
    try:
        body = _decode(answer.body)
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
    """Mask our keys, also where JSON escapes hide one; a body that holds none stays byte for byte."""
    if b"\\u" in body and any(secret in (plain := _plain(body)) for secret in secrets):
        body = plain
    return redact.without(body, secrets)


def _plain(body: bytes) -> bytes:
    """Give JSON without escapes of printable characters; what is no JSON as it is."""
    try:
        return _encode(_decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body


def _has_errors(parsed: Answer) -> bool:
    """Tell whether a 2xx body carries errors of legs (batches do)."""
    return parsed.code is not None or (
        isinstance(parsed.body, list) and any(isinstance(item, dict) and "msg" in item for item in parsed.body)
    )


def _error(status: int, parsed: Answer) -> Reply:
    if not isinstance(parsed.body, dict | list):
        return replies.error(
            status if status >= 400 else 502, -1000, "An unknown error occurred while processing the request."
        )
    return Reply(status, _encode(_clean(parsed.body)))


def _clean(body: Any) -> Any:
    """Clean every `msg` in an error body."""
    if isinstance(body, dict):
        return {name: _clean_text(name, value) for name, value in body.items()}
    return [_clean(item) for item in body] if isinstance(body, list) else body


def _clean_text(name: str, value: Any) -> Any:
    return redact.message(value) if name == "msg" and isinstance(value, str) else _clean(value)
