"""The names of a key's versions: the first one is called as the key is in the settings, the n-th one NAME.n.

A ref is given once and never to another version. No key's name holds a dot.
"""

from collections.abc import Iterable

_DOT = "."
FIRST = 1


def name_of(ref: str) -> str:
    """Give the name of the key that a version is of."""
    return ref.partition(_DOT)[0]


def ref_of(name: str, number: int) -> str:
    """Give the ref of a key's n-th version."""
    return name if number == FIRST else f"{name}{_DOT}{number}"


def number_of(ref: str) -> int:
    """Give which version of its key a ref names. Raises ValueError for what is no ref."""
    name, _, text = ref.partition(_DOT)
    number = int(text) if text.isascii() and text.isdigit() else FIRST
    if ref_of(name, number) != ref:
        raise ValueError("no ref of a key's version")
    return number


def next_ref(name: str, refs: Iterable[str]) -> str:
    """Give the ref of a new version of a key, above all that there are."""
    return ref_of(name, max((number_of(ref) for ref in refs if name_of(ref) == name), default=0) + 1)
