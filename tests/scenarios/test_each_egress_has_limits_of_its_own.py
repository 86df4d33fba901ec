"""The exchange counts by address: what one egress address has used up, another still has."""

# ruff: noqa: TID251 - a real process lives in real time
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.scenarios.stack import child_environ, wait

from counterseal.adapters.process import die_with_parent
from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tls import client_context
from counterseal.adapters.upstream import Target, UpstreamPool
from counterseal.core.budget.egress import choose
from counterseal.core.venue_wall import VenueWall, seconds_of
from counterseal.ports.venue import Terms, VenueReply

EGRESSES = ("127.0.0.2", "127.0.0.3")
# It weighs 20, and a minute has room for five of them.
REQUEST = b"GET /api/v3/exchangeInfo HTTP/1.1\r\nHost: api.binance.com\r\n\r\n"
USED = "x-mbx-used-weight-1m"


@pytest.fixture(name="target")
def _target(tmp_path: Path) -> Iterator[Target]:
    endpoint = tmp_path / "endpoint.json"
    serve = ("paper", "serve", "--home", str(tmp_path), "--listen", "127.0.0.1:0", "--limit", "spot_weight=100")
    with (tmp_path / "paper.log").open("ab") as log:
        paper = subprocess.Popen(
            [sys.executable, "-m", "counterseal.cli.main", *serve],
            stdout=log, stderr=log, env=child_environ(), preexec_fn=die_with_parent,
        )  # fmt: skip
    try:
        wait(endpoint.exists, 20, "the paper exchange")
        known = json.loads(endpoint.read_text())
        yield Target("127.0.0.1", known["port"], "api.binance.com", client_context(Path(known["ca"])))
    finally:
        paper.terminate()
        paper.wait(15)


class Caller:
    """Sends by the address that is chosen, and learns from what comes back."""

    def __init__(self, pool: UpstreamPool) -> None:
        self.pool, self.wall = pool, VenueWall()
        self.used = dict.fromkeys(EGRESSES, 0)
        self.asked: list[str] = []

    async def ask(self) -> VenueReply | None:
        """One request, None when no address may send."""
        now_ms = time.monotonic_ns() // 1_000_000
        egress = choose(EGRESSES, lambda each: self.wall.standing("spot", now_ms, each), lambda each: -self.used[each])
        if egress is None:
            return None
        reply = await self.pool.send("spot", REQUEST, Terms(egress=egress))
        self.asked.append(egress)
        self.used[egress] = int(reply.headers.get(USED, self.used[egress]))
        self.wall.note("spot", reply.status, seconds_of(reply.headers.get("retry-after", "")), now_ms, egress)
        return reply


@pytest.mark.threat(40)
def test_two_addresses_have_twice_the_limit_and_each_its_own_wall(target: Target) -> None:
    async def story() -> None:
        pool = UpstreamPool({"spot": target}, SystemClock())
        caller = Caller(pool)
        replies = [reply for _ in range(14) if (reply := await caller.ask()) is not None]
        assert [reply.status for reply in replies] == [200] * 10 + [429] * 2
        assert caller.asked == list(EGRESSES) * 6, "the one with more room each time"
        assert [reply.headers[USED] for reply in replies[:10]] == [str(20 * (n // 2 + 1)) for n in range(10)]
        assert await caller.ask() is None
        # A third address has used nothing.
        assert (await pool.send("spot", REQUEST, Terms(egress="127.0.0.4"))).status == 200
        await pool.close()

    if time.time() % 60 > 55:  # the exchange's minute must not turn in the middle
        time.sleep(60.1 - time.time() % 60)
    asyncio.run(story())
