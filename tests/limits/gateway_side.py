"""The gateway's real objects in this process, in front of the paper exchange in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.gateway.rig import MemoryJournal, Silence
from tests.limits.house import OURS, OWN, SECRET, CannotConnect, Network, NoAnswer, key_of
from tests.limits.lines import GATEWAY_HOST, TRIP, Through

from counterseal.adapters import packets, signing
from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.adapters.signatures import SignatureVerifier
from counterseal.adapters.tasks import Tasks
from counterseal.core.binance.catalogue import HOSTS
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.messages import HeldKey, Refused, Sign, Signed
from counterseal.core.replay import SeenWindow
from counterseal.core.secret import Secret
from counterseal.gateway.plane import Parts, Plane
from counterseal.gateway.refresh import OFFSET_S
from counterseal.gateway.state import State
from counterseal.gateway.turn import Turn
from counterseal.ports.clock import Clock
from counterseal.ports.venue import ORDINARY, Lost, NotSent, Terms, Unreachable, VenueReply
from counterseal.signer import table
from counterseal.signer.desk import Desk, HeldSigningKey

_HEAD = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "/nowhere/ca.pem"
"""
_KEY = """
[keys.{account}]
functions = ["account", "trade", "settings"]
account = "{account}"
"""
_BOT = """
[bots.{bot}]
keys = ["{account}"]
products = ["spot", "usdm"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["*"]
max_leverage = 20
sees_account = {sees_account}
max_repeats = {max_repeats}
"""


@dataclass(frozen=True)
class Rights:
    """Which bots see their whole account (None: all of them), and how often one may repeat an order (0: for ever)."""

    owners: frozenset[str] | None = None
    max_repeats: int = 0

    def as_toml(self, bot: str) -> dict[str, str]:
        """What stands in the bot's section."""
        sees_account = self.owners is None or bot in self.owners
        return {"sees_account": str(sees_account).lower(), "max_repeats": str(self.max_repeats)}


EVERYTHING = Rights()


