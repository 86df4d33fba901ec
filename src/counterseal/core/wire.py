"""From the bytes of a query or form body to decoded pairs. Strict: what cannot be read in one way is refused."""

import re
from urllib.parse import unquote_to_bytes

Pair = tuple[str, str]
# No endpoint has half as many parameters. What has more is refused before it is decoded: anybody can send it.
MAX_PAIRS = 128

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})").search
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search
_ELEMENT = rb"[A-Za-z][A-Za-z0-9_]*=[A-Za-z0-9._~:,/@-]*"
_PLAIN = re.compile(_ELEMENT + rb"(?:&" + _ELEMENT + rb")*").fullmatch
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*").fullmatch


class WireError(ValueError):
    """The bytes are not one unambiguous list of pairs; `reason` is a reason code, `name` the parameter if known."""

    def __init__(self, reason: str, name: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.name = name


def decode_pairs(part: bytes) -> list[Pair]:
    """Decode `a=1&b=2` once, `+` as space.

    Raises WireError: an element without `=`, an empty element or name, a broken escape, bytes that are no UTF-8,
    control characters, more than 128 elements.
    """
    if not part:
        return []
    if part.count(b"&") >= MAX_PAIRS:
        raise WireError("malformed_parameter")
    if _PLAIN(part):
        # Neither names nor plain values have a "=" in them.
        flat = part.decode().replace("&", "=").split("=")
        return list(zip(flat[::2], flat[1::2], strict=True))
    return [_decode(element) for element in part.split(b"&")]


def _decode(element: bytes) -> Pair:
    name, equals, value = element.partition(b"=")
    if not equals:
        raise WireError("malformed_parameter")
    decoded = _text(name)
    if not _NAME(decoded):
        raise WireError("malformed_parameter")
    return decoded, _text(value)


def _text(raw: bytes) -> str:
    if _BAD_ESCAPE(raw):
        raise WireError("malformed_parameter")
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise WireError("malformed_parameter") from None
    if _CONTROL(text):
        raise WireError("malformed_parameter")
    return text
