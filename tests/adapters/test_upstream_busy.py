"""All connections to the exchange are in use: an exit waits for one, everything else is told so at once."""

import asyncio
import gc
import ssl
import weakref
from pathlib import Path

import pytest
import uvloop

from counterseal.adapters import upstream
from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tls import client_context
from counterseal.adapters.upstream import KEPT_FOR_EXITS, Target, UpstreamPool
from counterseal.paper.tls import server_context
from counterseal.ports.venue import Busy, Lost, NotSent, Terms, VenueReply

PLACES = KEPT_FOR_EXITS + 2
EXIT = Terms(is_exit=True)


@pytest.fixture(name="tls", scope="module")
def _tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    home = tmp_path_factory.mktemp("venue")
    return server_context(home, SystemClock().wall_ns()), home / "ca.pem"


@pytest.fixture(name="places", autouse=True)
def _places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "MAX_CONNECTIONS", PLACES)


class Exchange:
    """It answers when it is told to, or hangs up; `waiting` are the requests that it has not answered, by path."""

    def __init__(self, tls: tuple[ssl.SSLContext, Path]) -> None:
        self._context, self._ca_file = tls
        self.waiting: dict[str, asyncio.Future[bool]] = {}
        self.connections = 0

    async def start(self) -> UpstreamPool:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        target = Target(
            "127.0.0.1", self._server.sockets[0].getsockname()[1], "api.binance.com", client_context(self._ca_file)
        )
        self.pool = UpstreamPool({"spot": target, "usdm": target}, SystemClock())
        return self.pool

    async def stop(self) -> None:
        await self.pool.close()
        for answer in self.waiting.values():
            answer.cancel()
        self._server.close()
        await asyncio.sleep(0.02)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ")[1].decode()
                answer = self.waiting[path] = asyncio.get_running_loop().create_future()
                if not await answer:
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path.encode()))
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        writer.close()

    def ask(self, path: str, terms: Terms = EXIT, family: str = "spot") -> "asyncio.Task[VenueReply]":
        request = f"GET {path} HTTP/1.1\r\nHost: api.binance.com\r\n\r\n".encode()
        return asyncio.get_running_loop().create_task(self.pool.send(family, request, terms))

    async def fill(self) -> "list[asyncio.Task[VenueReply]]":
        """Take every place: what is no exit first."""
        tasks = [self.ask(f"/{number}", Terms(is_exit=number >= 2)) for number in range(PLACES)]
        await self.until(PLACES)
        return tasks

    async def until(self, waiting: int) -> None:
        async with asyncio.timeout(10):
            while len(self.waiting) < waiting:
                await asyncio.sleep(0.005)

    def answer(self, path: str, *, well: bool = True) -> None:
        """Answer one, or hang up."""
        self.waiting.pop(path).set_result(well)


async def settled(tasks: "list[asyncio.Task[VenueReply]]") -> list[object]:
    return list(await asyncio.gather(*tasks, return_exceptions=True))


def test_exits_take_what_is_given_back_in_their_order(tls: tuple[ssl.SSLContext, Path]) -> None:
    """No new connection, and nobody comes between."""

    async def story() -> None:
        exchange = Exchange(tls)
        await exchange.start()
        tasks = await exchange.fill()
        with pytest.raises(Busy):
            await exchange.ask("/read", Terms())
        exits = [exchange.ask(f"/exit-{number}") for number in range(3)]
        await asyncio.sleep(0.05)
        for number in range(3):
            exchange.answer(f"/{number}")
            await exchange.until(PLACES)
            assert [name for name in exchange.waiting if "exit" in name] == [f"/exit-{n}" for n in range(number + 1)]
            with pytest.raises(Busy):
                await exchange.ask("/read", Terms())
        for name in list(exchange.waiting):
            exchange.answer(name)
        assert [reply.body for reply in await asyncio.gather(*exits)] == [b"/exit-0", b"/exit-1", b"/exit-2"]
        await asyncio.gather(*tasks)
        assert exchange.connections == PLACES
        await exchange.stop()

    asyncio.run(story())


def test_an_exit_of_another_product_takes_the_place(tls: tuple[ssl.SSLContext, Path]) -> None:
    """The connection that came free goes, and one to its own host is made."""

    async def story() -> None:
        exchange = Exchange(tls)
        await exchange.start()
        tasks = await exchange.fill()
        abroad = exchange.ask("/abroad", family="usdm")
        await asyncio.sleep(0.05)
        exchange.answer("/0")
        await exchange.until(PLACES)
        assert "/abroad" in exchange.waiting
        assert exchange.connections == PLACES + 1
        for name in list(exchange.waiting):
            exchange.answer(name)
        assert (await abroad).body == b"/abroad"
        await asyncio.gather(*tasks)
        await exchange.stop()

    asyncio.run(story())


