"""Connections leave from the address that a request names, over real sockets and TLS, on both event loops."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tls import client_context
from counterseal.adapters.upstream import KEPT_FOR_EXITS, MAX_CONNECTIONS, Target, UpstreamPool
from counterseal.paper.tls import server_context
from counterseal.ports.venue import NotSent, Terms, Unbound, Unreachable

REQUEST = b"GET /api/v3/ping HTTP/1.1\r\nHost: api.binance.com\r\n\r\n"
FIRST, SECOND, FOREIGN = "127.0.0.2", "127.0.0.3", "198.51.100.7"
Runner = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(name="run", params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def _run(request: pytest.FixtureRequest) -> Runner:
    runner: Runner = request.param
    return runner


@pytest.fixture(name="server_tls", scope="module")
def _server_tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    home = tmp_path_factory.mktemp("venue")
    return server_context(home, SystemClock().wall_ns()), home / "ca.pem"


class Recorder:
    """An exchange that notes from which address each connection and each request came."""

    def __init__(self, tls: tuple[ssl.SSLContext, Path], warned: list[dict[str, str]] | None = None) -> None:
        self._context, self._ca_file = tls
        self.connections: list[str] = []
        self.requests: list[str] = []
        self._warned = warned if warned is not None else []

    async def start(self, host: str = "127.0.0.1") -> UpstreamPool:
        self._server = await asyncio.start_server(self._serve, host, 0, ssl=self._context)
        port = self._server.sockets[0].getsockname()[1]
        target = Target(host, port, "api.binance.com", client_context(self._ca_file))
        self.pool = UpstreamPool({"spot": target, "usdm": target}, SystemClock(), self._warn)
        return self.pool

    async def stop(self) -> None:
        await self.pool.close()
        self._server.close()
        await self._server.wait_closed()

    def _warn(self, what: str, **fields: str) -> None:
        self._warned.append({"what": what, **fields})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = writer.get_extra_info("peername")[0]
        self.connections.append(source)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(source)
                body = source.encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def source_of(pool: UpstreamPool, egress: str = "", family: str = "spot") -> str:
    """The address that the exchange saw."""
    return (await pool.send(family, REQUEST, Terms(egress=egress))).body.decode()


def test_a_request_leaves_from_the_address_that_it_names(run: Runner, server_tls: tuple[ssl.SSLContext, Path]) -> None:
    """And connections are kept for that address and family only: none is used for another."""

    async def story() -> None:
        recorder = Recorder(server_tls)
        pool = await recorder.start()
        for _ in range(3):
            for egress in (FIRST, SECOND):
                assert await source_of(pool, egress) == egress
        assert recorder.connections == [FIRST, SECOND]
        assert await source_of(pool, FIRST, "usdm") == FIRST
        assert await source_of(pool) == "127.0.0.1"
        assert recorder.connections == [FIRST, SECOND, FIRST, "127.0.0.1"]
        assert recorder.requests == [FIRST, SECOND] * 3 + [FIRST, "127.0.0.1"]
        await recorder.stop()

    run(story())


def test_the_same_over_ipv6(run: Runner, server_tls: tuple[ssl.SSLContext, Path]) -> None:
    async def story() -> None:
        recorder = Recorder(server_tls)
        pool = await recorder.start("::1")
        assert await source_of(pool, "::1") == "::1"
        with pytest.raises(Unreachable):
            await source_of(pool, FIRST)
        await recorder.stop()

    run(story())


def test_an_address_of_another_host_is_not_sent_and_told_once(
    run: Runner, server_tls: tuple[ssl.SSLContext, Path]
) -> None:
    """At once, with a reason, and the other addresses go on."""

    async def story() -> None:
        warned: list[dict[str, str]] = []
        recorder = Recorder(server_tls, warned)
        pool = await recorder.start()
        for _ in range(3):
            with pytest.raises(Unbound, match=f"{FOREIGN} is no address of this host"):
                await source_of(pool, FOREIGN)
        assert [each["egress"] for each in warned] == [FOREIGN]
        assert await source_of(pool, FIRST) == FIRST
        assert recorder.connections == [FIRST]
        await recorder.stop()

    run(story())


def test_an_address_that_comes_back_is_used_again_and_its_next_loss_is_told(
    server_tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interface may come up later than the gateway."""
    is_there = False

    async def story() -> None:
        nonlocal is_there
        warned: list[dict[str, str]] = []
        recorder = Recorder(server_tls, warned)
        pool = await recorder.start()
        for is_there in (False, False, True, False):
            try:
                assert await source_of(pool, FIRST) == FIRST
            except Unbound:
                assert not is_there
            for connection in pool._all:
                connection.kill("test")
        assert len(warned) == 2
        assert recorder.requests == [FIRST]
        await recorder.stop()

    monkeypatch.setattr("counterseal.adapters.upstream.is_of_this_host", lambda _address: is_there)
    asyncio.run(story())


