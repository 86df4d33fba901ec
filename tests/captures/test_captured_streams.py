"""What real clients ask of market streams is understood: every captured address and every captured command."""

import json

from tests.captures.rows import CAPTURES, load_rows

from counterseal.core.binance.hosts import BOT_HOSTS
from counterseal.core.http1 import Bad
from counterseal.core.streams import commands
from counterseal.core.streams.routes import Opening, locate

HOSTS = {host: known.streams for host, known in BOT_HOSTS["production"].items() if not known.families}
# By path, what is not carried yet.
LATER = ("/ws-api", "/ws-fapi", "/private")


def test_every_captured_address_of_market_streams_is_understood() -> None:
    """The others are refused because they are not carried, and for no other reason."""
    found: list[Opening | Bad] = []
    for row in load_rows():
        if row.header("upgrade") is not None:
            judged = locate(HOSTS, None, row.path, row.query.encode())
            assert (judged == Bad("websocket_not_available")) is row.path.startswith(LATER), row.path
            found.append(judged)
    openings = [one for one in found if isinstance(one, Opening)]
    assert (len(found), len(openings)) == (87, 51)
    assert {one.family for one in openings} == {"spot", "usdm"}


def test_every_captured_command_is_carried_out() -> None:
    """Five libraries in two languages: all of their subscriptions are documented streams."""
    read = 0
    for line in (CAPTURES / "ws_frames.jsonl").read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        text = raw["frame"] if isinstance(raw["frame"], str) else json.dumps(raw["frame"])
        place = locate(HOSTS, None, *_target(raw["path"]))
        if "SUBSCRIBE" in text and isinstance(place, Opening):
            command = commands.read(text)
            assert commands.wanted(place.family, command), text
            read += 1
    assert read == 42


def _target(path: str) -> tuple[str, bytes]:
    path, _, query = path.partition("?")
    return path, query.encode()
