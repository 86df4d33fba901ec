"""The guard on the bench: processes started as the supervisor starts them, their lines, and what it is made to answer.

For `guard_run.py`, which says what is measured. This program holds the gateway's end of the guard's line and the
supervisor's end of its control line.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from guard_exchange import (
    ACCOUNTS,
    HELD,
    PRICE,
    SIZE,
    SYMBOLS,
    Exchange,
    account_of,
    frame,
    mark_text,
    marks_text,
    symbol_of,
)
from processes import Cores

from counterseal.adapters import age_box, key_file
from counterseal.adapters.home import Home
from counterseal.core.secret import Secret

BENCH = Path(__file__).resolve().parent
SOURCE = BENCH.parent / "src"
ADDRESSES = 6
RATE = 10_000
# What a bot buys more of, so that the position passes its threshold, and to what a price rises for the same.
MORE, HIGH = 30, 150.0
# Between two readings of a price that count as two.
READING_S = 0.3
PAUSE_S, PATIENCE_S, LAG_S = 0.02, 5.0, 2.5
_CONFIG = """\
[venue]
environment = "paper"
address = "127.0.0.1:{port}"
ca_file = "{ca}"
egress = [{egress}]

[guard]
operators = ["bench"]

[fleet]
max_position = 1000000000
max_daily_loss = 1000000000
max_drawdown = 1000000000
"""
_ACCOUNT = """
[keys.k{n:02d}]
functions = ["account", "trade"]
account = "{account}"

[bots.b{n:02d}]
keys = ["k{n:02d}"]
products = ["usdm"]
purposes = ["read", "account", "trade"]
symbols = ["*"]
max_daily_loss = 100000000

