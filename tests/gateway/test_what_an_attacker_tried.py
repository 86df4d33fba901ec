"""Attacks that once got through, each closed for good."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.rig import ORDER, Rig, why

from counterseal.adapters.replay_file import ReplayFile
from counterseal.adapters.tls import client_context
from counterseal.adapters.upstream import KEPT_FOR_EXITS, MAX_CONNECTIONS, Target, UpstreamPool
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.outcome import Outcome
from counterseal.gateway.handler import STRANGERS_AT_ONCE
from counterseal.gateway.listener import WRITE_S, BotConnection, Door
from counterseal.gateway.recovery import recover
from counterseal.ports.venue import NotSent, Terms, VenueReply

SPOT, BATCH, ALGO = "/api/v3/order", "/fapi/v1/batchOrders", "/fapi/v1/algoOrder"
CANCEL = "symbol=BTCUSDT&orderId=7"
KEY = "K" * 64


class FullDisk(ReplayFile):
    """Marks that the disk refuses."""

    def __init__(self) -> None:
        self.tries = 0

    def append(self, mark: bytes, path_mark: int) -> None:
        """Nothing is kept."""

    def flush(self, now_ms: int) -> None:
        """Refuse."""
        self.tries += 1
        raise OSError(28, "No space left on device")


@pytest.mark.threat(64)
def test_exits_do_not_wait_for_the_file_of_marks() -> None:
    """Cancels, reads and orders go on; the marks in memory still refuse a replay."""

    async def story() -> None:
        rig = await Rig().warm()
        disk = FullDisk()
        rig.handler._turn._seen_file = disk
        for method, path, query in (("DELETE", SPOT, CANCEL), ("GET", "/api/v3/account", ""), ("POST", SPOT, ORDER)):
            assert (await rig.ask(method, path, query)).status == 200
        assert disk.tries >= 3

    asyncio.run(story())


@pytest.mark.threat(24)
@pytest.mark.parametrize("field", ["status", "orderId", "echo"])
def test_our_key_in_a_reply_reaches_neither_bot_nor_journal(field: str) -> None:
    """Neither as a status, nor as a number, nor behind a JSON escape."""

    async def story() -> None:
        rig = await Rig().warm()
        body = {"symbol": "BTCUSDT", "clientOrderId": "k", "orderId": 1, "status": "NEW", field: KEY}
        rig.venue.script[SPOT] = [(200, body)]
        reply = await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=k")
        assert KEY not in json.dumps(json.loads(reply.body))
        assert KEY not in json.dumps(rig.journal.of("outcome"))

    asyncio.run(story())


@pytest.mark.threat(53)
def test_legs_in_another_order_free_nothing() -> None:
    """A batch whose answer speaks of other places is UNKNOWN, and none of its ids is free."""

    async def story() -> None:
        rig = await Rig().warm()
        legs = [
            {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", "newClientOrderId": name}
            for name in ("e", "f")
        ]
        live = {"symbol": "BTCUSDT", "clientOrderId": "e", "orderId": 5, "status": "NEW"}
        rig.venue.script[BATCH] = [(200, [{"code": -2019, "msg": "Margin is insufficient."}, live])]
        query = "batchOrders=" + json.dumps(legs, separators=(",", ":")).replace('"', "%22")
        assert why(await rig.ask("POST", BATCH, query)) == "outcome_unknown"
        again = await rig.ask(
            "POST", "/fapi/v1/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01&newClientOrderId=e"
        )
        assert why(again) == "duplicate_client_order_id_futures"

    asyncio.run(story())


@pytest.mark.threat(65)
def test_a_reply_that_cannot_be_recorded_leaves_nobody_waiting() -> None:
    """Whatever breaks while the outcome is kept, the order is UNKNOWN and its repetition is answered."""

    async def story() -> None:
        rig = await Rig().warm()
        append = rig.journal.append

        def refuse_once(entry: Any) -> None:
            if entry["type"] == "outcome" and entry["outcome"] == Outcome.ACCEPTED.value:
                raise ValueError("too large")
            append(entry)

        rig.journal.append = refuse_once  # type: ignore[method-assign]  # the one place where it can break
        query = f"{ORDER}&newClientOrderId=w"
        assert why(await rig.ask("POST", SPOT, query)) == "outcome_unknown"
        assert why(await rig.ask("POST", SPOT, query)) == "outcome_unknown"
        assert [entry["outcome"] for entry in rig.journal.of("outcome")] == ["UNKNOWN"]

    asyncio.run(story())


@pytest.mark.threat(21)
def test_a_bot_held_to_symbols_cancels_only_its_own_algo_orders() -> None:
    """By the exchange's number or its own id; an order that nobody placed here is not its own."""

    async def story() -> None:
        rig = await Rig().warm()
        rig.state.config = replace(
            rig.state.config, bots={"alpha": replace(rig.state.config.bots["alpha"], symbols=("BTCUSDT",))}
        )
        rig.venue.script[ALGO] = [(200, {"symbol": "BTCUSDT", "algoId": 9, "clientAlgoId": "stop"})]
        stop = (
            "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&triggerPrice=80000&quantity=0.01"
            "&clientAlgoId=stop"
        )
        assert (await rig.ask("POST", ALGO, stop)).status == 200
        assert why(await rig.ask("DELETE", ALGO, "algoId=77")) == "all_symbols_not_allowed"
        rig.venue.script[ALGO] = [(200, {"algoId": 9}), (200, {"clientAlgoId": "stop"})]
        assert (await rig.ask("DELETE", ALGO, "algoId=9")).status == 200
        assert (await rig.ask("DELETE", ALGO, "clientAlgoId=stop")).status == 200

    asyncio.run(story())


