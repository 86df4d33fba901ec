"""The fault cells of REST once more, asked by the WebSocket API: the same classes, the same ends, no order twice."""

import hashlib
import hmac
import json
import os
import random  # noqa: TID251 - seeded
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from tests.gateway.fault_cells import Bench, Cell, cells
from tests.gateway.fault_table import FAULTS, KINDS, NO_CELL, Fault, Kind
from tests.gateway.rig import HOST
from tests.gateway.streams.rig import SERVED, Bot
from tests.limits.gateway_side import GatewaySide
from tests.limits.lines import Answer, Credential
from tests.limits.virtual_loop import VirtualLoop, run_virtually

from counterseal.core.binance.hosts import STREAM_HOSTS
from counterseal.core.wsapi.methods import METHODS
from counterseal.gateway.listener import BotConnection, Door
from counterseal.gateway.streams.hub import Hub
from counterseal.gateway.streams.upgrade import Upgrades
from counterseal.gateway.turn import Turn
from counterseal.gateway.wsapi.socket import Desk
from counterseal.gateway.wsapi.users import NoUserMethods

# All of them with the environment's wish; a seeded part else.
FEW = int(os.environ.get("COUNTERSEAL_WS_CELLS", "24"))
KEPT_S = 61
ROOTS = {"spot": "/ws-api/v3", "usdm": "/ws-fapi/v1"}
NAMES = {(family, method.verb, method.path): name for (family, name), method in METHODS.items()}


class SocketLine:
    """A bot's way to the exchange: one connection to each market's WebSocket API, which stays."""

    def __init__(self, side: GatewaySide, credential: Callable[[str, str], Credential]) -> None:
        self.credential = credential
        self._side = side
        hub = Hub(side.clock, STREAM_HOSTS["paper"], _nowhere, lambda n: n // 2, side.tasks, lambda **_: None)
        upgrades = Upgrades(hub, SERVED, _Quiet())
        plane, turn = side.plane, Turn(side.journal, side.signer, None, side.clock)
        upgrades.api = Desk(
            hub, plane.handler, turn, side.tasks, side.state, NoUserMethods(), plane.budget.ledger.limit
        )
        plane.handler._admission._upgrade = upgrades.judge
        side.state.allowed_hosts = frozenset({HOST})
        self._door = Door(plane.handler, turn, side.clock, side.tasks, 512, streams=upgrades)
        self._bots: dict[str, Bot] = {}

    def connection(self) -> BotConnection:
        """A connection that was just accepted."""
        return BotConnection(self._door)

    async def ask(self, credential: Credential, method: str, path: str, query: str, *, signed: bool) -> Answer:
        """Send one request and give its answer as REST would have it."""
        family = "usdm" if path.startswith("/fapi/") else "spot"
        bot = self._bots.get(family)
        if bot is None:
            bot = self._bots[family] = Bot(self, ROOTS[family]).connect()  # type: ignore[arg-type]  # the door alone
        params = dict(parse_qsl(query))
        if signed:
            stamp = self._side.clock.wall_ns() // 1_000_000
            params |= {"apiKey": credential.key_id, "timestamp": str(stamp)}
            text = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
            params["signature"] = hmac.new(credential.secret, text.encode(), hashlib.sha256).hexdigest()
        bot.send({"id": 1, "method": NAMES[family, method, path], "params": params})
        while not (texts := bot.take()):
            await self._side.clock.sleep(0.001)
        (frame,) = [json.loads(text) for text in texts]
        return _as_rest(frame)


def _as_rest(frame: dict[str, Any]) -> Answer:
    error = frame.get("error")
    ours = ((error or {}).get("data") or {}).get("counterseal", {})
    headers = {f"x-counterseal-{name}": str(value) for name, value in ours.items()}
    return Answer(frame["status"], headers, json.dumps(frame["result"] if error is None else error).encode())


class _Quiet:
    def info(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


async def _nowhere(_family: str, _link: Any) -> None:
    raise AssertionError("no stream is asked for here")


class SocketBench(Bench):
    """A cell in which the bot speaks the WebSocket API."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.side.line = SocketLine(self.side, self.side.line.credential)  # type: ignore[assignment]  # another Line

    async def _ask_again(self, cell: Cell) -> None:
        if not self.kind.signed:
            # What is shared is kept a while if it is JSON, spoilt or not.
            await self.clock.sleep(KEPT_S)
        await super()._ask_again(cell)


def _spoken(kind: Kind) -> bool:
    return (kind.family, kind.method, kind.path) in NAMES


def _run(home: Path, kind: Kind, fault: Fault, *, executes: bool) -> Cell | None:
    async def run(loop: VirtualLoop) -> Cell | None:
        return await SocketBench(loop, home, kind, fault, executes=executes).run()

    return run_virtually(run)


WANTED = [cell for cell in cells() if _spoken(cell[0])]


@pytest.mark.slow
@pytest.mark.threat(53)
def test_some_fault_cells(tmp_path: Path) -> None:
    """A seeded part of them; all of them where the environment wants it."""
    wanted = WANTED if len(WANTED) <= FEW else random.Random(7).sample(WANTED, FEW)
    for number, (kind, fault, executes) in enumerate(wanted):
        cell = _run(tmp_path / str(number), kind, fault, executes=executes)
        assert cell is not None, f"{fault.name} / {kind.name}: the fault changes nothing"


def test_what_has_no_method_is_no_cell() -> None:
    """The exchange's WebSocket API knows no batches and no leverage."""
    assert {kind.name for kind in KINDS if not _spoken(kind)} == {"batch", "setting"}
    pairs = {(kind.name, fault.name) for kind, fault, _ in WANTED}
    spoken = {kind.name for kind in KINDS if _spoken(kind)}
    assert len(pairs) == len(FAULTS) * len(spoken) - len([one for one in NO_CELL if one[1] in spoken])
    assert len(pairs) > 400