class PaperVenue:
    """The Venue port: what the gateway sends goes over the network to the paper exchange."""

    def __init__(self, network: Network, clock: Clock) -> None:
        self._network = network
        self._clock = clock

    async def send(self, _family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """Send one request once."""
        if not terms.wanted():
            raise NotSent("no longer wanted")
        sent_ns = self._clock.monotonic_ns()
        trip = TRIP.get()
        if trip is not None:
            trip.left_ns.append(sent_ns)
        try:
            reply = await self._network.carry(request, OWN if trip is None else "", terms.egress or OURS)
        except CannotConnect:
            raise Unreachable("cannot connect") from None
        except NoAnswer:
            raise Lost("connection closed") from None
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return VenueReply(reply.status, headers, reply.body, sent_ns, self._clock.monotonic_ns())

    async def close(self) -> None:
        """Nothing is open."""


class DeskSigner:
    """The SigningClient port over the signer's own desk, in this process: what it decides and signs is real.

    `before_signing` is called when requests have been handed over and before they are signed.
    """

    def __init__(self, clock: Clock, accounts: Sequence[str]) -> None:
        signing_key = signing.load("hmac", Secret(SECRET.encode()))
        held = {name: HeldKey(name, key_of(name).api_key, "hmac", "paper") for name in accounts}
        keys = {name: HeldSigningKey(key, signing_key) for name, key in held.items()}
        self._desk = Desk(table.load(), keys, "limits", lambda: clock.wall_ns() // 1_000_000)
        self._held = held
        self._queued: list[tuple[Sign, asyncio.Future[Signed | Refused]]] = []
        self._count = 0
        self.before_signing: Callable[[], None] = lambda: None
        self.on_signing: Callable[[Sign], None] = lambda request: None

    def keys(self) -> Mapping[str, HeldKey]:
        """One key an account."""
        return self._held

    def next_id(self) -> int:
        """Numbers that grow."""
        self._count += 1
        return self._count

    def queue(self, request: Sign) -> asyncio.Future[Signed | Refused]:
        """Ask at the next flush."""
        future: asyncio.Future[Signed | Refused] = asyncio.get_running_loop().create_future()
        self._queued.append((request, future))
        return future

    def flush(self) -> None:
        """Hand over what was queued, as packets, and give the answers."""
        queued, self._queued = self._queued, []
        if not queued:
            return
        self.before_signing()
        for request, _ in queued:
            self.on_signing(request)
        asked = packets.encode([request for request, _ in queued])
        answers = [one for packet in asked for given in self._desk.answer(packet) for one in packets.decode(given)]
        for (_, future), answer in zip(queued, answers, strict=True):
            assert isinstance(answer, Signed | Refused), answer
            future.set_result(answer)

    def drop(self, error: Exception) -> None:
        """Ask nothing of what was queued."""
        queued, self._queued = self._queued, []
        for _, future in queued:
            future.set_exception(error)


class EventJournal(MemoryJournal):
    """Keeps events alone: half an hour of intents, outcomes and refusals is only counted."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}

    def flush(self) -> None:
        """Take what was queued."""
        queued, self._queued = self._queued, []
        for record in queued:
            self.counts[record["type"]] = self.counts.get(record["type"], 0) + 1
            if record["type"] == "event":
                self.records.append(record)


class GatewaySide:
    """One gateway. `accounts_of` tells each bot's account."""

    def __init__(
        self,
        network: Network,
        clock: Clock,
        accounts_of: Mapping[str, str],
        egress: Sequence[str] = (),
        rights: Rights = EVERYTHING,
    ) -> None:
        self.clock, self.journal, self.faults = clock, EventJournal(), list[str]()
        accounts = sorted(set(accounts_of.values()))
        self.signer = DeskSigner(clock, accounts)
        self.venue = PaperVenue(network, clock)
        self.state = _state(clock, accounts, accounts_of, egress, rights)
        self.tasks = Tasks(lambda name, error: self.faults.append(f"{name}: {error!r}"))
        self._wire()
        self.line = Through(self.handler, clock, lambda: clock.wall_ns() // 1_000_000)
        for bot in accounts_of:
            key_id, secret = self.line.credential(bot, "")
            self.state.credentials[key_id] = Credential(key_id, bot, CredentialKind.HMAC, Secret(secret), None, 0)

    def _wire(self) -> None:
        """Put the parts together as the service does."""
        turn = Turn(self.journal, self.signer, None, self.clock)
        self.plane = Plane(
            Parts(
                state=self.state,
                venue=self.venue,
                signer=self.signer,
                verifier=SignatureVerifier(),
                journal=self.journal,
                turn=turn,
                tasks=self.tasks,
                log=Silence(),
                draw=lambda n: n // 2,
            )
        )
        self.refresher, self.resolver, self.handler = self.plane.refresher, self.plane.resolver, self.plane.handler

    async def start(self) -> None:
        """Read time, prices and symbols once, then let the periodic reads run."""
        await self._read_once()
        self.refresher.start()

    async def start_clock(self) -> None:
        """The same, with the periodic measurement of time alone: the fewest requests beside the bots'."""
        await self._read_once()
        self.tasks.spawn(self.refresher._every(OFFSET_S, self.refresher.measure_offset), "measure the clock offset")

    async def _read_once(self) -> None:
        for read in (self.refresher.measure_offset, self.refresher.read_prices, self.refresher.read_rules):
            assert await read()

    async def end(self) -> None:
        """Stop what runs; no task may have failed."""
        await self.tasks.cancel_all()
        assert self.faults == []


def _state(
    clock: Clock, accounts: Sequence[str], accounts_of: Mapping[str, str], egress: Sequence[str], rights: Rights
) -> State:
    text = _HEAD + (f"egress = {list(egress)}\n" if egress else "")
    text += "".join(_KEY.format(account=account) for account in accounts)
    text += "".join(
        _BOT.format(bot=bot, account=account, **rights.as_toml(bot)) for bot, account in accounts_of.items()
    )
    config = load(text)
    assert isinstance(config, Config), config
    return State(
        clock=clock,
        catalogue=load_catalogue(),
        config=config,
        policy_hash="",
        credentials={},
        incarnation="limits",
        seen=SeenWindow(),
        allowed_hosts=frozenset({GATEWAY_HOST}),
        hosts=HOSTS,
    )
