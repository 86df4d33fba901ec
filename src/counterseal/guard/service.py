"""The guard's composition root: everything is made and wired here, and nowhere else."""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from counterseal.adapters import config_file
from counterseal.adapters.control_link import Control, ControlError
from counterseal.adapters.home import Home
from counterseal.adapters.log import LogFile, make_logger
from counterseal.adapters.tasks import Tasks
from counterseal.core.config.model import Config
from counterseal.core.holdings import Holding
from counterseal.core.ladder import FLEET, trip_data
from counterseal.core.ladder_records import RESTATED, UNREADABLE, whole
from counterseal.guard.acting import Act, Acts, Hands
from counterseal.guard.alerting.build import Plan
from counterseal.guard.alerting.channels import Channels
from counterseal.guard.alerting.verbs import AlertVerbs
from counterseal.guard.emergency import EmergencyVerbs
from counterseal.guard.faults import place_of
from counterseal.guard.foreign_spend import ForeignSpend
from counterseal.guard.gateway_line import STATES, GatewayLine
from counterseal.guard.hands.asker import Asker
from counterseal.guard.journal import GuardJournal
from counterseal.guard.keys.keeper import KeyKeeper
from counterseal.guard.keys.rotations import RotationVerbs
from counterseal.guard.keys.verbs import KeyVerbs
from counterseal.guard.ladder_keeper import LadderKeeper
from counterseal.guard.outward import Outward
from counterseal.guard.overriding import Overriding
from counterseal.guard.own_ids import OwnIds
from counterseal.guard.owners import Owners
from counterseal.guard.responding import Responding
from counterseal.guard.self_halts import SelfHalts
from counterseal.guard.soon import Soon
from counterseal.guard.states import Failing, States
from counterseal.guard.stopping import Stopping
from counterseal.guard.telling import Telling
from counterseal.guard.verbs import Verbs
from counterseal.guard.watching import Watching
from counterseal.ports.clock import Clock

LOOK_S, SPEND_S = 0.5, 0.005
# The supervisor's first word, which may know of a stop that no disk took, waits in the socket already.
BRIEFED_S = 1.0
# How long an orderly end may take to switch off the countdowns at the exchange.
LAST_S = 1.0


