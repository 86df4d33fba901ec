"""Credentials whose files cannot be read: those known hold for a minute, then nobody is let in by them."""

import asyncio
import os
from pathlib import Path

import pytest
from tests.gateway.cells import proves
from tests.gateway.failing_rig import Watched
from tests.gateway.rig import why
from tests.homes import make_home

from counterseal.adapters import credential_file
from counterseal.adapters.home import Home
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.secret import Secret
from counterseal.gateway.credentials import Credentials
from counterseal.gateway.health import failing_report
from counterseal.gateway.reply import SINCE


class Log:
    """Keeps what was said of credentials."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def error(self, _event: str, *, fault: str) -> None:
        self.faults.append(fault)


def stored(root: Path) -> Home:
    """A home with the credential that the rig's bot signs with."""
    home = make_home(root)
    credential_file.save(home, Credential("V" * 64, "alpha", CredentialKind.HMAC, Secret(b"S" * 64), None, 0))
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return stored(tmp_path / "home")


def spoil(home: Home) -> tuple[Path, bytes]:
    """Make the file of the credential unreadable; give what it was."""
    (path,) = home.bots.iterdir()
    content = path.read_bytes()
    path.write_bytes(b"\0" * len(content))
    return path, content


def test_listen_keys_need_no_identity(home: Home) -> None:
    """Without one that can be read they are as good, for this run."""

    async def story() -> None:
        rig = await Watched().warm()
        credentials = Credentials(home, rig.state, Log())
        kept = credentials.listen_key_secret().reveal()
        assert Credentials(home, rig.state, Log()).listen_key_secret().reveal() == kept
        home.gateway_identity.unlink()
        drawn = [credentials.listen_key_secret().reveal() for _ in range(2)]
        assert len({kept, *drawn}) == 3
        await rig.end()

    asyncio.run(story())


@proves("credentials_away")
def test_an_unreadable_credential_holds_for_a_minute(home: Home) -> None:
    """Then nobody is let in by it, exits included; a reload of the sound file brings it back."""

    async def story() -> None:
        rig, log = await Watched().warm(), Log()
        credentials = Credentials(home, rig.state, log)
        assert credentials.load() == []
        credentials.start(rig.plane.gate)
        path, content = spoil(home)
        assert len(credentials.load()) == 1
        assert rig.told("credentials_away") == rig.state.told_ms(0)
        assert failing_report(rig.state)[0]["state"] == "credentials_away"
        await rig.clock.advance(54)
        await rig.refresher.measure_offset()
        assert {why(reply) for _, reply, _ in await rig.requests()} == {None}
        await rig.clock.advance(6)
        for _, reply, was_sent in await rig.requests():
            # One answer for every credential that is not known, so that nobody can probe: it tells no time either.
            assert (why(reply), reply.headers.get(SINCE), was_sent) == ("credential_or_signature", None, False)
        assert len(log.faults) == 1
        await rig.clock.advance(600)
        await rig.refresher.measure_offset()
        path.write_bytes(content)
        assert credentials.load() == []
        assert {why(reply) for _, reply, _ in await rig.requests()} == {None}
        assert rig.told("credentials_away", "ended") == rig.state.told_ms(0)
        credentials.stop()
        await rig.end()

    asyncio.run(story())


def test_a_file_that_is_well_again_is_read_within_five_seconds(home: Home) -> None:
    """Without a reload, as long as the minute lasts."""

    async def story() -> None:
        rig = await Watched().warm()
        credentials = Credentials(home, rig.state, Log())
        credentials.load()
        credentials.start(rig.plane.gate)
        path, content = spoil(home)
        credentials.load()
        path.write_bytes(content)
        await rig.clock.advance(5)
        assert failing_report(rig.state) == []
        credentials.stop()
        await rig.end()

    asyncio.run(story())


