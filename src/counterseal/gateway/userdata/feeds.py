"""The user-data feeds of all accounts: which there must be, who listens, and what is told when one is lost."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from counterseal.adapters.stream_link import Dial
from counterseal.adapters.tasks import Tasks
from counterseal.core.config.model import Config
from counterseal.core.messages import HeldKey
from counterseal.core.streams.allowance import Allowance
from counterseal.gateway.budget import Budget
from counterseal.gateway.outbound import Outbound
from counterseal.gateway.state import State
from counterseal.gateway.userdata.events import Listener, UserEvent
from counterseal.gateway.userdata.feed import Ends, Feed, Ties
from counterseal.gateway.userdata.listen_key import ListenKey
from counterseal.gateway.userdata.subscription import Subscription
from counterseal.gateway.userdata.way import Way
from counterseal.ports.clock import Timer
from counterseal.ports.signing import SigningClient

TICK_S = 0.25
# A feed that has been lost for so long is a gap for whoever listens, and an operator's affair.
LATE_MS = 10_000
# Whoever has lost the right to listen is told that first: connections look for it twice a second.
GONE_S = 1.0
MAX_ROWS = 64
FAMILIES = ("spot", "usdm", "coinm")
Whose = tuple[str, str]
_decode = msgspec.json.Decoder().decode


class Links(NamedTuple):
    """How the exchange's user data is reached. `hosts` are by family, `attempts` those of all stream connections."""

    hosts: Mapping[str, str]
    dial: Dial
    attempts: Allowance
    draw: Callable[[int], int]


@dataclass(slots=True, eq=False)
class Account:
    """One account in one market. Times are monotonic ms; `lost_ms` is None while its feed stands."""

    feed: Feed
    held: HeldKey
    lost_ms: int | None
    has_stood: bool = False
    is_late: bool = False
    event_ms: int | None = None
    gaps: int = 0
    told: str = ""