class Service:
    """The running guard. `plan` are the alert channels, made before the sandbox closed; None without settings."""

    def __init__(
        self,
        home: Home,
        clock: Clock,
        signer_end: socket.socket,
        gateway_end: socket.socket,
        control_end: socket.socket,
        sandbox: Mapping[str, Any] | None = None,
        plan: Plan | None = None,
    ) -> None:
        self._home, self._clock, self._sandbox = home, clock, sandbox
        self._stopped, self._briefed = asyncio.Event(), asyncio.Event()
        self._log_file = LogFile(home.logs / "guard.jsonl", clock)
        self._log = make_logger(self._log_file, clock)
        self._tasks = Tasks(self._task_failed)
        self._written, self._config_fault = _settings(home)
        self._signer_end = signer_end
        settings = None if self._written is None else self._written.journal
        self._journal = GuardJournal(home, clock, self._log, settings)
        self._channels = Channels(plan, clock, self._tasks, self._log, home, self._journal.try_write)
        self._alerts = self._channels.alerts
        self._told = Soon(self._alerts.raise_, clock)
        self._telling = Telling(self._told, clock)
        self._line = GatewayLine(gateway_end, clock, self._from_gateway, self._stuck)
        self._overriding = Overriding(
            self._journal, self._journal.records, lambda: self._written, self._line.send, self._alerts.raise_,
            self._limits_changed, clock,
        )  # fmt: skip
        self._keeper = LadderKeeper(self._journal.ladder, self._journal, clock, self._tell)
        self._acts = Acts(
            self._line, self._hands, self._journal.try_write, self._acted, self._task_failed, clock, self._tasks
        )
        self._stopping = Stopping(self._keeper, self._acts, self._telling, lambda: self._config, self._log)
        self._self_halts = SelfHalts(self._stopping, lambda: self._config, self._line.send, clock)
        self._foreign_spend = ForeignSpend(self._stopping, self._telling, lambda: self._config, clock)
        self._ids = OwnIds(self._line.send, self._journal.records)
        self._owners = Owners(self._line.send, clock)
        self._states = States(self._failing, self._line.send, clock)
        self._outward: Outward | None = None
        self._watching: Watching | None = None
        self._keys: KeyKeeper | None = None
        self._control = self._make_control(control_end)

    # -- making

    def _make_control(self, end: socket.socket) -> Control:
        verbs = Verbs(self._stopping, lambda: self._config, self._clock)
        return Control(
            end,
            {"guard_status": self._status, "config_unreadable": self._config_unreadable, "key_use": self._key_use},
            {"reload_config": self._reload_config, "gateway_end": self._gateway_end},
            self._tasks,
            self._stopped.set,
            {"halt": verbs.halt, "resume": verbs.resume, "flatten": verbs.flatten, "gateway_is": self._gateway_is,
             **AlertVerbs(self._alerts, verbs.operators).table(), **KeyVerbs(lambda: self._keys).table(),
             **RotationVerbs(self._alerts.raise_, self._clock).table(), **self._overriding.table(),
             **EmergencyVerbs(self._journal.try_write, self._alerts.raise_, self._asker, self._clock).table()},
        )  # fmt: skip

    def _make_outward(self, config: Config) -> Outward:
        """Make the way to the exchange. `config` is what was found at the start; what is in force may be newer."""
        return Outward(
            lambda: self._config or config, self._signer_end, self._clock, self._tasks, self._log, self._ids.register,
            self._record_order, self._owners.of, self._bought, self._line.send, self._telling.dead_man,
            self._owners.learn, self._held,
        )  # fmt: skip

    def _make_watch(self, config: Config, outward: Outward) -> Watching:
        def settings() -> Config:
            return self._config or config

        responding = Responding(
            self._stopping, self._telling, lambda: outward.hands, settings, self._clock, self._tasks, self._log,
            self._picture, self._held,
        )  # fmt: skip
        return Watching(
            settings, outward.hands.asker, responding, self._alerts.raise_, self._journal.try_write,
            self._journal.records, self._states.look, self._clock, self._tasks, self._log, outward.links,
        )  # fmt: skip

    def _make_keys(self, config: Config, outward: Outward) -> KeyKeeper:
        return KeyKeeper(
            lambda: self._config or config, outward.hands.asker, outward.signer.keys, self._alerts.raise_,
            self._line.send, self._journal.try_write, self._clock, self._tasks, secrets.randbelow,
        )  # fmt: skip

    # -- life

    async def run(self) -> None:
        """Serve until the supervisor ends us or is gone. The gateway hears the ladder first: it waits for that."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._loop_fault)
        loop.add_signal_handler(signal.SIGTERM, self._stopped.set)
        self._control.start()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._briefed.wait(), BRIEFED_S)
        self._keeper.tell()
        self._line.start()
        self._owners.ask()
        self._control.tell({"event": "ready"})
        self._begin()
        await self._stopped.wait()
        await self._close()

    def _begin(self) -> None:
        self._channels.start(self._is_well)
        self._journal.on_failure = self._telling.journal
        halted = self._keeper.ladder.trips.get(FLEET)
        if self._journal.fault or (halted is not None and halted.cause == UNREADABLE):
            self._telling.unreadable(self._journal.fault or "a record of the journal cannot be read")
        if self._journal.state != "writing":
            self._telling.journal(f"it is {self._journal.state} from the start on")
        self._stopping.after_start(self._journal.records)
        if self._config is None:
            self._log.critical("the guard runs without settings and cannot reach the exchange", why=self._config_fault)
        else:
            self._outward = self._make_outward(self._config)
            self._watching = self._make_watch(self._config, self._outward)
            self._keys = self._make_keys(self._config, self._outward)
            self._outward.start()
            self._tasks.spawn(self._keys.keep(), "keep the facts of keys")
            signer = self._outward.signer
            self._tasks.spawn(self._watch(self._watching, lambda: signer.said_hello), "begin to watch")
        # All has been folded: they may be many.
        self._journal.records = []
        self._look()

    async def _watch(self, watching: Watching, has_keys: Callable[[], bool]) -> None:
        await watching.start(has_keys)
        self._restate()
        self._journal.on_turn = self._restate

    def _restate(self) -> None:
        """Have the open segment of the journal hold all that a start must know: what is before it may go."""
        self._journal.try_write(whole(self._keeper.ladder))
        self._acts.restate()
        self._ids.restate(self._journal.try_write)
        self._overriding.restate()
        if self._watching is not None:
            self._watching.watch.restate()
        self._journal.try_write({"type": RESTATED})

    async def _close(self) -> None:
        if self._outward is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._outward.hands.dead_man.stop(), LAST_S)
        await self._tasks.cancel_all()
        if self._watching is not None:
            self._watching.close()
        self._line.close()
        self._control.close()
        self._told.flush()
        await self._channels.close()
        if self._outward is not None:
            await self._outward.close()
        await self._journal.close()
        self._log_file.close()

    # -- parts

    @property
    def _config(self) -> Config | None:
        """The settings as they hold now, with what is loosened for a while; None while there are none."""
        return self._overriding.config

    def _asker(self) -> Asker | None:
        return None if self._outward is None else self._outward.hands.asker

    def _hands(self) -> Hands | None:
        return None if self._outward is None else self._outward.reaching

    def _is_well(self) -> bool:
        """Whether somebody outside may be told that all is well."""
        return not self._line.is_silent and self._line.gateway == "serving" and not self._failing()

    def _failing(self) -> Failing:
        watched = {} if self._watching is None else self._watching.failing()
        return {**watched, **{name: (detail, ()) for name, detail in self._alerts.failing().items()}}

    def _picture(self, account: str, family: str) -> list[Holding] | None:
        return None if self._watching is None else self._watching.watch.picture(account, family)

    def _held(self, account: str, family: str, bot: str) -> Mapping[tuple[str, str], Decimal] | None:
        return None if self._watching is None else self._watching.held(account, family, bot)

    def _record_order(self, record: Mapping[str, Any]) -> bool:
        self._ids.note(record)
        return self._journal.try_write(record)

    def _bought(self, account: str) -> Mapping[str, Decimal] | None:
        return None if self._watching is None else self._watching.bought(account)

    # -- what happens

    def _limits_changed(self) -> None:
        if self._watching is not None:
            self._watching.watch.reload()

    def _tell(self, trips: list[dict[str, Any]], is_urgent: bool) -> int:
        """Tell the gateway, and the supervisor, which keeps it for the next guard."""
        number = self._line.tell(trips, is_urgent)
        self._control.tell({"event": "ladder", "trips": trips})
        return number

    def _look(self) -> None:
        """Twice a second: what fails here, what was spent, whether the gateway still speaks."""
        if self._stopped.is_set():
            return
        self._clock.call_later(LOOK_S, self._look)
        self._overriding.look()
        self._states.look()
        if self._outward is not None:
            self._outward.tell_spend()
        if self._line.is_silent:
            self._telling.silent()
            if self._watching is not None:
                self._watching.watch.events_end()

    def _tell_spend(self) -> None:
        """Tell what was spent, time and again while a gateway begins: before it knows the exchange's time, it cannot
        tell which minute that was, and takes what the exchange's answers show for somebody else's.
        """
        if self._outward is not None:
            self._outward.tell_spend()
        if self._line.gateway == "starting" and not self._stopped.is_set():
            self._clock.call_later(SPEND_S, self._tell_spend)

    def _from_gateway(self, message: Mapping[str, Any]) -> None:
        """Take what the gateway says. Raises ValueError for nonsense."""
        if message["type"] == "beat" and self._outward is not None:
            self._outward.hear_spend(message.get("spend"))
            self._outward.hands.on_beat(message)
            if self._watching is not None:
                self._watching.watch.on_beat(message)
        elif message["type"] == "walls" and self._outward is not None:
            self._outward.hear_walls(message.get("walls"))
        elif message["type"] == "event":
            self._owners.hear(message)
            self._foreign_spend.hear(message)
            if self._watching is not None:
                self._watching.watch.on_event(self._ids.named(message))
        elif message["type"] == "critical":
            self._telling.from_gateway(message)
        elif message["type"] == "halts":
            self._self_halts.hear(message)
        elif message["type"] == "owners":
            self._owners.answered(message)

    def _stuck(self) -> None:
        self._log.critical("the gateway does not hear a stop; the supervisor is asked to kill it")
        self._control.tell({"event": "stuck_gateway"})
        self._telling.stuck()

    def _acted(self, act: Act) -> None:
        view = act.view()
        say = self._log.info if view["proven"] else self._log.critical
        say("an act of the ladder is over", **view)
        if view["steps"][1:] or not view["proven"]:
            self._telling.acted(act)

    def _task_failed(self, name: str, error: BaseException) -> None:
        self._log.error("task failed", task=name, **place_of(error))

    def _loop_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the event loop could not hand to anybody: kind and place, never a message that may hold a value."""
        self._log.error("fault on the loop", what=context.get("message"), **place_of(context.get("exception")))

    # -- verbs

    async def _status(self) -> dict[str, Any]:
        return {
            "ladder": [trip_data(trip) for trip in self._keeper.ladder.trips.values()],
            "wishes": [
                {"scope": str(scope), **wish._asdict()} for scope, wish in self._keeper.ladder.wishes.items()
            ],
            "operators": [] if self._config is None else list(self._config.guard.operators),
            "overrides": self._overriding.view(),
            "acts": self._acts.view(),
            "line": self._line.view(),
            "hands": None if self._outward is None else self._outward.hands.report(),
            "watch": None if self._watching is None else self._watching.watch.view(),
            "alerts_failing": self._alerts.failing(),
            "journal": self._journal.state,
            "journal_fault": self._journal.fault,
            "settings_fault": self._config_fault,
            "sandbox": self._sandbox,
        }  # fmt: skip

    async def _key_use(self) -> dict[str, Any]:
        """Give which versions of keys are known here, with their stages, and how many requests stand on each.

        None where nothing is signed for this guard at all.
        """
        if self._outward is None:
            return {"stages": None, "requests": {}}
        held = self._outward.signer.keys()
        stages = {ref: key.stage for ref, key in held.items()}
        return {"stages": stages, "requests": dict(self._outward.hands.asker.uses.counts)}

    async def _gateway_is(self, args: Mapping[str, Any]) -> dict[str, Any]:
        state = str(args.get("state"))
        if not self._briefed.is_set():
            self._stopping.remember(args.get("trips"))
            self._briefed.set()
        if state in STATES:
            self._line.gateway_is(state)
        if state != "serving" and self._watching is not None:
            self._watching.watch.gateway_restarts()
        if state == "starting":
            self._ids.again()
            self._states.again()
            self._overriding.tell()
            self._tell_spend()
            if self._keys is not None:
                self._keys.again()
        return {}

    async def _gateway_end(self, file: int) -> dict[str, Any]:
        """Take our end of a new pair with the gateway; the old one was shut."""
        self._line.replace(socket.socket(fileno=os.dup(file)))
        return {}

    async def _reload_config(self, file: int) -> dict[str, Any]:
        """Take up the file that the supervisor has opened; the gateway has taken it up before."""
        found = config_file.read_open(self._home.config, file).found
        if not isinstance(found, Config):
            raise ControlError(" | ".join(map(str, found)))
        self._written, self._config_fault = found, ""
        notes: tuple[str, ...] = ()
        if self._watching is not None:
            self._watching.watch.reload()
            notes = await self._channels.renew(found)
        else:
            # The sandbox was closed without the exchange's ports: the next guard has them.
            self._clock.call_later(LOOK_S, self._stopped.set)
        self._journal.try_write({"type": "reload", "what": "config"})
        return {"operators": len(found.guard.operators), "notes": list(notes)}

    async def _config_unreadable(self) -> dict[str, Any]:
        self._log.critical("the settings could not be read; the old ones stay in force")
        self._telling.settings()
        return {}


def _settings(home: Home) -> tuple[Config | None, str]:
    """Read the settings; who cannot gives why."""
    found = config_file.read(home.config)
    return (found, "") if isinstance(found, Config) else (None, " | ".join(map(str, found)))