@pytest.mark.threat(61)
def test_an_address_takes_no_places_from_another(server_tls: tuple[ssl.SSLContext, Path]) -> None:
    """One whose way hangs fills its own places; exits have their own among them."""

    async def story() -> None:
        recorder = Recorder(server_tls)
        pool = await recorder.start()
        pool._connecting[FIRST] = MAX_CONNECTIONS - KEPT_FOR_EXITS
        with pytest.raises(NotSent, match="in use"):
            await source_of(pool, FIRST)
        assert await source_of(pool, SECOND) == SECOND
        assert (await pool.send("spot", REQUEST, Terms(is_exit=True, egress=FIRST))).body == FIRST.encode()
        assert pool._connecting == {FIRST: MAX_CONNECTIONS - KEPT_FOR_EXITS, SECOND: 0}
        await recorder.stop()

    asyncio.run(story())


def test_idle_connections_of_one_product_keep_no_other_away(
    server_tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a burst on spot all places hold idle connections: the one idle longest makes way for USD-M's."""

    async def story() -> None:
        recorder = Recorder(server_tls)
        pool = await recorder.start()
        await asyncio.gather(source_of(pool, FIRST), source_of(pool, FIRST))
        await source_of(pool, SECOND)
        assert len(pool._all) == 3
        assert await source_of(pool, FIRST, "usdm") == FIRST
        assert len(pool._all) == 3
        assert await source_of(pool, FIRST) == FIRST
        assert recorder.connections == [FIRST, FIRST, SECOND, FIRST]
        await recorder.stop()

    monkeypatch.setattr("counterseal.adapters.upstream.MAX_CONNECTIONS", KEPT_FOR_EXITS + 2)
    asyncio.run(story())


def test_no_connection_is_told_apart_from_no_address(run: Runner, server_tls: tuple[ssl.SSLContext, Path]) -> None:
    """A breaker counts the one and not the other."""

    async def story() -> None:
        nobody = Target("127.0.0.1", 1, "api.binance.com", client_context(server_tls[1]))
        pool = UpstreamPool({"spot": nobody}, SystemClock())
        with pytest.raises(Unreachable, match="cannot connect"):
            await source_of(pool, FIRST)
        with pytest.raises(NotSent, match="no host for usdm") as no_host:
            await source_of(pool, FIRST, "usdm")
        assert type(no_host.value) is NotSent
        with pytest.raises(Unbound):
            await source_of(pool, FOREIGN)
        await pool.close()

    run(story())


def test_who_is_gone_sends_nothing_and_leaves_the_connection(server_tls: tuple[ssl.SSLContext, Path]) -> None:
    async def story() -> None:
        recorder = Recorder(server_tls)
        pool = await recorder.start()
        with pytest.raises(NotSent, match="no longer wanted"):
            await pool.send("spot", REQUEST, Terms(wanted=lambda: False, egress=SECOND))
        assert await source_of(pool, SECOND) == SECOND
        assert (recorder.connections, recorder.requests) == ([SECOND], [SECOND])
        await recorder.stop()

    asyncio.run(story())
