"""AUTH-1: whoever may not ask, by every way in, at every endpoint: nothing leaves, and nobody learns what was wrong."""

# ruff: noqa: TID251 - randomness is seeded
import random
from ipaddress import ip_network
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from tests.campaign.credentials import (
    ALPHA,
    BETAS,
    REST_HOSTS,
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
from tests.campaign.house import SPOT_ORDER
from tests.campaign.strangers import BOUND, CONDITIONS, GONE, OLD, STRANGER, Attempt, Condition, is_right, prepare
from tests.campaign.tally import Tally, campaign
from tests.gateway.rig import HOST
from tests.gateway.wsapi.rig import payload, reason

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.secret import Secret
from counterseal.core.userdata.listen_keys import Holder
from counterseal.core.userdata.mint import Mint
from counterseal.core.wsapi.methods import METHODS

pytestmark = [pytest.mark.slow, pytest.mark.threat(17), pytest.mark.threat(20)]
FULL = 2_000
FRESH = 250
QUERY = "symbol=BTCUSDT&side=BUY"
KINDS = ("hmac", "ed25519")
ASKED = [each for each in load_catalogue() if each.signed or each.security != "NONE"]
TURNS = ("query", "body", "key in the query", "connect")


class Case(NamedTuple):
    """One attempt. `endpoint` is of a request by REST, `method` of one by the WebSocket API."""

    way: str
    condition: str
    kind: str
    endpoint: Endpoint | None = None
    method: str = ""


def cases() -> list[Case]:
    """Two thousand of all, drawn by seed: by REST, by the WebSocket API, by a logon, by a listen key."""
    draw = random.Random(1)
    by_rest = [Case(way, condition, kind, endpoint) for way, condition, kind, endpoint
               in product(TURNS, CONDITIONS, KINDS, ASKED)
               if _means_something(way, CONDITIONS[condition], endpoint)]  # fmt: skip
    catalogue = load_catalogue()
    methods = [(name, endpoint) for (family, name), method in METHODS.items()
               if family == "spot" and (endpoint := catalogue.get(family, method.verb, method.path))
               and endpoint.signed]  # fmt: skip
    by_socket = [Case("socket", condition, kind, endpoint, name)
                 for condition, kind, (name, endpoint) in product(CONDITIONS, KINDS, methods)]  # fmt: skip
    by_logon = [Case("logon", fate, "ed25519", endpoint, name) for fate, (name, endpoint) in product(FATES, methods)]
    by_key = [Case("listen key", fate, "hmac", None, path) for fate, path in product(KEYS, PATHS)
              if fate != "of another market" or BOUND_PATH in path]  # fmt: skip
    others = [*draw.sample(by_socket, 300), *draw.sample(by_logon, 100), *by_key]
    return [*draw.sample(by_rest, FULL - len(others)), *others]


def _means_something(way: str, condition: Condition, endpoint: Endpoint) -> bool:
    if way == "body" and endpoint.method == "GET":
        return False
    if way == "connect" and endpoint.family not in REST_HOSTS:
        return False
    if way == "key in the query":
        return condition is CONDITIONS["unknown id"]
    return endpoint.signed or not condition.needs_signature


# -- by REST


def request(hall: Hall, case: Case, draw: random.Random) -> bytes:
    """Give the bytes of an attempt by REST."""
    endpoint = case.endpoint
    assert endpoint is not None
    text = f"{QUERY}&timestamp={hall.now_ms}"
    attempt = CONDITIONS[case.condition].make(case.kind, text, draw)
    host = REST_HOSTS[endpoint.family] if case.way == "connect" else HOST
    path = endpoint.path if case.way == "connect" else _by_base_url(endpoint)
    if case.way == "key in the query":
        text += f"&apiKey={attempt.key_id}"
        attempt = attempt._replace(key_id=None)
    if attempt.signature is not None:
        text += f"&signature={quote(attempt.signature, safe='')}"
    if case.way == "body":
        return rest(endpoint.method, path, attempt.key_id, "Content-Type: application/x-www-form-urlencoded", body=text)
    return rest(endpoint.method, f"{path}?{text}", attempt.key_id, host=host)


def _by_base_url(endpoint: Endpoint) -> str:
    """Give the path that means the endpoint by the plain base URL: two families share one first element."""
    return f"/dapi.binance.com{endpoint.path}" if endpoint.path.startswith("/futures/") and endpoint.family == "coinm" \
        else endpoint.path  # fmt: skip


async def by_rest(hall: Hall, case: Case, draw: random.Random) -> tuple[Told, int]:
    """Make an attempt on a connection of its own."""
    endpoint = case.endpoint
    assert endpoint is not None
    line = Line(hall, REST_HOSTS[endpoint.family] if case.way == "connect" else "")
    answers, sent = await line.ask(request(hall, case, draw))
    await line.end()
    return answers[0], len(sent)


# -- by the WebSocket API


async def by_socket(hall: Hall, case: Case, draw: random.Random) -> tuple[Told, int]:
    """Make an attempt on a connection of the WebSocket API."""
    params: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "timestamp": hall.now_ms}
    named = CONDITIONS[case.condition].make(case.kind, "", draw).key_id
    if named is not None:
        params["apiKey"] = named
    attempt = _remade(case, payload(params), named, draw)
    if attempt.signature is not None:
        params["signature"] = attempt.signature
    return await said(hall, hall.caller(), case.method, params)


