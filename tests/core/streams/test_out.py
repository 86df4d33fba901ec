"""core.streams: frames, the handshake's answer, and what waits for a bot that does not read."""

import pytest
from websockets.frames import Frame, Opcode

from counterseal.core.streams.backlog import Backlog
from counterseal.core.streams.frames import text_frame
from counterseal.core.streams.handshake import Handshake, accept, fault_of, is_foreign

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
SOUND = Handshake(b"websocket", b"Upgrade", KEY, b"13", None)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_is_what_the_library_would_write(size: int) -> None:
    """All three forms of the length."""
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_the_key_is_answered_as_the_standard_says() -> None:
    """RFC 6455's own example."""
    assert accept(KEY) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "handshake",
    [SOUND, SOUND._replace(upgrade=b"WebSocket"), SOUND._replace(connection=b"keep-alive, Upgrade")],
)
def test_a_sound_handshake(handshake: Handshake) -> None:
    """Tokens in any case, and more than one of them."""
    assert fault_of(handshake) is None


@pytest.mark.parametrize(
    "handshake",
    [
        SOUND._replace(upgrade=b"h2c"),
        SOUND._replace(connection=b"keep-alive"),
        SOUND._replace(connection=b"notupgrade"),
        SOUND._replace(version=b"8"),
        SOUND._replace(version=None),
        SOUND._replace(key=None),
        SOUND._replace(key=b"short"),
        SOUND._replace(key=b"!" * 24),
        SOUND._replace(key=KEY[:-3] + b"h=="),
    ],
)
def test_an_unsound_handshake(handshake: Handshake) -> None:
    """One reason for all."""
    assert fault_of(handshake) == "websocket_handshake"


@pytest.mark.parametrize(
    ("origin", "foreign"),
    [
        (None, False),
        (b"http://127.0.0.1:8080", False),
        (b"https://127.0.0.1:8080", False),
        (b"http://evil.example", True),
        (b"null", True),
        (b"", True),
    ],
)
def test_a_page_of_another_site_is_foreign(origin: bytes | None, foreign: bool) -> None:
    """Browsers say where a page is from; one client library names the host it connects to."""
    assert is_foreign(SOUND._replace(origin=origin), "127.0.0.1:8080") is foreign


def test_the_newest_of_a_kind_waits_and_everything_of_another() -> None:
    """In the order in which they would have come."""
    backlog = Backlog(100)
    assert not backlog
    for frame, key in ((b"t1", None), (b"b1", "book"), (b"t2", None), (b"b2", "book")):
        assert backlog.put(frame, key)
    assert backlog
    assert backlog.dropped == 1
    assert backlog.take() == [b"t1", b"t2", b"b2"]
    assert not backlog


def test_a_backlog_is_bounded_in_bytes() -> None:
    """What is replaced makes room, and what is taken too."""
    backlog = Backlog(10)
    assert backlog.put(b"x" * 6, "book")
    assert not backlog.put(b"y" * 5, None)
    assert backlog.put(b"x" * 10, "book")
    assert backlog.take() == [b"x" * 10]
    assert backlog.put(b"y" * 10, None)
