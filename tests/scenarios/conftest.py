"""One running installation for all scenarios that do not need their own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from stack import Stack


@pytest.fixture(scope="session", name="shared_stack")
def _shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    root = tmp_path_factory.mktemp("shared")
    bots = {"alpha": "hmac", "beta": "hmac", "ed": "ed25519", "rsa": "rsa"}
    with Stack(root, bots=bots, paper_options=("--no-limits", "--volatility", "0")) as stack:
        yield stack
