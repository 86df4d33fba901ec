"""The locks are pinned and name no registry; an environment is used only while it matches its lock."""

import json
import re
from pathlib import Path

import pytest
from tests.sdk import environments
from tests.sdk.environments import HERE, SDKS, STAMP, clean_environ, command, install, lock_digest

PYTHON = [name for name, sdk in SDKS.items() if sdk.runtime == "python"]
NODE = [name for name, sdk in SDKS.items() if sdk.runtime == "node"]


@pytest.mark.parametrize("name", PYTHON)
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    locked = (HERE / name / "requirements.txt").read_text().replace("\\\n", " ").splitlines()
    requirements = [line for line in locked if line and not line.startswith("#")]
    assert requirements
    for line in requirements:
        assert re.match(r"[a-z0-9._-]+==[^ ]+ ", line), f"not pinned: {line[:60]}"
        assert "--hash=sha256:" in line, f"not hashed: {line[:60]}"


@pytest.mark.parametrize("name", PYTHON)
def test_the_lock_has_what_was_asked_for(name: str) -> None:
    asked = (HERE / name / "requirements.in").read_text().split()
    locked = (HERE / name / "requirements.txt").read_text()
    assert asked
    for requirement in asked:
        assert f"\n{requirement} " in f"\n{locked}", f"{requirement} is not in the lock"


@pytest.mark.parametrize("name", NODE)
def test_every_npm_package_has_a_hash_and_no_address(name: str) -> None:
    lock = json.loads((HERE / name / "package-lock.json").read_text())
    packages = {path: entry for path, entry in lock["packages"].items() if path}
    assert packages
    for path, entry in packages.items():
        assert entry["integrity"].startswith("sha512-"), path
        assert "resolved" not in entry, path
    asked = json.loads((HERE / name / "package.json").read_text())["dependencies"]
    for package, version in asked.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), f"{package} is not pinned"
        assert packages[f"node_modules/{package}"]["version"] == version


@pytest.mark.parametrize("name", SDKS)
def test_each_sdk_has_a_driver(name: str) -> None:
    driver = "drive.py" if SDKS[name].runtime == "python" else "drive.mjs"
    assert (HERE / name / driver).is_file()


def test_a_driver_inherits_no_proxy_no_ca_bundle_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    unwanted = (
        "HTTPS_PROXY",
        "http_proxy",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
        "NODE_OPTIONS",
        "PYTHONPATH",
    )
    for name in (*unwanted, "BINANCE_API_SECRET"):
        monkeypatch.setenv(name, "set by the user")
    environ = clean_environ()
    assert "set by the user" not in environ.values()
    assert environ["NO_PROXY"].split(",")[0] == "127.0.0.1"
    assert environ["PATH"]


@pytest.mark.parametrize("name", ["ccxt", "js_binance"])
def test_an_environment_counts_only_while_its_stamp_is_the_locks(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr("shutil.which", lambda _: "/bin/node")
    assert command(name) is None, "nothing is installed"
    (tmp_path / name).mkdir()
    (tmp_path / name / STAMP).write_text("0" * 64)
    assert command(name) is None, "made from another lock"
    (tmp_path / name / STAMP).write_text(lock_digest(name))
    argv = command(name)
    assert argv is not None
    assert any(str(tmp_path / name) in each for each in argv)


def test_installing_what_is_up_to_date_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a package client was started")

    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr("subprocess.run", refuse)
    for name in SDKS:
        (tmp_path / name).mkdir()
        (tmp_path / name / STAMP).write_text(lock_digest(name))
    install([])
    (tmp_path / "ccxt" / STAMP).write_text("0" * 64)
    with pytest.raises(AssertionError, match="package client"):
        install(["ccxt"])
    assert not (tmp_path / "ccxt" / STAMP).exists(), "an interrupted installation must not count as complete"


def test_a_missing_node_means_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr("shutil.which", lambda _: None)
    (tmp_path / "js_binance").mkdir()
    (tmp_path / "js_binance" / STAMP).write_text(lock_digest("js_binance"))
    assert command("js_binance") is None
