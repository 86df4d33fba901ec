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


def test_a_tree_that_is_rebased_keeps_its_frontier_alone() -> None:
    tree = Tree()
    for size, leaf in enumerate(LEAVES, 1):
        tree.add([leaf])
        tree.rebase()
        assert len(tree._nodes) == len(tree.frontier()) == size.bit_count()
        assert (tree.root(), tree.proof()) == (mth(LEAVES[:size]), [])


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the frontier is of another size$"):
        Tree(3, [EMPTY])


@pytest.mark.parametrize(("index", "size"), [(3, 3), (-1, 3), (0, 0)])
def test_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"^the tree has no such leaf$"):
        inclusion_proof(index, size, node)
    assert not includes(LEAVES[0], index, size, mth(LEAVES[:size]), [])


def test_a_tree_never_shrinks() -> None:
    with pytest.raises(ValueError, match=r"^a tree only grows$"):
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
@settings(max_examples=300)
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
@settings(max_examples=300)
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


@pytest.mark.threat(48)
def test_hashes_of_another_length_prove_nothing() -> None:
    """Two that are cut elsewhere join to the same bytes, and so to the same root."""
    left, right = LEAVES[:2]
    root = mth(LEAVES[:2])
    assert includes(left, 0, 2, root, [right]) is True
    assert includes(left + right[:1], 0, 2, root, [right[1:]]) is False
    assert includes(left[:31], 0, 2, root, [left[31:] + right]) is False
    assert extends(1, left, 2, root, [right]) is True
    assert extends(1, left + right[:1], 2, root, [right[1:]]) is False


def test_a_tree_of_less_than_nothing_is_continued_by_none() -> None:
    assert extends(-1, LEAVES[0], 2, mth(LEAVES[:2]), LEAVES[:2]) is False


@pytest.mark.parametrize("size", range(1, 9))
def test_the_answer_is_yes_or_no(size: int) -> None:
    """With hashes missing, of no tree and for numbers that cannot be."""
    root = mth(LEAVES[:size])
    for index in (-1, size, size + 1):
        assert includes(LEAVES[0], index, size, root, []) is False
    for index in range(size):
        proof = inclusion_proof(index, size, node)
        for count in range(len(proof)):
            assert includes(LEAVES[index], index, size, root, proof[:count]) is False
    assert extends(size + 1, mth(LEAVES[: size + 1]), size, root, []) is False
    assert extends(-1, root, size, root, []) is False
    for old in range(1, size):
        first, proof = mth(LEAVES[:old]), consistency_proof(old, size, node)
        for count in range(len(proof)):
            assert extends(old, first, size, root, proof[:count]) is False
    assert extends(0, EMPTY, size, root, []) is True
    assert extends(0, EMPTY, size, root, [root]) is False
    assert extends(0, root, size, root, []) is False
    assert extends(size, root, size, root, []) is True
    assert extends(size, root, size, root, [root]) is False
    assert extends(size, root, size, EMPTY, []) is False
    assert extends(0, EMPTY, 0, EMPTY, []) is True
