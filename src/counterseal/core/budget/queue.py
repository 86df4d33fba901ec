"""Who waits for room, and who goes first: better lanes, then the bot that has least, then who came first.

Pure: the gateway calls `ready` when something was settled or a window has turned, and `expired` when a deadline has
passed. What waits is bounded per bot and in all, exits on their own, so that a flood of reads shuts no exit out.
"""

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush

from counterseal.core.budget.share import Lane

MAX_PER_BOT, MAX_IN_ALL = 64, 2_048
# After so many bots of a lane found the same pool short, the others that wait for it are not tried in this round:
# who was tried has least, so who has more would hardly fare better.
_TRIES = 4


class Waiting:
    """One request that waits. `short_of` names the pool and scope that was short when it was last tried.

    `item` is the caller's. `is_waiting` ends when it is given out, has expired or was dropped.
    """

    __slots__ = ("bot", "deadline_ms", "is_waiting", "item", "lane", "order", "short_of")

    def __init__(self, bot: str, lane: Lane, deadline_ms: int, short_of: str, item: object = None) -> None:
        self.bot = bot
        self.lane = lane
        self.deadline_ms = deadline_ms
        self.short_of = short_of
        self.item = item
        self.order = 0
        self.is_waiting = False


Attempt = Callable[[Waiting], str]
Load = Callable[[Waiting], int]


class Queue:
    """Lines by lane and bot, each first come, first served."""

    def __init__(self, max_per_bot: int = MAX_PER_BOT, max_in_all: int = MAX_IN_ALL) -> None:
        self._max_per_bot = max_per_bot
        self._max_in_all = max_in_all
        self._lines: dict[Lane, dict[str, deque[Waiting]]] = {lane: {} for lane in Lane}
        # How many wait, exits apart: in all under "".
        self._sizes: dict[tuple[bool, str], int] = {}
        self.size = 0
        self._came = 0
        self._soonest_ms: int | None = None

    def __len__(self) -> int:
        return self.size

    def add(self, waiting: Waiting) -> bool:
        """Let it wait at the end of its line; False when the bot or all together wait for too much already."""
        is_exit = waiting.lane == Lane.RISK
        if self._sizes.get((is_exit, ""), 0) >= self._max_in_all:
            return False
        if self._sizes.get((is_exit, waiting.bot), 0) >= self._max_per_bot:
            return False
        self._came += 1
        waiting.order, waiting.is_waiting = self._came, True
        self._lines[waiting.lane].setdefault(waiting.bot, deque()).append(waiting)
        self._resize(waiting, 1)
        if self._soonest_ms is None or waiting.deadline_ms < self._soonest_ms:
            self._soonest_ms = waiting.deadline_ms
        return True

    def drop(self, waiting: Waiting) -> None:
        """Forget one that nobody wants any more; nothing happens to one that does not wait."""
        if waiting.is_waiting:
            self._lines[waiting.lane][waiting.bot].remove(waiting)
            self._leave(waiting)

    def ready(self, attempt: Attempt, load: Load) -> list[Waiting]:
        """Give out those that may go now, in the order in which they were let go.

        `attempt` takes what one needs and gives "", or names what is short. `load` tells how much its bot has already,
        per share, and is asked again after each success.
        """
        gone: list[Waiting] = []
        for lane in Lane:
            if self._lines[lane]:
                self._serve(self._lines[lane], attempt, load, gone)
        return gone

    def _serve(self, lines: dict[str, deque[Waiting]], attempt: Attempt, load: Load, gone: list[Waiting]) -> None:
        """One round of a lane: a bot whose first one may not go is done, because its line keeps its order."""
        tries: dict[str, int] = {}
        heads = [(load(line[0]), line[0].order, line[0]) for line in lines.values()]
        heapify(heads)
        while heads:
            first = heappop(heads)[2]
            if tries.get(first.short_of, 0) >= _TRIES:
                continue
            short_of = attempt(first)
            if short_of:
                first.short_of = short_of
                tries[short_of] = tries.get(short_of, 0) + 1
                continue
            line = lines[first.bot]
            line.popleft()
            self._leave(first)
            gone.append(first)
            if line:
                heappush(heads, (load(line[0]), line[0].order, line[0]))

    def expired(self, now_ms: int) -> list[Waiting]:
        """Take out all whose deadline has come."""
        if self._soonest_ms is None or now_ms < self._soonest_ms:
            return []
        late = [waiting for waiting in self._all() if waiting.deadline_ms <= now_ms]
        for waiting in late:
            self.drop(waiting)
        self._soonest_ms = min((waiting.deadline_ms for waiting in self._all()), default=None)
        return sorted(late, key=_order)

    def next_deadline_ms(self) -> int | None:
        """Give when `expired` is worth asking at the latest; None when nobody waits."""
        return self._soonest_ms if len(self) else None

    def _all(self) -> list[Waiting]:
        return [waiting for lines in self._lines.values() for line in lines.values() for waiting in line]

    def _leave(self, waiting: Waiting) -> None:
        waiting.is_waiting = False
        lines = self._lines[waiting.lane]
        if not lines[waiting.bot]:
            del lines[waiting.bot]
        self._resize(waiting, -1)

    def _resize(self, waiting: Waiting, change: int) -> None:
        self.size += change
        for who in ("", waiting.bot):
            key = (waiting.lane == Lane.RISK, who)
            size = self._sizes.get(key, 0) + change
            if size:
                self._sizes[key] = size
            else:
                del self._sizes[key]


def _order(waiting: Waiting) -> int:
    return waiting.order
