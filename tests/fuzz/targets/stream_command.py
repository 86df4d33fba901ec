"""What a bot says to streams, and the address it connects to: read in one way, answered in well-formed JSON."""

from __future__ import annotations

from urllib.parse import quote

from tests.fuzz.tools import json_in, utf8_in

from counterseal.core.binance.hosts import BOT_HOSTS
from counterseal.core.http1 import Bad
from counterseal.core.reasons import REASONS
from counterseal.core.streams import commands
from counterseal.core.streams.commands import Command, Refused
from counterseal.core.streams.names import MAX_NAME, find
from counterseal.core.streams.routes import MOST_STREAMS, Opening, locate
from counterseal.core.userdata.mint import is_listen_key
from counterseal.paper import ws_params

HOSTS = {host: known.streams for host, known in BOT_HOSTS["paper"].items() if not known.families}
COVERED = (
    "counterseal.core.streams.commands",
    "counterseal.core.streams.routes",
    "counterseal.core.streams.names",
    "counterseal.core.wsapi.opening",
    "counterseal.core.strict_json",
)
SEEDS = (
    b'{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@depth@100ms"],"id":1}',
    b'{"method":"LIST_SUBSCRIPTIONS"}',
    b'{"method":"UNSUBSCRIBE","params":["a@trade"],"id":"x"}', b'{"method":"SET_PROPERTY","params":["combined",true]}',
    b'{"method":"GET_PROPERTY","params":["combined"],"id":null}', b'{"method":"SUBSCRIBE","params":[1],"id":-1}', b"[]",
    b'{"method":"SUBSCRIBE","params":["","12","!miniTicker@arr"],"id":9223372036854775808}', b'{"method":[],"id":{}}',
    b"/ws/btcusdt@trade", b"/stream?streams=btcusdt@trade/ethusdt@depth5", b"/ws-api/v3?returnRateLimits=false",
    b"/stream.binance.com/ws/!miniTicker@arr?timeUnit=MICROSECOND", b"/market/stream?streams=btcusdt@markPrice",
    b"/private/ws?listenKey=" + b"a" * 64 + b"&events=x", b"/ws/%E5%B8%81usdt@trade", b"/ws/%ff", b"/ws/a%2Fb@trade",
    b"/fstream.binance.com/private/ws/" + b"A" * 64, b"/ws/btcusdt@kline_1d@+08:00?x=1", b"/ws-fapi/v1?sbeSchemaId=1",
)  # fmt: skip
TOKENS = (
    b'{"method":', b'"SUBSCRIBE"', b'"UNSUBSCRIBE"', b'"SET_PROPERTY"', b'"GET_PROPERTY"', b'"params":[', b'"id":',
    b"@",
    b"btcusdt@trade", b"@depth", b"@kline_1m", b"/ws/", b"/stream?streams=", b"/ws-api/v3", b"listenKey=", b"%E5%B8%81",
    b"stream.binance.com", b"fstream.binance.com", b"/private", b"/public", b"/market", b"&", b"=", b"/", b"?", b"%2F",
    b"timeUnit=MICROSECOND", b"combined", b"true", b"\\ud800", b"null", b"a" * 64,
)  # fmt: skip


def target(data: bytes) -> None:
    """What begins with a slash is an address."""
    if data.startswith(b"/"):
        _check_address(data)
        return
    text = utf8_in(data)
    if text is not None:
        _check_command(text)


def _check_command(text: str) -> None:
    try:
        command = commands.read(text)
        for family in ("spot", "usdm", "coinm", ""):
            _check_wanted(family, command)
    except Refused as refused:
        told = json_in(refused.text)
        assert isinstance(told, dict) and told.keys() == {"error", "id"} and told["error"]["code"] in (0, 1, 2, 3)
        return
    message = ws_params.decode(text.encode())
    assert message["method"] == command.method in commands.METHODS
    assert command.method not in ("SUBSCRIBE", "UNSUBSCRIBE") or tuple(message.get("params", [])) == command.names  # type: ignore[arg-type]
    answer = json_in(commands.result(command.id, list(command.names)))
    assert answer is not None and answer["result"] == list(command.names)
    assert answer["id"] == ws_params.request_id(message.get("id"))


def _check_wanted(family: str, command: Command) -> None:
    """What goes to the exchange has a documented form, whatever else a name may hold."""
    try:
        names = commands.wanted(family, command)
    except Refused as refused:
        assert json_in(refused.text) is not None
        return
    assert set(names) <= set(command.names)
    for name in names:
        assert find(family, name) and len(name) <= MAX_NAME and name.isprintable()
        assert not set(name) & set('"\\/?&#% \r\n') and not is_listen_key(name)


def _check_address(data: bytes) -> None:
    if any(not 0x21 <= byte <= 0x7E for byte in data):
        return
    path, _, query = data.partition(b"?")
    for host in (None, "stream.binance.com", "fstream.binance.com"):
        found = locate(HOSTS, host, path.decode(), query)
        if isinstance(found, Bad):
            assert found.reason in REASONS
        elif isinstance(found, Opening):
            assert len(found.names) + len(found.keys) <= MOST_STREAMS
            assert not found.is_private or not found.names
            assert all(find(found.family, name) and not is_listen_key(name) for name in found.names)
            assert all(map(is_listen_key, found.keys))
            _check_again(found)


def _check_again(found: Opening) -> None:
    """The same streams, asked for in the other way, are the same streams."""
    names = "/".join(quote(name, safe="@!_+:.-") for name in found.names)
    host = next((host for host, family in HOSTS.items() if family == found.family), None)
    again = locate(HOSTS, host, "/stream", b"streams=" + names.encode())
    assert isinstance(again, Opening) and again.names == found.names
