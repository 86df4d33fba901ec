"""What stands on a version of a key is counted to its end, however it ends."""

import pytest

from counterseal.core.key_uses import KeyUses


def test_requests_are_counted_until_they_are_over() -> None:
    uses = KeyUses()
    uses.begin("main")
    with uses.using("main"), uses.using("main.2"):
        assert uses.counts == {"main": 2, "main.2": 1}
    assert uses.counts == {"main": 1}
    uses.end("main")
    assert uses.counts == {}


def test_one_that_breaks_is_over_too() -> None:
    uses = KeyUses()
    with pytest.raises(RuntimeError), uses.using("main"):
        raise RuntimeError
    assert uses.counts == {}
