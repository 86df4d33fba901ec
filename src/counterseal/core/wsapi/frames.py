"""What a bot says on a connection to a WebSocket API: one strict JSON document, its values as the texts they are."""

import json
import re
from typing import Any, NamedTuple

from counterseal.core import strict_json
from counterseal.core.strict_json import JsonError, NumberText
from counterseal.core.wire import MAX_PAIRS

Pair = tuple[str, str]

MAX_ID = 36
_INT64 = 1 << 63
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})").fullmatch
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*").fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search


class Frame(NamedTuple):
    """One request. `id` is JSON text: the bot's number or string, or null. `pairs` are the parameters in order."""

    id: str
    method: str
    pairs: tuple[Pair, ...]


class Refused(Exception):
    """A text that is no request; `reason` is a reason code, `id` the JSON text of the id as far as there is one."""

    def __init__(self, reason: str, asked: str = "null") -> None:
        super().__init__(reason)
        self.reason = reason
        self.id = asked


def read(text: str) -> Frame:
    """Read one request. Raises Refused for everything that is not one, or that two readers could read differently."""
    try:
        message = strict_json.loads(text)
    except JsonError:
        raise Refused("ws_frame_malformed") from None
    if not isinstance(message, dict):
        raise Refused("ws_frame_malformed")
    asked = _id(message.get("id"))
    method, params = message.get("method"), message.get("params")
    if not isinstance(method, str) or isinstance(method, NumberText):
        raise Refused("ws_frame_malformed", asked)
    if params is None:
        return Frame(asked, method, ())
    if not isinstance(params, dict) or len(params) > MAX_PAIRS:
        raise Refused("ws_params_malformed", asked)
    return Frame(asked, method, tuple([_pair(name, value, asked) for name, value in params.items()]))


def _id(value: Any) -> str:
    """Give an id as JSON text: a 64-bit integer, a string of at most 36 characters, or null."""
    if value is None:
        return "null"
    if isinstance(value, NumberText):
        if _INTEGER(value) and -_INT64 <= int(value) < _INT64:
            return str(value)
    elif isinstance(value, str) and len(value) <= MAX_ID:
        return json.dumps(value, ensure_ascii=False)
    raise Refused("ws_id_malformed")


def _pair(name: str, value: Any, asked: str) -> Pair:
    text = _text(value)
    if text is None or not _NAME(name) or _CONTROL(text):
        raise Refused("ws_params_malformed", asked)
    return name, text


def _text(value: Any) -> str | None:
    """Give a value as the text that REST would carry; None for null, which says nothing."""
    if isinstance(value, str):
        return str(value)
    return None if value is None else _compact(value)


def _compact(value: Any) -> str:
    """Write JSON without blanks, numbers as they were written."""
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(_compact, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_compact(name)}:{_compact(inner)}' for name, inner in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)
