"""AUTH-3: two bots on one connection, and on one TLS session: each request is its own bot's, in the journal as well."""

# ruff: noqa: TID251 - randomness is seeded
import random
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.campaign.credentials import (
    ALPHA,
    BETAS,
    BotKey,
    Hall,
    Line,
    Told,
    in_turn,
    opened,
    portions,
    rest,
    with_query,
)
from tests.campaign.tally import Tally, campaign
from tests.gateway.rig import HOST, Rig
from tests.gateway.test_connect import Rim, on_the_rim
from tests.gateway.wsapi.rig import payload, reason
from tests.homes import make_home

from counterseal.adapters import ca_store
from counterseal.adapters.system_clock import SystemClock

pytestmark = [pytest.mark.slow, pytest.mark.threat(4)]
FULL, BY_REST, BY_SOCKET, BY_TLS = 1_000, 500, 250, 250
AT_ONCE, FRESH = 10, 200
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
KEYS = (("alpha", ALPHA["hmac"]), ("beta", BETAS["hmac"]), ("alpha", ALPHA["ed25519"]), ("beta", BETAS["ed25519"]))


class Request(NamedTuple):
    """One of a row of requests. `mixed` names one bot's key and has another's signature: it must fall by itself."""

    number: int
    bot: str
    key: BotKey
    shape: str
    mixed: bool = False

    @property
    def name(self) -> str:
        """The client order id, which says whose it is."""
        return f"{self.bot}-{self.number}"


SHAPES = ("order", "futures order", "test", "cancel", "query")


def requests(count: int, seed: int, shapes: tuple[str, ...] = SHAPES) -> list[Request]:
    """A row of requests of both bots in no order, of which every tenth is mixed."""
    draw = random.Random(seed)
    return [Request(seed * 10_000 + number, *draw.choice(KEYS), draw.choice(shapes), draw.random() < 0.1)
            for number in range(count)]  # fmt: skip


def signer_of(request: Request) -> BotKey:
    """Give whose signature it bears."""
    if not request.mixed:
        return request.key
    return next(key for bot, key in KEYS if bot != request.bot and isinstance(key.secret, type(request.key.secret)))


def as_rest(request: Request, stamp_ms: int, host: str = HOST) -> bytes:
    """Give a request's bytes."""
    method, path, query = {
        "order": ("POST", "/api/v3/order", f"{ORDER}&newClientOrderId={request.name}"),
        "futures order": ("POST", "/fapi/v1/order", f"{ORDER}&newClientOrderId={request.name}"),
        "test": ("POST", "/api/v3/order/test", f"{ORDER}&newClientOrderId={request.name}"),
        "cancel": ("DELETE", "/api/v3/order", f"symbol=BTCUSDT&origClientOrderId={request.name}"),
        "query": ("GET", "/api/v3/order", f"symbol=BTCUSDT&origClientOrderId={request.name}"),
    }[request.shape]
    query = with_query(signer_of(request), query, stamp_ms)
    if request.number % 3 == 0 and method != "GET":
        form = "Content-Type: application/x-www-form-urlencoded"
        return rest(method, path, request.key.key_id, form, host=host, body=query)
    return rest(method, f"{path}?{query}", request.key.key_id, host=host)


def judge(tally: Tally, row: list[Request], told: list[tuple[str | None, int]], names: list[str]) -> None:
    """Compare answers (reason, status) and what left, by its names, with whose each request was."""
    if len(told) != len(row):
        tally.disagree(f"{len(told)} answers to {len(row)} requests from {row[0]}")
    expected = [request.name for request in row if not request.mixed]
    if sorted(names) != sorted(expected):
        tally.disagree(f"what left is not what was asked from {row[0]}: {sorted(set(names) ^ set(expected))}")
    for request, (why, status) in zip(row, told, strict=False):
        tally.note(forwarded=int(not request.mixed), reason=why)
        right = why == "credential_or_signature" if request.mixed else (why, status) == (None, 200)
        if not right:
            tally.disagree(f"{request.shape} of {request.bot}, mixed: {request.mixed}: {why} {status}")


def attributed(tally: Tally, records: list[Any], counted: Counter[str], row: list[Request]) -> None:
    """Compare the journal's bots, and the requests that each is counted for, with the names."""
    for record in records:
        if record["type"] == "intent":
            name = next(value for key, value in record["pairs"] if key.endswith("ClientOrderId"))
            if name.partition("-")[0] != record["bot"]:
                tally.disagree(f"{name} is {record['bot']}'s in the journal")
    expected = Counter(request.bot for request in row if not request.mixed)
    if counted != expected:
        tally.disagree(f"requests are counted as {counted}, not {expected}")


def counts(state: Any) -> Counter[str]:
    """How many requests each bot is counted for."""
    return Counter({bot: counter.requests for bot, counter in state.counters.items() if bot in ("alpha", "beta")})


def names_in(sent: list[Any]) -> list[str]:
    """The client order ids of what reached the exchange."""
    return [one.params.get("newClientOrderId") or one.params["origClientOrderId"] for one in sent]


# -- by REST: ten at once on one connection