[accounts.{account}]
max_symbol_position = {{ "*" = 10000 }}
"""


class Missing(Exception):
    """An order did not come, or the guard did not."""


class Stage:
    """The guard between its lines and the exchange."""

    def __init__(self, exchange: Exchange, guard: subprocess.Popen[bytes], line: socket.socket, control: socket.socket):
        self.exchange, self.world, self.guard = exchange, exchange.world, guard
        self._line, self._control = line, control
        self._numbers = iter(range(1, 1 << 40))
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._order: asyncio.Future[tuple[str, dict[str, str], int]] | None = None
        self._account, self._reads = "", 0
        self._stray = ""
        self.world.on_order = self._ordered
        loop = asyncio.get_running_loop()
        loop.add_reader(line.fileno(), self._hear)
        loop.add_reader(control.fileno(), self._answered)
        self._beat()

    # -- lines

    def send(self, message: dict[str, Any]) -> int:
        """Say something as the gateway does; gives the moment (ns) right before."""
        data = json.dumps(message).encode()
        at_ns = time.monotonic_ns()
        self._line.send(data)
        return at_ns

    def _hear(self) -> None:
        message = _received(self._line)
        if message.get("type") == "ladder":
            self.send({"type": "ladder_ack", "seq": message["seq"]})

    def _beat(self) -> None:
        feeds = [[account_of(number), "usdm"] for number in range(ACCOUNTS)]
        if self.guard.poll() is not None:
            return
        self.send({"type": "beat", "spend": {}, "since_ms": 60_000, "bots": {}, "feeds": feeds})
        asyncio.get_running_loop().call_later(1.0, self._beat)

    async def ask(self, verb: str, **args: Any) -> Any:
        """Ask as the supervisor does."""
        number = next(self._numbers)
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            self._control.send(json.dumps({"id": number, "verb": verb, "args": args}).encode())
            return await asyncio.wait_for(future, PATIENCE_S)
        except (TimeoutError, OSError):
            raise Missing(f"the guard does not answer {verb}") from None

    def _answered(self) -> None:
        message = _received(self._control)
        future = self._answers.pop(message.get("id"), None)
        if future is not None and not future.done():
            future.set_result(message.get("result", message.get("error")))

    async def ready(self) -> None:
        """Wait until the guard knows everything and hears the stream."""
        await self.ask("gateway_is", state="serving", trips=[])
        for _ in range(300):
            await asyncio.sleep(0.1)
            self.tell_marks()
            if self.guard.poll() is not None:
                raise Missing("the guard has ended")
            watch = (await self.ask("guard_status"))["watch"]
            if watch and not watch["failing"] and watch["streams"].get("usdm") and not watch["blind"]:
                await asyncio.sleep(1.0)
                return
        raise Missing(f"the guard is not ready: {watch}")

    # -- events

    def tell_marks(self) -> int:
        """Send all marks, each a little other than before; gives the moment right before."""
        noisy = {symbol: price + random.random() / 100 for symbol, price in self.world.marks.items()}
        return self.exchange.tell(frame(marks_text(noisy, time.time_ns() // 1_000_000)))

    def trade(self, account: str, symbol: str, quantity: float, owner: str, name: str) -> int:
        """Let the gateway pass on a trade; gives the moment right before. The account's update comes first."""
        place = {"account": account, "family": "usdm"}
        amount, now_ms = self.world.held[account][symbol], time.time_ns() // 1_000_000
        update = {"m": "ORDER", "B": [], "P": [{"s": symbol, "pa": f"{amount:.3f}", "ep": "100", "ps": "BOTH"}]}
        at_ns = self.send({"type": "event", "what": "account", **place, "kind": "ACCOUNT_UPDATE", "owner": None,
                           "body": {"e": "ACCOUNT_UPDATE", "E": now_ms, "T": now_ms, "a": update}})  # fmt: skip
        number = next(self._numbers)
        order = {"s": symbol, "c": name, "S": "BUY" if quantity > 0 else "SELL", "x": "TRADE", "X": "FILLED",
                 "i": number, "t": number, "l": f"{abs(quantity):.3f}", "L": "100", "n": "0", "N": "USDT", "rp": "0",
                 "ps": "BOTH", "T": now_ms, "z": f"{abs(quantity):.3f}"}  # fmt: skip
        self.send({"type": "event", "what": "order", **place, "kind": "ORDER_TRADE_UPDATE", "owner": owner,
                   "body": {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": now_ms, "o": order}})  # fmt: skip
        return at_ns

    async def series(self, send: Callable[[int], Awaitable[float]], orders: int) -> list[float]:
        """Give the milliseconds of so many, each from the same state as the one before."""
        found = []
        for number in range(orders):
            found.append(await send(number))
            await asyncio.sleep(PAUSE_S)
        return found

    async def account(self, number: int) -> float:
        """Let a bot buy more than its account may hold."""
        account, symbol = _place(number)
        self._expect(account)
        self.world.held[account][symbol] += MORE
        at_ns = self.trade(account, symbol, MORE, f"b{account[1:]}", f"x{number}")
        took = await self._reduced(account, symbol, at_ns)
        await self._go_back(account, symbol)
        return took

    async def mark(self, number: int) -> float:
        """Let a price rise; what counts is the second reading of it, which confirms the first.

        A read of the account that came in between has confirmed it already: then once more.
        """
        account, symbol = _place(number)
        while True:
            self._expect(account)
            self.world.marks[symbol] = HIGH
            self.tell_marks()
            await asyncio.sleep(READING_S)
            was_read = self._order is not None and self._order.done()
            took = await self._reduced(account, symbol, self.tell_marks())
            self.world.marks[symbol] = PRICE
            await self._flow(2)
            await self._go_back(account, symbol)
            if not was_read:
                return took
            # As long the guard does not believe that what it has just closed is there again.
            await self._flow(round(LAG_S / READING_S))

    async def _flow(self, readings: int) -> None:
        for _ in range(readings):
            self.tell_marks()
            await asyncio.sleep(READING_S)

    def _expect(self, account: str) -> None:
        self._account = account
        self._order = asyncio.get_running_loop().create_future()

    def _ordered(self, account: str, order: dict[str, str], at_ns: int) -> None:
        if self._order is None or self._order.done() or account != self._account:
            self._stray = f"{account} {order['side']} {order['quantity']} {order['symbol']}"
            return
        self._order.set_result((account, order, at_ns))
        self._reads = self.world.reads[account]

    async def _reduced(self, account: str, symbol: str, since_ns: int) -> float:
        """Wait for the order, tell of its fill, and wait until the guard has looked at what is left."""
        assert self._order is not None
        try:
            _, order, at_ns = await asyncio.wait_for(self._order, PATIENCE_S)
        except TimeoutError:
            watch = (await self.ask("guard_status"))["watch"]
            raise Missing(f"no order came for {account} {symbol}: {watch}") from None
        if (order["symbol"], order.get("reduceOnly")) != (symbol, "true"):
            raise Missing(f"another order came than for {account} {symbol}: {order}")
        self.trade(account, symbol, -float(order["quantity"]), "guard", order["newClientOrderId"])
        for _ in range(200):
            await asyncio.sleep(5 * PAUSE_S)
            if self.world.reads[account] > self._reads:
                break
        return (at_ns - since_ns) / 1e6

    async def _go_back(self, account: str, symbol: str) -> None:
        """Let the bot hold again what it held before, and resume the account."""
        if self._stray:
            raise Missing(f"an order that nothing asked for: {self._stray}")
        back = SIZE - self.world.held[account][symbol]
        self.world.held[account][symbol] = SIZE
        self.trade(account, symbol, back, f"b{account[1:]}", f"y{next(self._numbers)}")
        await asyncio.sleep(PAUSE_S)
        await self.ask("resume", scope=f"account {account}", operator="bench", uid=0)

    # -- load

    def arrays(self) -> Callable[[], None]:
        """Give what sends all marks in one message."""

        def send() -> None:
            self.tell_marks()

        return send

    def singles(self) -> Callable[[], None]:
        """Give what sends a hundredth of a second's marks, each in a message of its own."""
        numbers = iter(lambda: random.randrange(SYMBOLS), -1)

        def send() -> None:
            now_ms = time.time_ns() // 1_000_000
            names = [symbol_of(next(numbers)) for _ in range(RATE // 100)]
            rows = [mark_text(name, self.world.marks[name] + random.random() / 100, now_ms) for name in names]
            self.exchange.tell(b"".join(map(frame, rows)))

        return send

    async def flood(self, send: Callable[[], None], every_s: float, stop: asyncio.Event) -> None:
        """Send again and again until told to stop."""
        due = time.monotonic()
        while not stop.is_set():
            send()
            due += every_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def cores(self, seconds: float, send: Callable[[], None], every_s: float) -> float:
        """Give how much of a core the guard takes meanwhile."""
        stop = asyncio.Event()
        flood = asyncio.ensure_future(self.flood(send, every_s, stop))
        await asyncio.sleep(0.5)
        cpu_ns, begun_ns = _cpu_ns(self.guard.pid), time.monotonic_ns()
        await asyncio.sleep(seconds)
        took = (_cpu_ns(self.guard.pid) - cpu_ns) / (time.monotonic_ns() - begun_ns)
        stop.set()
        await flood
        return took


def _received(end: socket.socket) -> dict[str, Any]:
    """Take a packet; of an end that was shut nothing is heard any more."""
    try:
        data = end.recv(1 << 18)
    except OSError:
        data = b""
    if not data:
        asyncio.get_running_loop().remove_reader(end.fileno())
    found: dict[str, Any] = json.loads(data) if data else {}
    return found


def _place(number: int) -> tuple[str, str]:
    """Choose a position, another account each time."""
    account, each = number % ACCOUNTS, number // ACCOUNTS % HELD
    return account_of(account), symbol_of(account * HELD + each)


def _cpu_ns(pid: int) -> int:
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


@asynccontextmanager
async def guard(folder: Path, exchange: Exchange, ca: Path, cores: Cores) -> AsyncIterator[Stage]:
    home = _home(folder / "home", exchange.port, ca)
    with pairs(4) as made:
        (asks, answers), (_idle, others), (line, told), (control, obeys) = made
        alive_read, alive_write = os.pipe()
        signer = _start(
            "counterseal.signer", home, cores.load, folder, gateway_fd=others, guard_fd=answers, lifeline_fd=alive_read
        )
        guard = _start(
            "counterseal.guard", home, cores.contestant, folder, signer_fd=asks, gateway_fd=told, control_fd=obeys
        )
        try:
            yield Stage(exchange, guard, line, control)
        except Missing as fault:
            raise Missing(f"{fault}\n{_last_words(folder, home)}") from None
        finally:
            for process in (guard, signer):
                process.terminate()
            os.close(alive_write)
            for process in (guard, signer):
                process.wait(10)


def _last_words(folder: Path, home: Home) -> str:
    logs = [folder / "counterseal.guard.err", folder / "counterseal.signer.err", home.logs / "guard.jsonl"]
    return "\n".join(line for log in logs if log.exists() for line in log.read_text().splitlines()[-8:])


def _start(module: str, home: Home, core: int, folder: Path, **ends: Any) -> subprocess.Popen[bytes]:
    """Start one of our processes with its ends, which are its alone then."""
    fds = {name: end if isinstance(end, int) else end.fileno() for name, end in ends.items()}
    words = [word for name, fd in fds.items() for word in (f"--{name.replace('_', '-')}", str(fd))]
    with (folder / f"{module}.err").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, "--home", str(home.root), *words],
            pass_fds=tuple(fds.values()), env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}, stderr=said,
        )  # fmt: skip
    os.sched_setaffinity(process.pid, {core})
    for end in ends.values():
        os.close(end) if isinstance(end, int) else end.close()
    return process


@contextmanager
def pairs(count: int) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """Make so many pairs that keep messages apart."""
    made = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(count)]
    for end in (end for pair in made for end in pair):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    try:
        yield made
    finally:
        for end in (end for pair in made for end in pair):
            end.close()


def _home(root: Path, port: int, ca: Path) -> Home:
    """Make an installation with a key, a bot and a limit for each account: 43 limits in all."""
    home = Home(root)
    home.create()
    age_box.make_identities(home)
    egress = ", ".join(f'"127.0.0.{number}"' for number in range(2, 2 + ADDRESSES))
    accounts = "".join(_ACCOUNT.format(n=number, account=account_of(number)) for number in range(ACCOUNTS))
    home.config.write_text(_CONFIG.format(port=port, ca=ca, egress=egress) + accounts)
    home.config.chmod(0o600)
    refs = [f"k{number:02d}" for number in range(ACCOUNTS)]
    secret = Secret(b"a-secret-of-nobody's")
    key_file.write(home, {ref: key_file.StoredKey(ref, "hmac", f"api-{ref}", secret, "paper", 1) for ref in refs})
    return home
