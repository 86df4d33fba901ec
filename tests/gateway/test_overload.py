"""Too much is asked: reads and orders are refused unread, with a code and a sum on record; exits go on."""

from __future__ import annotations

from itertools import count

import pytest
from tests.campaign.house import Answer, House, answers_in, in_house
from tests.gateway.cells import proves
from tests.gateway.failing_rig import Host
from tests.gateway.rig import ORDER
from tests.gateway.streams.rig import BotWire

from counterseal.core.overload import CALM_NS, LATE_NS, LEAST, PATIENCE_NS
from counterseal.gateway.handler import HELD_BACK_S
from counterseal.gateway.health import Health
from counterseal.gateway.reply import SINCE
from counterseal.ports.venue import Busy

FUTURES = "/fapi/v1/order"
_numbers = count(1)


class Crowd:
    """A house whose loop is late, and bots that all ask in one turn of it."""

    def __init__(self, house: House) -> None:
        self.house, self.state = house, house.rig.state
        gateway = house.rig.gateway
        self.health = Health(
            self.state, house.rig.plane.gate, gateway.refresher, Host().probes(), lambda: False, gateway.tasks
        )

    async def be_late(self) -> None:
        """Turns are late until it shows."""
        self.state.overload.turned(LATE_NS + 1, self.house.clock.monotonic_ns())
        await self.house.rig.wait(PATIENCE_NS / 1e9)
        self.state.overload.turned(LATE_NS + 1, self.house.clock.monotonic_ns())
        assert self.state.overload.lasts(self.house.clock.monotonic_ns())

    def fill(self) -> list[BotWire]:
        """So many reads that this turn has begun enough."""
        return [self.ask("GET", "/api/v3/account") for _ in range(LEAST)]

    def ask(self, method: str, path: str, query: str = "") -> BotWire:
        """Send one request on a connection of its own; no time passes."""
        wire, connection = BotWire("127.0.0.1"), self.house.rig.connection()
        wire.protocol = connection
        connection.connection_made(wire)
        query = f"{query}&recvWindow={3000 + next(_numbers)}".lstrip("&")
        wire.protocol.data_received(self.house.request(method, path, query))
        return wire

    async def answers(self, *wires: BotWire, seconds: float = HELD_BACK_S) -> list[Answer]:
        """Let time pass; give each one's answer."""
        await self.house.rig.wait(seconds)
        found = [answers_in(bytes(wire.received)) for wire in wires]
        assert all(len(each) == 1 for each in found), found
        return [each[0] for each in found]


def order(name: str) -> str:
    return f"{ORDER}&newClientOrderId={name}"


def cancel(number: int) -> str:
    return f"symbol=BTCUSDT&orderId={number}"


REDUCE = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=1&reduceOnly=true"


@proves("overloaded", "increase", "exits", "reads")
@in_house
async def test_reads_and_orders_are_refused_and_exits_are_not(house: House) -> None:
    """By the exchange's own code for it, and nothing of them leaves."""
    crowd = Crowd(house)
    await crowd.be_late()
    since_ms = crowd.state.told_ms(crowd.state.monotonic_ms())
    begun = crowd.fill()
    refused = [crowd.ask("GET", "/api/v3/openOrders"), crowd.ask("POST", FUTURES, order("shed"))]
    exits = [crowd.ask("DELETE", FUTURES, cancel(1)), crowd.ask("POST", FUTURES, REDUCE)]
    for answer in await crowd.answers(*begun, *exits):
        assert (answer.status, answer.reason) == (200, None)
    for answer in await crowd.answers(*refused):
        assert (answer.status, answer.reason) == (503, "gateway_overloaded")
        assert b'"code":-1008' in answer.body
    assert f"{SINCE}: {since_ms}\r\n".encode() in refused[0].received
    assert b"Retry-After: 1\r\n" in refused[0].received
    paths = [(each.method, each.path) for each in house.venue.sent]
    assert paths.count(("DELETE", FUTURES)) == paths.count(("POST", FUTURES)) == 1
    assert ("GET", "/api/v3/openOrders") not in paths


