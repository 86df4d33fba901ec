"""Virtual credentials: where and when they hold, and that they never print."""

import copy
import dataclasses
import datetime
import io
import logging
import pickle  # noqa: TID251 - to prove that it fails
import re
import traceback
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.config.model import HourRange
from counterseal.core.credential import Credential, CredentialKind, source_allowed, within_hours
from counterseal.core.secret import Secret

ALL = frozenset(range(7))
BYTES = b"planted-secret-of-the-bot"
KEY_ID = "planted-key-id-of-the-bot"
HMAC = Credential(KEY_ID, "alpha", CredentialKind.HMAC, Secret(BYTES), None, 0)
PUBLIC = Credential(KEY_ID, "alpha", CredentialKind.ED25519, None, b"-----BEGIN PUBLIC KEY-----", 0)


# -- where


@pytest.mark.threat(17)
@pytest.mark.parametrize(
    ("networks", "source", "allowed"),
    [
        ((), "203.0.113.7", True),
        ((), "2001:db8::1", True),
        (("10.0.0.0/8",), "10.255.255.255", True),
        (("10.0.0.0/8",), "11.0.0.0", False),
        (("10.0.0.0/8",), "9.255.255.255", False),
        (("192.0.2.1/32",), "192.0.2.1", True),
        (("192.0.2.1/32",), "192.0.2.2", False),
        (("10.0.0.0/8", "2001:db8::/32"), "2001:db8:ffff::1", True),
        (("2001:db8::/32",), "2001:db9::", False),
        (("2001:db8::/32",), "32.1.13.184", False),  # the same leading bytes, the other version
        (("::/0",), "10.0.0.1", False),
        (("0.0.0.0/0",), "2001:db8::1", False),
        # an IPv4 client as a listener for both versions shows it
        (("10.0.0.0/8",), "::ffff:10.0.0.1", True),
        (("10.0.0.0/8",), "::ffff:11.0.0.1", False),
        (("::ffff:10.0.0.0/104",), "::ffff:10.0.0.1", True),
        (("::ffff:10.0.0.0/104",), "10.0.0.1", False),
        (("10.0.0.0/8",), "::10.0.0.1", False),  # v4-compatible, not mapped
        (("10.0.0.0/8",), "64:ff9b::10.0.0.1", False),
        (("10.0.0.0/8",), "2002:a00:1::", False),
    ],
)
def test_sources(networks: tuple[str, ...], source: str, allowed: bool) -> None:
    """Versions do not mix, but a mapped IPv4 address is the IPv4 address."""
    assert source_allowed(tuple(map(ip_network, networks)), ip_address(source)) is allowed


# -- when


def at(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp() * 1000)


WEEKDAYS, NIGHT = HourRange(480, 1080, frozenset(range(5))), HourRange(1320, 120, frozenset({4}))


@pytest.mark.parametrize(
    ("span", "moment", "inside"),
    [
        (WEEKDAYS, "2026-11-20T08:00:00", True),  # a Friday
        (WEEKDAYS, "2026-11-20T07:59:59.999", False),
        (WEEKDAYS, "2026-11-20T17:59:59.999", True),
        (WEEKDAYS, "2026-11-20T18:00:00", False),
        (WEEKDAYS, "2026-11-21T12:00:00", False),
        (WEEKDAYS, "2026-11-23T12:00:00", True),
        (NIGHT, "2026-11-20T22:00:00", True),  # Friday 22:00 to Saturday 02:00
        (NIGHT, "2026-11-20T21:59:59.999", False),
        (NIGHT, "2026-11-20T23:59:59.999", True),
        (NIGHT, "2026-11-21T00:00:00", True),
        (NIGHT, "2026-11-21T01:59:59.999", True),
        (NIGHT, "2026-11-21T02:00:00", False),
        (NIGHT, "2026-11-20T01:00:00", False),  # the night from Thursday to Friday
        (NIGHT, "2026-11-21T22:30:00", False),
        (HourRange(1320, 120, frozenset({6})), "2026-11-23T01:00:00", True),  # from Sunday into Monday
        (HourRange(0, 1440, frozenset({5})), "2026-11-21T23:59:59.999", True),
        (HourRange(0, 1440, frozenset({5})), "2026-11-22T00:00:00", False),
        (HourRange(0, 1, ALL), "1970-01-01T00:00:59.999", True),
        (HourRange(0, 1, frozenset({3})), "1970-01-01T00:00:00", True),  # the epoch was a Thursday
        (HourRange(0, 1440, frozenset({3})), "2024-02-29T12:00:00", True),
    ],
)
def test_hours(span: HourRange, moment: str, inside: bool) -> None:
    """Ends are open, weekdays are those of UTC, a range over midnight belongs to the day on which it starts."""
    assert within_hours((span,), at(moment)) is inside