def _remade(case: Case, text: str, named: str | None, draw: random.Random) -> Attempt:
    """Sign the text in which the key id stands: with the key whose id was drawn, where it was drawn."""
    if case.condition in ("unknown id", "one letter of the id"):
        return Attempt(named, ALPHA[case.kind].sign(text))
    return CONDITIONS[case.condition].make(case.kind, text, draw)


async def said(hall: Hall, caller: Any, method: str, params: dict[str, Any]) -> tuple[Told, int]:
    """Say something on a connection, and give what came back."""
    before = len(hall.venue.sent)
    answer = await caller.ask(method, params, 0.002)
    error = answer.get("error", {})
    answer.pop("id")
    return Told(answer["status"], error.get("code"), reason(answer), repr(answer).encode()), len(
        hall.venue.sent
    ) - before


# -- by a logon that ended meanwhile

FATES = ("never", "revoked", "expired", "bound elsewhere", "another key of that name", "logged out")
AFTER = {"never": (401, -2014, "credential_missing"), "logged out": (401, -2014, "credential_missing"),
         "expired": (401, -2015, "credential_expired"),
         "bound elsewhere": (401, -2015, "source_not_allowed")}  # fmt: skip


async def by_logon(hall: Hall, case: Case, _draw: random.Random) -> tuple[Told, int]:
    """Log on, lose the right, and go on asking as if nothing had happened."""
    caller, key, held = hall.caller(), ALPHA["ed25519"], hall.state.credentials
    if case.condition != "never":
        logon = await caller.ask("session.logon", caller.signed({}, key=key.key_id), 0.002)
        assert logon["status"] == 200
    if case.condition == "revoked":
        hall.revoke(key)
    elif case.condition == "expired":
        hall.hold({key: "alpha"}, expires_ms=hall.now_ms - 1)
    elif case.condition == "bound elsewhere":
        hall.hold({key: "alpha"}, sources=(ip_network("10.0.0.0/8"),))
    elif case.condition == "another key of that name":
        hall.hold({BotKey(key.key_id, BETAS["ed25519"].secret): "alpha"})
    elif case.condition == "logged out":
        await caller.ask("session.logout", None, 0.002)
    found = await said(hall, caller, case.method, {"symbol": "BTCUSDT", "timestamp": hall.now_ms})
    hall.state.credentials = held
    return found


# -- by a listen key

DEAD = (400, -1100, "stream_unknown")
KEYS = {
    "random": DEAD, "one letter": DEAD, "closed": DEAD, "of another market": DEAD, "of another house": DEAD,
    "revoked": STRANGER, "expired": (401, -2015, "credential_expired"), "elsewhere": (401, -2015, "source_not_allowed"),
}  # fmt: skip
# An address that names its market takes keys of no other.
BOUND_PATH = "fstream.binance.com"
PATHS = ("/ws/{}", "/stream?streams={}", "/private/ws/{}", "/private/stream?streams={}", "/private/ws?listenKey={}",
         "/fstream.binance.com/ws/{}", "/fstream.binance.com/private/ws/{}", "/fstream.binance.com/stream?streams={}",
         "/private/stream?listenKey={}&events=ORDER_TRADE_UPDATE", "/stream?streams=btcusdt@trade/{}",
         "/private/ws/{}/{}", "/fstream.binance.com/private/stream?streams={}", "/ws?listenKey={}")  # fmt: skip
HANDSHAKE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")  # fmt: skip


