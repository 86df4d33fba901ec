"""What must not reach a bot or a log: addresses, keys, signatures."""

import re
from collections.abc import Iterable

_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_IPV6 = re.compile(r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}|:)(?![0-9A-Fa-f:])")
_LONG_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{32,}")
_REQUEST_IP = re.compile(r",? ?request ip: ?\S+", re.IGNORECASE)
_NAMED_SECRET = re.compile(
    r"(?i)\b(signature|apikey|api_key|secret|secretkey|listenkey|x-mbx-apikey)(=|\": ?\"|: ?)[^&\s\"',]+"
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u0080-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
MASK = "[redacted]"


def message(text: str) -> str:
    """Give an exchange's error text without address, key or account id; the words that SDKs match on stay."""
    text = _REQUEST_IP.sub("", text)
    return line(_IPV6.sub(MASK, _IPV4.sub(MASK, text)))


def line(text: str) -> str:
    """Give text that is safe in a log: no long token, no named secret, no control or direction character."""
    text = _NAMED_SECRET.sub(lambda m: f"{m[1]}{m[2]}{MASK}", text)
    return _UNPRINTABLE.sub("?", _LONG_TOKEN.sub(MASK, text))


def without(body: bytes, secrets: Iterable[bytes]) -> bytes:
    """Mask every occurrence of the given byte strings; used on each body that goes to a bot."""
    for secret in secrets:
        if secret in body:
            body = body.replace(secret, MASK.encode())
    return body
