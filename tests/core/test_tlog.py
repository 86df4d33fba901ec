"""The tree of RFC 6962: roots by its definition, published hashes, proofs that hold and no other that does."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.core.tlog import (
    EMPTY,
    Tree,
    consistency_proof,
    extends,
    includes,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_hash,
)

LEAVES = [leaf_hash(b"%d" % number) for number in range(70)]
# The eight records of the reference implementation of Certificate Transparency, and the roots of their trees.
RECORDS = [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43",
           bytes(range(0x50, 0x58)), bytes(range(0x60, 0x70))]  # fmt: skip
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}  # fmt: skip


def mth(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962, 2.1, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = max(2**power for power in range(10) if 2**power < len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def node(level: int, index: int) -> bytes:
    return mth(LEAVES[index << level : (index + 1) << level])


def test_published_roots() -> None:
    tree = Tree()
    for count, record in enumerate(RECORDS, 1):
        tree.add([leaf_hash(record)])
        assert tree.root().hex() == ROOTS[count]


def test_every_tree_is_as_defined() -> None:
    """By the definition, and as it grows, from every size at which it can be gone on from."""
    for size in range(len(LEAVES)):
        root = root_hash(size, node)
        assert root == mth(LEAVES[:size])
        for base in range(size + 1):
            first = Tree()
            first.add(LEAVES[:base])
            tree = Tree(base, first.frontier())
            tree.add(LEAVES[base:size])
            assert (tree.root(), tree.proof()) == (root, consistency_proof(base, size, node))
    assert root_hash(0, node) == EMPTY


def test_a_tree_stays_small() -> None:
    """Whatever it was given since its base: some hashes a level."""
    tree = Tree()
    tree.add(LEAVES[:3])
    tree.rebase()
    tree.add(leaf_hash(b"%d" % number) for number in range(100_000))
    assert len(tree._nodes) < 60
    assert extends(3, mth(LEAVES[:3]), tree.size, tree.root(), tree.proof())


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="frontier"):
        Tree(3, [EMPTY])


@pytest.mark.parametrize(("index", "size"), [(3, 3), (-1, 3), (0, 0)])
def test_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_proof(index, size, node)
    assert not includes(LEAVES[0], index, size, mth(LEAVES[:size]), [])


def test_a_tree_never_shrinks() -> None:
    with pytest.raises(ValueError, match="only grows"):
        consistency_proof(3, 2, node)
    assert not extends(3, mth(LEAVES[:3]), 2, mth(LEAVES[:2]), [])


def test_every_honest_proof_holds() -> None:
    for size in range(len(LEAVES)):
        root = mth(LEAVES[:size])
        for index in range(size):
            assert includes(LEAVES[index], index, size, root, inclusion_proof(index, size, node))
        for old in range(size + 1):
            assert extends(old, mth(LEAVES[:old]), size, root, consistency_proof(old, size, node))


sizes = st.integers(1, len(LEAVES) - 1)


@pytest.mark.threat(48)
@given(st.data())
@settings(max_examples=600)
def test_no_other_inclusion_holds(data: st.DataObject) -> None:
    """Another leaf, place, size or root, a hash changed, missing or too many."""
    size = data.draw(sizes)
    index = data.draw(st.integers(0, size - 1))
    proof, root, leaf = inclusion_proof(index, size, node), mth(LEAVES[:size]), LEAVES[index]
    assert not includes(node_hash(leaf, leaf), index, size, root, proof)
    assert not includes(leaf, index, size, node_hash(root, root), proof)
    assert not includes(leaf, index, size, root, [*proof, leaf])
    assert not includes(leaf[:31], index, size, root, proof)
    for at in range(len(proof)):
        assert not includes(leaf, index, size, root, proof[:at] + proof[at + 1 :])
        assert not includes(leaf, index, size, root, [*proof[:at], node_hash(proof[at], leaf), *proof[at + 1 :]])
    other = data.draw(st.integers(0, size - 1).filter(lambda each: each != index)) if size > 1 else size
    assert not includes(leaf, other, size, root, proof)


@pytest.mark.threat(50)
@given(st.data())
@settings(max_examples=600)
def test_no_other_consistency_holds(data: st.DataObject) -> None:
    """Another history, size or root, a hash changed, missing or too many."""
    new = data.draw(sizes)
    old = data.draw(st.integers(1, new))
    proof, first, last = consistency_proof(old, new, node), mth(LEAVES[:old]), mth(LEAVES[:new])
    assert not extends(old, node_hash(first, first), new, last, proof)
    assert not extends(old, first, new, node_hash(last, last), proof)
    assert not extends(old, first, new, last, [*proof, first])
    for at in range(len(proof)):
        assert not extends(old, first, new, last, proof[:at] + proof[at + 1 :])
        assert not extends(old, first, new, last, [*proof[:at], node_hash(proof[at], first), *proof[at + 1 :]])
    assert not extends(0, first, new, last, [])
    if old < new:
        assert not extends(old, first, new, last, [])
