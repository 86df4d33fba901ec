"""What the gateway tells of accounts, and what becomes of it."""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core.positions.fills import Fill
from counterseal.core.positions.statements import Moved
from counterseal.core.userdata.rows import told
from counterseal.guard.watch.followed import Followed
from counterseal.guard.watch.intruders import Intruders, is_transfer
from counterseal.guard.watch.signals import Signals
from counterseal.guard.watch.world import World
from counterseal.ports.clock import Clock

# An order may be heard of before what proves whose it is; the gateway settles for two seconds too.
SETTLE_S = 2.5


class Hearing:
    """Takes messages `{"type": "event", ...}`. `soon` has an account read at once."""

    def __init__(
        self, world: World, intruders: Intruders, signals: Signals, soon: Callable[[str], None], clock: Clock
    ) -> None:
        self._world, self._intruders, self._signals = world, intruders, signals
        self._soon, self._clock = soon, clock
        # When the last beat came, None before the first.
        self.beat_ms: int | None = None

    def event(self, message: Mapping[str, Any]) -> None:
        """Take one message; what is of no account that is followed changes nothing."""
        what, account, family = message.get("what"), message.get("account"), message.get("family")
        followed = self._world.followed.get((str(account), str(family)))
        if followed is None:
            return
        if what in ("order", "account"):
            self._user_data(followed, message)
        elif what in ("foreign", "foreign_many"):
            self._intruders.order(followed.account, followed.family, message)
            self._soon(f"orders {followed.account} {followed.family}")
        elif what in ("stream_gap", "stream_lost", "stream_stands"):
            self._stream(followed, str(what))
        self._soon(f"account {followed.account} {followed.family}")

    def beat(self, feeds: Any) -> None:
        """Take the list of the feeds that stand."""
        if not isinstance(feeds, list):
            return
        self.beat_ms = self._world.now_ms()
        standing = {tuple(each) for each in feeds if isinstance(each, list)}
        for whose, followed in self._world.followed.items():
            if whose in standing:
                followed.follows()
            elif followed.stands:
                followed.gap(self._world.now_ms(), stands=False)

    def _stream(self, followed: Followed, what: str) -> None:
        if what == "stream_stands":
            followed.follows()
            return
        followed.gap(self._world.now_ms(), stands=what == "stream_gap")
        self._soon(f"orders {followed.account} {followed.family}")

    def _user_data(self, followed: Followed, message: Mapping[str, Any]) -> None:
        kind, body, owner = message.get("kind"), message.get("body"), message.get("owner")
        if not isinstance(kind, str) or not isinstance(body, dict) or not self._world.knows(followed.family):
            return
        owner = owner if isinstance(owner, str) and owner else None
        fill, moved = followed.event(kind, body, owner, self._world.now_ms(), self._world.exchange_ms())
        self._world.touch((followed.account, followed.family))
        for each in moved:
            self._moved(followed, each)
        if fill is not None and owner is None:
            self._unowned(followed, fill, _client_id(kind, body))
        self._world.judge()

    def _moved(self, followed: Followed, moved: Moved) -> None:
        if is_transfer(moved):
            self._intruders.transfer(followed.account, followed.family, moved)
            dollars = self._world.dollars(moved.asset, moved.amount)
            self._world.rails.moved(followed.account, dollars, self._world.now_ms())

    def _unowned(self, followed: Followed, fill: Fill, client_id: str) -> None:
        """Wait for a moment whether it becomes known whose it is."""
        symbol, _, number = fill.trade

        def judge() -> None:
            if followed.truth.is_unowned(symbol, number):
                self._intruders.fill(followed.account, followed.family, symbol, number, client_id)

        self._clock.call_later(SETTLE_S, judge)


def _client_id(kind: str, body: Mapping[str, Any]) -> str:
    return next((name for one in told(kind, body) for name in one.names), "")
