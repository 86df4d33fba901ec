"""What is signed for a request to a WebSocket API: names and values as they are, sorted by name."""

from collections.abc import Iterable

from counterseal.core.binance.socket_cancel import is_plain

Pair = tuple[str, str]


def raw_payload(api_key: str, pairs: Iterable[Pair], recv_window_ms: int, timestamp_ms: int) -> str | None:
    """Give the payload, with the name of the signer's own key in it.

    None when a value holds what could be read as the end of it: nothing is escaped there.
    """
    asked = list(pairs)
    if not all(is_plain(value) for _, value in asked):
        return None
    window = [("recvWindow", str(recv_window_ms))] if recv_window_ms else []
    found = [("apiKey", api_key), *asked, *window, ("timestamp", str(timestamp_ms))]
    return "&".join(f"{name}={value}" for name, value in sorted(found))
