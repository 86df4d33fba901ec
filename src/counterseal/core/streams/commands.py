"""What bots say on a stream connection, and what is answered in the exchange's words."""

import json
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from counterseal.core import strict_json
from counterseal.core.streams.names import find, is_nothing
from counterseal.core.strict_json import JsonError, NumberText

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
MAX_ID = 36
# The stream protocol's own small codes.
UNKNOWN_PROPERTY, INVALID_TYPE, INVALID_REQUEST, INVALID_JSON = 0, 1, 2, 3


class Command(NamedTuple):
    """One command. `id` is JSON text: a number, a string or null. `value` is the one that SET_PROPERTY sets."""

    method: str
    id: str
    names: tuple[str, ...] = ()
    value: bool = False


class Refused(Exception):
    """A command that is not carried out; `text` is the answer."""

    def __init__(self, code: int, message: str, asked: str = "null") -> None:
        super().__init__(code, message)
        self.text = encode({"error": {"code": code, "msg": message}}, asked)


def encode(answer: dict[str, Any], asked: str) -> bytes:
    """Give an answer's text with the id it answers, as the exchange writes it."""
    body = json.dumps(answer, separators=(",", ":"), ensure_ascii=False)
    return f'{body[:-1]},"id":{asked}}}'.encode()


def result(asked: str, value: object = None) -> bytes:
    """Give the answer to a command that was carried out."""
    return encode({"result": value}, asked)


def read(text: str) -> Command:
    """Read one command. Raises Refused with the answer for anything else."""
    try:
        message = strict_json.loads(text)
    except JsonError:
        raise Refused(INVALID_JSON, "Invalid JSON: expected one strict JSON document") from None
    if not isinstance(message, dict):
        raise Refused(INVALID_REQUEST, "Invalid request: expected an object")
    asked = _id(message.get("id"))
    method, params = message.get("method"), message.get("params", [])
    if method not in METHODS:
        raise Refused(INVALID_REQUEST, f"Invalid request: method must be one of {', '.join(METHODS)}", asked)
    if not isinstance(params, list):
        raise Refused(INVALID_REQUEST, "Invalid request: params must be an array", asked)
    if method == "LIST_SUBSCRIPTIONS":
        return Command(method, asked)
    if method.endswith("_PROPERTY"):
        return _property(method, asked, params)
    return Command(method, asked, _names(params, asked))


def _id(value: Any) -> str:
    """Give an id as JSON text: an unsigned integer, a string of at most 36 characters, or null."""
    if value is None:
        return "null"
    if isinstance(value, NumberText):
        # More digits than this are never less, and Python refuses to read thousands.
        if value.isdecimal() and len(value) <= 19 and int(value) < 1 << 63:
            return str(value)
    elif isinstance(value, str) and len(value) <= MAX_ID:
        return json.dumps(value, ensure_ascii=False)
    raise Refused(INVALID_REQUEST, "Invalid request: request ID must be an unsigned integer")


def _names(params: Sequence[Any], asked: str) -> tuple[str, ...]:
    if not all(isinstance(name, str) and not isinstance(name, NumberText) for name in params):
        raise Refused(INVALID_REQUEST, "Invalid request: stream names must be strings", asked)
    return tuple(params)


def _property(method: str, asked: str, params: Sequence[Any]) -> Command:
    if len(params) != (2 if method == "SET_PROPERTY" else 1):
        raise Refused(INVALID_REQUEST, "Invalid request: wrong number of parameters", asked)
    if params[0] != "combined":
        raise Refused(UNKNOWN_PROPERTY, "Unknown property", asked)
    if method == "GET_PROPERTY":
        return Command(method, asked)
    if not isinstance(params[1], bool):
        raise Refused(INVALID_TYPE, "Invalid value type: expected Boolean", asked)
    return Command(method, asked, value=params[1])


def wanted(family: str, command: Command, keys: Collection[str] = ()) -> list[str]:
    """Give the streams that a SUBSCRIBE names, without what means nothing. Raises Refused for what is no stream.

    `family` is empty where no market stream is served; `keys` are listen keys that may stand among the names. A name
    that is not known may be a listen key, so the answer does not repeat it.
    """
    names = []
    for number, name in enumerate(command.names):
        if is_nothing(name):
            continue
        if name not in keys and not find(family, name):
            text = f"Invalid request: item {number} is no market stream of {family or 'this address'}"
            raise Refused(INVALID_REQUEST, text, command.id)
        names.append(name)
    return names
