"""The gateway's composition root: everything is made and wired here, and nowhere else."""

import asyncio
import hashlib
import secrets
import socket
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from counterseal.adapters import config_file
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.adapters.egress import not_of_this_host
from counterseal.adapters.home import Home
from counterseal.adapters.host_probes import HostProbes
from counterseal.adapters.journal_tail import JournalTail
from counterseal.adapters.log import LogFile, make_logger
from counterseal.adapters.replay_file import ReplayFile
from counterseal.adapters.signatures import SignatureVerifier
from counterseal.adapters.signer_client import SignerClient
from counterseal.adapters.tasks import Tasks
from counterseal.adapters.tls_server import LeafError, ServerTls
from counterseal.adapters.upstream import UpstreamPool
from counterseal.core.binance.hosts import BOT_HOSTS, ENVIRONMENT_HOSTS, STREAM_HOSTS
from counterseal.core.config.grammar import parse_label, parse_name
from counterseal.core.config.model import Config, Fault
from counterseal.core.failures import Sign
from counterseal.core.orders import IdLedger
from counterseal.core.replay import SeenWindow
from counterseal.gateway.connect import UNNAMED, Front, Named
from counterseal.gateway.control import Control, ControlError
from counterseal.gateway.credentials import Credentials
from counterseal.gateway.health import Health
from counterseal.gateway.keeping import Keeping
from counterseal.gateway.listener import BotConnection, Door
from counterseal.gateway.plane import Parts, Plane
from counterseal.gateway.recovery import recovered_record
from counterseal.gateway.report import limits_report, status_report
from counterseal.gateway.state import State
from counterseal.gateway.streams.hub import Hub
from counterseal.gateway.streams.upgrade import Upgrades
from counterseal.gateway.turn import Turn
from counterseal.gateway.unproven import Unproven
from counterseal.gateway.userdata.audience import Audience
from counterseal.gateway.userdata.bot import UserStreams
from counterseal.gateway.userdata.keys import Keys
from counterseal.gateway.userdata.subscriptions import Subscriptions
from counterseal.gateway.venue_links import StartError, dial_to, socket_links, targets, user_links
from counterseal.gateway.wsapi.socket import Desk
from counterseal.ports.clock import Clock

DRAIN_S = 10.0
HELLO_S = 5.0


_UNMEASURED = HostProbes()


