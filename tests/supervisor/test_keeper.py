"""What the supervisor keeps for the next signer, and when that one must open the key file again."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.homes import HMAC_SECRET

from counterseal.adapters import key_file, secret_memory, unlock
from counterseal.adapters.home import Home, HomeError
from counterseal.core.config.model import Signer
from counterseal.core.secret import Secret
from counterseal.signer import identity_page, key_page
from counterseal.supervisor import keeper
from counterseal.supervisor.keeper import Keeper


@pytest.fixture(name="kept")
def _kept(home: Home) -> Keeper:
    return keeper.keeper(home, Signer(), unlock.NOWHERE)


def stored(name: str) -> dict[str, key_file.StoredKey]:
    return {name: key_file.StoredKey(name, "hmac", "api", Secret(HMAC_SECRET), "paper", 1)}


def test_the_sizes_are_those_of_the_signer() -> None:
    assert (keeper.KEYS_SIZE, keeper.IDENTITY_SIZE) == (key_page.SIZE, identity_page.SIZE)


def test_the_next_signer_opens_the_key_file_only_when_something_changed(kept: Keeper, home: Home) -> None:
    assert "--refill" in kept.flags(), "never filled"
    assert "--refill" in kept.flags(), "the first signer was not ready"
    kept.ready()
    assert "--refill" not in kept.flags(), "killed: the keys are there"
    kept.forget()
    assert "--refill" in kept.flags(), "an operator asked for a restart"
    kept.ready()
    key_file.write(home, stored("other"))
    assert "--refill" in kept.flags(), "the file was replaced and nobody told us"
    key_file.write(home, stored("third"))
    kept.ready()
    assert "--refill" in kept.flags(), "replaced again while the signer opened it"
    kept.ready()
    (home.exchange_keys.parent / "caps.age").write_bytes(b"x")
    assert "--refill" in kept.flags(), "caps are sealed beside the keys"
    kept.ready()
    home.exchange_keys.unlink()
    assert "--refill" in kept.flags(), "the file is gone"
    kept.close()


def test_what_a_signer_inherits_is_named_in_its_arguments(kept: Keeper) -> None:
    flags = kept.flags()
    assert {str(fd) for fd in kept.fds} <= set(flags)
    assert flags[flags.index("--secret-memory") + 1] == "none"
    assert "--environment" not in flags
    kept.environment = "demo"
    assert kept.flags()[kept.flags().index("--environment") + 1] == "demo"
    for fd in kept.fds:
        assert not os.get_inheritable(fd)
    kept.close()
    assert kept.fds == ()


def test_a_passphrase_is_waited_for_until_a_signer_was_ready(home: Home) -> None:
    kept = keeper.keeper(home, Signer(), unlock.Source("prompt"))
    assert kept.waits
    assert kept.stdin() is None
    kept.flags()
    kept.ready()
    assert not kept.waits
    assert kept.stdin() == subprocess.DEVNULL
    assert "nowhere" in kept.flags()
    kept.close()
    file = keeper.keeper(home, Signer(), unlock.Source("file", "/x"))
    file.flags()
    file.ready()
    assert "file:/x" in file.flags(), "a file can be read again"
    file.close()


def test_memory_of_a_signer_beside_is_adopted_with_what_it_was_filled_from(kept: Keeper, home: Home) -> None:
    """The present one may be started again meanwhile, and the files replaced: neither is mistaken for the other."""
    kept.flags()
    kept.ready()
    page, before = kept.beside(), kept.page
    flags = kept.flags_beside(page)
    assert "--refill" in flags and str(page) in flags and before is not None and page is not None
    key_file.write(home, stored("other"))
    assert "--refill" in kept.flags()
    kept.adopt(page)
    kept.ready()
    assert kept.page == page and "--refill" in kept.flags(), "filled from the files of before"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(before)
    kept.close()


@pytest.mark.parametrize("required", ["memfd_secret", "mlock", "none"])
def test_without_memfd_secret_nothing_is_kept(home: Home, required: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_memory.platform, "machine", lambda: "alpha")
    if required == "memfd_secret":
        with pytest.raises(HomeError, match='"memfd_secret" is required and this system gives "mlock"'):
            keeper.keeper(home, Signer(secret_memory=required), unlock.NOWHERE)
        return
    kept = keeper.keeper(home, Signer(secret_memory=required), unlock.NOWHERE)
    assert kept.fds == ()
    assert "--page-fd" not in kept.flags()


def test_a_file_that_cannot_be_looked_at_is_no_file(kept: Keeper, home: Home) -> None:
    assert keeper._of_file(Path(home.root / "nothing")) == ()
    kept.close()
