"""`counterseal init`."""

import stat
from pathlib import Path

from tests.cli.conftest import Run

from counterseal.adapters import config_file
from counterseal.adapters.home import Home
from counterseal.core.config.model import Config


def test_makes_a_home_whose_starter_configuration_has_no_fault(run: Run, tmp_path: Path) -> None:
    outcome = run("init", "--home", tmp_path / "chosen")
    home = Home(tmp_path / "chosen")

    assert outcome.code == 0
    assert str(home.config) in outcome.out
    home.check()
    found = config_file.read(home.config)
    assert isinstance(found, Config), found
    assert found.venue.environment == "paper"
    assert stat.S_IMODE(home.config.stat().st_mode) == 0o600
    assert run("check-config", "--home", home.root).code == 0


def test_refuses_to_overwrite(run: Run, home: Home) -> None:
    identity = home.signer_identity.read_bytes()

    outcome = run("init")

    assert outcome.code == 1
    assert "initialised already" in outcome.err
    assert home.signer_identity.read_bytes() == identity


def test_keeps_a_configuration_that_is_there(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir(mode=0o700)
    (root / "counterseal.toml").write_text("# mine\n")

    assert run("init").code == 0
    assert (root / "counterseal.toml").read_text() == "# mine\n"


def test_refuses_a_folder_that_others_can_enter(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "home").chmod(0o755)

    outcome = run("init")

    assert outcome.code == 1
    assert "chmod 700" in outcome.err
    assert not Home(tmp_path / "home").is_initialised


def test_the_identities_are_not_printed(run: Run, tmp_path: Path) -> None:
    outcome = run("init")
    home = Home(tmp_path / "home")

    for path in (home.signer_identity, home.gateway_identity):
        assert path.read_text().strip() not in outcome.out + outcome.err
