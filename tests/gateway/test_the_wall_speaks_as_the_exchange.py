"""Behind the wall bots get the exchange's own words at once, with the time at which it opens."""

import asyncio

import pytest
from tests.gateway.rig import Rig, why

ACCOUNT = "/api/v3/account"


@pytest.mark.threat(40)
@pytest.mark.parametrize(
    ("status", "text"),
    [
        (429, "Too many requests queued."),
        (
            418,
            "Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for live updates"
            " to avoid bans.",
        ),
    ],
)
def test_a_closed_pool_answers_in_the_exchanges_words(status: int, text: str) -> None:
    """-1003 in its shape, Retry-After, and for a ban the exchange's time of its end; nothing is sent."""

    async def story() -> None:
        rig = await Rig().warm()
        rig.venue.script[ACCOUNT] = [(status, {"code": -1003, "msg": "anything"}, {"retry-after": "60"})]
        await rig.ask("GET", ACCOUNT)
        until = rig.state.told_ms(rig.state.monotonic_ms() + 60_000)
        sent = len(rig.venue.sent)
        await rig.clock.advance(0.4)
        reply = await rig.ask("GET", ACCOUNT)
        expected = '{"code":-1003,"msg":"' + text.format(until=until) + '"}'
        assert (reply.status, reply.body.decode()) == (status, expected)
        assert reply.headers["Retry-After"] == "60"
        assert why(reply) == {418: "venue_ban", 429: "venue_backoff"}[status]
        assert len([each for each in rig.venue.sent[sent:] if each.path == ACCOUNT]) == 0

    asyncio.run(story())


def test_before_exchange_time_is_known_its_own_clock_tells_the_end() -> None:
    rig = Rig()
    assert rig.state.reading is None
    now_ms = rig.state.monotonic_ms()
    assert rig.state.told_ms(now_ms + 5_000) == rig.clock.wall_ns() // 1_000_000 + 5_000