def listen_key(hall: Hall, fate: str) -> str:
    """Make a listen key that opens nothing."""
    keys, now = hall.streams.keys._keys, hall.state.monotonic_ms()

    def of(key: BotKey, family: str = "usdm") -> Holder:
        return Holder(key.key_id, "alpha", "main", family)

    def closed() -> str:
        made = keys.start(of(BETAS["hmac"]), now)
        assert keys.close(of(BETAS["hmac"]), made, now)
        return made

    alpha = keys.start(of(ALPHA["hmac"]), now)
    return {
        "random": lambda: "".join(hall.draw.choices("abcXYZ0189", k=64)),
        "one letter": lambda: alpha[:40] + ("x" if alpha[40] != "x" else "y") + alpha[41:],
        "closed": closed,
        "of another market": lambda: keys.start(of(ALPHA["hmac"], "coinm"), now),
        "of another house": lambda: Mint(Secret(b"another"), hall.draw.randrange).make(of(ALPHA["hmac"])),
        "revoked": lambda: keys.start(of(GONE["hmac"]), now),
        "expired": lambda: keys.start(of(OLD["hmac"]), now),
        "elsewhere": lambda: keys.start(of(BOUND["hmac"]), now),
    }[fate]()


async def by_key(hall: Hall, case: Case, _draw: random.Random) -> tuple[Told, int]:
    """Connect with a listen key."""
    key = listen_key(hall, case.condition)
    line = Line(hall)
    answers, sent = await line.ask(rest("GET", case.method.format(key, key), None, *HANDSHAKE))
    await line.end()
    return answers[0], len(sent)


# -- all of it

WAYS = {"socket": by_socket, "logon": by_logon, "listen key": by_key}


def expected_of(case: Case) -> tuple[int, int, str]:
    """Give what the documents have an attempt be told."""
    if case.way == "logon":
        return AFTER.get(case.condition, STRANGER)
    if case.way == "listen key":
        return KEYS[case.condition]
    if case.way == "key in the query":
        return CONDITIONS["no key"].expected
    if case.way == "socket" and case.condition == "key None":
        # There it is no library's way to say that there is none.
        return STRANGER
    return CONDITIONS[case.condition].expected


def judge(tally: Tally, case: Case, found: Told, sent: int) -> None:
    """Compare with what the documents say."""
    expected = expected_of(case)
    tally.note(forwarded=sent, reason=found.reason)
    right = is_right(case.endpoint, expected, found) if case.endpoint else found[:3] == expected
    if sent or not right:
        name = case.endpoint.name if case.endpoint else ""
        tally.disagree(f"{case.way}, {case.condition}, {case.kind}, {name} {case.method}: {found[:3]}, not {expected}")


async def control(hall: Hall) -> None:
    """Who may ask is answered by each of the ways: it is the credential that the others were refused for."""
    for kind, key in ALPHA.items():
        query = with_query(key, f"{SPOT_ORDER}&newClientOrderId=control-{kind}", hall.now_ms)
        line = Line(hall, "api.binance.com")
        answers, sent = await line.ask(rest("POST", f"/api/v3/order?{query}", key.key_id, host="api.binance.com"))
        assert ([one.reason for one in answers], len(sent)) == ([None], 1), (kind, answers)
    caller = hall.caller()
    assert (await caller.ask("order.test", caller.signed({**ORDER, "quantity": "0.002"}), 0.002))["status"] == 200
    keys = hall.streams.keys._keys
    good = keys.start(Holder(ALPHA["hmac"].key_id, "alpha", "main", "usdm"), hall.state.monotonic_ms())
    answers, _ = await Line(hall).ask(rest("GET", f"/private/ws/{good}", None, *HANDSHAKE))
    assert [one.status for one in answers] == [101]


ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "90000.00"}


@in_turn
async def test_auth_1() -> None:
    """A stranger's answers are byte for byte the same, whatever he had right."""
    draw, shapes = random.Random(2), dict[str, set[bytes]]()
    with campaign("AUTH-1", "who may not ask: endpoints and ways in", FULL) as tally:
        for portion in portions(tally.some(cases()), FRESH):
            hall = await opened()
            prepare(hall)
            await control(hall)
            for case in portion:
                found, sent = await WAYS.get(case.way, by_rest)(hall, case, draw)
                judge(tally, case, found, sent)
                if found.reason == "credential_or_signature":
                    form = "frames" if case.way in ("socket", "logon") else "answers"
                    shapes.setdefault(form, set()).add(found.shape)
            await hall.rig.end()
        for form, seen in shapes.items():
            if len(seen) != 1:
                tally.disagree(f"{len(seen)} {form} where there should be one: {sorted(seen)[:3]}")
        tally.figures["answers to strangers that differ"] = str(sum(len(seen) - 1 for seen in shapes.values()))
