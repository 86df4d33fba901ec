"""What anybody can send is counted before it is decoded, and what the exchange answers before it is taken apart."""

import asyncio
import gc
import tracemalloc

import pytest
from tests.campaign.house import House, in_house, raw
from tests.gateway.streams.rig import BotWire

from counterseal.gateway import answers
from counterseal.gateway.admission import MAX_WIRE
from counterseal.gateway.answers import MOST_ERROR, MOST_VALUES
from counterseal.gateway.listener import LARGE
from counterseal.ports.venue import VenueReply

MIB = 1 << 20


@pytest.mark.threat(39)
@in_house
async def test_parameters_have_a_bound_before_they_are_decoded(house: House) -> None:
    """Whoever sends them, and whatever the signature is: its own element is not counted."""
    start = "symbol=BTCUSDT&note="
    for size, reason in ((MAX_WIRE, "unknown_parameter"), (MAX_WIRE + 1, "payload_too_large")):
        stamp = len(f"&timestamp={house.clock.wall_ns() // 1_000_000}")
        body = house.signed(start + "a" * (size - len(start) - stamp))
        assert (await house.feed(raw("POST", "/api/v3/order", body=body))).reason == reason
    stranger = raw("POST", "/api/v3/order", body="a=" + "%41" * 20_000, key="U" * 64)
    assert (await house.feed(stranger)).reason == "payload_too_large"


def answer(status: int, body: bytes) -> VenueReply:
    """Give an answer of the exchange."""
    return VenueReply(status, {}, body, 0, 0)


@pytest.mark.threat(65)
def test_an_answer_with_more_values_than_any_has_is_not_taken_apart() -> None:
    """It would need many times its bytes; whoever wants to know what it says hears nothing."""
    assert len(answers.parse(answer(200, b"[" + b"1," * MOST_VALUES + b"1]")).body) == MOST_VALUES + 1
    assert answers.parse(answer(200, b"[" + b"1," * (MOST_VALUES + 1) + b"1]")).body is None


def test_an_error_is_a_sentence() -> None:
    """What is longer is some other thing's page: the bot gets an error in the exchange's shape."""
    error = b'{"code":-1003,"msg":"%b"}'
    assert answers.parse(answer(429, error % b"a")).code == -1003
    whole = answer(429, error % (b"a" * MOST_ERROR))
    assert answers.parse(whole).code is None
    told = answers.passed_on(whole, {})
    assert (told.status, len(told.body) < 200) == (429, True)


def test_escapes_are_undone_in_little_room() -> None:
    """A body of nothing but escaped letters needs no more than a few times its bytes."""
    body = rb"\u0041" * 200_000
    answers._plain(rb"\u0041")
    gc.collect()
    tracemalloc.start()
    assert answers._plain(body) == b"A" * 200_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * len(body)


class Deaf(BotWire):
    """A bot that does not read: what is written is held as it was given."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1")
        self.held: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Hold."""
        self.held.append(data)

    def get_write_buffer_size(self) -> int:
        return 1


@pytest.mark.threat(65)
@in_house
async def test_one_large_answer_to_many_is_held_once(house: House) -> None:
    """Each may wait ten seconds for it to be read: twenty of them must not hold twenty."""
    house.venue.script["/api/v3/exchangeInfo"] = [(200, {"symbols": ["x" * 8 * MIB]})]
    deaf = []
    for number in range(20):
        wire, connection = Deaf(), house.rig.connection()
        wire.protocol = connection
        connection.connection_made(wire)
        # The first does not take what is kept from the start.
        connection.data_received(raw("GET", "/api/v3/exchangeInfo", *(() if number else ("Cache-Control: no-cache",))))
        deaf.append(wire)
        await house.rig.wait(0.002)
    assert [len(wire.held) for wire in deaf] == [2] * 20
    assert len({id(wire.held[1]) for wire in deaf}) == 1
    assert all(len(b"".join(wire.held)) > LARGE for wire in deaf)
    for wire in deaf:
        wire.close()
    await asyncio.sleep(0)
