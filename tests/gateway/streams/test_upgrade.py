"""The handshake: strict, on any connection, under the same rules as a public read."""

from pathlib import Path
from typing import Any

import pytest
from tests.gateway.rig import HOST
from tests.gateway.streams.rig import Bot, Rig, with_rig


@with_rig
async def test_the_fifth_request_of_a_connection_may_be_the_upgrade(rig: Rig) -> None:
    """REST before, also pipelined with it; frames that come at once behind it are read."""
    await rig.gateway.warm()
    bot = Bot(rig, "/ws/btcusdt@bookTicker")
    read = f"GET /api/v3/time HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    for _ in range(3):
        bot.give(read)
        await rig.clock.advance(0.05)
    bot.give(read + bot.handshake + b"\x89\x80" + bytes(4))
    await rig.clock.advance(0.05)
    answers = bot.wire.received.split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200"] * 4 + [b"101"]
    assert answers[-1].endswith(b"\x8a\x00")
    assert rig.hub.report()["bots"] == 1


@with_rig
async def test_extensions_and_subprotocols_are_declined(rig: Rig) -> None:
    """Nothing is compressed here: what was offered is simply not taken up."""
    bot = rig.bot("/ws", headers={"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"})
    assert bot.response is not None
    assert bot.status == 101
    assert "Sec-WebSocket-Extensions" not in bot.response.headers
    assert "Sec-WebSocket-Protocol" not in bot.response.headers


@pytest.mark.threat(37)
@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"headers": {"Host": "evil.example"}}, "host_not_allowed"),
        ({"headers": {"Sec-Fetch-Site": "cross-site"}}, "cross_site"),
        ({"headers": {"Origin": "http://evil.example"}}, "cross_site"),
        ({"headers": {"Origin": "null"}}, "cross_site"),
        ({"headers": {"Upgrade": "h2c"}}, "websocket_handshake"),
        ({"headers": {"Connection": "close"}}, "websocket_handshake"),
        ({"headers": {"Sec-WebSocket-Version": "8"}}, "websocket_handshake"),
        ({"headers": {"Sec-WebSocket-Key": "short"}}, "websocket_handshake"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "transfer_encoding"),
        ({"peer": "10.0.0.5"}, "anonymous_not_allowed"),
    ],
)
def test_a_handshake_is_refused(tmp_path: Path, more: dict[str, Any], reason: str) -> None:
    """With its reason, and nothing is asked of the exchange."""

    async def test(rig: Rig) -> None:
        bot = rig.bot("/ws/btcusdt@trade", **more)
        await rig.wait(0.1)
        assert bot.reason == reason
        assert rig.exchange.dialled == 0

    with_rig(test)(tmp_path)


@with_rig
async def test_a_client_that_names_the_host_itself_is_no_foreign_page(rig: Rig) -> None:
    """One Python library sends the address it connects to as the origin."""
    assert rig.bot("/ws", headers={"Origin": f"http://{HOST}"}).status == 101


@with_rig
async def test_streams_count_among_their_sources_connections(rig: Rig) -> None:
    """And give their place back."""
    rig.door.max_per_source = 2
    bots = [rig.bot("/ws/btcusdt@trade") for _ in range(3)]
    await rig.wait(0.2)
    assert [bot.status for bot in bots] == [101, 101, 429]
    bots[0].wire.abort()
    await rig.wait(0.2)
    assert rig.bot("/ws").status == 101


@with_rig
async def test_a_draining_gateway_takes_no_stream(rig: Rig) -> None:
    """As it takes no request."""
    rig.gateway.state.draining = True
    bot = rig.bot("/ws/btcusdt@trade")
    await rig.wait(0.1)
    assert bot.reason == "draining"