class Service:
    """The running gateway."""

    def __init__(
        self,
        home: Home,
        clock: Clock,
        listen: socket.socket,
        signer_end: socket.socket,
        control_end: socket.socket,
        named: Named = UNNAMED,
        sandbox: Mapping[str, Any] | None = None,
        probes: HostProbes = _UNMEASURED,
        boot: str = "",
    ) -> None:
        self._home = home
        self._clock = clock
        self._listen = listen
        self._sandbox = sandbox
        self._stopped = asyncio.Event()
        self._log_file = LogFile(home.logs / "gateway.jsonl", clock)
        self._log = make_logger(self._log_file, clock)
        self._tasks = Tasks(self._task_failed)
        config, policy = _read_config(home)
        self._keeping = Keeping(home, config, clock, self._tasks, self._log)
        self._journal, recovered = self._keeping.journal, self._keeping.recovered
        self._state = self._make_state(config, policy, recovered.ledger)
        self._state.latches, self._state.cancels = recovered.latches, recovered.cancels
        self._credentials = Credentials(home, self._state, self._log)
        self._credentials.load()
        self._seen_file = ReplayFile(home.run / "replay", self._state.monotonic_ms())
        self._state.seen = SeenWindow(self._seen_file.remembered, self._state.monotonic_ms())
        self._signer = SignerClient(signer_end, clock, self._keys_changed)
        self._turn = Turn(self._journal, self._signer, self._seen_file, clock)
        self._venue = UpstreamPool(targets(config), clock, self._log.warning)
        self._hub, upgrades = self._make_streams(config)
        listen_keys = Keys(self._state, self._signer, secrets.randbelow, self._credentials.listen_key_secret())
        self._plane = self._make_plane(upgrades, listen_keys)
        upgrades.users = users = UserStreams(listen_keys, Audience(self._state, self._plane.feeds))
        upgrades.api = Desk(
            self._hub, self._plane.handler, self._turn, self._tasks, self._state, Subscriptions(users, clock),
            self._plane.budget.ledger.limit,
        )  # fmt: skip
        self._health = Health(
            self._state, self._plane.gate, self._plane.refresher, probes, lambda: self._turn.marks_failed, self._tasks
        )
        self._door = Door(
            self._plane.handler, self._turn, clock, self._tasks, config.gateway.max_connections_per_source,
            streams=upgrades,
        )  # fmt: skip
        self._named = named
        self._front = _make_front(home, config, self._door, self._log) if named else None
        self._unproven = Unproven(self._state, self._plane.resolver, self._log)
        self._control = Control(
            control_end, self._verbs(), {"reload_config": self._reload_config}, self._tasks, self._stopped.set,
            {"enable_bot": self._enable_bot, "unknown_end": self._unproven.end},
        )  # fmt: skip
        self._server: asyncio.Server | None = None
        self._open_at_start = recovered.open
        self._unresolved_at_start = (*recovered.unresolved, *recovered.open)
        self._boot, self._boots = boot, recovered.boots
        self._lacking_since = recovered.boots.since(boot, clock.wall_ns() // 1_000_000)

    # -- making

    def _make_plane(self, upgrades: Upgrades, listen_keys: Keys) -> Plane:
        return Plane(
            Parts(
                state=self._state,
                venue=self._venue,
                signer=self._signer,
                verifier=SignatureVerifier(),
                journal=self._journal,
                turn=self._turn,
                tasks=self._tasks,
                log=self._log,
                draw=secrets.randbelow,
                upgrade=upgrades.judge,
                listen_keys=listen_keys.answer,
                links=user_links(self._state.config),
                sockets=socket_links(self._state.config),
                listened=self._hub.listened,
            )
        )

    def _make_state(self, config: Config, policy: str, ledger: IdLedger) -> State:
        incarnation = secrets.token_hex(4)
        return State(
            clock=self._clock,
            catalogue=load_catalogue(),
            config=config,
            policy_hash=policy,
            credentials={},
            incarnation=incarnation,
            seen=SeenWindow(),
            ledger=ledger,
            allowed_hosts=_allowed_hosts(config, self._listen),
            hosts=ENVIRONMENT_HOSTS[config.venue.environment],
        )

    def _make_streams(self, config: Config) -> tuple[Hub, Upgrades]:
        environment = config.venue.environment
        hosts = STREAM_HOSTS[environment]
        hub = Hub(
            self._clock, hosts, dial_to(config, hosts), secrets.randbelow, self._tasks, self._tell_of_streams,
            lambda: self._state.config.gateway.on_stream_gap,
        )  # fmt: skip
        served = {host: known.streams for host, known in BOT_HOSTS[environment].items() if not known.families}
        return hub, Upgrades(hub, served, self._log)

    # -- life

    async def run(self) -> None:
        """Serve until told to drain or the supervisor is gone."""
        asyncio.get_running_loop().set_exception_handler(self._loop_fault)
        self._signer.start()
        self._control.start()
        self._record_start()
        self._plane.refresher.start()
        self._venue.start()
        self._health.ask()
        self._hub.start()
        self._plane.feeds.start()
        for egress in not_of_this_host(self._state.config.venue.egress):
            self._log.critical("an egress address is none of this host's, nothing can leave from it", egress=egress)
        self._door.start()
        await self._warm_up()
        await asyncio.gather(
            self._plane.resolver.before_opening(self._unresolved_at_start),
            self._plane.reconciler.before_opening(self._lacking_since, self._boots.recent(self._lacking_since)),
            self._plane.read_exposure(JournalTail(self._home.journal)),
        )
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: BotConnection(self._door), sock=self._listen, backlog=1024)
        if self._front is not None:
            self._front.open(self._named)
        self._credentials.start(self._plane.gate)
        self._health.start()
        self._state.serving = True
        self._control.tell({"event": "ready"})
        await self._stopped.wait()
        await self._close()

    async def _warm_up(self) -> None:
        """Wait a moment for the first measurements, so that the first order need not be refused; then open anyway."""
        deadline = self._clock.monotonic_ns() + int(HELLO_S * 1e9)
        while self._clock.monotonic_ns() < deadline and not self._is_warm():
            await self._clock.sleep(0.005)

    def _is_warm(self) -> bool:
        return self._state.reading is not None and self._plane.refresher.has_tried and self._signer.said_hello

    def _record_start(self) -> None:
        for bot, latch in self._state.latches.items():
            self._log.critical("bot is still disabled; an operator must enable it", bot=bot, why=latch.why)
        for intent in self._open_at_start:
            self._turn.write(recovered_record(intent))
            self._log.critical("intent left open by a crash is UNKNOWN", id=intent["id"], bot=intent["bot"])
        self._turn.write(
            {
                "type": "start",
                "incarnation": self._state.incarnation,
                "policy": self._state.policy_hash,
                "recovered": len(self._open_at_start),
                "boot": self._boot,
                "durability": self._state.config.gateway.durability,
                "reconciles": self._lacking_since,
                **self._keeping.found,
            }
        )
        self._keeping.start(self._signer, self._turn)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._health.stop()
        self._credentials.stop()
        self._hub.close()
        self._plane.feeds.close()
        await self._plane.by_socket.close()
        await self._tasks.cancel_all()
        await self._keeping.end()
        await self._venue.close()
        self._signer.close()
        self._control.close()
        await self._journal.close()
        self._seen_file.close()
        self._log_file.close()

    # -- what happens

    def _tell_of_streams(self, **fields: Any) -> None:
        self._plane.gate.record({"type": "event", **fields})
        self._log.warning("streams", **fields)

    def _keys_changed(self) -> None:
        self._log.info("signer holds keys", keys=sorted(self._signer.keys()))

    def _task_failed(self, name: str, error: BaseException) -> None:
        self._log.error("task failed", task=name, **_place(error))

    def _loop_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the event loop could not hand to anybody: kind and place, never a message that may hold a value."""
        self._log.error("fault on the loop", what=context.get("message"), **_place(context.get("exception")))

    # -- verbs

    def _verbs(self) -> Mapping[str, Callable[[], Any]]:
        return {
            "status": self._status,
            "limits": self._limits,
            "unknown_list": self._unproven.list,
            "reload_bots": self._reload_bots,
            "config_unreadable": self._config_unreadable,
            "drain": self._drain,
        }

    async def _status(self) -> dict[str, Any]:
        report = status_report(self._state, self._signer.keys(), self._journal.state, len(self._door.open))
        market = {**self._hub.report(), "reads": self._plane.live_reads.report()}
        streams = {"streams": market, "user_data": self._plane.feeds.report()}
        return {**report, **streams, "sandbox": self._sandbox}

    async def _limits(self) -> dict[str, Any]:
        return {**limits_report(self._state, self._plane.budget), "exposure": self._plane.exposures.report()}

    async def _reload_bots(self) -> dict[str, Any]:
        faults = self._credentials.load()
        self._turn.write({"type": "reload", "what": "bots", "credentials": len(self._state.credentials)})
        return {"credentials": len(self._state.credentials), "faults": faults}

    async def _reload_config(self, file: int) -> dict[str, Any]:
        """Take up the file that the supervisor has opened: our sandbox lets us open the one of the start only."""
        found, content = config_file.read_open(self._home.config, file)
        refusal = _refusal(found, self._state.config)
        self._plane.gate.note(Sign("policy_load_failed", is_failing=bool(refusal)))
        if refusal or not isinstance(found, Config):
            raise ControlError(f"the old configuration stays in force: {refusal}")
        self._state.config = found
        self._state.policy_hash = _policy_hash(content)
        self._door.max_per_source = found.gateway.max_connections_per_source
        self._turn.write({"type": "reload", "what": "config", "policy": self._state.policy_hash})
        self._plane.exposures.configure()
        self._plane.refresher.catch_up()
        self._tasks.spawn(self._plane.rebuilding.read(JournalTail(self._home.journal)), "read exposure")
        return {"bots": len(found.bots), "policy": self._state.policy_hash}

    async def _config_unreadable(self) -> dict[str, Any]:
        """Have on record that the supervisor could not even open the file."""
        self._plane.gate.note(Sign("policy_load_failed", is_failing=True))
        return {}

    async def _enable_bot(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """End the stop of a bot in the name of a person."""
        bot, operator = str(args.get("bot", "")), parse_label(str(args.get("operator", "")))
        if operator is None:
            raise ControlError("an operator's name is 1 to 32 letters, digits, dots, _ and -")
        if bot not in self._state.latches:
            raise ControlError(f"bot {parse_name(bot) or 'NAME'} is not disabled; see: counterseal status")
        return self._plane.throttle.enable(bot, operator, args["uid"])

    async def _drain(self) -> dict[str, Any]:
        """Accept nothing new, finish what is in flight, stop."""
        self._state.draining = True
        if self._front is not None:
            self._front.drain()
        if self._server is not None:
            self._server.close()
        for connection in list(self._door.open):
            connection.drain()
        deadline = self._clock.monotonic_ns() + int(DRAIN_S * 1e9)
        while self._door.open and self._clock.monotonic_ns() < deadline:
            await self._clock.sleep(0.02)
        left = len(self._door.open)
        self._clock.call_later(0.01, self._stopped.set)
        return {"left": left}


def _fixed(config: Config) -> tuple[object, ...]:
    """What a running gateway was built upon."""
    return config.venue, config.listen, config.process, config.journal, config.gateway.durability


def _refusal(found: Config | tuple[Fault, ...], present: Config) -> str:
    """Say why a running gateway does not take up what was read, "" when it does."""
    if not isinstance(found, Config):
        return " | ".join(map(str, found))
    if _fixed(found) != _fixed(present):
        return "[venue], [listen], [process], [journal] and gateway.durability change only with a restart"
    if present.bots and not found.bots:
        return "it names no bot, so that nobody could cancel anything; name one, or revoke the credentials"
    return ""


def _place(error: BaseException | None) -> dict[str, str]:
    """Name an exception's kind and where it was raised; its text could show what a log must not."""
    if error is None:
        return {}
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return {"error": type(error).__name__, "where": where}


def _read_config(home: Home) -> tuple[Config, str]:
    found, content = config_file.read_whole(home.config)
    if isinstance(found, Config):
        return found, _policy_hash(content)
    raise StartError(_sentence(found))


def _sentence(faults: tuple[Fault, ...]) -> str:
    return "\n".join(map(str, faults))


def _policy_hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def _allowed_hosts(config: Config, listen: socket.socket) -> frozenset[str]:
    port = listen.getsockname()[1]
    names = {"127.0.0.1", "localhost", "[::1]", config.listen.address.rpartition(":")[0]}
    return frozenset({f"{name}:{port}" for name in names} | set(config.listen.hosts))


def _make_front(home: Home, config: Config, door: Door, log: Any) -> Front:
    try:
        return Front(door, ServerTls(CaFiles(home).leaf), BOT_HOSTS[config.venue.environment], log)
    except LeafError as fault:
        raise StartError(str(fault)) from None
