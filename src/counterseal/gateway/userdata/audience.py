"""Who listens to what happens on accounts, and what of it each may know."""

from typing import Protocol

from counterseal.core import ownership
from counterseal.core.config.model import Config
from counterseal.core.userdata.names import names_in
from counterseal.core.userdata.sight import may_see, owner_of
from counterseal.gateway.state import State
from counterseal.gateway.userdata.events import Feeds, UserEvent

Place = tuple[str, str]


class Subscriber(Protocol):
    """A bot that listens to an account's events of one market, on one of its connections."""

    bot: str
    account: str
    family: str

    def give(self, event: UserEvent) -> None:
        """Pass an event on that it may see."""
        ...

    def gap(self) -> None:
        """Events may be missing: let the bot know, so that it asks for what it missed."""
        ...

    def __hash__(self) -> int: ...


class Audience:
    """Gives each event to the bots that may see it. Listens to an account only while some bot does."""

    def __init__(self, state: State, feeds: Feeds) -> None:
        self._state = state
        self._feeds = feeds
        self._places: dict[Place, dict[Subscriber, None]] = {}
        self._config: Config | None = None
        self._sees: dict[tuple[str, str], bool] = {}

    def hears(self, account: str, family: str) -> bool:
        """Tell whether events come at this moment: else whoever joined now would miss some without a word."""
        return self._feeds.stands(account, family)

    def join(self, subscriber: Subscriber) -> None:
        """Let a bot listen from now on."""
        place = (subscriber.account, subscriber.family)
        members = self._places.setdefault(place, {})
        members[subscriber] = None
        if len(members) == 1:
            self._feeds.join(self, *place)

    def leave(self, subscriber: Subscriber) -> None:
        """Let it listen no more; may be called twice."""
        place = (subscriber.account, subscriber.family)
        members = self._places.get(place, {})
        members.pop(subscriber, None)
        if not members and self._places.pop(place, None) is not None:
            self._feeds.leave(self, *place)

    # -- Listener

    def on_event(self, event: UserEvent) -> None:
        """Give an event to all who may see it."""
        owner = self._owner(event)
        for each in list(self._places.get((event.account, event.family), ())):
            if may_see(event.kind, owner, each.bot, sees_account=self._sees_account(each)):
                each.give(event)

    def on_gap(self, account: str, family: str) -> None:
        """Tell all of them that events may be missing."""
        for each in list(self._places.get((account, family), ())):
            each.gap()

    # -- sight

    def _owner(self, event: UserEvent) -> str | None:
        ledger = self._state.ledger
        return owner_of(names_in(event.kind, event.body), lambda name: ledger.owners(event.family, *name))

    def _sees_account(self, one: Subscriber) -> bool:
        if self._config is not self._state.config:
            self._config, self._sees = self._state.config, {}
        asked = (one.bot, one.account)
        if asked not in self._sees:
            self._sees[asked] = ownership.sees_account(self._state.config, *asked)
        return self._sees[asked]
