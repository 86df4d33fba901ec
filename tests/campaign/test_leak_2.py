"""LEAK-2: whatever the exchange says when it refuses, no bot reads our address, key or account number in it."""

# ruff: noqa: TID251 - randomness is seeded
import json
import random
import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.campaign.credentials import in_turn
from tests.campaign.house import SPOT_ORDER, House
from tests.campaign.tally import Tally, campaign
from tests.gateway.rig import InlineSigner
from tests.gateway.wsapi.rig import reason

pytestmark = [pytest.mark.slow, pytest.mark.threat(26), pytest.mark.threat(24)]
FULL, MUTATED = 600, 300
VECTORS = Path(__file__).parent.parent / "vectors" / "exchange_errors.json"
ERRORS = [(row["code"], row["msg"]) for row in json.loads(VECTORS.read_text())]
# Our key at the exchange, as the rig's signer holds it.
OURS = "K" * 64
CANCEL_REPLACE = f"{SPOT_ORDER}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId=7"
LEGS = "batchOrders=%5B%7B%22symbol%22%3A%22BTCUSDT%22%2C%22side%22%3A%22BUY%22%2C%22type%22%3A%22MARKET%22%2C" \
    "%22quantity%22%3A%220.001%22%7D%5D"  # fmt: skip
# How an error can come: as the answer to what, in which place of it.
SHAPES = {
    "query": ("GET", "/api/v3/order", "symbol=BTCUSDT&orderId=7", lambda error: error),
    "order": ("POST", "/api/v3/order", SPOT_ORDER, lambda error: error),
    "cancel": ("DELETE", "/fapi/v1/order", "symbol=BTCUSDT&orderId=7", lambda error: error),
    "public": ("GET", "/api/v3/depth", "symbol=BTCUSDT", lambda error: error),
    "both halves": ("POST", "/api/v3/order/cancelReplace", CANCEL_REPLACE, lambda error: {
        "code": -2022, "msg": "Order cancel-replace failed.", "data": {
            "cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "cancelResponse": error,
            "newOrderResponse": None}}),
    "leg": ("POST", "/fapi/v1/batchOrders", LEGS, lambda error: [error]),
    "other names": ("GET", "/sapi/v1/account/status", "recvWindow=5000", lambda error: {
        "timestamp": 1, "status": 400, "error": error["msg"], "message": error["msg"], "path": "/sapi/v1/x"}),
    "page": ("GET", "/api/v3/order", "symbol=BTCUSDT&orderId=7", lambda error: f"<html>{error['msg']}</html>"),
    "frame": ("GET", "/api/v3/order", "", lambda error: error),
}  # fmt: skip


class Case(NamedTuple):
    """An error of the exchange: with `planted` in it, or as it is documented where that is empty."""

    shape: str
    status: int
    code: int
    text: str
    planted: tuple[str, ...] = ()


def cases() -> list[Case]:
    """Every documented text as it is, and three hundred with an address, a key and an account's number in them."""
    draw = random.Random(1)
    plain = [Case("query", 400, code, text) for code, text in ERRORS]
    return plain + [mutated(random.Random(seed), draw.choice(list(SHAPES))) for seed in range(MUTATED)]


def mutated(draw: random.Random, shape: str) -> Case:
    """A documented text with something planted at three places of it."""
    code, text = draw.choice([one for one in ERRORS if one[1]])
    address, key, account = _address(draw), _key(draw), str(draw.randrange(10**7, 10**10))
    words = text.split(" ")
    for planted in (
        draw.choice([f"request ip: {address}", f"IP({address})", f"IP:{address},", address, f"[{address}]:443"]),
        draw.choice(["apiKey=", "signature=", '"listenKey": "', "key ", "X-MBX-APIKEY: ", ""]) + key,
        draw.choice(["account id: ", "accountId=", "uid: ", '"userId":', "user id "]) + account,
    ):
        words.insert(draw.randrange(len(words) + 1), planted)
    status = draw.choice([400, 400, 400, 401, 403, 404, 418, 429, 500, 503])
    return Case(shape, status, code, " ".join(words), (address, key, key[:32], key[-32:], account))


def _address(draw: random.Random) -> str:
    octets = ".".join(str(draw.randrange(100, 256)) for _ in range(4))
    groups = [f"{draw.randrange(0x1000, 0x10000):x}" for _ in range(8)]
    return draw.choice([octets, ":".join(groups), f"{groups[0]}:{groups[1]}::{groups[2]}", f"::ffff:{octets}"])


def _key(draw: random.Random) -> str:
    return draw.choice([OURS, "".join(draw.choices(string.ascii_letters + string.digits, k=64)),
                        "".join(draw.choices("0123456789abcdef", k=64))])  # fmt: skip


async def received(house: House, case: Case) -> tuple[int, bytes, str | None]:
    """Give what the bot gets: status, body, our reason."""
    method, path, query, put = SHAPES[case.shape]
    error: Any = put({"code": case.code, "msg": case.text})
    house.venue.script[path] = [(case.status, error)] * 4
    if case.shape == "frame":
        caller = house.caller()
        asked = caller.signed({"symbol": "BTCUSDT", "orderId": 7})
        answer = await caller.ask("order.status", asked, 0.5)
        return answer["status"], json.dumps(answer, ensure_ascii=False).encode(), reason(answer)
    out = await house.feed(house.request(method, path, query), seconds=0.5)
    return out.answers[0].status, out.answers[0].body, out.answers[0].reason


def allow(house: House) -> None:
    """Let the bot call every product that is asked here."""
    config = house.rig.state.config
    alpha = replace(config.bots["alpha"], products=("spot", "usdm", "sapi"))
    house.rig.state.config = replace(config, bots={"alpha": alpha})


def judge(tally: Tally, case: Case, status: int, body: bytes, why: str | None) -> None:
    """Nothing planted may be left; a documented text must be there word for word."""
    shown = json.dumps(json.loads(body), ensure_ascii=False)
    tally.note(reason=why, other="the exchange's own error" if str(case.code) in shown else "another error of ours")
    left = [one for one in case.planted if one in shown or one in body.decode()]
    if left:
        tally.disagree(f"{case.shape} {case.status} {case.code}: {shown} shows {left}")
    if not case.planted and (status, json.loads(body)) != (400, {"code": case.code, "msg": case.text}):
        tally.disagree(f"{case.code} {case.text!r} became {status} {shown}")


def written(house: House) -> str:
    """What the journal holds."""
    return json.dumps(house.journal.records, ensure_ascii=False, default=str)


@in_turn
async def test_leak_2() -> None:
    """The texts are the exchange's, and stay; what is ours in them does not."""
    assert InlineSigner(House().clock).keys()["main"].api_key == OURS

    async def one(tally: Tally, case: Case) -> None:
        house = House("\nmax_repeats = 0")
        allow(house)
        await house.rig.gateway.warm()
        judge(tally, case, *await received(house, case))
        left = [planted for planted in case.planted if planted in written(house)]
        if left:
            tally.disagree(f"{case.shape} {case.status} {case.code}: the journal shows {left}")
        await house.rig.gateway.tasks.cancel_all()
        house.rig.hub.close()

    chosen: Iterator[Case]
    with campaign("LEAK-2", "errors of the exchange, on their way to a bot", FULL) as tally:
        chosen = tally.some(cases())
        for case in chosen:
            await one(tally, case)
