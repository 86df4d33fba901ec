"""Requests of whoever may not ask, as the documents have it: each condition with what it must be told."""

# ruff: noqa: TID251 - randomness is seeded
from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, NamedTuple

from tests.campaign.credentials import ALPHA, BETAS, BotKey, Hall, bot_key

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.config.model import HourRange

# Status, the exchange's code, our reason.
Expected = tuple[int, int, str]
STRANGER: Expected = (401, -2015, "credential_or_signature")
NO_KEY: Expected = (401, -2014, "credential_missing")
NO_SIGNATURE: Expected = (400, -1102, "signature_missing")
EXPIRED: Expected = (401, -2015, "credential_expired")
ELSEWHERE: Expected = (401, -2015, "source_not_allowed")
TOO_EARLY: Expected = (403, -2015, "outside_hours")
# What nobody may do says so, whoever asks: these are no words about a credential.
OF_THE_ENDPOINT = frozenset({"endpoint_refused", "stream_not_available", "endpoint_not_typed"})
# A minute that is not now: the house's day begins on a Monday at midnight.
NOON = HourRange(12 * 60, 13 * 60, frozenset(range(7)))
GONE = {kind: bot_key("gone", kind) for kind in ("hmac", "ed25519")}
OLD = {kind: bot_key("old", kind) for kind in ("hmac", "ed25519")}
BOUND = {kind: bot_key("bound", kind) for kind in ("hmac", "ed25519")}
ASLEEP = {kind: bot_key("asleep", kind) for kind in ("hmac", "ed25519")}


class Attempt(NamedTuple):
    """What is sent: the key id in the header (None: no header) and the signature (None: none)."""

    key_id: str | None
    signature: str | None


class Condition(NamedTuple):
    """One way of having no right to ask. `make` gives the attempt for a kind of key and the text to be signed.

    `expected` is what it is told; `needs_signature` that it means nothing where no signature is asked for.
    """

    expected: Expected
    make: Callable[[str, str, random.Random], Attempt]
    needs_signature: bool = False


def prepare(hall: Hall) -> None:
    """Let the gateway know the credentials that the conditions speak of, and forget those that are revoked."""
    hall.hold(dict.fromkeys(GONE.values(), "alpha"))
    hall.revoke(*GONE.values())
    hall.hold(dict.fromkeys(OLD.values(), "alpha"), expires_ms=hall.now_ms - 1)
    hall.hold(dict.fromkeys(BOUND.values(), "alpha"), sources=(ip_network("10.0.0.0/8"),))
    hall.hold(dict.fromkeys(ASLEEP.values(), "alpha"), hours=(NOON,))


def _changed(signature: str, at: int) -> str:
    """Give a signature of which one character says something else."""
    found = signature[at]
    other = "0" if found != "0" else "1"
    return signature[:at] + other + signature[at:][1:]


def _signed(key: BotKey, text: str) -> Attempt:
    return Attempt(key.key_id, key.sign(text))


def _other_kind(kind: str) -> str:
    return "ed25519" if kind == "hmac" else "hmac"


def _near(key: BotKey, draw: random.Random) -> BotKey:
    at = draw.randrange(64)
    return replace(key, key_id=_changed(key.key_id, at))


def _last(kind: str) -> int:
    """Give the place of the last character of a signature that counts whole: base64 ends in half a one and blanks."""
    return 63 if kind == "hmac" else 84


def _with(keys: dict[str, BotKey]) -> Callable[[str, str, random.Random], Attempt]:
    return lambda kind, text, _: _signed(keys[kind], text)


def _wrong(keys: dict[str, BotKey]) -> Callable[[str, str, random.Random], Attempt]:
    return lambda kind, text, _: Attempt(keys[kind].key_id, _changed(keys[kind].sign(text), 0))


