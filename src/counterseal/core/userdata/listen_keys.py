"""Listen keys of our own making: what a bot gets where the exchange would give it the account's.

Each credential has its own for an account and market, so that no bot ends another's, and a credential that is revoked
takes nothing along. Nothing of them is written: a key that was made before the start proves itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from counterseal.core.userdata.mint import Mint, place_in

LIFE_MS = 60 * 60_000


class Holder(NamedTuple):
    """Who listens to what: a credential (its key id, a secret) of a bot, an account, a market ("usdm", "coinm")."""

    credential: str
    bot: str
    account: str
    family: str

    def __repr__(self) -> str:
        return f"Holder(bot={self.bot!r}, account={self.account!r}, family={self.family!r})"


@dataclass(slots=True)
class _Life:
    """A key and when it ends, in monotonic ms."""

    key: str
    until_ms: int


class ListenKeys:
    """All keys. `places` gives whoever may hold one, by the place that `mint` tells; `now_ms` is the start.

    A key that lived when the gateway stopped has less than an hour to live. So in the first hour one from before is
    taken up as if it had been prolonged at the start: one for each holder, and none for a holder of which this run has
    made, taken up or ended one.
    """

    def __init__(self, mint: Mint, places: Callable[[], Mapping[str, Holder]], now_ms: int) -> None:
        self._mint = mint
        self._places = places
        self._old_until_ms = now_ms + LIFE_MS
        self._lives: dict[Holder, _Life] = {}
        self._holders: dict[str, Holder] = {}
        self._met: set[Holder] = set()

    def __len__(self) -> int:
        return len(self._lives)

    def start(self, holder: Holder, now_ms: int) -> str:
        """Give the holder's live key, or a new one; it lives an hour from now."""
        self._forget_dead(now_ms)
        life = self._lives.get(holder)
        if life is None:
            life = self._hold(holder, self._mint.make(holder))
        life.until_ms = now_ms + LIFE_MS
        return life.key

    def extend(self, holder: Holder, named: str | None, now_ms: int) -> str | None:
        """Let the holder's key live an hour from now; None when it has none, or `named` is another one."""
        life = self._alive(holder, named, now_ms)
        if life is None:
            return None
        life.until_ms = now_ms + LIFE_MS
        return life.key

    def close(self, holder: Holder, named: str | None, now_ms: int) -> bool:
        """End the holder's key; False when it has none, or `named` is another one."""
        life = self._alive(holder, named, now_ms)
        if life is None:
            if named is None:
                # Whichever it has from before the start is meant.
                self._met.add(holder)
            return False
        del self._lives[holder], self._holders[life.key]
        return True

    def find(self, key: str, now_ms: int) -> Holder | None:
        """Give whose a key is, None for one that is not alive."""
        self._take_up(key, now_ms)
        holder = self._holders.get(key)
        return holder if holder is not None and self._alive(holder, key, now_ms) else None

    def _alive(self, holder: Holder, named: str | None, now_ms: int) -> _Life | None:
        if named is not None:
            self._take_up(named, now_ms)
        life = self._lives.get(holder)
        if life is None or now_ms >= life.until_ms or named not in (None, life.key):
            return None
        return life

    def _take_up(self, key: str, now_ms: int) -> None:
        """Let a key from before the start live on."""
        if now_ms >= self._old_until_ms or key in self._holders:
            return
        holder = self._places().get(place_in(key))
        if holder is not None and holder not in self._met and self._mint.is_of(key, holder):
            self._hold(holder, key).until_ms = self._old_until_ms

    def _hold(self, holder: Holder, key: str) -> _Life:
        life = self._lives[holder] = _Life(key, 0)
        self._holders[key] = holder
        self._met.add(holder)
        return life

    def _forget_dead(self, now_ms: int) -> None:
        if now_ms >= self._old_until_ms:
            self._met.clear()
        for holder, life in list(self._lives.items()):
            if now_ms >= life.until_ms:
                del self._lives[holder], self._holders[life.key]
