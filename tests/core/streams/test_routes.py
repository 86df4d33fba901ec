"""core.streams.routes: every address that clients use, and those that are not carried."""

import pytest

from counterseal.core.binance.hosts import BOT_HOSTS, STREAM_HOSTS
from counterseal.core.http1 import Bad
from counterseal.core.streams.routes import MOST_STREAMS, Opening, locate
from counterseal.core.wsapi.opening import ApiOpening

HOSTS = {host: known.streams for host, known in BOT_HOSTS["production"].items() if not known.families}


@pytest.mark.parametrize(
    ("host", "path", "query", "opening"),
    [
        (None, "/ws/btcusdt@trade", "", Opening("spot", False, ("btcusdt@trade",))),
        (None, "/ws", "", Opening("spot", False, ())),
        (None, "/ws/", "", Opening("spot", False, ())),
        (None, "/ws/0", "", Opening("spot", False, ())),
        (None, "/ws/btcusdt%40trade", "", Opening("spot", False, ("btcusdt@trade",))),
        (None, "/ws/btcusdt@kline_1d@+08:00", "", Opening("spot", False, ("btcusdt@kline_1d@+08:00",))),
        (None, "/stream", "streams=", Opening("spot", True, ())),
        (None, "/stream", "", Opening("spot", True, ())),
        (None, "/stream", "streams=a@trade/b@trade/a@trade", Opening("spot", True, ("a@trade", "b@trade"))),
        (None, "/stream", "streams=a%40trade%2Fb%40trade", Opening("spot", True, ("a@trade", "b@trade"))),
        (None, "/ws/a@trade", "timeUnit=microsecond", Opening("spot", False, ("a@trade",), "MICROSECOND")),
        (None, "/ws/a@trade", "timeUnit=MILLISECOND", Opening("spot", False, ("a@trade",))),
        (None, "/market/ws/a@aggTrade", "", Opening("usdm", False, ("a@aggTrade",))),
        (None, "/public/stream", "streams=a@bookTicker", Opening("usdm", True, ("a@bookTicker",))),
        (None, "/stream.binance.com/ws/a@trade", "", Opening("spot", False, ("a@trade",))),
        (None, "/fstream.binance.com/ws/a@markPrice", "", Opening("usdm", False, ("a@markPrice",))),
        (None, "/Fstream.Binance.com/public/ws/a@markPrice", "", Opening("usdm", False, ("a@markPrice",))),
        (None, "/dstream.binance.com/ws/a_perp@trade", "", Opening("coinm", False, ("a_perp@trade",))),
        ("fstream.binance.com", "/stream", "streams=a@bookTicker", Opening("usdm", True, ("a@bookTicker",))),
        ("data-stream.binance.vision", "/ws/a@trade", "", Opening("spot", False, ("a@trade",))),
    ],
)
def test_an_address_is_found(host: str | None, path: str, query: str, opening: Opening) -> None:
    """With and without a host, raw and combined, old and new paths."""
    found = locate(HOSTS, host, path, query.encode())
    assert isinstance(found, Opening)
    assert found == opening._replace(is_bound=host is not None or ".binance.com" in path.lower())


@pytest.mark.parametrize(
    ("host", "path", "query", "reason"),
    [
        (None, "/private/ws", "listenKey=abc", "stream_unknown"),
        (None, "/private/ws/btcusdt@trade", "", "stream_unknown"),
        (None, "/stream.binance.com/private/ws", "", "stream_path_unknown"),
        (None, "/pm/ws/abc", "", "websocket_not_available"),
        (None, "/ws-papi/v1", "", "websocket_not_available"),
        ("stream.binance.com", "/ws-api/v3", "", "stream_path_unknown"),
        (None, "/fstream.binance.com/pm/stream", "", "websocket_not_available"),
        ("ws-api.binance.com", "/ws/a@trade", "", "stream_path_unknown"),
        ("api.binance.com", "/ws/a@trade", "", "websocket_not_available"),
        (None, "/evil.example.com/ws/a@trade", "", "websocket_not_available"),
        (None, "/ws", "listenKey=abc", "stream_unknown"),
        (None, "/ws/a@trade", "responseFormat=sbe", "websocket_not_available"),
        (None, "/ws/" + "a" * 63, "", "stream_unknown"),
        (None, "/stream", "streams=a@trade/" + "a" * 65, "stream_unknown"),
        (None, "/ws/BTCUSDT@trade", "", "stream_unknown"),
        (None, "/", "", "stream_path_unknown"),
        (None, "/api/v3/time", "", "stream_path_unknown"),
        (None, "/public", "", "stream_path_unknown"),
        (None, "/stream.binance.com/market/ws", "", "stream_path_unknown"),
        (None, "/ws", "other=1", "stream_path_unknown"),
        (None, "/ws/a@trade", "timeUnit=SECOND", "stream_path_unknown"),
        (None, "/market/ws/a@aggTrade", "timeUnit=MICROSECOND", "stream_path_unknown"),
        (None, "/ws/%ff", "", "stream_path_unknown"),
        (None, "/stream", "streams=%ff", "stream_path_unknown"),
    ],
)
def test_an_address_is_refused(host: str | None, path: str, query: str, reason: str) -> None:
    """With its reason."""
    assert locate(HOSTS, host, path, query.encode()) == Bad(reason)


