"""gateway.service: what it says when it cannot start, and what it never says."""

from pathlib import Path

import pytest
from tests.gateway.rig import CONFIG

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.gateway.service import StartError, _place, _targets


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_ca_file_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    """Missing or no certificate: the cause and the way out, no traceback and no endless restart without a word."""
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    config = load(CONFIG.replace("/nowhere/ca.pem", str(ca_file)))
    assert isinstance(config, Config)
    with pytest.raises(StartError, match=r"ca_file cannot be used .*; start the paper exchange"):
        _targets(config)


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
