"""core.wsapi.opening: which API an address means."""

import pytest

from counterseal.core.http1 import Bad
from counterseal.core.wsapi.opening import ApiOpening, locate


@pytest.mark.parametrize(
    ("root", "path", "asked", "opening"),
    [
        (None, "ws-api/v3", [], ApiOpening("spot")),
        (None, "ws-fapi/v1", [], ApiOpening("usdm")),
        ("ws-dapi", "ws-dapi/v1", [], ApiOpening("coinm")),
        (None, "ws-api/v3", [("timeUnit", "microsecond")], ApiOpening("spot", "MICROSECOND")),
        (None, "ws-fapi/v1", [("timeUnit", "MILLISECOND")], ApiOpening("usdm")),
        (None, "ws-api/v3", [("returnRateLimits", "false")], ApiOpening("spot", "", states_limits=False)),
        (None, "ws-api/v3", [("returnRateLimits", "True"), ("responseFormat", "json")], ApiOpening("spot")),
    ],
)
def test_an_address(root: str | None, path: str, asked: list[tuple[str, str]], opening: ApiOpening) -> None:
    """By its path, on any host or on the one that serves it."""
    assert locate(root, path.split("/"), asked) == opening


@pytest.mark.parametrize(
    ("root", "path", "asked", "reason"),
    [
        ("ws-fapi", "ws-api/v3", [], "stream_path_unknown"),
        (None, "ws-api", [], "stream_path_unknown"),
        (None, "ws-api/v1", [], "stream_path_unknown"),
        (None, "ws-api/v3/more", [], "stream_path_unknown"),
        (None, "ws-fapi/v1", [("timeUnit", "MICROSECOND")], "stream_path_unknown"),
        (None, "ws-api/v3", [("timeUnit", "SECOND")], "stream_path_unknown"),
        (None, "ws-api/v3", [("returnRateLimits", "maybe")], "stream_path_unknown"),
        (None, "ws-api/v3", [("listenKey", "x")], "stream_path_unknown"),
        (None, "ws-api/v3", [("responseFormat", "sbe")], "websocket_not_available"),
        (None, "ws-api/v3", [("sbeSchemaId", "3")], "websocket_not_available"),
    ],
)
def test_no_address(root: str | None, path: str, asked: list[tuple[str, str]], reason: str) -> None:
    """Refused with a reason."""
    assert locate(root, path.split("/"), asked) == Bad(reason)