def test_a_revoked_credential_ends_at_once(home: Home) -> None:
    """Also while others cannot be read."""

    async def story() -> None:
        rig = await Watched().warm()
        credentials = Credentials(home, rig.state, Log())
        other = Credential("W" * 64, "alpha", CredentialKind.HMAC, Secret(b"T" * 64), None, 0)
        fingerprint = credential_file.save(home, other)
        credentials.load()
        credentials.start(rig.plane.gate)
        assert set(rig.state.credentials) == {"V" * 64, "W" * 64}
        for path in home.bots.iterdir():
            if path.stem != fingerprint:
                path.write_bytes(b"\0")
        credential_file.remove(home, fingerprint)
        assert len(credentials.load()) == 1
        assert set(rig.state.credentials) == {"V" * 64}
        credentials.stop()
        await rig.end()

    asyncio.run(story())


def test_without_the_gateway_s_identity_nothing_can_be_read(home: Home) -> None:
    """All that are known hold for the minute, and the reload answers instead of breaking."""

    async def story() -> None:
        rig = await Watched().warm()
        credentials = Credentials(home, rig.state, Log())
        credentials.load()
        credentials.start(rig.plane.gate)
        home.gateway_identity.unlink()
        faults = credentials.load()
        assert any("is missing" in fault for fault in faults)
        assert set(rig.state.credentials) == {"V" * 64}
        await rig.clock.advance(61)
        assert rig.state.credentials == {}
        credentials.stop()
        await rig.end()

    asyncio.run(story())


def test_each_credential_has_a_minute_of_its_own(home: Home) -> None:
    """One file that stays damaged takes the minute from no other bot's."""

    async def story() -> None:
        rig = await Watched().warm()
        damaged = home.bots / f"{'0' * 16}.age"
        damaged.write_bytes(b"\0" * 64)
        damaged.chmod(0o600)
        credentials = Credentials(home, rig.state, Log())
        assert len(credentials.load()) == 1
        credentials.start(rig.plane.gate)
        await rig.clock.advance(600)
        for path in home.bots.iterdir():
            path.write_bytes(b"\0" * 64)
        assert len(credentials.load()) == 2
        assert set(rig.state.credentials) == {"V" * 64}
        await rig.clock.advance(59)
        assert set(rig.state.credentials) == {"V" * 64}
        await rig.clock.advance(2)
        assert rig.state.credentials == {}
        credentials.stop()
        await rig.end()

    asyncio.run(story())


@pytest.mark.parametrize("way", ["gone", "closed"])
def test_a_folder_that_cannot_be_read_revokes_nobody(home: Home, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not mounted, or closed to us, is a store that cannot be read: all hold for the minute, and it is told."""

    async def story() -> None:
        rig = await Watched().warm()
        credentials = Credentials(home, rig.state, Log())
        credentials.load()
        credentials.start(rig.plane.gate)
        away = home.root / "away"
        if way == "gone":
            home.bots.rename(away)
        else:
            close(home.bots, monkeypatch)
        assert credentials.load() != []
        assert set(rig.state.credentials) == {"V" * 64}
        assert failing_report(rig.state)[0]["state"] == "credentials_away"
        if way == "gone":
            away.rename(home.bots)
        else:
            monkeypatch.undo()
        await rig.clock.advance(5)
        assert (set(rig.state.credentials), failing_report(rig.state)) == ({"V" * 64}, [])
        credentials.stop()
        await rig.end()

    asyncio.run(story())


def close(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody list a folder, root included."""
    scan = os.scandir

    def refusing(path: object) -> object:
        if Path(str(path)) == folder:
            raise PermissionError(13, "Permission denied")
        return scan(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refusing)


def test_what_could_not_be_read_at_the_start_is_told(home: Home) -> None:
    """Nobody knew it, so nobody holds it; the state is in force until a reload."""

    async def story() -> None:
        rig = await Watched().warm()
        spoil(home)
        credentials = Credentials(home, rig.state, Log())
        assert len(credentials.load()) == 1
        assert rig.state.credentials == {}
        credentials.start(rig.plane.gate)
        await rig.clock.advance(300)
        assert failing_report(rig.state)[0]["state"] == "credentials_away"
        credentials.stop()
        await rig.end()

    asyncio.run(story())
