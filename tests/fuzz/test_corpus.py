"""FUZZ-1 without the fuzzer: every input that was worth keeping, and every one that once broke something, holds."""

import time
from pathlib import Path

import pytest
from tests.fuzz import targets_list

MOST_FILES, MOST_BYTES, SLOW_S = 200, 2048, 2.0


@pytest.mark.threat(2)
@pytest.mark.threat(71)
@pytest.mark.parametrize("name", targets_list.NAMES)
def test_the_corpus_holds(name: str) -> None:
    """Seeds and files alike; none takes long."""
    target = targets_list.load(name)
    files = sorted(target.corpus.glob("*"))
    assert files, "a target without a corpus"
    for origin, data in [
        *((path.name, path.read_bytes()) for path in files),
        *(("seed", seed) for seed in target.seeds),
    ]:
        began = time.process_time()
        try:
            target.run(data)
        except BaseException as fault:
            fault.add_note(f"{origin}: {data!r}")
            raise
        assert time.process_time() - began < SLOW_S, (origin, data)


@pytest.mark.parametrize("name", targets_list.NAMES)
def test_the_corpus_stays_small(name: str) -> None:
    files = list((targets_list.CORPUS / name).glob("*"))
    assert len(files) <= MOST_FILES
    assert all(path.stat().st_size < MOST_BYTES for path in files)


def test_every_target_has_a_folder_and_every_folder_a_target() -> None:
    assert {path.name for path in Path(targets_list.CORPUS).iterdir()} == set(targets_list.NAMES)
