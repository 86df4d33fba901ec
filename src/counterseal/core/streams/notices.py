"""What a bot is told of messages that it will not get."""

import json
from collections.abc import Sequence

STREAM = "!gap"
# The states of a notice: the connection to the exchange is lost, it stands again, a live stream left something out.
LOST, LIVE, MISSED = "lost", "live", "missed"
_TEXTS = {
    LOST: "The connection to the exchange is lost: messages are missing from now on",
    LIVE: "The connection to the exchange stands again: take new snapshots",
    MISSED: "Messages are missing: take a new snapshot",
}
# Reasons of a close: at most 123 bytes.
MISSED_CLOSE = "Messages of the exchange were missed: connect again and take new snapshots"
NOTHING_CLOSE = "There is no connection to the exchange"


def notice(state: str, streams: Sequence[str], wall_ms: int, *, is_combined: bool) -> bytes:
    """Give a message of our own about these streams: in the shape of an error, which clients expect anywhere."""
    data = {
        "e": "error", "E": wall_ms, "type": "StreamGap", "m": _TEXTS[state], "state": state, "streams": list(streams),
    }  # fmt: skip
    message = {"stream": STREAM, "data": data} if is_combined else data
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
