"""How the settings of alerts are written: each function gives the value, or None for a text outside its grammar."""

import re
from urllib.parse import urlsplit

_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9][a-z0-9-]{0,62})*")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]{1,10}){1,3}-[0-9]{1,2}")
_TOPIC = re.compile(r"arn:aws(?:-[a-z]{2,10}){0,2}:sns:[a-z0-9-]{1,32}:[0-9]{12}:[A-Za-z0-9_-]{1,251}(?:\.fifo)?")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def parse_host_name(text: str) -> str | None:
    """A name of a host or an IPv4 address, in lower case."""
    return text if _HOST.fullmatch(text) else None


def parse_mail(text: str) -> str | None:
    """A mail address without a display name."""
    return text if _MAIL.fullmatch(text) else None


def parse_words(text: str) -> str | None:
    """1 to 128 printable characters."""
    return text if 1 <= len(text) <= 128 and text.isprintable() else None


def parse_region(text: str) -> str | None:
    """A name of an AWS region."""
    return text if _REGION.fullmatch(text) else None


def parse_topic(text: str) -> str | None:
    """The ARN of an SNS topic. A FIFO topic is none: it takes no message without a group."""
    return text if _TOPIC.fullmatch(text) and not text.endswith(".fifo") else None


def parse_phone(text: str) -> str | None:
    """A telephone number as E.164 writes it."""
    return text if _PHONE.fullmatch(text) else None


def parse_endpoint(text: str) -> str | None:
    """A URL of scheme, host and port only, so that it can hold no secret; http for this machine alone."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    bare = not (parts.path or parts.query or parts.fragment or parts.username is not None)
    return text if secure and bare and parts.hostname and port != 0 and text.isprintable() else None