def test_a_connection_that_ends_leaves_its_place(tls: tuple[ssl.SSLContext, Path]) -> None:
    """What was on it is lost; who waits connects anew, at once."""

    async def story() -> None:
        exchange = Exchange(tls)
        await exchange.start()
        tasks = await exchange.fill()
        waits = exchange.ask("/exit")
        await asyncio.sleep(0.05)
        exchange.answer("/3", well=False)
        with pytest.raises(Lost):
            await tasks[3]
        await exchange.until(PLACES)
        assert "/exit" in exchange.waiting
        for name in list(exchange.waiting):
            exchange.answer(name)
        assert (await waits).body == b"/exit"
        await settled(tasks)
        await exchange.stop()

    asyncio.run(story())


def test_an_exit_waits_a_second_at_most(tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it provably was not sent; and that is no word of too much being asked."""
    monkeypatch.setattr(upstream, "EXIT_WAIT_S", 0.1)

    async def story() -> None:
        exchange = Exchange(tls)
        pool = await exchange.start()
        tasks = await exchange.fill()
        with pytest.raises(NotSent, match="in use") as refused:
            await exchange.ask("/exit")
        assert type(refused.value) is NotSent
        assert not pool._exits.waiting
        for name in list(exchange.waiting):
            exchange.answer(name)
        assert [reply.body.decode() for reply in await asyncio.gather(*tasks)] == [f"/{n}" for n in range(PLACES)]
        assert len(pool._idle["", "spot"]) == PLACES
        await exchange.stop()

    asyncio.run(story())


def test_who_stops_waiting_gives_back_what_it_was_given(tls: tuple[ssl.SSLContext, Path]) -> None:
    """It may have been given a connection in this very turn of the loop."""

    async def story() -> None:
        exchange = Exchange(tls)
        pool = await exchange.start()
        tasks = await exchange.fill()
        first, second = exchange.ask("/exit-1"), exchange.ask("/exit-2")
        await asyncio.sleep(0.05)
        waiter = pool._exits.waiting[0][1]
        exchange.answer("/0")
        while not waiter.done():
            await asyncio.sleep(0)
        first.cancel()
        await exchange.until(PLACES)
        assert "/exit-2" in exchange.waiting
        assert "/exit-1" not in exchange.waiting
        for name in list(exchange.waiting):
            exchange.answer(name)
        assert (await second).body == b"/exit-2"
        await settled([first, *tasks])
        assert not pool._exits.waiting
        await exchange.stop()

    asyncio.run(story())


def test_a_connection_that_ends_after_it_was_given_is_not_used(tls: tuple[ssl.SSLContext, Path]) -> None:
    """A request on it would wait for ever."""

    async def story() -> None:
        exchange = Exchange(tls)
        pool = await exchange.start()
        tasks = await exchange.fill()
        exit_ = exchange.ask("/exit")
        await asyncio.sleep(0.05)
        waiter = pool._exits.waiting[0][1]
        exchange.answer("/0")
        while not waiter.done():
            await asyncio.sleep(0)
        given = waiter.result()
        assert given is not None
        given.kill("at this very moment")
        await exchange.until(PLACES)
        assert "/exit" in exchange.waiting
        for name in list(exchange.waiting):
            exchange.answer(name)
        assert (await exit_).body == b"/exit"
        await settled(tasks)
        await exchange.stop()

    asyncio.run(story())


def test_a_request_that_is_given_up_ends_its_connection(tls: tuple[ssl.SSLContext, Path]) -> None:
    """Its answer would be another request's; and the place is free again."""

    async def story() -> None:
        exchange = Exchange(tls)
        pool = await exchange.start()
        task = exchange.ask("/given-up")
        await exchange.until(1)
        task.cancel()
        await settled([task])
        assert not pool._all
        assert not pool._idle
        await exchange.stop()

    asyncio.run(story())


def test_what_a_burst_left_open_ends_by_itself(
    tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are used go on; nobody else has to ask first."""
    monkeypatch.setattr(upstream, "IDLE_S", 0.2)
    monkeypatch.setattr(upstream, "SWEEP_S", 0.02)

    async def story() -> None:
        exchange = Exchange(tls)
        pool = await exchange.start()
        pool.start()
        tasks = await exchange.fill()
        for name in list(exchange.waiting):
            exchange.answer(name)
        await asyncio.gather(*tasks)
        assert len(pool._all) == PLACES
        for _ in range(8):
            task = exchange.ask("/used")
            await exchange.until(1)
            exchange.answer("/used")
            await task
            await asyncio.sleep(0.05)
        assert len(pool._all) == len(pool._idle["", "spot"]) == 1
        assert exchange.connections == PLACES
        await exchange.stop()

    asyncio.run(story())


def test_a_connection_that_has_ended_is_freed_at_once(tls: tuple[ssl.SSLContext, Path]) -> None:
    """The gateway looks for rings of objects so rarely that one of these for each connection would fill the memory."""

    async def story() -> None:
        exchange = Exchange(tls)
        pool = await exchange.start()
        gone = []
        for number in range(4):
            task = exchange.ask(f"/{number}")
            await exchange.until(1)
            (connection,) = pool._all
            gone.append(weakref.ref(connection))
            del connection
            exchange.answer(f"/{number}", well=False)
            await settled([task])
            del task
            await asyncio.sleep(0.05)
        assert [each() for each in gone] == [None] * 4
        await exchange.stop()

    gc.collect()
    gc.disable()
    try:
        uvloop.run(story())
    finally:
        gc.enable()
