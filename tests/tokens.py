"""Real tokens for tests: SoftHSM, one folder for the whole run, a new token for whoever asks.

The module keeps its folder for the life of a process, so all tests of a run share it.
"""

import importlib.util
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from counterseal.adapters.home import create_private
from counterseal.adapters.hsm_file import HsmKey, PinSource, TokenPlace
from counterseal.core.secret import Secret

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib/pkcs11/libsofthsm2.so")
PIN = "90210-user-pin"


def missing() -> str | None:
    """Say what is missing and how to install it; None when all is there."""
    if _module() is None or shutil.which("softhsm2-util") is None:
        return "SoftHSM is not installed: apt-get install softhsm2"
    if importlib.util.find_spec("pkcs11") is None:
        return "python-pkcs11 is not installed: pip install 'counterseal[hsm]'"
    return None


def require() -> None:
    """Skip on a user's machine that lacks SoftHSM or the extra; in CI that is a failure."""
    lacking = missing()
    if lacking is None:
        return
    if os.environ.get("COUNTERSEAL_CI"):
        pytest.fail(lacking)
    pytest.skip(lacking, allow_module_level=True)


def _module() -> str | None:
    return next((path for path in MODULES if Path(path).exists()), None)


@dataclass(frozen=True)
class SoftHsm:
    """A folder of tokens and the settings that name it."""

    root: Path

    @property
    def settings(self) -> Path:
        """What SOFTHSM2_CONF names."""
        return self.root / "softhsm2.conf"

    @property
    def folder(self) -> Path:
        """Where the tokens lie."""
        return self.root / "tokens"

    def prepare(self) -> "SoftHsm":
        """Make the folder and its settings."""
        self.folder.mkdir(parents=True)
        self.settings.write_text(
            f"directories.tokendir = {self.folder}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        return self

    def token(self, label: str | None = None, pin: str = PIN) -> TokenPlace:
        """Make a token and have the module of this process see it."""
        label = label or f"t-{secrets.token_hex(6)}"
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "so-90210-so", "--pin", pin],
            env={**os.environ, "SOFTHSM2_CONF": str(self.settings)}, check=True, capture_output=True,
        )  # fmt: skip
        place = TokenPlace(
            _module() or "", label, None, (("SOFTHSM2_CONF", str(self.settings)),), PinSource("prompt")
        )  # fmt: skip
        see_anew(place)
        return place

    def options(self, place: TokenPlace) -> list[str]:
        """Give the options of `key add` and `key new` that name this token."""
        return ["--hsm", "--module", place.module, "--token", str(place.label),
                "--module-setting", f"SOFTHSM2_CONF={self.settings}"]  # fmt: skip


def see_anew(place: TokenPlace) -> None:
    """Have the module look for tokens again, as after one was put in or taken out."""
    from counterseal.adapters import pkcs11_module

    pkcs11_module.load(place).renew()


def with_pin_file(place: TokenPlace, path: Path, pin: str = PIN) -> TokenPlace:
    """Write a PIN file and give the token with it as its source."""
    create_private(path, pin.encode() + b"\n")
    return replace(place, pin=PinSource("file", str(path)))


def key(place: TokenPlace, kind: str, label: str = "main", *, ref: str = "main", number: str | None = None) -> HsmKey:
    """Give an entry for a key of that label."""
    return HsmKey(ref, kind, "api-key", "paper", 1_700_000_000_000, place, label, number or secrets.token_hex(8))


def put(entry: HsmKey, secret: bytes, pin: str = PIN) -> HsmKey:
    """Move a key into its token as the operator's command does."""
    from counterseal.adapters import pkcs11_objects

    with pkcs11_objects.session(entry.token, Secret(pin.encode())) as opened:
        pkcs11_objects.put(opened, entry, Secret(secret))
    return entry