def held_to_one_symbol(rig: Rig) -> Rig:
    bots = {"alpha": replace(rig.state.config.bots["alpha"], symbols=("BTCUSDT",))}
    rig.state.config = replace(rig.state.config, bots=bots)
    return rig


STOP = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&triggerPrice=80000&quantity=0.01"


@pytest.mark.threat(21)
def test_an_own_id_beside_a_foreign_number_cancels_nothing() -> None:
    """The exchange would go by the number: each name that is given must be the bot's own."""

    async def story() -> None:
        rig = held_to_one_symbol(await Rig().warm())
        rig.venue.script[ALGO] = [(200, {"symbol": "BTCUSDT", "algoId": 9, "clientAlgoId": "stop"})]
        assert (await rig.ask("POST", ALGO, f"{STOP}&clientAlgoId=stop")).status == 200
        both = await rig.ask("DELETE", ALGO, "algoId=77&clientAlgoId=stop")
        assert why(both) == "all_symbols_not_allowed"
        rig.venue.script[ALGO] = [(200, {"algoId": 9})]
        assert (await rig.ask("DELETE", ALGO, "algoId=9&clientAlgoId=stop")).status == 200

    asyncio.run(story())


@pytest.mark.threat(34)
@pytest.mark.parametrize(
    "answer",
    [
        (200, {"symbol": "BTCUSDT", "algoId": 77, "clientAlgoId": "another"}),
        (400, {"code": -2019, "msg": "Margin is insufficient.", "algoId": 77}),
    ],
)
def test_an_answer_that_proves_no_order_gives_nobody_its_number(answer: tuple[int, Any]) -> None:
    """Neither in memory nor after a restart; what is found later has its owner from there."""

    async def story() -> None:
        rig = held_to_one_symbol(await Rig().warm())
        rig.venue.script[ALGO] = [answer]
        assert (await rig.ask("POST", ALGO, f"{STOP}&clientAlgoId=stop")).status != 200
        assert why(await rig.ask("DELETE", ALGO, "algoId=77")) == "all_symbols_not_allowed"
        records = [{**entry, "t": 0} for entry in rig.journal.records]
        assert recover(records, 0, 0).ledger.owners("usdm", "*algo", None, 77) == (None,)

    asyncio.run(story())


