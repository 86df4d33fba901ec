"""When who is told that a connection to the exchange was lost, or never came to stand.

Who comes back at once finds nothing upstream and takes a snapshot that fits nothing; who is told late trades on what is
stale. So bots are told when the connection stands again, but after a second at the latest. Who comes while it does not
stand has lost nothing yet; after ten seconds it is told that there is nothing to be had, and again every ten seconds.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

GRACE_MS, WAIT_MS = 1_000, 10_000

Member = TypeVar("Member", bound=Hashable)


@dataclass(slots=True)
class Outage(Generic[Member]):
    """Since when a connection does not stand. `owed` are those who lost something and have not been told yet; `is_said`
    when bots that stay connected were told of it.
    """

    began_ms: int
    owed: dict[Member, None] = field(default_factory=dict)
    is_said: bool = False
    _tell_ms: int = 0
    _again_ms: int = 0

    def __post_init__(self) -> None:
        self._again_ms = self.began_ms + WAIT_MS

    def lose(self, members: Mapping[Member, None], now_ms: int) -> None:
        """These listened when the connection was lost."""
        if members and not self.owed:
            self._tell_ms = now_ms + GRACE_MS
        self.owed.update(members)

    def take_owed(self, now_ms: int) -> dict[Member, None]:
        """Give those who must be told now although it does not stand."""
        return self.settle() if self.owed and now_ms >= self._tell_ms else {}

    def settle(self) -> dict[Member, None]:
        """Give all who must be told: it stands again."""
        owed, self.owed = self.owed, {}
        return owed

    def is_long(self, now_ms: int) -> bool:
        """Tell whether those who wait must be told now that nothing comes; once every ten seconds."""
        if now_ms < self._again_ms:
            return False
        self._again_ms = now_ms + WAIT_MS
        return True
