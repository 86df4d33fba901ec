"""Alerts while the guard runs: taken at once, kept on disk, handed to each channel as its turn comes.

Whoever raises one neither waits nor fails. Each channel sends one message at a time, so that one that hangs holds up
nobody else. The desk decides; here is only the doing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterseal.adapters.alert_spool import AlertSpool
from counterseal.adapters.tasks import Tasks
from counterseal.core.alerts.codes import code_of
from counterseal.core.alerts.desk import Desk, Parcel, Terms
from counterseal.core.alerts.entry import Entry, entry_data, entry_of
from counterseal.core.alerts.health import Turn
from counterseal.core.alerts.model import Alert, Failure, Kind, Severity
from counterseal.core.alerts.routing import Route
from counterseal.core.alerts.text import sign_of_life
from counterseal.guard.alerting.doing import within
from counterseal.ports.alert_sink import AlertSink, SinkError
from counterseal.ports.clock import Clock, Timer

TICK_S = 0.25
# What is raised at once leaves together, and a flood costs one look at all channels in so long.
PUMP_S = 0.02
# So many ticks between two looks at what has been settled for long.
_FORGET_EVERY = 4_800
_LISTED, _SHOWN = 60, 200
# How long a test may take, and how long it waits for its turn before that, in so many steps.
TEST_S, TEST_WAIT_S, TEST_TRIES = 5.0, 2.0, 20

Record = Callable[[Mapping[str, Any]], object]


@dataclass(frozen=True, slots=True)
class Channel:
    """A sink with its route, and how long one message may take."""

    route: Route
    sink: AlertSink
    timeout_s: float


class Alerts:
    """Raises, lists, acknowledges. `record` writes a record to the guard's journal, and may fail; nobody minds.

    `faults` are channels of the settings that could not be made, with the reason; they count as down. `say` tells
    whoever reads what this process prints.
    """

    def __init__(
        self,
        clock: Clock,
        tasks: Tasks,
        log: Any,
        channels: tuple[Channel, ...],
        terms: Terms,
        folder: Path,
        *,
        record: Record = lambda _record: None,
        faults: Mapping[str, str] | None = None,
        say: Callable[[str], object] = lambda _text: None,
    ) -> None:
        self._clock, self._tasks, self._log, self._record = clock, tasks, log, record
        self._channels = {channel.route.name: channel for channel in channels}
        self._terms, self._say = terms, say
        self._faults = dict(faults or {})
        self._started_ms = self._now_ms()
        self._desk = Desk([channel.route for channel in channels], terms, self._started_ms)
        self._spool = AlertSpool(folder)
        self._timer: Timer | None = None
        self._pump_asked = False
        self._is_started = False
        self._are_all_down = False
        self._ticks = 0
        # Of channels that others took the place of: what they still send may end.
        self._retired: list[Channel] = []
        self._restore()

    # -- life

    def start(self) -> None:
        """Begin to send, and have every channel prove itself. Inside the running event loop."""
        self._is_started = True
        for name, why in self._faults.items():
            self._channel_down(name, why)
        self._tick()

    async def close(self) -> None:
        """Stop sending; what was not sent is in the spool."""
        self._is_started = False
        if self._timer is not None:
            self._timer.cancel()
        self._keep()
        self._spool.close()
        for channel in (*self._channels.values(), *self._retired):
            await channel.sink.close()

    def take_up(self, channels: tuple[Channel, ...], terms: Terms, faults: Mapping[str, str]) -> None:
        """Go on by other channels and terms; one that is the same object goes on as it was."""
        before, self._channels = self._channels, {channel.route.name: channel for channel in channels}
        known, self._faults, self._terms = self._faults, dict(faults), terms
        self._desk.reconfigure([channel.route for channel in channels], terms, self._now_ms())
        for name, channel in before.items():
            if not any(channel.sink is each.sink for each in channels):
                self._retired.append(channel)
                self._tasks.spawn(self._retire(channel), f"retire {name}")
        for name, why in self._faults.items():
            if known.get(name) != why:
                self._channel_down(name, why)
        self._keep()
        self._ask_pump()

    async def _retire(self, channel: Channel) -> None:
        await self._clock.sleep(channel.timeout_s + 1.0)
        self._retired.remove(channel)
        await channel.sink.close()

    def _restore(self) -> None:
        now_ms, entries = self._now_ms(), []
        for data in self._spool.load():
            try:
                entries.append(entry_of(data, now_ms))
            except ValueError:
                continue  # half a line of a crash, or of another version
        self._desk.restore(entries)

    # -- what others ask

    def raise_(self, alert: Alert) -> None:
        """Tell people. Never waits, never raises."""
        try:
            entry = self._desk.take(alert, self._now_ms(), self._wall_ms())
            if entry is None:
                return
            self._told(entry)
            self._keep()
            self._ask_pump()
        except Exception as fault:  # noqa: BLE001  whoever raises an alert has something else to do
            self._log.critical("an alert could not be taken", code=alert.code, error=type(fault).__name__)

    def ack(self, number: int, operator: str, uid: object = None) -> Entry | None:
        """Note that an operator answers for an alert; None when there is none of this number. `uid` is who asked."""
        entry = self._desk.acknowledge(number, operator, self._wall_ms())
        if entry is not None:
            self._log.info("alert is answered", number=number, operator=operator)
            self._write({"type": "alert", "act": "ack", "number": number, "operator": operator, "uid": uid})
            self._keep()
        return entry

    def view(self) -> dict[str, Any]:
        """Give the newest alerts, the channels, and what is wrong with keeping them."""
        now_ms, wall_ms = self._now_ms(), self._wall_ms()
        entries = _in_order(self._desk.book)
        channels = {name: self._channel_view(name, now_ms, wall_ms) for name in self._desk.names}
        for name, why in self._faults.items():
            channels[name] = {"state": "down", "detail": why, "proven_ms": None, "waiting": 0}
        return {
            "alerts": [_shown(entry) for entry in entries[:_LISTED]],
            "open": sum(entry.is_open for entry in entries),
            "left_off": max(0, len(entries) - _LISTED),
            "lost": self._desk.book.lost,
            "channels": channels,
            "spool": self._spool.failing,
        }

    def failing(self) -> dict[str, str]:
        """Give the states of the failing table that alerts are in, by row, with the channels."""
        return {row: str(state["detail"]) for row, state in self.states().items()}

    def states(self) -> dict[str, dict[str, Any]]:
        """Give the same as the gateway takes it: since how many milliseconds, and with which channels."""
        now_ms = self._now_ms()
        found = self._desk.failing(now_ms)
        if not self._faults:
            return {row: {"since_ms_ago": ago_ms, "detail": names} for row, (ago_ms, names) in found.items()}
        # Channels that could not be made have been down since the start.
        since_ms = now_ms - self._started_ms
        own = ", ".join(sorted(self._faults))
        ago_ms, names = found.get("alert_channel_down", (since_ms, ""))
        rows = {"alert_channel_down": (max(ago_ms, since_ms), f"{own}, {names}".removesuffix(", "))}
        if not self._channels:
            rows["alerts_down"] = (since_ms, own)
        elif "alerts_down" in found:
            rows["alerts_down"] = (found["alerts_down"][0], rows["alert_channel_down"][1])
        return {row: {"since_ms_ago": ago, "detail": detail} for row, (ago, detail) in rows.items()}

    @property
    def can_tell(self) -> bool:
        """Whether any channel works, as far as is known."""
        return not self._desk.all_down() and not (self._faults and not self._channels)

    async def test(self, name: str | None) -> dict[str, str]:
        """Send a test message by one channel, or by all; give for each "" or why it was not taken."""
        names = [name] if name is not None else list(self._desk.names)
        found = {each: self._faults[each] for each in self._faults if name in (None, each)}
        works = [self._test(each, found) for each in names if each in self._channels]
        running = [self._tasks.spawn(work, "test an alert channel") for work in works]
        for task in running:
            await task
        return found

    async def _test(self, name: str, found: dict[str, str]) -> None:
        message = sign_of_life(Kind.TEST, self._terms.label, self._wall_ms(), name)
        found[name] = "still busy with an earlier message"
        for _ in range(TEST_TRIES):
            if name not in self._channels:
                found[name] = "it was taken away by a reload"
                return
            if not self._desk.health(name).is_busy:
                self._desk.began(name, self._now_ms(), is_message=True)
                found[name] = await self._hand_over(name, None, lambda sink: sink.send(message), TEST_S)
                return
            await self._clock.sleep(TEST_WAIT_S / TEST_TRIES)

    # -- sending

    def _ask_pump(self) -> None:
        if self._is_started and not self._pump_asked:
            self._pump_asked = True
            self._clock.call_later(PUMP_S, self._pump)

    def _tick(self) -> None:
        if not self._is_started:
            return
        self._timer = self._clock.call_later(TICK_S, self._tick)
        self._ticks += 1
        for name, turn in self._desk.tick(self._now_ms()):
            self._turned(name, turn)
        if self._ticks % _FORGET_EVERY == 0:
            self._desk.book.forget(self._wall_ms())
        self._look_at_all()
        self._pump()
        self._keep()

    def _pump(self) -> None:
        """Start what may be sent now, at most one message a channel."""
        self._pump_asked = False
        if not self._is_started:
            return
        now_ms = self._now_ms()
        for name in self._desk.names:
            parcel = self._desk.next(name, now_ms)
            if parcel is not None:
                self._tasks.spawn(self._send(name, parcel), f"alert by {name}")
            elif self._desk.probe_due(name, now_ms):
                self._desk.began(name, now_ms, is_message=not self._desk.health(name).has_probe)
                self._tasks.spawn(self._probe(name), f"probe {name}")

    async def _send(self, name: str, parcel: Parcel) -> None:
        await self._hand_over(name, parcel, lambda sink: sink.send(parcel.message))
        self._ask_pump()

    async def _probe(self, name: str) -> None:
        health = self._desk.health(name)
        if not health.has_probe:
            message = sign_of_life(Kind.HEARTBEAT, self._terms.label, self._wall_ms(), name)
            await self._hand_over(name, None, lambda sink: sink.send(message))
        else:
            await self._hand_over(name, None, lambda sink: sink.probe())
        self._ask_pump()

    async def _hand_over(
        self, name: str, parcel: Parcel | None, work: Callable[[AlertSink], Any], most_s: float = 60.0
    ) -> str:
        """Do one thing with a channel within its time, and note what came of it; gives "" or why it failed."""
        channel = self._channels.get(name)
        if channel is None:
            return "it was taken away by a reload"
        try:
            result = await within(min(channel.timeout_s, most_s), work(channel.sink), self._clock, self._tasks)
        except SinkError as fault:
            return self._failed(channel, parcel, fault)
        except Exception as fault:  # noqa: BLE001  a channel's own bug is the channel's failure
            self._log.error("fault of an alert channel", channel=name, error=type(fault).__name__)
            return self._failed(channel, parcel, SinkError(Failure.TRANSIENT, f"fault: {type(fault).__name__}"))
        if self._channels.get(name) is not channel:
            self._desk.replaced(name, parcel, self._wall_ms())
            return ""
        if result is False:
            self._desk.unprovable(name, self._now_ms())
            return ""
        self._turned(name, self._desk.worked(name, parcel, self._now_ms(), self._wall_ms()))
        self._keep()
        return ""

    def _failed(self, channel: Channel, parcel: Parcel | None, fault: SinkError) -> str:
        """Note a failure, which is the channel's own as long as no other one took its place; gives why."""
        name = channel.route.name
        self._log.warning(
            "alert channel fails", channel=name, failure=fault.failure.value, detail=fault.detail,
            alerts=list(parcel.numbers[:10]) if parcel else None,
        )  # fmt: skip
        if self._channels.get(name) is channel:
            turn = self._desk.failed(name, parcel, fault.failure, fault.detail, fault.retry_after_ms, self._now_ms())
            self._turned(name, turn)
        else:
            self._desk.replaced(name, None, self._wall_ms())
        self._ask_pump()
        return fault.detail

    # -- what becomes of channels

    def _turned(self, name: str, turn: Turn) -> None:
        if turn is Turn.DOWN:
            self._channel_down(name, self._desk.health(name).detail)
        elif turn is Turn.BACK:
            self._announce("alert_channel_back", name, f"the channel {name} works again")

    def _channel_down(self, name: str, why: str) -> None:
        self._log.critical("alert channel is down", channel=name, why=why)
        self._announce("alert_channel_down", name, f"the channel {name} does not work: {why}")
        self._look_at_all()

    def _announce(self, code: str, name: str, text: str) -> None:
        """Tell of one channel on the others."""
        row = code_of(code)
        self.raise_(
            Alert(row.severity, code, f"{row.title}: {name}", text, f"{code} {name}", self._wall_ms(), beside=name)
        )

    def _look_at_all(self) -> None:
        """When nobody can be told, it is told here: in the log, on standard error, and in the journal."""
        are_down = not self.can_tell
        if are_down and not self._are_all_down:
            self._log.critical("no alert channel works: nobody can be told", channels=list(self._desk.names))
            self._say("no alert channel works: nobody can be told; see counterseal alert list")
            self._write({"type": "alert", "act": "alerts_down", "channels": list(self._desk.names)})
        self._are_all_down = are_down

    # -- keeping

    def _told(self, entry: Entry) -> None:
        alert = entry.alert
        self._write({
            "type": "alert", "act": "raise", "number": entry.number, "severity": alert.severity.name,
            "code": alert.code, "text": alert.text or alert.title, "count": entry.count,
        })  # fmt: skip
        say = self._log.critical if alert.severity is Severity.CRITICAL else self._log.warning
        say("alert", number=entry.number, code=alert.code, title=alert.title, count=entry.count)

    def _write(self, record: Mapping[str, Any]) -> None:
        try:
            self._record(record)
        except Exception as fault:  # noqa: BLE001  a journal that fails is itself something to tell
            self._log.error("the journal did not take an alert", error=type(fault).__name__)

    def _keep(self) -> None:
        """Write what has changed to the spool."""
        changed = self._desk.book.take_changed()
        if changed or self._spool.failing:
            rows = {number: entry_data(entry) if entry is not None else None for number, entry in changed.items()}
            self._spool.write(rows, lambda: [entry_data(entry) for entry in self._desk.book], self._now_ms())
        self._spool.look(self._now_ms())

    def _channel_view(self, name: str, now_ms: int, wall_ms: int) -> dict[str, Any]:
        health = self._desk.health(name)
        state = "down" if health.is_down else "well" if health.is_well(now_ms) else "failing"
        if state == "well" and health.proven_ms is None:
            state = "unproven"
        proven = None if health.proven_ms is None else wall_ms - (now_ms - health.proven_ms)
        waiting = sum(name in entry.waiting for entry in self._desk.book)
        return {"state": state, "detail": health.detail, "proven_ms": proven, "waiting": waiting}

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000

    def _wall_ms(self) -> int:
        return self._clock.wall_ns() // 1_000_000


def _in_order(entries: Iterable[Entry]) -> list[Entry]:
    """What waits for an answer first, the newest first, and no code hidden behind many of another."""
    found: list[tuple[bool, int, int, Entry]] = []
    seen: dict[str, int] = {}
    for entry in sorted(entries, key=lambda entry: (not entry.is_open, -entry.last_wall_ms)):
        nth = seen[entry.alert.code] = seen.get(entry.alert.code, 0) + 1
        found.append((not entry.is_open, nth, len(found), entry))
    return [entry for *_, entry in sorted(found, key=lambda row: row[:3])]


def _shown(entry: Entry) -> dict[str, Any]:
    """As the list shows it: one answer of many alerts must fit a packet."""
    data = entry_data(entry)
    return {**data, "text": data["text"][:_SHOWN], "key": data["key"][:_SHOWN]}
