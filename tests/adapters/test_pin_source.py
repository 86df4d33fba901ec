"""PINs: from a file, a credential, an operator; never from where others read; a refused one is not tried again."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.homes import make_home

from counterseal.adapters import hsm_file, pin_memory, pin_source, secret_memory
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.hsm_file import HsmKey, PinSource, TokenPlace
from counterseal.adapters.pin_source import CREDENTIALS_VARIABLE, Pin
from counterseal.core.secret import Secret

PLACE = TokenPlace("/usr/lib/libtoken.so", "desk", None, (), PinSource("prompt"))
KEY = HsmKey("main", "ed25519", "api-key", "paper", 5, PLACE, "label", "00ff")


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_from_a_file_and_the_stamp_changes_with_it(tmp_path: Path) -> None:
    path = written(tmp_path / "pin", b"1234\n")
    place = replace(PLACE, pin=PinSource("file", str(path)))

    first = pin_source.fetch(place, {}, {})
    again = pin_source.fetch(place, {}, {})
    written(path, b"12345\n")

    assert first.secret.reveal() == b"1234"
    assert first.stamp == again.stamp
    assert pin_source.fetch(place, {}, {}).stamp != first.stamp


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_not_from_a_file_that_others_read_or_write(tmp_path: Path, mode: int) -> None:
    place = replace(PLACE, pin=PinSource("file", str(written(tmp_path / "pin", b"1234", mode))))

    with pytest.raises(HomeError, match="open to other users"):
        pin_source.fetch(place, {}, {})


def test_not_over_a_link_and_not_from_nowhere(tmp_path: Path) -> None:
    written(tmp_path / "real", b"1234")
    (tmp_path / "pin").symlink_to(tmp_path / "real")

    for name, sentence in (("pin", "regular file"), ("none", "missing")):
        with pytest.raises(HomeError, match=sentence):
            pin_source.fetch(replace(PLACE, pin=PinSource("file", str(tmp_path / name))), {}, {})


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600])
def test_from_a_systemd_credential(tmp_path: Path, mode: int) -> None:
    written(tmp_path / "hsm-pin", b"1234", mode)
    place = replace(PLACE, pin=PinSource("credential", "hsm-pin"))

    assert pin_source.fetch(place, {}, {CREDENTIALS_VARIABLE: str(tmp_path)}).secret.reveal() == b"1234"


@pytest.mark.parametrize(("mode", "sentence"), [(0o404, "0400"), (0o460, "0400"), (None, "cannot be opened")])
def test_not_from_a_credential_that_others_read(tmp_path: Path, mode: int | None, sentence: str) -> None:
    if mode is not None:
        written(tmp_path / "hsm-pin", b"1234", mode)
    place = replace(PLACE, pin=PinSource("credential", "hsm-pin"))

    with pytest.raises(HomeError, match=sentence):
        pin_source.fetch(place, {}, {CREDENTIALS_VARIABLE: str(tmp_path)})


def test_a_credential_without_systemd_says_what_the_unit_lacks() -> None:
    with pytest.raises(HomeError, match="LoadCredential=hsm-pin:"):
        pin_source.fetch(replace(PLACE, pin=PinSource("credential", "hsm-pin")), {}, {})


def test_what_nobody_was_asked_for_is_told() -> None:
    with pytest.raises(HomeError, match="was not asked for"):
        pin_source.fetch(PLACE, {}, {})


@pytest.mark.parametrize("raw", [b"", b"\n", "pín".encode(), b"12\n34", b"1\x0034", b"x" * 256, b"\xef\xbb\xbf1234"])
def test_what_can_be_no_pin_is_refused_and_not_shown(raw: bytes) -> None:
    with pytest.raises(HomeError, match="one line of 1 to 255") as refused:
        pin_source.checked(raw, PLACE)

    assert "34" not in str(refused.value)


def test_a_refused_pin_is_remembered_until_its_source_changes_or_it_is_accepted(home: Home) -> None:
    other = replace(PLACE, label="other")
    pin_source.note_refused(home, PLACE, "stamp")

    assert pin_source.was_refused(home, PLACE, "stamp")
    assert not pin_source.was_refused(home, PLACE, "another stamp")
    assert not pin_source.was_refused(home, other, "stamp")
    pin_source.note_accepted(home, other)
    assert pin_source.was_refused(home, PLACE, "stamp")
    pin_source.note_accepted(home, PLACE)
    assert not pin_source.was_refused(home, PLACE, "stamp")


def test_damaged_notes_stop_every_try(home: Home) -> None:
    written(home.run / "refused-pins.json", b"[")

    with pytest.raises(HomeError, match="remove it when you are sure"):
        pin_source.was_refused(home, PLACE, "stamp")


# -- what an operator typed


@pytest.mark.parametrize("level", ["the best there is", "without memfd_secret"])
def test_typed_pins_reach_every_signer_and_each_asking_has_its_own_stamp(
    monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    if level == "without memfd_secret":

        def none(_size: int) -> int:
            raise OSError("memfd_secret refused")

        monkeypatch.setattr(secret_memory, "descriptor", none)
    fds = [pin_memory.keep({PLACE.address: Secret(b"1234"), "other": Secret(b"9" * 255)}) for _ in range(2)]
    try:
        first, again, other = pin_memory.read(fds[0]), pin_memory.read(fds[0]), pin_memory.read(fds[1])
    finally:
        for fd in fds:
            os.close(fd)

    assert (first[PLACE.address].secret.reveal(), first["other"].secret.reveal()) == (b"1234", b"9" * 255)
    assert first[PLACE.address].stamp == again[PLACE.address].stamp != other[PLACE.address].stamp
    assert pin_source.fetch(PLACE, first, {}) is first[PLACE.address]
    assert "1234" not in repr(first)


def test_a_kept_pin_is_handed_on_only_on_purpose_and_read_as_no_file() -> None:
    if secret_memory.best(4096).level != secret_memory.MEMFD_SECRET:
        pytest.skip("this kernel has no memfd_secret; its command line needs secretmem.enable=1")
    fd = pin_memory.keep({PLACE.address: Secret(b"1234")})
    try:
        assert not os.get_inheritable(fd)
        with pytest.raises(OSError):
            os.pread(fd, 16, 0)
    finally:
        os.close(fd)


@pytest.fixture(name="piped")
def _piped() -> Callable[[bytes], int]:
    def piped(content: bytes) -> int:
        out, into = os.pipe()
        os.write(into, content)
        os.close(into)
        return out

    return piped


def test_nothing_is_asked_without_such_a_token(home: Home, piped: Callable[[bytes], int]) -> None:
    hsm_file.write(home, {"main": replace(KEY, token=replace(PLACE, pin=PinSource("file", "/run/pin")))})

    assert pin_memory.ask(home, print, piped(b"1234\n")) is None


def test_a_pipe_gives_a_line_for_each_token_and_keeps_the_rest(home: Home, piped: Callable[[bytes], int]) -> None:
    other = replace(KEY, ref="second", token=replace(PLACE, label="vault"))
    twin = replace(KEY, ref="twin")
    waiting = replace(KEY, ref="waiting", api_key=None, token=replace(PLACE, label="unused"))
    hsm_file.write(home, {key.ref: key for key in (KEY, twin, other, waiting)})
    stdin = piped(b"1111\n2222\r\nthe passphrase\n")

    fd = pin_memory.ask(home, print, stdin)

    assert fd is not None
    found = pin_memory.read(fd)
    os.close(fd)
    assert {address: pin.secret.reveal() for address, pin in found.items()} == {
        PLACE.address: b"1111",
        other.token.address: b"2222",
    }
    assert os.read(stdin, 100) == b"the passphrase\n"
    os.close(stdin)


def test_a_pipe_that_ends_too_early_and_nobody_at_all(home: Home, piped: Callable[[bytes], int]) -> None:
    hsm_file.write(home, {"main": KEY})
    said: list[str] = []

    with pytest.raises(HomeError, match="one line of"):
        pin_memory.ask(home, said.append, piped(b""))
    with Path("/dev/null").open("rb") as nothing:
        assert pin_memory.ask(home, said.append, nothing.fileno()) is None

    assert said == ["there is nobody to ask for the PIN of the token desk"]


def test_on_a_terminal_it_is_typed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    hsm_file.write(home, {"main": KEY})
    monkeypatch.setattr("getpass.getpass", lambda _prompt: "1234")
    leader, follower = os.openpty()

    fd = pin_memory.ask(home, print, follower)

    assert fd is not None
    assert pin_memory.read(fd)[PLACE.address].secret.reveal() == b"1234"
    for each in (fd, leader, follower):
        os.close(each)


def test_a_pin_has_no_representation_that_shows_it() -> None:
    assert "1234" not in repr(Pin(Secret(b"1234"), "stamp"))