CONDITIONS: dict[str, Condition] = {
    "unknown id": Condition(STRANGER, lambda kind, text, draw: _signed(bot_key(str(draw.random()), kind), text)),
    "one letter of the id": Condition(STRANGER, lambda kind, text, draw: _signed(_near(ALPHA[kind], draw), text)),
    "case of the id": Condition(
        STRANGER, lambda kind, text, _: _signed(replace(ALPHA[kind], key_id=_swapped(ALPHA[kind].key_id)), text)
    ),
    "short id": Condition(STRANGER, lambda kind, text, _: Attempt(ALPHA[kind].key_id[:-1], ALPHA[kind].sign(text))),
    "revoked": Condition(STRANGER, _with(GONE)),
    "first byte": Condition(STRANGER, _wrong(ALPHA), needs_signature=True),
    "last byte": Condition(
        STRANGER, lambda kind, text, _: Attempt(ALPHA[kind].key_id, _changed(ALPHA[kind].sign(text), _last(kind))),
        needs_signature=True,
    ),
    "another text": Condition(
        STRANGER, lambda kind, text, _: Attempt(ALPHA[kind].key_id, ALPHA[kind].sign(f"{text}&x=1")),
        needs_signature=True,
    ),
    "other bot's secret": Condition(
        STRANGER, lambda kind, text, _: Attempt(ALPHA[kind].key_id, BETAS[kind].sign(text)), needs_signature=True
    ),
    "other bot's id": Condition(
        STRANGER, lambda kind, text, _: Attempt(BETAS[kind].key_id, ALPHA[kind].sign(text)), needs_signature=True
    ),
    "signature of another kind": Condition(
        STRANGER, lambda kind, text, _: Attempt(ALPHA[kind].key_id, ALPHA[_other_kind(kind)].sign(text)),
        needs_signature=True,
    ),
    "expired, wrong signature": Condition(STRANGER, _wrong(OLD), needs_signature=True),
    "bound, wrong signature": Condition(STRANGER, _wrong(BOUND), needs_signature=True),
    "no signature at all, unknown id": Condition(
        NO_SIGNATURE, lambda kind, _text, draw: Attempt(bot_key(str(draw.random()), kind).key_id, None),
        needs_signature=True,
    ),
    "no signature": Condition(
        NO_SIGNATURE, lambda kind, _, __: Attempt(ALPHA[kind].key_id, None), needs_signature=True
    ),
    "empty signature": Condition(
        NO_SIGNATURE, lambda kind, _, __: Attempt(ALPHA[kind].key_id, ""), needs_signature=True
    ),
    "no key": Condition(NO_KEY, lambda kind, text, _: Attempt(None, ALPHA[kind].sign(text))),
    "empty key": Condition(NO_KEY, lambda kind, text, _: Attempt("", ALPHA[kind].sign(text))),
    "key None": Condition(NO_KEY, lambda kind, text, _: Attempt("None", ALPHA[kind].sign(text))),
    "nothing": Condition(NO_KEY, lambda _kind, _text, _: Attempt(None, None)),
    "expired": Condition(EXPIRED, _with(OLD)),
    "elsewhere": Condition(ELSEWHERE, _with(BOUND)),
    "out of hours": Condition(TOO_EARLY, _with(ASLEEP)),
}  # fmt: skip


def _swapped(text: str) -> str:
    """The same letters in the other case; what has no letters gets one more digit wrong."""
    return text.swapcase() if text.swapcase() != text else _changed(text, 0)


def is_right(endpoint: Endpoint, expected: Expected, told: Any) -> bool:
    """Tell whether an answer is the one expected: of what nobody may do, who has shown himself hears that first."""
    if (told.status, told.code, told.reason) == expected:
        return True
    return told.reason in OF_THE_ENDPOINT and _is_told_of_itself(endpoint, expected)


def _is_told_of_itself(endpoint: Endpoint, expected: Expected) -> bool:
    """Who has proven who it is may be told what is refused to all; where nothing has to be proven, everybody may."""
    if endpoint.purpose not in ("refused", "trade", "settings"):
        return False
    return not endpoint.signed or expected in (EXPIRED, ELSEWHERE, TOO_EARLY)
