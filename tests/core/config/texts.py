"""Texts that the tests of this folder share."""

from pathlib import Path

from counterseal.core.config.loader import load
from counterseal.core.config.model import Config, Fault

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = (ROOT / "examples" / "counterseal.toml").read_text(encoding="utf-8")
PAPER = '[venue]\nenvironment = "paper"\naddress = "127.0.0.1:9443"\nca_file = "ca.pem"\n'
PAPER_LINES = 4
TESTNET = '[venue]\nenvironment = "testnet"\n'


def config_of(text: str) -> Config:
    """Load a text that has no fault."""
    found = load(text)
    assert isinstance(found, Config), [str(fault) for fault in found]
    return found


def faults_of(text: str) -> tuple[Fault, ...]:
    """Load a text that has faults."""
    found = load(text)
    assert not isinstance(found, Config)
    assert found
    return found


def fault_of(text: str) -> Fault:
    """Load a text that has exactly one fault."""
    found = faults_of(text)
    assert len(found) == 1, [str(fault) for fault in found]
    return found[0]
