"""A secret shows itself through reveal() and through nothing else."""

import copy
import json
import logging
import pickle  # noqa: TID251 - to prove that it does not
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from counterseal.core.secret import Secret

BYTES = b"xK7-not-to-be-seen"


def test_reveal_gives_the_bytes() -> None:
    assert Secret(BYTES).reveal() == BYTES


@dataclass
class _Holder:
    secret: Secret


@pytest.mark.threat(27)
@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        lambda s: f"{s}",
        lambda s: f"{s!r:>40}",
        lambda s: f"{s:x}",
        lambda s: f"{s}",
        lambda s: "%s %r" % (s, s),  # noqa: UP031
        lambda s: str([s, {"a": s}]),
        lambda s: repr(_Holder(s)),
        lambda s: ascii(s),
        lambda s: str(ValueError(s)),
        lambda s: logging.LogRecord("a", 1, "b", 1, "%s", (s,), None).getMessage(),
        lambda s: json.dumps({"s": s}, default=str),
    ],
)
def test_no_rendering_shows_it(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(BYTES))
    assert "Secret(...)" in shown
    assert BYTES.decode() not in shown
    assert BYTES.hex() not in shown


@pytest.mark.threat(71)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(BYTES), protocol)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_it_cannot_be_copied_by_accident(duplicate: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        duplicate(Secret(BYTES))


@pytest.mark.threat(20)
def test_equality_says_nothing_about_the_bytes() -> None:
    secret, same = Secret(BYTES), Secret(BYTES)
    assert secret != same
    assert secret != BYTES
    assert len({secret, same}) == 2


@pytest.mark.threat(27)
def test_it_has_no_dictionary_and_a_traceback_does_not_show_it() -> None:
    secret = Secret(BYTES)
    assert not hasattr(secret, "__dict__")
    try:
        raise RuntimeError(secret)
    except RuntimeError as error:
        lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    assert BYTES.decode() not in "".join(lines)
