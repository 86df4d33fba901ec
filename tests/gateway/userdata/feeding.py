"""Looks at one feed and the connection that it is on, and at what comes of events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.gateway.userdata.rig import Listening, Rig
from tests.limits.house import NoAnswer

from counterseal.gateway.userdata.feed import Feed

KEY = "/fapi/v1/listenKey"
LIMIT = "&type=LIMIT&timeInForce=GTC&price=90000"
EXPOSED = "max_repeats = 0\n[accounts.main]\nmax_exposure = 1000000\n"
ORDERS = {"spot": "/api/v3/order", "usdm": "/fapi/v1/order", "coinm": "/dapi/v1/order"}


def feed(rig: Rig, family: str) -> Feed:
    return rig.feeds._accounts["main", family].feed


def wire_of(rig: Rig, family: str) -> Any:
    """The connection that the feed is on."""
    voice = feed(rig, family)._current
    return next(wire for wire in rig.exchange.wires if voice is not None and wire._link is voice.link)


def numbers(listening: Listening) -> list[int]:
    """The orders of the events since the last call."""
    events, listening.events = listening.events, []
    bodies = [event.body if event.kind == "executionReport" else event.body.get("o") for event in events]
    return [body["i"] for body in bodies if isinstance(body, dict)]


def once(act: Callable[[], None]) -> Callable[[], None]:
    done: list[bool] = []

    def maybe() -> None:
        if not done:
            done.append(True)
            act()

    return maybe


def no_answer() -> None:
    raise NoAnswer


def total(rig: Rig) -> float:
    """What the account is reckoned to have at risk, in dollars."""
    rows = rig.side.plane.exposures.report()
    return next(float(row["dollars"]) for row in rows if row["of"] == "account")


def hears(rig: Rig, family: str, kind: str, body: dict[str, Any]) -> None:
    """An event as the exchange sends it; these are hard to bring about there."""
    rig.feeds._on_event(("main", family), json.dumps({"e": kind, **body}).encode())
