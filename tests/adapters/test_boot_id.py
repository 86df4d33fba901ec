"""The kernel's name for this boot."""

from pathlib import Path

from counterseal.adapters import boot_id


def test_it_is_read_and_what_cannot_be_read_is_no_boot(tmp_path: Path) -> None:
    """The same twice; without it a start must assume that another boot began."""
    assert len(boot_id.read()) == 36
    assert boot_id.read() == boot_id.read()
    assert boot_id.read(tmp_path / "none") == ""
    (tmp_path / "odd").write_bytes(b"\xff")
    assert boot_id.read(tmp_path / "odd") == ""
