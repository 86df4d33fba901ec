"""What the guard could prove of what it did."""

from typing import NamedTuple


class Proof(NamedTuple):
    """Whether all is done, what is left and why (one sentence each), what stays on purpose, and all of it in words."""

    done: bool
    left: tuple[str, ...]
    text: str
    kept: tuple[str, ...] = ()


def joined(proofs: list[Proof]) -> Proof:
    """Make one of several."""
    return Proof(
        all(proof.done for proof in proofs),
        tuple(each for proof in proofs for each in proof.left),
        "; ".join(proof.text for proof in proofs if proof.text),
        tuple(each for proof in proofs for each in proof.kept),
    )