class UserFeeds:
    """All feeds. Without `links` there is none, and nobody hears anything.

    `inside` listens to all of them, from the start and first. `tell` puts fields on record.
    """

    def __init__(
        self,
        state: State,
        outbound: Outbound,
        budget: Budget,
        signer: SigningClient,
        tasks: Tasks,
        links: Links | None,
        inside: Listener,
        tell: Callable[..., None],
        log: Any,
    ) -> None:
        self._state = state
        self._outbound = outbound
        self._budget = budget
        self._signer = signer
        self._tasks = tasks
        self._links = links
        self._inside = inside
        self._tell = tell
        self._log = log
        self._accounts: dict[Whose, Account] = {}
        self._listeners: dict[Whose, dict[Listener, None]] = {}
        self._config: Config | None = None
        self._held: Mapping[str, HeldKey] = {}
        self._timer: Timer | None = None

    # -- life

    def start(self) -> None:
        """Keep all feeds from now on, as the configuration and the signer's keys want them."""
        if self._links is None:
            return
        self._timer = self._state.clock.call_later(TICK_S, self.start)
        config, held = self._state.config, self._signer.keys()
        if config is not self._config or held is not self._held:
            self._config, self._held = config, held
            self._configure(self._links, wanted(config, held))
        for whose, account in list(self._accounts.items()):
            account.feed.tick()
            self._look(whose, account)

    def close(self) -> None:
        """Disconnect for good."""
        if self._timer is not None:
            self._timer.cancel()
        for account in self._accounts.values():
            account.feed.close()
        self._accounts.clear()

    def _configure(self, links: Links, keys: Mapping[Whose, HeldKey]) -> None:
        for whose, account in list(self._accounts.items()):
            if keys.get(whose) != account.held:
                self._end(links, whose, account, keys.get(whose))
        for whose, held in keys.items():
            if whose not in self._accounts and whose[1] in links.hosts:
                feed = self._feed(links, whose, held)
                self._accounts[whose] = Account(feed, held, self._state.monotonic_ms())

    def _end(self, links: Links, whose: Whose, account: Account, held: HeldKey | None) -> None:
        """Its key is no longer the one to use: with another it is the same feed, lost until it stands again."""
        account.feed.close()
        if held is not None:
            account.feed, account.held = self._feed(links, whose, held), held
            self._on_lost(whose, "another key")
            return
        del self._accounts[whose]
        self._state.clock.call_later(GONE_S, lambda: self._gone(whose))

    def _gone(self, whose: Whose) -> None:
        """Whoever still listens would listen for ever. To the gateway itself what nobody uses any more has no gap."""
        if whose not in self._accounts:
            self._each(whose, lambda listener: listener.on_gap(*whose), self._listeners.get(whose, ()))

    def _feed(self, links: Links, whose: Whose, held: HeldKey) -> Feed:
        family = whose[1]
        ties = Ties(self._state.clock, links.dial, links.draw, self._tasks, links.attempts)
        ends = Ends(
            lambda text: self._on_event(whose, text),
            lambda: self._on_stands(whose),
            lambda why: self._on_lost(whose, why),
        )
        return Feed(links.hosts[family], family, self._way(family, held), ties, ends)

    def _way(self, family: str, held: HeldKey) -> Way:
        if family == "spot":
            return Subscription(self._state, self._outbound, self._budget, held)
        return ListenKey(self._state, self._outbound, self._budget, family, held)

    # -- who listens

    def join(self, listener: Listener, account: str, family: str) -> None:
        """Listen from now on; to listen twice is to listen once."""
        self._listeners.setdefault((account, family), {})[listener] = None

    def leave(self, listener: Listener, account: str, family: str) -> None:
        """Listen no more."""
        listeners = self._listeners.get((account, family), {})
        listeners.pop(listener, None)
        if not listeners:
            self._listeners.pop((account, family), None)

    def stands(self, account: str, family: str) -> bool:
        """Tell whether events come at this moment."""
        found = self._accounts.get((account, family))
        return found is not None and found.lost_ms is None

    def is_lost(self, account: str) -> bool:
        """Tell whether a feed of the account that has stood is lost. One that the exchange refuses is none any more."""
        return any(
            one.lost_ms is not None and one.has_stood and not one.feed.is_refused
            for whose, one in self._accounts.items()
            if whose[0] == account
        )

    def _all(self, whose: Whose, tell: Callable[[Listener], None]) -> None:
        self._each(whose, tell, (self._inside, *self._listeners.get(whose, ())))

    def _each(self, whose: Whose, tell: Callable[[Listener], None], listeners: Iterable[Listener]) -> None:
        """Tell them; what breaks in one is told, and keeps nobody else from hearing it."""
        for listener in tuple(listeners):
            try:
                tell(listener)
            except Exception as error:  # noqa: BLE001 - whatever an event holds, the others must hear it
                self._log.error("an event of user data could not be taken", account=whose[0], family=whose[1],
                                listener=type(listener).__name__, error=type(error).__name__)  # fmt: skip

    # -- what a feed says

    def _on_event(self, whose: Whose, text: bytes) -> None:
        account = self._accounts.get(whose)
        try:
            body = _decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            body = None
        if account is None or not isinstance(body, dict):
            return
        account.event_ms = self._state.monotonic_ms()
        event = UserEvent(*whose, str(body.get("e", "")), body, text)
        self._all(whose, lambda listener: listener.on_event(event))

    def _on_stands(self, whose: Whose) -> None:
        account = self._accounts[whose]
        if account.has_stood:
            account.gaps += 1
            self._tell(what="user_stream_stands", account=whose[0], family=whose[1], after_ms=self._lost_for(account))
        account.has_stood, account.lost_ms, account.is_late, account.told = True, None, False, ""
        self._all(whose, lambda listener: listener.on_gap(*whose))

    def _on_lost(self, whose: Whose, why: str) -> None:
        account = self._accounts.get(whose)
        if account is None:
            return
        if account.lost_ms is None:
            account.lost_ms = self._state.monotonic_ms()
            self._tell(what="user_stream_lost", account=whose[0], family=whose[1], why=why)
        elif account.told != why:
            self._log.warning("no user data", account=whose[0], family=whose[1], why=why)
        account.told = why

    def _look(self, whose: Whose, account: Account) -> None:
        """Say once that it has been lost for long."""
        if account.lost_ms is None or account.is_late or self._lost_for(account) < LATE_MS:
            return
        account.is_late = True
        self._log.critical("no user data: events of this account are missing", account=whose[0], family=whose[1],
                           why=account.feed.why)  # fmt: skip
        self._all(whose, lambda listener: listener.on_gap(*whose))

    def _lost_for(self, account: Account) -> int:
        return 0 if account.lost_ms is None else self._state.monotonic_ms() - account.lost_ms

    # -- reporting

    def report(self) -> list[dict[str, Any]]:
        """Give the feeds for `counterseal status`, those that do not stand first; it travels in one packet."""
        now_ms = self._state.monotonic_ms()
        rows = [_row(whose, account, now_ms) for whose, account in self._accounts.items()]
        return sorted(rows, key=lambda row: (row["stands"], row["account"], row["family"]))[:MAX_ROWS]


def wanted(config: Config, held: Mapping[str, HeldKey]) -> dict[Whose, HeldKey]:
    """Give the accounts and markets that bots use, each with the key by which its events are read."""
    used = {
        (config.keys[name].account, family)
        for bot in config.bots.values() for name in bot.keys for family in FAMILIES if family in bot.products
    }  # fmt: skip
    found = {whose: _key_of(config, held, *whose) for whose in sorted(used)}
    return {whose: key for whose, key in found.items() if key is not None}


def _key_of(config: Config, held: Mapping[str, HeldKey], account: str, family: str) -> HeldKey | None:
    """Choose the key of an account that reads it, rather one that can do nothing else.

    On spot before all one that could not log on: the signer may refuse to subscribe with the others.
    """
    fitting = [
        key for key in config.keys.values()
        if key.account == account and key.functions & {"account", "trade"} and key.name in held
        and held[key.name].environment == config.venue.environment
    ]  # fmt: skip
    if not fitting:
        return None
    best = min(
        fitting,
        key=lambda key: (
            family == "spot" and held[key.name].kind == "ed25519", "account" not in key.functions, len(key.functions),
            key.name,
        ),
    )  # fmt: skip
    return held[best.name]


def _row(whose: Whose, account: Account, now_ms: int) -> dict[str, Any]:
    return {
        "account": whose[0],
        "family": whose[1],
        "stands": account.lost_ms is None,
        "why": account.feed.why,
        "event_age_ms": None if account.event_ms is None else now_ms - account.event_ms,
        "gaps": account.gaps,
        "renewed": account.feed.renewed,
        "unread": account.feed.unread,
    }
