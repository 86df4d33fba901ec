"""core.streams.seam: nothing is missing and nothing comes twice, whichever of two connections is ahead."""

import random  # noqa: TID251 - seeded
from collections.abc import Iterator
from sys import getsizeof

import pytest

from counterseal.core.streams import seam as module
from counterseal.core.streams.seam import Seam


def message(name: str, number: int, moment: int = 0) -> bytes:
    return b'{"stream":"%b","data":{"e":"x","E":%d,"u":%d}}' % (name.encode(), moment, number)


def handed_over(seed: int) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Two connections, each as late as it likes, subscribed at different times; gives what was sent and passed on."""
    draw = random.Random(seed)
    sent = {name: [message(name, number) for number in range(30)] for name in ("a", "b", "c")}
    passed: dict[str, list[bytes]] = {name: [] for name in sent}
    seam = Seam()
    old_at, new_at = dict.fromkeys(sent, 0), {name: draw.randrange(8) for name in sent}
    # A successor has answered each subscription before it may take over, so it has no gap behind the old one's end.
    while any(new_at[name] > old_at[name] for name in sent) or draw.random() < 0.9:
        name, is_old = draw.choice(list(sent)), draw.random() < 0.5
        at = old_at if is_old else new_at
        if at[name] == 25 or (not is_old and old_at[name] < new_at[name] - 6):
            if sum(old_at.values()) >= 60:
                break
            continue
        text = sent[name][at[name]]
        at[name] += 1
        if is_old:
            seam.old(name, text)
            passed[name].append(text)
        else:
            seam.new(name, text)
    for name, text in seam.switch():
        passed[name].append(text)
    for name in sent:
        for text in sent[name][new_at[name] :]:
            if not seam.is_repeat(name, text):
                passed[name].append(text)
    for name in sent:
        yield sent[name], passed[name]


@pytest.mark.parametrize("seed", range(200))
def test_no_gap_and_no_repeat(seed: int) -> None:
    """200 ways for two connections to be late."""
    for sent, passed in handed_over(seed):
        assert passed == sent


def test_the_moment_of_sending_does_not_make_another_message() -> None:
    """Connections may stamp the same event differently."""
    seam = Seam()
    seam.new("a", message("a", 1, 100))
    seam.old("a", message("a", 1, 101))
    assert (seam.switch(), seam.matches, seam.is_holding) == ([], 1, False)
    seam.old("a", message("a", 2, 102))
    assert seam.is_repeat("a", message("a", 2, 103))
    assert not seam.is_repeat("a", message("a", 2, 103))
    assert seam.matches == 2
    seam.new("a", message("a", 3, 104))
    assert (seam.matches, seam.is_holding) == (2, True)


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are kept."""
    monkeypatch.setattr(module, "MOST_HELD", 3)
    seam = Seam()
    shorts = []
    for number in range(5):
        seam.new("a", message("a", number))
        shorts.append(seam.is_short)
    assert shorts == [False, False, False, True, True]
    assert seam.switch() == [("a", message("a", number)) for number in (2, 3, 4)]
    for number in range(5):
        seam.old("b", message("b", number))
    assert [seam.is_repeat("b", message("b", number)) for number in (1, 2, 3, 4)] == [False, True, True, True]


def test_the_old_connection_decides_what_came_when() -> None:
    """What it left out is not brought up behind what it delivered later."""
    seam = Seam()
    for number in (1, 2, 3):
        seam.new("a", message("a", number))
    seam.old("a", message("a", 2))
    assert seam.switch() == [("a", message("a", 3))]


def test_what_is_held_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all streams together; what both have delivered, or what was passed on, is not counted any more."""
    monkeypatch.setattr(module, "MOST_BYTES", 3 * len(message("a", 1)))
    seam = Seam()
    for number in (1, 2):
        seam.new("a", message("a", number))
    seam.new("b", message("b", 1))
    seam.old("a", message("a", 2))
    shorts = []
    for name, number in (("b", 2), ("b", 3), ("a", 3)):
        seam.new(name, message(name, number))
        shorts.append(seam.is_short)
    assert shorts == [False, False, True]
    assert seam.switch() == [("b", message("b", number)) for number in (1, 2, 3)]
    seam.new("c", message("c", 1))
    assert seam.switch() == [("c", message("c", 1))]


def test_what_is_remembered_is_small() -> None:
    """Of what the old one delivers while the new one is being made, 64 bits; nothing of what the new one has passed."""
    seam = Seam()
    for number in range(100):
        seam.old("a", message("a", number) + b" " * 10_000)
    assert sum(map(getsizeof, seam._ahead["a"])) < 10_000
    seam.new("a", message("a", 100))
    seam.old("a", message("a", 100))
    assert seam._ahead == {}