async def by_rest(tally: Tally, chosen: Iterator[Request]) -> None:
    """Pipelined in one write, and cut anywhere."""
    draw = random.Random(3)
    for whole in portions(chosen, FRESH):
        hall = await opened()
        line = Line(hall)
        for row in portions(whole, AT_ONCE):
            data = b"".join(as_rest(request, hall.now_ms) for request in row)
            cut = draw.randrange(len(data))
            answers, sent = await line.ask(data[:cut], data[cut:], seconds=2.5)
            judge(tally, row, [(one.reason, one.status) for one in answers], names_in(sent))
            echoed(tally, row, answers)
        attributed(tally, list(hall.journal.records), counts(hall.state), whole)
        await hall.rig.end()


def echoed(tally: Tally, row: list[Request], answers: list[Told]) -> None:
    """An order's answer names the order that was asked for in its place."""
    for request, answer in zip(row, answers, strict=False):
        is_order = request.shape in ("order", "futures order") and not request.mixed
        if is_order and f'"clientOrderId":"{request.name}"'.encode() not in answer.shape:
            tally.disagree(f"the answer to {request.name} is another's")


# -- by the WebSocket API: one has logged on, the other signs each request


async def by_socket(tally: Tally, chosen: Iterator[Request]) -> None:
    """What names no key is the one's who has logged on, what names one is that one's."""
    for whole in portions(chosen, FRESH):
        hall = await opened()
        caller = hall.caller()
        logon = caller.signed({}, key=ALPHA["ed25519"].key_id)
        assert (await caller.ask("session.logon", logon, 0.002))["status"] == 200
        before = counts(hall.state)
        for row in portions(whole, AT_ONCE):
            begun = len(hall.venue.sent)
            for request in row:
                await said(hall, caller, request)
            await hall.rig.wait(2.5)
            answers = sorted(caller.answers(), key=lambda answer: answer["id"])
            told = [(reason(answer), answer["status"]) for answer in answers]
            judge(tally, row, told, names_in(hall.venue.sent[begun:]))
        attributed(tally, list(hall.journal.records), counts(hall.state) - before, whole)
        await hall.rig.end()


async def said(hall: Hall, caller: Any, request: Request) -> None:
    method = {"order": "order.place", "test": "order.test", "cancel": "order.cancel", "query": "order.status"}[
        request.shape
    ]
    id_name = "newClientOrderId" if method in ("order.place", "order.test") else "origClientOrderId"
    params: dict[str, Any] = {"symbol": "BTCUSDT", id_name: request.name, "timestamp": hall.now_ms}
    if id_name == "newClientOrderId":
        params |= dict(pair.split("=") for pair in ORDER.split("&"))
    by_logon = request.bot == "alpha" and not request.mixed and request.number % 2 == 0
    if not by_logon:
        params["apiKey"] = request.key.key_id
        params["signature"] = signer_of(request).sign(payload(params))
    caller.say(method, params)


# -- by TLS: one session inside a tunnel


def by_tls(tally: Tally, chosen: list[Request], folder: Path) -> None:
    """Real sockets, real TLS."""
    home = make_home(folder / "home")
    ca_store.keep_current(home, SystemClock().wall_ns() // 1_000_000)
    told: list[tuple[str | None, int]] = []

    def bots(rim: Rim) -> None:
        hold(rim.rig)
        with rim.secure(rim.tunnel()) as sock:
            stamp_ms = rim.rig.clock.wall_ns() // 1_000_000
            for row in portions(chosen, AT_ONCE):
                sock.sendall(b"".join(as_rest(request, stamp_ms, "api.binance.com") for request in row))
                told.extend(read(sock, len(row)))

    rim = on_the_rim(home, bots)
    judge(tally, chosen, told, names_in(rim.rig.venue.sent))
    attributed(tally, list(rim.rig.journal.records), counts(rim.rig.state), chosen)


def hold(rig: Rig) -> None:
    """Let the rig's gateway know both bots; the second is the first one's twin."""
    config, alpha = rig.state.config, rig.state.config.bots["alpha"]
    rig.state.config = replace(config, bots={"alpha": alpha, "beta": replace(alpha, name="beta")})
    rig.state.credentials = {key.key_id: key.credential(bot) for bot, key in KEYS}


def read(sock: ssl.SSLSocket | socket.socket, count: int) -> list[tuple[str | None, int]]:
    """Read answers: reason and status."""
    data, found = b"", list[tuple[str | None, int]]()
    while len(found) < count:
        head, end, rest_ = data.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:]) if end else {}
        length = int(lines.get("Content-Length", 0))
        if not end or len(rest_) < length:
            more = sock.recv(65_536)
            assert more, "the gateway hung up"
            data += more
            continue
        found.append((lines.get("X-Counterseal-Reason"), int(head.split(b" ")[1])))
        data = rest_[length:]
    return found


def test_auth_3(tmp_path: Path) -> None:
    """Nobody's request is ever taken for another's."""
    rows = (requests(BY_REST, 1), requests(BY_SOCKET, 2, ("order", "test", "cancel", "query")),
            requests(BY_TLS, 3, ("test", "cancel", "query")))  # fmt: skip
    with campaign("AUTH-3", "two bots on one connection", FULL) as tally:

        @in_turn
        async def in_process() -> None:
            await by_rest(tally, tally.some(rows[0]))
            await by_socket(tally, tally.some(rows[1]))

        in_process()
        by_tls(tally, list(tally.some(rows[2])), tmp_path)
