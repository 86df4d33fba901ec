"""gateway.service: what it says when it cannot start, and what it never says."""

from pathlib import Path

import pytest
from tests.gateway.rig import CONFIG

from counterseal.adapters.stream_line import ATTEMPTS, ATTEMPTS_WINDOW_MS
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.gateway.service import _place
from counterseal.gateway.venue_links import EXIT_ATTEMPTS, StartError, socket_links, targets, user_links


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_ca_file_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    """Missing or no certificate: the cause and the way out, no traceback and no endless restart without a word."""
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    config = load(CONFIG.replace("/nowhere/ca.pem", str(ca_file)))
    assert isinstance(config, Config)
    with pytest.raises(StartError, match=r"ca_file cannot be used .*; start the paper exchange"):
        targets(config)


def test_user_data_has_attempts_to_connect_of_its_own() -> None:
    """Market streams that are cut off again and again leave an account's events all of theirs, and the reverse."""
    paper = 'environment = "paper"\naddress = "127.0.0.1:9443"\nca_file = "/nowhere/ca.pem"'
    config = load(CONFIG.replace(paper, 'environment = "testnet"'))
    assert isinstance(config, Config), config
    users = user_links(config)
    assert [users.attempts.take(0) for _ in range(101)] == [True] * 100 + [False]
    assert user_links(config).attempts is not users.attempts
    # No host of that environment is known for the way of cancels.
    assert socket_links(config) is None


def test_all_attempts_to_connect_together_are_within_the_exchanges() -> None:
    """Streams, user data and the way of cancels have their own each; none may use up another's."""
    assert ATTEMPTS + ATTEMPTS + EXIT_ATTEMPTS <= 300
    assert ATTEMPTS_WINDOW_MS == 5 * 60 * 1000


@pytest.mark.threat(27)
def test_a_fault_is_told_by_kind_and_place_only() -> None:
    """The text of an exception may hold a value: it stays out of the log."""
    try:
        raise ValueError("signature=abc")
    except ValueError as error:
        told = _place(error)
    assert told["error"] == "ValueError"
    assert told["where"].startswith("test_service.py:")
    assert "abc" not in str(told)
    assert _place(None) == {}
