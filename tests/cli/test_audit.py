"""`counterseal audit` on journals made here: what it prints, what it refuses, with which exit code."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.homes import make_home
from tests.journals import Log, T, make, segment

from counterseal.adapters import log_key_file
from counterseal.cli import main as cli
from counterseal.cli.audit_tail import newest

LOG = Log()
KEY = str(LOG.key)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="audit")
def _audit(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a verb; gives exit code, output, messages."""

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(["audit", *words])
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A journal of 600 records in two segments."""
    payloads = make(600, LOG, 50)
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "gateway-000001.journal").write_bytes(segment(payloads[:280]))
    (folder / "gateway-000002.journal").write_bytes(segment(payloads[280:]))
    return folder


def test_a_copy_is_verified_with_the_key_alone(audit: Run, folder: Path) -> None:
    code, told, _ = audit("verify", "--journal", str(folder), "--key", KEY)
    assert code == 0
    assert told == (
        "600 records in 2 segments, 12 checkpoints: everything holds together; signed up to record 599, 1 behind it\n"
    )


@pytest.mark.threat(48)
def test_a_replaced_segment_is_told_in_a_sentence(audit: Run, folder: Path) -> None:
    other = make(600, Log(seed=b"\x03" * 32), 50)
    (folder / "gateway-000002.journal").write_bytes(segment(other[280:]))
    code, told, _ = audit("verify", "--journal", str(folder), "--key", KEY)
    assert code == 1
    assert told.startswith("gateway-000002.journal, byte 22, record 281: record 280 is not the one that was there")
    (folder / "gateway-000001.journal").unlink()
    assert "records 1 to 280 are missing" in audit("verify", "--journal", str(folder), "--key", KEY)[1]


@pytest.mark.threat(50)
def test_a_checkpoint_that_was_kept_shows_a_missing_end(audit: Run, folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text(json.loads(make(600, LOG, 50)[599])["note"])
    words = ("verify", "--journal", str(folder), "--key", KEY, "--checkpoint", str(kept))
    assert audit(*words)[0] == 0
    (folder / "gateway-000002.journal").unlink()
    code, told, _ = audit(*words)
    assert (code, "the witness kept a checkpoint of 599 records" in told) == (1, True)
    kept.write_text("nothing")
    assert audit(*words)[0] == 2


def test_a_record_is_proven_and_the_proof_verified(audit: Run, folder: Path, tmp_path: Path) -> None:
    for wanted, number in (("run-7", 7), ("123", 123)):
        code, text, _ = audit("prove", wanted, "--journal", str(folder))
        assert code == 0
        path = tmp_path / "proof"
        path.write_text(text)
        code, told, _ = audit("verify", "--proof", str(path), "--key", KEY)
        assert (code, told.split(":")[0]) == (0, f"record {number} of the 599 that counterseal/test signed")
        path.write_text(text.replace("index ", "index 1"))
        assert audit("verify", "--proof", str(path), "--key", KEY)[0] == 1
    assert audit("prove", "600", "--journal", str(folder))[0] == 2
    assert audit("prove", "nobody", "--journal", str(folder))[0] == 2


def test_two_checkpoints_are_proven(audit: Run, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "proof"
    path.write_text(audit("prove", "--old", "149", "--journal", str(folder))[1])
    code, told, _ = audit("verify", "--proof", str(path), "--key", KEY)
    assert (code, told) == (
        0, "the 599 records that counterseal/test signed begin with the 149 that it signed before\n"
    )  # fmt: skip
    path.write_text(path.read_text().replace("old 149", "old 99"))
    assert audit("verify", "--proof", str(path), "--key", KEY)[0] == 1
    assert audit("prove", "--old", "150", "--journal", str(folder))[0] == 2


def test_export_takes_a_time_a_bot_an_order(audit: Run, folder: Path) -> None:
    def seqs(*words: str) -> list[int]:
        code, told, _ = audit("export", "--journal", str(folder), *words)
        assert code == 0
        return [json.loads(line)["seq"] for line in told.splitlines()]

    assert seqs() == list(range(1, 601))
    assert seqs("--order", "c7") == [7]
    assert seqs("--order", "nobody") == []
    assert len(seqs("--bot", "alpha")) == 588
    assert seqs("--bot", "beta") == []
    assert seqs("--from", "2026-11-18T11:06:40.100Z", "--to", "2026-11-18T11:06:40.103") == [100, 101, 102]
    assert T == 1_795_000_000_000


def test_tiles_are_those_of_the_tree(audit: Run, folder: Path, tmp_path: Path) -> None:
    """599 records: two whole tiles and one of 87 at level 0, one of two hashes above."""
    out = tmp_path / "tiles"
    assert audit("export", "--journal", str(folder), "--tiles", str(out))[0] == 0
    found = {str(path.relative_to(out)): path.stat().st_size for path in out.rglob("*") if path.is_file()}
    assert {name: size for name, size in found.items() if name != "checkpoint"} == {
        "tile/0/000": 8192, "tile/0/001": 8192, "tile/0/002.p/87": 87 * 32, "tile/1/000.p/2": 64,
    }  # fmt: skip
    first = hashlib.sha256(b"\x00" + make(600, LOG, 50)[0]).digest()
    assert (out / "tile/0/000").read_bytes()[:32] == first
    level = (out / "tile/0/000").read_bytes()
    hashes = [level[at : at + 32] for at in range(0, 8192, 32)]
    while len(hashes) > 1:
        hashes = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
    assert (out / "tile/1/000.p/2").read_bytes()[:32] == hashes[0]
    assert LOG.open((out / "checkpoint").read_text()).size == 599


def test_the_key_is_shown_and_made_once(audit: Run, tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    assert audit("key", "--home", str(home.root))[0] == 1
    code, made, _ = audit("key", "--make", "--home", str(home.root))
    assert (code, made.strip()) == (0, str(log_key_file.read_public(home)))
    assert audit("key", "--make", "--home", str(home.root))[1] == made


def test_without_a_key_nothing_is_verified(audit: Run, folder: Path) -> None:
    assert audit("verify", "--journal", str(folder))[0] == 2
    assert audit("verify", "--journal", str(folder), "--key", "nonsense")[0] == 2
    assert audit("verify", "--journal", str(folder / "nowhere"), "--key", KEY)[0] == 2


def test_tail_reads_back_over_segments(folder: Path) -> None:
    assert [record["seq"] for record in newest(folder, 400, None)] == list(range(201, 601))
    assert [record["seq"] for record in newest(folder, 2, "alpha")] == [598, 599]
    assert newest(folder, 0, None) == []
    assert newest(folder / "nowhere", 5, None) == []
