"""The Merkle tree of RFC 6962 over the journal's records: hashes, roots, proofs and their verification.

A node is named by its level and its index: node (l, i) is the hash of the leaves from i * 2**l to (i + 1) * 2**l, all
of which exist. What a function needs of a tree it asks of a `Node`.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_BYTES = 32
EMPTY = hashlib.sha256().digest()
Node = Callable[[int, int], bytes]


def leaf_hash(record: bytes) -> bytes:
    """Give the hash of one record; the journal's chain names the record before by the same."""
    return hashlib.sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Give the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_hash(size: int, node: Node) -> bytes:
    """Give the hash of the tree over the first `size` leaves."""
    return _range_hash(0, size, node) if size else EMPTY


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Give the siblings from leaf `index` (from 0) up to the root of the tree of `size` leaves. Raises ValueError."""
    if not 0 <= index < size:
        raise ValueError("the tree has no such leaf")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_hash(middle, end, node))
            end = middle
        else:
            path.append(_range_hash(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """Give the hashes that show the tree of `new` leaves to begin with that of `old`. Raises ValueError."""
    if not 0 <= old <= new:
        raise ValueError("a tree only grows")
    path: list[bytes] = []
    start, end = (0, new) if old else (0, 0)
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range_hash(middle, end, node))
            end = middle
        else:
            path.append(_range_hash(start, middle, node))
            start = middle
    if start:
        path.append(_range_hash(start, end, node))
    return path[::-1]


def includes(leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether the proof shows that `leaf` is number `index` (from 0) of the tree with this size and root."""
    if not 0 <= index < size or not _are_hashes((leaf, root, *proof)):
        return False
    found, at, last, rest = leaf, index, size - 1, list(proof)
    while last:
        if at & 1 or at == last:
            # Where the right edge has no sibling on this level, nothing was hashed here.
            while not at & 1:
                at, last = at >> 1, last >> 1
            if not rest:
                return False
            found = node_hash(rest.pop(0), found)
        else:
            if not rest:
                return False
            found = node_hash(found, rest.pop(0))
        at, last = at >> 1, last >> 1
    return not rest and found == root


def extends(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether the proof shows that the tree (new, new_root) begins with the tree (old, old_root)."""
    if not 0 <= old <= new or not _are_hashes((old_root, new_root, *proof)):
        return False
    if old == new or not old:
        return not proof and (old_root == new_root if old else old_root == EMPTY)
    at, last, rest = old - 1, new - 1, list(proof)
    while at & 1:
        at, last = at >> 1, last >> 1
    if at and not rest:
        return False
    # A tree whose size is a power of two is itself the first hash.
    first = second = rest.pop(0) if at else old_root
    while last:
        if not rest:
            return False
        if at & 1 or at == last:
            hashed = rest.pop(0)
            first, second = node_hash(hashed, first), node_hash(hashed, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, rest.pop(0))
        at, last = at >> 1, last >> 1
    return not rest and first == old_root and second == new_root


class Tree:
    """A tree that grows leaf by leaf and keeps a few hundred bytes.

    It proves that it continues the tree of `base` leaves; `rebase` makes what it is now the next base.
    """

    def __init__(self, size: int = 0, frontier: Sequence[bytes] = ()) -> None:
        """Go on from `size` leaves whose `frontier` an earlier tree gave. Raises ValueError when the two do not fit."""
        places = _frontier(size)
        if len(places) != len(frontier):
            raise ValueError("the frontier is of another size")
        self._nodes = dict(zip(places, frontier, strict=True))
        self.size = self.base = size

    def add(self, leaves: Iterable[bytes]) -> None:
        """Append leaf hashes in order."""
        nodes, base = self._nodes, self.base
        for leaf in leaves:
            level, index, made = 0, self.size, leaf
            nodes[0, index] = leaf
            while index & 1:
                left = (level, index - 1)
                made = node_hash(nodes[left], made)
                if (index - 1) << level >= base:
                    # Nobody asks below a whole node that lies behind the base.
                    del nodes[left], nodes[level, index]
                level, index = level + 1, index >> 1
                nodes[level, index] = made
            self.size += 1

    def root(self) -> bytes:
        """Give the hash of the tree."""
        return root_hash(self.size, self._node)

    def proof(self) -> list[bytes]:
        """Give the proof that this tree begins with that of `base` leaves."""
        return consistency_proof(self.base, self.size, self._node)

    def frontier(self) -> tuple[bytes, ...]:
        """Give what a later tree needs to go on from here."""
        return tuple(self._nodes[place] for place in _frontier(self.size))

    def rebase(self) -> None:
        """Prove from here on."""
        self._nodes = {place: self._nodes[place] for place in _frontier(self.size)}
        self.base = self.size

    def _node(self, level: int, index: int) -> bytes:
        return self._nodes[level, index]


def _frontier(size: int) -> list[tuple[int, int]]:
    """Name the whole nodes that together cover the leaves, the largest first."""
    return [(level, (size >> level) - 1) for level in reversed(range(size.bit_length())) if size >> level & 1]


def _split(width: int) -> int:
    """Give the largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1


def _range_hash(start: int, end: int, node: Node) -> bytes:
    width = end - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(width)
    return node_hash(_range_hash(start, middle, node), _range_hash(middle, end, node))


def _are_hashes(found: Iterable[bytes]) -> bool:
    return all(len(each) == HASH_BYTES for each in found)