def test_no_hours_bind_nothing_and_one_range_is_enough() -> None:
    """Ranges are alternatives."""
    assert within_hours((), at("2026-11-21T12:00:00"))
    assert within_hours((WEEKDAYS, NIGHT), at("2026-11-21T01:00:00"))
    assert not within_hours((WEEKDAYS, NIGHT), at("2026-11-21T12:00:00"))


START = datetime.datetime.fromisoformat("1970-01-02")
spans = st.builds(HourRange, st.integers(0, 1439), st.integers(0, 1440), st.frozensets(st.integers(0, 6))).filter(
    lambda span: span.start_minute != span.end_minute
)


@given(spans, st.datetimes(min_value=START, max_value=START.replace(year=2100)))
def test_hours_equal_a_walk_over_minutes(span: HourRange, moment: datetime.datetime) -> None:
    """Against the calendar of the standard library: is one of the minutes that the range lists this minute?"""
    moment = moment.replace(tzinfo=datetime.UTC, second=0, microsecond=0)
    length = (span.end_minute - span.start_minute) % 1440 or 1440
    expected = False
    for back in (0, 1):
        day = (moment - datetime.timedelta(days=back)).replace(hour=0, minute=0)
        start = day + datetime.timedelta(minutes=span.start_minute)
        listed = day.weekday() in span.weekdays
        expected |= listed and start <= moment < start + datetime.timedelta(minutes=length)
    assert within_hours((span,), int(moment.timestamp() * 1000)) is expected


# -- never printed


def log_line(value: Any) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.emit(logging.LogRecord("x", logging.INFO, "f", 1, "%s %r", (value, value), None))
    return stream.getvalue()


def trace(value: Any) -> str:
    try:
        held = value  # a local that a traceback with locals shows
        raise RuntimeError(f"failed with {held}")
    except RuntimeError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def percent(value: Any) -> str:
    return "%s" % (value,)  # noqa: UP031 - the old way prints too


SHOWN = (
    repr,
    str,
    format,
    "{}".format,
    "{!r:>99}".format,
    percent,
    lambda v: repr([v, {"k": v}]),
    log_line,
    trace,
)


@pytest.mark.threat(27)
@pytest.mark.parametrize("show", SHOWN)
@pytest.mark.parametrize("value", [HMAC, PUBLIC, Secret(BYTES)], ids=["hmac", "public", "secret"])
def test_neither_secret_nor_key_id_is_shown(value: Any, show: Any) -> None:
    """repr, str, format, containers, logging and tracebacks with locals show neither (ruling 9)."""
    shown = show(value)
    assert "planted" not in shown
    assert shown


@pytest.mark.threat(71)
@pytest.mark.parametrize("value", [HMAC, PUBLIC, Secret(BYTES)], ids=["hmac", "public", "secret"])
@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_nothing_can_be_pickled_or_copied(value: Any, take: Any) -> None:
    """The error names no value."""
    with pytest.raises(TypeError) as caught:
        take(value)
    assert "planted" not in str(caught.value)


def test_a_credential_with_a_secret_does_not_become_a_dict() -> None:
    """asdict fails on the secret; a key id alone would come out, so no module that knows credentials calls it."""
    with pytest.raises(TypeError):
        dataclasses.asdict(HMAC)
    source = Path(__file__).parents[2] / "src" / "counterseal"
    texts = {path.name: path.read_text(encoding="utf-8") for path in source.rglob("*.py")}
    knowing = [name for name, text in texts.items() if re.search(r"\bCredential\b", text)]
    assert "credential_file.py" in knowing
    assert [name for name in knowing if re.search(r"\b(asdict|astuple)\(", texts[name])] == []


def test_a_secret_is_no_value() -> None:
    """Equality is identity: a comparison of secrets belongs to a constant-time function."""
    assert Secret(BYTES) != Secret(BYTES)
    assert Secret(BYTES).reveal() == BYTES
    assert not hasattr(Secret(BYTES), "__dict__")
