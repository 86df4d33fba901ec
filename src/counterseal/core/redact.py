"""What must not reach a bot or a log: addresses, keys, signatures, account ids."""

import re
from collections.abc import Iterable

MASK = "[redacted]"
MAX_LINE = 4_096
_CUT = "...[cut]"

_PEM = re.compile(r"-----BEGIN [A-Z ]{1,40}-----.*?(?:-----END [A-Z ]{1,40}-----|\Z)", re.DOTALL)
_NAMED_SECRET = re.compile(
    r"((?:signature|api[-_]?key|secret|listen[-_]?key|passphrase|private[-_]?key)[A-Za-z0-9_-]{0,16}"
    r"[\"']?\s*[=:]\s*[\"']?)[^&\s\"',\[]+",
    re.IGNORECASE,
)
_LONG_TOKEN = re.compile(r"[A-Za-z0-9+/_=%-]{32,}")
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)

_REQUEST_IP = re.compile(r"[,;]?\s*request ip\s*[:=]?\s*\S+", re.IGNORECASE)
# Any four or more numbers with dots between them: versions are masked too, an address never escapes by a fifth number.
_IPV4 = re.compile(r"(?<![0-9])[0-9]+(?:\.[0-9]+){3,}")
_MAPPED = re.compile(r"(?:[0-9A-Fa-f]{0,4}:){2,8}[0-9]+(?:\.[0-9]+){3,}")
# Runs that could be an IPv6 address: with `::` and a digit, or with seven colons. Times (12:30:45) are neither.
_COLONS = re.compile(r"[0-9A-Fa-f:]*:[0-9A-Fa-f:]*(?:%[0-9A-Za-z]+)?")
_HEX_DIGIT = re.compile(r"[0-9A-Fa-f]")
_ACCOUNT = re.compile(r"((?:(?:account|user)[ _-]?id|\buid)[\"']?\s*[=: ]\s*[\"']?)[0-9]+", re.IGNORECASE)
_EMAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")


def message(text: str) -> str:
    """Give an exchange's error text without address, key or account id; the words that SDKs match on stay."""
    text = _EMAIL.sub(MASK, _REQUEST_IP.sub("", _shortened(text)))
    text = _ACCOUNT.sub(lambda m: m[1] + MASK, text)
    # Longest first: an IPv6 address may end in an IPv4 address.
    return line(_IPV4.sub(MASK, _COLONS.sub(_without_address, _MAPPED.sub(MASK, text))))


def line(text: str) -> str:
    """Give text that is safe in a log: no long token, named secret, control or direction character; bounded."""
    text = _PEM.sub(MASK, _shortened(text))
    text = _NAMED_SECRET.sub(lambda m: m[1] + MASK, text)
    return _UNPRINTABLE.sub("?", _LONG_TOKEN.sub(MASK, text))


def without(body: bytes, secrets: Iterable[bytes]) -> bytes:
    """Mask every occurrence of the given byte strings; used on each body that goes to a bot."""
    found = [secret for secret in secrets if secret and secret in body]
    for secret in sorted(found, key=len, reverse=True):  # one may begin with another
        body = body.replace(secret, MASK.encode())
    return body


def _without_address(match: re.Match[str]) -> str:
    run = match[0]
    is_address = ("::" in run and _HEX_DIGIT.search(run)) or run.count(":") >= 7
    return MASK if is_address else run


def _shortened(text: str) -> str:
    """Cut a long text behind a whole word, so that no half of a secret is left that no pattern knows."""
    if len(text) <= MAX_LINE:
        return text
    kept = text[:MAX_LINE]
    return kept[: len(kept) - len(re.split(r"\s", kept)[-1])] + _CUT
