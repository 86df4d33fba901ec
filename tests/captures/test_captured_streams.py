"""What real clients ask of streams is understood: every captured address and every captured command."""

import json
import re

from tests.captures.rows import CAPTURES, load_rows

from counterseal.core.binance.hosts import BOT_HOSTS
from counterseal.core.streams import commands
from counterseal.core.streams.routes import Opening, locate
from counterseal.core.wsapi.opening import ApiOpening

KEY = "LK" + "a" * 62
HOSTS = {host: known.streams for host, known in BOT_HOSTS["production"].items() if not known.families}


def test_every_captured_address_is_understood() -> None:
    """Streams of either kind, and the WebSocket APIs; a listen key stands where it is looked for.

    One library says the path of the API twice when it is given an address of its own.
    """
    found = []
    for row in load_rows():
        if row.header("upgrade") is not None:
            # Our keys are as long as the exchange's; the recorder's were not.
            judged = locate(HOSTS, None, row.path, re.sub("LKa+", KEY, row.query).encode())
            assert isinstance(judged, ApiOpening) is (row.path in ("/ws-api/v3", "/ws-fapi/v1")), row.path
            found.append(judged)
    openings = [one for one in found if isinstance(one, Opening)]
    assert (len(found), len(openings)) == (87, 64)
    assert {one.family for one in openings} == {"spot", "usdm"}
    assert [one.keys for one in openings if one.keys] == [(KEY,)] * 7
    assert sum(one.is_private for one in openings) == 13


def test_every_captured_command_is_carried_out() -> None:
    """Five libraries in two languages: all of their subscriptions are documented streams."""
    read = keys = 0
    for line in (CAPTURES / "ws_frames.jsonl").read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        text = raw["frame"] if isinstance(raw["frame"], str) else json.dumps(raw["frame"])
        place = locate(HOSTS, None, *_target(raw["path"]))
        if "SUBSCRIBE" in text and isinstance(place, Opening):
            command = commands.read(text)
            assert commands.wanted("" if place.is_private else place.family, command, keys=["LKabc"]), text
            keys += place.is_private
            read += 1
    assert (read, keys) == (48, 6)


def _target(path: str) -> tuple[str, bytes]:
    path, _, query = path.partition("?")
    return path, query.encode()
