"""The servers, one of each for a session, and homes whose settings name them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.homes import make_home
from tests.stores import services
from tests.stores.services import OpenBao

from counterseal.adapters import key_source
from counterseal.adapters.home import Home, create_private


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of AWS or Vault in it, no machine that hands out roles, and no store that an earlier test has made."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "VAULT_", "BAO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    key_source._stores.clear()
    key_source._copied.clear()
    yield
    key_source._stores.clear()


@pytest.fixture(scope="session", name="bao")
def _bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    with services.openbao(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture(scope="session", name="moto")
def _moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with services.aws("moto", tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture(scope="session", name="ministack")
def _ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with services.aws("ministack", tmp_path_factory.mktemp("ministack")) as url:
        yield url


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


def vault_settings(bao: OpenBao, **more: object) -> str:
    """The section for a server of ours."""
    settings: dict[str, object] = {
        "kind": "vault", "url": bao.url, "path": services.PATH, "role": services.ROLE, "role_id": bao.role_id,
        "login_file": "secret-id", "ca_file": str(bao.authority.ca),
    }  # fmt: skip
    return section({**settings, **more})


def aws_settings(url: str, name: str, **more: object) -> str:
    """The section for a stand-in."""
    settings: dict[str, object] = {
        "kind": "aws", "region": services.REGION, "secret_name": name, "endpoint": url, "login_file": "access-key",
    }  # fmt: skip
    return section({**settings, **more})


def section(settings: dict[str, object]) -> str:
    """Write [keystore]."""
    lines = []
    for name, value in settings.items():
        if value is not None:
            shown = str(value).lower() if isinstance(value, bool) else value if isinstance(value, int) else f'"{value}"'
            lines.append(f"{name} = {shown}")
    return "\n".join(["[keystore]", *lines, ""])


def settle(home: Home, text: str, login: str | None = None, name: str = "secret-id") -> Home:
    """Give a home these settings, and what it logs in with."""
    home.config.write_text(text)
    home.config.chmod(0o600)
    if login is not None:
        (home.root / name).unlink(missing_ok=True)
        create_private(home.root / name, login.encode())
    return home


ACCESS_KEY = f"{services.KEY_ID}\n{services.KEY}\n"