@in_house
async def test_a_refusal_is_held_back_for_a_moment(house: House) -> None:
    """And nothing else that its bot has sent is looked at meanwhile."""
    crowd = Crowd(house)
    await crowd.be_late()
    crowd.fill()
    wire = crowd.ask("GET", "/api/v3/openOrders")
    wire.protocol.data_received(house.request("DELETE", FUTURES, cancel(2)))
    await house.rig.wait(HELD_BACK_S - 0.001)
    assert bytes(wire.received) == b""
    await house.rig.wait(0.002)
    first, second = answers_in(bytes(wire.received))
    assert (first.reason, second.reason) == ("gateway_overloaded", None)


@in_house
async def test_who_hangs_up_meanwhile_gets_nothing(house: House) -> None:
    """The refusal has nobody to go to, and nothing breaks."""
    crowd = Crowd(house)
    await crowd.be_late()
    crowd.fill()
    wire = crowd.ask("GET", "/api/v3/openOrders")
    wire.protocol.connection_lost(None)
    await house.rig.wait(HELD_BACK_S)
    assert bytes(wire.received) == b""
    assert house.rig.gateway.faults == []


@proves("overloaded", "alert")
@in_house
async def test_refusals_are_told_as_sums_and_the_state_as_an_event(house: House) -> None:
    """Each refusal is in exactly one sum; the state begins, and ends ten seconds after the last."""
    crowd = Crowd(house)
    await crowd.be_late()
    since_ms = crowd.state.told_ms(crowd.state.monotonic_ms())
    refused = []
    for asked in (40, 70, 55):
        answers = await crowd.answers(*[crowd.ask("GET", "/api/v3/account") for _ in range(asked)])
        refused.append(sum(answer.reason == "gateway_overloaded" for answer in answers))
        # What the last look did not find is told at the end.
        (crowd.health.look if asked != 55 else crowd.health.stop)()
    assert min(refused) > 0
    assert crowd.state.counter("anonymous").denied == {"gateway_overloaded": sum(refused)}
    await house.rig.wait(CALM_NS / 1e9)
    assert [record["count"] for record in house.journal.of("denied")] == refused
    for _ in range(2):
        crowd.health.look()
        await house.rig.wait(10)
    events = [record for record in house.journal.of("event") if record.get("state") == "overloaded"]
    assert [(event["phase"], event["since_ms"]) for event in events] == [("began", since_ms), ("ended", since_ms)]


@in_house
async def test_the_same_on_the_websocket_api(house: House) -> None:
    """There its id comes back, and cancels go on."""
    crowd = Crowd(house)
    caller = house.caller()
    await crowd.be_late()
    crowd.fill()
    spot = dict(part.split("=") for part in ORDER.split("&"))
    shed = caller.say("order.place", caller.signed(spot))
    kept = caller.say("order.cancel", caller.signed({"symbol": "BTCUSDT", "orderId": 3}))
    await house.rig.wait(0.002)
    assert [answer["id"] for answer in caller.answers()] == [kept]
    await house.rig.wait(HELD_BACK_S)
    (answer,) = caller.answers()
    assert (answer["id"], answer["status"], answer["error"]["code"]) == (shed, 503, -1008)


@pytest.mark.parametrize(("method", "path", "query"), [("GET", "/api/v3/account", ""), ("POST", FUTURES, order("b"))])
def test_all_connections_in_use_is_told_as_such(method: str, path: str, query: str) -> None:
    """It is too much that is asked, and no failing of the exchange."""

    async def story(house: House) -> None:
        async def busy(*_arguments: object) -> object:
            raise Busy("in use")

        house.venue.send = busy  # type: ignore[method-assign,assignment]
        crowd = Crowd(house)
        (answer,) = await crowd.answers(crowd.ask(method, path, query))
        assert (answer.status, answer.reason) == (503, "gateway_overloaded")
        states = [record["state"] for record in house.journal.of("event")]
        assert states == ["overloaded"]

    in_house(story)()
