"""The whole tree of a journal, for proofs and for its form as tiles; not for the gateway, which needs its edge only."""

from collections.abc import Iterator
from pathlib import Path

from counterseal.adapters.journal_segments import read_reserve
from counterseal.adapters.journal_summary import all_segments, read_leaves
from counterseal.core.tlog import leaf_hash, node_hash

TILE = 256


def all_leaves(folder: Path) -> list[bytes]:
    """Give the hashes of all records, removed segments included. Raises JournalDamaged."""
    leaves = [leaf for path in all_segments(folder) for leaf in read_leaves(path)]
    return leaves + [leaf_hash(payload) for payload in read_reserve(folder, len(leaves))]


class WholeTree:
    """Nodes over all leaves; each level is hashed when it is first asked for."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._levels = [leaves]

    def node(self, level: int, index: int) -> bytes:
        """Give a node of `core.tlog`."""
        while len(self._levels) <= level:
            below = self._levels[-1]
            whole = len(below) // 2 * 2
            self._levels.append([node_hash(below[at], below[at + 1]) for at in range(0, whole, 2)])
        return self._levels[level][index]


def tiles(size: int, tree: WholeTree) -> Iterator[tuple[str, bytes]]:
    """Give path and content of every tile of a log of `size` records, as C2SP tlog-tiles lays them out."""
    level = 0
    while width := size >> 8 * level:
        for number in range((width + TILE - 1) // TILE):
            count = min(TILE, width - number * TILE)
            content = [tree.node(8 * level, index) for index in range(number * TILE, number * TILE + count)]
            partial = "" if count == TILE else f".p/{count}"
            yield f"tile/{level}/{_number(number)}{partial}", b"".join(content)
        level += 1


def _number(number: int) -> str:
    """Write a tile's number in groups of three digits, all but the last with an x."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03d}")
    return "/".join(reversed(groups))