@pytest.mark.threat(18)
def test_a_short_write_of_marks_is_cut_to_whole_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an entry would make garbage of every later one."""
    file = ReplayFile(tmp_path, 0)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:30]))
    file.append(b"a" * 16, 1)
    file.append(b"b" * 16, 2)
    with pytest.raises(OSError, match="cut short"):
        file.flush(0)
    monkeypatch.undo()
    file.append(b"c" * 16, 3)
    file.flush(1)
    file.close()
    remembered = ReplayFile(tmp_path, 0)
    assert remembered.remembered == {b"a" * 16: 1, b"b" * 16: 2, b"c" * 16: 3}
    remembered.close()


@pytest.mark.threat(61)
def test_reads_cannot_take_the_last_connections() -> None:
    """The last places in the pool, those being made included, are for exits."""

    async def story() -> None:
        nobody = Target("127.0.0.1", 1, "api.binance.com", client_context(None))
        pool = UpstreamPool({"spot": nobody}, VirtualClock())
        pool._connecting[""] = MAX_CONNECTIONS - KEPT_FOR_EXITS
        with pytest.raises(NotSent, match="in use"):
            await pool.send("spot", b"", Terms())
        with pytest.raises(NotSent, match="cannot connect"):
            await pool.send("spot", b"", Terms(is_exit=True))

    asyncio.run(story())


@pytest.mark.threat(53)
def test_a_bot_that_goes_while_the_connection_is_made_sends_nothing() -> None:
    """Asked right before the first byte: NOT_SENT, and said so."""

    async def story() -> None:
        rig = await Rig().warm()
        inquiry, send = rig.inquiry("POST", SPOT, ORDER), rig.venue.send

        async def connecting(family: str, request: bytes, terms: Terms) -> VenueReply:
            inquiry.gone = True
            return await send(family, request, terms)

        rig.venue.send = connecting  # type: ignore[method-assign,assignment]  # the moment before the first byte
        assert why(await rig.finish(inquiry)) == "bot_gone"
        await rig.clock.advance(0)
        assert [entry["outcome"] for entry in rig.journal.of("outcome")] == ["NOT_SENT"]
        assert rig.venue.sent == []

    asyncio.run(story())


@pytest.mark.threat(64)
def test_strangers_cannot_fill_the_disk() -> None:
    """A burst is written whole, a flood at a trickle, and what was left out as one number."""

    async def story() -> None:
        rig = await Rig().warm()
        for _ in range(STRANGERS_AT_ONCE + 1_000):
            rig.handler.refuse("malformed_header", "127.0.0.1")
        await rig.clock.advance(0)
        written = len(rig.journal.of("denied"))
        assert STRANGERS_AT_ONCE - 1 <= written <= STRANGERS_AT_ONCE
        await rig.clock.advance(1)
        rig.handler.refuse("malformed_header", "127.0.0.1")
        await rig.clock.advance(0)
        many = rig.journal.of("denied")[written]
        assert (many["reason"], many["count"]) == ("many", STRANGERS_AT_ONCE + 1_000 - written)

    asyncio.run(story())


class DeafTransport(asyncio.Transport):
    """A bot's end that takes nothing: what is written stays in the buffer."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 1)})
        self.aborted = False

    def write(self, data: object) -> None:
        """Keep it."""

    def close(self) -> None:
        """Wait for the buffer to empty, which it never does."""

    def abort(self) -> None:
        """End at once."""
        self.aborted = True

    def get_write_buffer_size(self) -> int:
        """Something is always left."""
        return 100


@pytest.mark.threat(36)
def test_a_refused_bot_that_does_not_read_is_cut_off() -> None:
    """Its closing connection has the deadline of every write; and each loopback address counts as this host."""

    async def story() -> None:
        rig = await Rig().warm()
        door = Door(rig.handler, rig.handler._turn, rig.clock, rig.tasks, max_per_source=2)
        transports = [DeafTransport(f"127.0.0.{number}") for number in (1, 2, 3)]
        for transport in transports:
            BotConnection(door).connection_made(transport)
        assert door.per_source == {"loopback": 3}
        await rig.clock.advance(0)
        for connection in list(door.open):
            connection.check_deadline(rig.clock.monotonic_ns() + int((WRITE_S + 0.1) * 1e9))
        assert [transport.aborted for transport in transports] == [False, False, True]

    asyncio.run(story())


@pytest.mark.threat(20)
def test_a_wrong_signature_costs_the_same_whoevers_it_is_said_to_be() -> None:
    """As many verifications for an unknown key id as for a bot's, and for a strict bot's."""

    async def story() -> None:
        rig = await Rig().warm()
        alpha = rig.state.config.bots["alpha"]
        counts: list[int] = []

        class Counting:
            def verify(self, _credential: Any, _payload: bytes, _signature: str) -> bool:
                counts[-1] += 1
                return False

        rig.handler._admission._verifier = Counting()
        held = rig.state.credentials
        for verification, credentials in (("lenient", held), ("lenient", {}), ("strict", held)):
            bots = {"alpha": replace(alpha, verification=verification)}
            rig.state.config, rig.state.credentials = replace(rig.state.config, bots=bots), credentials
            counts.append(0)
            assert why(await rig.ask("GET", SPOT, CANCEL)) == "credential_or_signature"
        assert len(set(counts)) == 1
        assert counts[0] > 1
        await rig.end()

    asyncio.run(story())