def test_a_connection_has_so_many_streams() -> None:
    """As the exchange has it."""
    names = [f"s{number}@trade" for number in range(MOST_STREAMS + 1)]
    assert isinstance(locate(HOSTS, None, "/stream", b"streams=" + "/".join(names[1:]).encode()), Opening)
    assert locate(HOSTS, None, "/stream", b"streams=" + "/".join(names).encode()) == Bad("too_many_streams")


def test_each_environment_has_its_own_stream_hosts() -> None:
    """A family's first host is the one that the gateway listens to; paper has the real names."""
    assert STREAM_HOSTS["production"]["spot"] == "stream.binance.com"
    assert STREAM_HOSTS["paper"] == STREAM_HOSTS["production"]
    assert all(sorted(hosts) == ["coinm", "spot", "usdm"] for hosts in STREAM_HOSTS.values())
    assert set(STREAM_HOSTS["testnet"].values()) & set(STREAM_HOSTS["production"].values()) == set()


@pytest.mark.parametrize(
    ("host", "path", "query", "opening"),
    [
        (None, "/ws-api/v3", "", ApiOpening("spot")),
        (None, "/ws-fapi.binance.com/ws-fapi/v1", "returnRateLimits=false", ApiOpening("usdm", states_limits=False)),
        ("ws-dapi.binance.com", "/ws-dapi/v1", "", ApiOpening("coinm")),
    ],
)
def test_the_websocket_apis_are_found(host: str | None, path: str, query: str, opening: ApiOpening) -> None:
    """Here it is known by host and path; the rest is told by core.wsapi.opening."""
    assert locate(HOSTS, host, path, query.encode()) == opening


A, B = "a" * 64, "B" * 64


@pytest.mark.threat(25)
@pytest.mark.parametrize(
    ("path", "query", "opening"),
    [
        (f"/private/ws/{A}", "", Opening("usdm", False, (), keys=(A,), is_private=True)),
        ("/private/ws", f"listenKey={A}", Opening("usdm", False, (), keys=(A,), is_private=True)),
        (
            "/private/ws", f"listenKey={A}&events=ORDER_TRADE_UPDATE/ACCOUNT_UPDATE/",
            Opening("usdm", False, (), "", (A,), frozenset({"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"}), True),
        ),
        ("/private/stream", f"streams={A}/{B}/{A}", Opening("usdm", True, (), keys=(A, B), is_private=True)),
        ("/private/stream", f"listenKey={A}", Opening("usdm", True, (), keys=(A,), is_private=True)),
        ("/private/stream", "", Opening("usdm", True, (), is_private=True)),
        (f"/ws/{A}", "", Opening("spot", False, (), keys=(A,))),
        ("/stream", f"streams=a@trade/{A}", Opening("spot", True, ("a@trade",), keys=(A,))),
        (f"/dstream.binance.com/ws/{A}", "", Opening("coinm", False, (), keys=(A,), is_bound=True)),
        (f"/fstream.binance.com/private/ws/{A}", "", Opening("usdm", False, (), "", (A,), frozenset(), True, True)),
    ],
)  # fmt: skip
def test_listen_keys_stand_in_seven_places(path: str, query: str, opening: Opening) -> None:
    """Those of an address; whether they are keys of ours is not known here."""
    assert locate(HOSTS, None, path, query.encode()) == opening
