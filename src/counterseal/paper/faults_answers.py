"""Answers that an exchange in trouble gives: every status, code and text of the fault catalogue, by name."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

UNKNOWN_503 = "Unknown error, please check your request or try again later."
INTERNAL_503 = "Internal error; unable to process your request. Please try again."
THROTTLED_503 = (
    "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again."
)
WAF = "<!DOCTYPE html><html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1>{}</body></html>"
COUNTRY = "The distribution is configured to block access from your country."
TOO_MUCH = (
    "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)
BANNED = (
    "Way too much request weight used; IP banned until {}. Please use WebSocket Streams for live updates to avoid bans."
)
BAN_MS = 120_000


@dataclass(frozen=True, slots=True)
class Canned:
    """A whole answer; `{}` in the text stands for when a ban ends."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def _json(status: int, code: int, text: str, **headers: str) -> Canned:
    body = json.dumps({"code": code, "msg": text}).encode()
    return Canned(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def _text(status: int, text: str) -> Canned:
    """An answer without a code, as a proxy in front of the exchange gives it."""
    return Canned(status, text.encode())


def _replaced(code: int, cancel: str, new: str) -> Canned:
    """A cancelReplace that went half or wholly wrong."""
    parts = {"SUCCESS": {}, "FAILURE": {"code": -2010, "msg": "Order would immediately match and take."},
             "NOT_ATTEMPTED": None}  # fmt: skip
    texts = {-2021: "Order cancel-replace partially failed.", -2022: "Order cancel-replace failed."}
    data = {
        "cancelResult": cancel,
        "newOrderResult": new,
        "cancelResponse": parts[cancel],
        "newOrderResponse": parts[new],
    }
    return Canned(409, json.dumps({"code": code, "msg": texts[code], "data": data}).encode())


def _gateway_page(status: int, title: str) -> Canned:
    return Canned(status, f"<html><head><title>{status} {title}</title></head></html>".encode())


ANSWERS: dict[str, Canned] = {
    "418": _json(418, -1003, BANNED, Retry_After="120"),
    "418-bare": _json(418, -1003, BANNED),
    "429": _json(429, -1003, TOO_MUCH, Retry_After="10"),
    "429-bare": _json(429, -1003, TOO_MUCH),
    "403": Canned(403, WAF.format("").encode()),
    "403-country": Canned(403, WAF.format(COUNTRY).encode()),
    "408": _json(408, -1007, "Timeout waiting for response from backend server."),
    "409-partial": _replaced(-2021, "SUCCESS", "FAILURE"),
    "409-failed": _replaced(-2022, "FAILURE", "NOT_ATTEMPTED"),
    "451": _text(451, "Service unavailable from a restricted location."),
    "500": _text(500, ""),
    "502": _gateway_page(502, "Bad Gateway"),
    "504": _gateway_page(504, "Gateway Time-out"),
    "503-unknown": _json(503, -1000, UNKNOWN_503),
    "503-unknown-bare": _text(503, UNKNOWN_503),
    "503-unavailable": _json(503, -1000, "Service Unavailable."),
    "503-unavailable-bare": _text(503, "Service Unavailable."),
    "503-internal": _json(503, -1001, INTERNAL_503),
    "503-internal-bare": _text(503, INTERNAL_503),
    "503-throttled": _json(503, -1008, THROTTLED_503),
    "503-throttled-bare": _text(503, THROTTLED_503),
    "503-strange": _json(503, -9999, "The matching engine has gone fishing."),
    "503-strange-bare": _text(503, "upstream connect error or disconnect/reset before headers"),
    "401": _json(401, -2015, "Invalid API-key, IP, or permissions for action, request ip: 127.0.0.1"),
    "-2015": _json(400, -2015, "Invalid API-key, IP, or permissions for action."),
    "-1021": _json(400, -1021, "Timestamp for this request is outside of the recvWindow."),
    "-1021-ahead": _json(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."),
    "-1022": _json(400, -1022, "Signature for this request is not valid."),
    "-1003": _json(400, -1003, "Too many requests queued."),
    "-1015": _json(429, -1015, "Too many new orders; current limit is 100 orders per 10 SECOND.", Retry_After="10"),
    "-2010-duplicate": _json(400, -2010, "Duplicate order sent."),
    "-4116": _json(400, -4116, "ClientOrderId is duplicated."),
    "-1000": _json(500, -1000, "An unknown error occurred while processing the request."),
    "-1001": _json(500, -1001, INTERNAL_503),
    "-1006": _json(500, -1006, "An unexpected response was received from the message bus. Execution status unknown."),
    "-1007": _json(
        504, -1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown."),
    "-1008": _json(503, -1008,
                   "Server is currently overloaded with other requests. Please try again in a few minutes."),
}  # fmt: skip


# Answers that leave open whether the request was executed.  The others say that it was not; given after an execution
# they are lies that no exchange tells, so chaos gives them only in its place.
OPEN_ENDED = frozenset({"408", "500", "502", "504", "-1000", "-1001", "-1006", "-1007"} | {
    f"503-{kind}{bare}" for kind in ("unknown", "internal", "strange") for bare in ("", "-bare")
})  # fmt: skip


def answer(name: str, now_ms: int) -> Canned:
    """The answer of that name at an instant, or of `<status>:<text>`.  ValueError for what is neither.

    Text of the second form that begins with `{` or `<` is the whole body, other text becomes the `msg` of a -1000.
    """
    found = ANSWERS.get(name)
    if found is not None:
        return Canned(found.status, found.body.replace(b"{}. Please", b"%d. Please" % (now_ms + BAN_MS)), found.headers)
    number, colon, text = name.partition(":")
    if not colon or not number.isdigit() or not 200 <= int(number) <= 599:
        raise ValueError(f"no answer {name}")
    if text.startswith(("{", "<")):
        return Canned(int(number), text.encode())
    return _json(int(number), -1000, text)
