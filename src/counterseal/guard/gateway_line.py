"""The guard's line to the gateway: the ladder goes over it, and whoever does not hear of a stop in time is ended."""

import socket
from collections.abc import Callable, Mapping
from typing import Any

from counterseal.adapters.packet_link import PacketLink
from counterseal.ports.clock import Clock

# A gateway that serves has heard of a stop within this time, or is killed.
HEARS_MS = 200
BEAT_S = 1.0
STEP_S = 0.002
# What one event sets off goes before the next one is read.
AT_ONCE = 1
_SILENT_NS = 5_000_000_000
_REMEMBERED = 64
# What came of telling a stop.
HEARD, ENDED, SILENT = "acknowledged", "ended", "silent"
# What the supervisor says of the gateway.
STATES = ("starting", "serving", "ended")


class GatewayLine:
    """Tells the gateway the ladder: at once, to each new gateway, and every second.

    `on_message` gets what else the gateway says. `on_stuck` is called when a gateway that serves did not acknowledge
    a stop within `HEARS_MS`: it should be killed.
    """

    def __init__(
        self,
        end: socket.socket,
        clock: Clock,
        on_message: Callable[[Mapping[str, Any]], None],
        on_stuck: Callable[[], None],
    ) -> None:
        self._clock, self._on_message, self._on_stuck = clock, on_message, on_stuck
        self._link = PacketLink(end, self._take, self._gone, AT_ONCE)
        self._trips: list[dict[str, Any]] = []
        # Larger than every number of an earlier guard, so that no late answer is taken for one to us.
        self._seq = clock.wall_ns() // 1_000_000
        self._acked = 0
        # The first ladder of the present gateway: what was told before, it heard before it opened.
        self._first = 0
        self._sent_ns: dict[int, int] = {}
        self._heard_ns: int | None = None
        self._is_closed = False
        self.gateway = "ended"
        self.last_ack_us: int | None = None
        self.longest_ack_us = 0
        self.kills = 0

    def start(self) -> None:
        """Listen, and tell the ladder from now on. Inside the running event loop."""
        self._link.start()
        self._beat()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send the gateway something else, such as ids."""
        self._link.send(message)

    def tell(self, trips: list[dict[str, Any]], is_urgent: bool) -> int:
        """Send the whole ladder; an urgent one must be heard in time. Gives its number."""
        self._trips = trips
        return self._send(is_urgent=is_urgent)

    def gateway_is(self, state: str) -> None:
        """Hear from the supervisor how the gateway is; a new one hears the ladder first of all."""
        if state != "serving":
            self._heard_ns = None
        self.gateway = state
        if state == "starting":
            self._first = self._send(is_urgent=False)

    def replace(self, end: socket.socket) -> None:
        """Go on over another end: the old pair was shut."""
        self._link.close()
        self._link = PacketLink(end, self._take, self._gone, AT_ONCE)
        self._link.start()
        self._send(is_urgent=False)

    async def blocked(self, number: int, within_s: float) -> str:
        """Wait until nothing that this ladder forbids can leave the gateway: HEARD or ENDED. SILENT if not so."""
        deadline_ns = self._clock.monotonic_ns() + int(within_s * 1e9)
        while True:
            if self._acked >= number:
                return HEARD
            if self.gateway == "ended" or number < self._first:
                return ENDED
            if self._clock.monotonic_ns() >= deadline_ns:
                return SILENT
            await self._clock.sleep(STEP_S)

    def view(self) -> dict[str, Any]:
        """What `status` shows."""
        now_ns = self._clock.monotonic_ns()
        heard_ms = None if self._heard_ns is None else (now_ns - self._heard_ns) // 1_000_000
        return {
            "gateway": self.gateway,
            "heard_ms": heard_ms,
            "last_ack_us": self.last_ack_us,
            "longest_ack_us": self.longest_ack_us,
            "kills": self.kills,
        }

    @property
    def is_silent(self) -> bool:
        """Whether a gateway that serves has said nothing for long."""
        return self._heard_ns is not None and self._clock.monotonic_ns() - self._heard_ns > _SILENT_NS

    def close(self) -> None:
        """Stop."""
        self._is_closed = True
        self._link.close()

    # -- out

    def _beat(self) -> None:
        if not self._is_closed:
            self._send(is_urgent=False)
            self._clock.call_later(BEAT_S, self._beat)

    def _send(self, *, is_urgent: bool) -> int:
        self._seq += 1
        number = self._seq
        if len(self._sent_ns) >= _REMEMBERED:
            del self._sent_ns[next(iter(self._sent_ns))]
        # What waits for a gateway that only begins tells nothing of how fast it hears.
        if self.gateway == "serving":
            self._sent_ns[number] = self._clock.monotonic_ns()
        self._link.send({"type": "ladder", "seq": number, "trips": self._trips})
        if is_urgent:
            self._clock.call_later(HEARS_MS / 1000, lambda: self._judge(number))
        return number

    def _judge(self, number: int) -> None:
        if self._acked < number and self.gateway == "serving" and not self._is_closed:
            self.kills += 1
            self._on_stuck()

    # -- in

    def _take(self, message: Mapping[str, Any]) -> None:
        self._heard_ns = self._clock.monotonic_ns()
        if message["type"] == "ladder_ack":
            self._acknowledged(message.get("seq"))
        else:
            self._on_message(message)

    def _acknowledged(self, number: object) -> None:
        if type(number) is not int or not self._acked < number <= self._seq:
            return
        self._acked = number
        sent_ns = self._sent_ns.get(number)
        self._sent_ns = {seq: at_ns for seq, at_ns in self._sent_ns.items() if seq > number}
        if sent_ns is not None:
            self.last_ack_us = (self._clock.monotonic_ns() - sent_ns) // 1000
            self.longest_ack_us = max(self.longest_ack_us, self.last_ack_us)

    def _gone(self) -> None:
        """The supervisor holds both ends: what is gone was shut, and it will bring another pair."""
        self._heard_ns = None
