"""A gateway whose health is watched, and one request of each kind to be held against a row of the table."""

import asyncio
from dataclasses import dataclass
from typing import Any

from tests.gateway.rig import ORDER, Rig, why

from counterseal.adapters.host_probes import HostProbes
from counterseal.core.failing import TABLE, Kind
from counterseal.gateway.health import Health
from counterseal.gateway.key_lease import KeyLease
from counterseal.gateway.reply import SINCE, Reply

FUTURES = "/fapi/v1/order"
REDUCE = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=1&reduceOnly=true"
# Each kind as (method, path, query); exits come in both forms.
REQUESTS: tuple[tuple[Kind, str, str, str], ...] = (
    (Kind.INCREASE, "POST", FUTURES, ORDER),
    (Kind.EXIT, "DELETE", FUTURES, "symbol=BTCUSDT&orderId={}"),
    (Kind.EXIT, "POST", FUTURES, REDUCE),
    (Kind.READ, "GET", "/fapi/v3/positionRisk", ""),
)


@dataclass
class Host:
    """What the probes find: shares of 1, or an OSError."""

    disk: Any = 0.1
    memory: Any = 0.1

    def probes(self) -> HostProbes:
        return HostProbes(lambda: _found(self.disk), lambda: _found(self.memory))


def _found(value: Any) -> float:
    if isinstance(value, OSError):
        raise value
    return float(value)


class Watched(Rig):
    """A rig with a Health that has not been started: `look` looks once."""

    def __init__(self, limits: str = "", after: Rig | None = None) -> None:
        super().__init__(limits, after=after)
        self.host = Host()
        self.marks_failed = False
        self.key_lease = KeyLease(self.state.monotonic_ms, self.log.critical)
        self.health = Health(
            self.state,
            self.plane.gate,
            self.refresher,
            self.host.probes(),
            lambda: self.marks_failed,
            self.tasks,
            self.key_lease.signs,
        )
        self._orders = 0

    async def warm(self) -> "Watched":
        await super().warm()
        return self

    def look(self) -> None:
        """Look at everything, the disk included."""
        self.health._looks = 0
        self.health.look()

    @property
    def now_ms(self) -> int:
        return self.state.monotonic_ms()

    async def requests(self) -> list[tuple[Kind, Reply, bool]]:
        """Ask one of each: its kind, its answer, whether the exchange got it."""
        found = []
        for kind, method, path, query in REQUESTS:
            self._orders += 1
            before = len(self.venue.sent)
            asked = self.start(method, path, query.format(self._orders))
            await self.clock.advance(0)
            if not asked.done():
                await self.clock.advance(4)
            found.append((kind, asked.result(), len(self.venue.sent) > before))
            await asyncio.sleep(0)
        return found

    async def meets(self, name: str, since_ms: int) -> None:
        """What the row refuses bears a reason of its own and the moment, and is not sent; the rest is."""
        row, told = TABLE[name], str(self.state.told_ms(since_ms))
        for kind, reply, was_sent in await self.requests():
            if row.refuses(kind):
                assert (why(reply) in row.reasons, reply.headers.get(SINCE), was_sent) == (True, told, False), (
                    kind, why(reply), reply.headers,
                )  # fmt: skip
            else:
                assert (why(reply), reply.headers.get(SINCE), was_sent) == (None, None, True), (kind, reply)

    def told(self, name: str, phase: str = "began") -> int:
        """Since when the journal says that a state began, or ended; the log has it too, critical where the row says."""
        written = [*self.journal.records, *self.journal._queued]
        events = [e for e in written if e.get("what") == "failing" and e["state"] == name]
        lines = [fields for _, fields in self.log.criticals if fields.get("state") == name]
        assert bool(lines) == TABLE[name].alert.startswith("critical")
        found = [event["since_ms"] for event in events if event["phase"] == phase]
        return int(found[-1]) if found else 0

    async def passes(self) -> bool:
        """Whether an order that raises risk goes on."""
        self._orders += 1
        asked = self.start("POST", FUTURES, f"{ORDER}&newClientOrderId=again-{self._orders}")
        await self.clock.advance(0)
        return why(asked.result()) is None
