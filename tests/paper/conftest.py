"""Fixtures of the paper exchange's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.paper.harness import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.journal.close()
