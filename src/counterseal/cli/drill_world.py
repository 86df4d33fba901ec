"""Where a drill takes place: the paper exchange, a gateway before it, a key with a spare, and a bot that trades."""

import hashlib
import hmac
import http.client
import json
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, NamedTuple

from counterseal.adapters import control_socket, key_file
from counterseal.adapters.home import Home
from counterseal.adapters.journal_segments import read_records
from counterseal.adapters.key_file import StoredKey
from counterseal.adapters.system_clock import SystemClock
from counterseal.cli import demo
from counterseal.cli.shared import CONFIRM_S
from counterseal.core.key_refs import ref_of
from counterseal.core.rotation import Stage
from counterseal.core.secret import Secret

KEY = "paper"
SPARE = ref_of(KEY, 2)
PAUSE_S = 0.05
# So many orders of the bot rest at the exchange; then it takes the oldest back.
RESTING = 12
_PLACE = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price={price}&newClientOrderId={name}"
_TAKE_BACK = "symbol=BTCUSDT&origClientOrderId={name}"
_ORDERS = ("/api/v3/order", "/fapi/v1/order", "/dapi/v1/order")


class Found(NamedTuple):
    """What the drill's own look at exchange, guard and bot came to, beside what the steps say of themselves."""

    placed_before: int
    refused_after: int
    reasons: tuple[str, ...]
    last_order_ms: int | None
    open_orders: int | None
    alerts: tuple[str, ...]
    journalled: int


@dataclass(slots=True)
class Trader:
    """A bot that places and takes back orders until it is told to stop. `answers` are (wall ms, status, reason)."""

    listen: str
    key_id: str
    secret: Secret
    price: str
    answers: list[tuple[int, int, str]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Trade."""
        connection = http.client.HTTPConnection(self.listen, timeout=10)
        names: list[str] = []
        try:
            while not self.stopped.wait(PAUSE_S):
                name = f"drill-{len(self.answers)}"
                if self._ask(connection, "POST", _PLACE.format(price=self.price, name=name)) == 200:
                    names.append(name)
                if len(names) > RESTING:
                    self._ask(connection, "DELETE", _TAKE_BACK.format(name=names.pop(0)))
        except (OSError, http.client.HTTPException):
            self.answers.append((_now_ms(), 0, "the connection broke"))
        finally:
            connection.close()

    def wait_for(self, seconds: float) -> None:
        """Let it trade for so long."""
        self.stopped.wait(seconds)

    def open_orders(self) -> int | None:
        """Count what rests, as the exchange says itself; None where it says nothing. Once the trading has ended."""
        connection = http.client.HTTPConnection(self.listen, timeout=10)
        try:
            status, body, _ = self._send(connection, "GET", "/api/v3/openOrders", "symbol=BTCUSDT")
            return len(json.loads(body)) if status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, method: str, query: str) -> int:
        status, _, reason = self._send(connection, method, "/api/v3/order", query)
        if method == "POST":
            self.answers.append((_now_ms(), status, reason))
        return status

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, query: str
    ) -> tuple[int, bytes, str]:
        payload = f"{query}&timestamp={_now_ms()}"
        signature = hmac.new(self.secret.reveal(), payload.encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": self.key_id} | ({} if method == "GET" else {"Content-Length": "0"})
        connection.request(method, f"{path}?{payload}&signature={signature}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("X-Counterseal-Reason") or ""


class World:
    """Everything, started and prepared; ended when the block ends."""

    key = KEY

    def __init__(self, home: Home) -> None:
        self.home = home
        self._paper: subprocess.Popen[bytes] | None = None
        self._gateway: subprocess.Popen[bytes] | None = None
        self._said: BinaryIO | None = None
        self._api_keys: dict[str, str] = {}

    def __enter__(self) -> "World":
        try:
            self._said = (self.home.root / "said.log").open("ab")
            self._paper = demo.start("paper", "serve", "--home", str(self._paper_home), "--listen", "127.0.0.1:0",
                                     "--volatility", "0", said=self._said)  # fmt: skip
            demo.prepare(self.home, demo.endpoint_of(self.home, self._paper), "127.0.0.1:0")
            self._make_spare()
            self._gateway = demo.start("up", "--home", str(self.home.root), said=self._said)
            demo.wait_for_gateway(self.home, self._gateway)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        demo.stop(self._gateway)
        demo.stop(self._paper)
        if self._said is not None:
            self._said.close()

    @property
    def _paper_home(self) -> Path:
        return self.home.root / "paper"

    def _make_spare(self) -> None:
        """Make a second version of the key in advance, known to the exchange, held by nobody."""
        secret, public_pem = key_file.new_ed25519()
        public, out = self.home.root / "spare.pub.pem", self._paper_home / "spare-key.json"
        public.write_bytes(public_pem)
        demo.verb("paper", "key", "create", "--home", str(self._paper_home), "--kind", "ed25519",
                  "--public-key", str(public), "--out", str(out))  # fmt: skip
        keys = key_file.read(self.home)
        api_key = json.loads(out.read_text())["apiKey"]
        spare = StoredKey(SPARE, "ed25519", api_key, secret, "paper", _now_ms(), stage=Stage.SPARE.value)
        key_file.write(self.home, {**keys, SPARE: spare})
        self._api_keys = {KEY: keys[KEY].api_key or "", SPARE: api_key}

    @contextmanager
    def trading(self) -> Iterator[Trader]:
        """Have the bot trade meanwhile."""
        listen = json.loads(self.home.supervisor_file.read_text())["listen"]
        credential = json.loads((self.home.root / "demo-bot.json").read_text())
        trader = Trader(listen, credential["apiKey"], Secret(credential["secretKey"].encode()), _price(listen))
        thread = threading.Thread(target=trader.run, name="bot")
        thread.start()
        try:
            yield trader
        finally:
            trader.stopped.set()
            thread.join()

    def revoke(self, lines: Sequence[str]) -> None:
        """Do what a person does at the exchange's page."""
        for line in lines:
            print(f"  {line}", flush=True)
        demo.verb("paper", "key", "delete", "--home", str(self._paper_home), "--api-key", self._api_keys[KEY])

    def look(self, begun_ms: int, ended_ms: int, trader: Trader) -> Found:
        """See what exchange, guard and bot know of it."""
        rows = [json.loads(line) for line in (self._paper_home / "journal.jsonl").read_text().splitlines()]
        orders = [int(row["t"]) for row in rows if row.get("method") == "POST" and row.get("path") in _ORDERS]
        alerts = control_socket.call(self.home.control_socket, "alert_list", CONFIRM_S)["alerts"]
        after = [answer for answer in trader.answers if answer[0] > ended_ms]
        return Found(
            placed_before=sum(status == 200 for at_ms, status, _ in trader.answers if at_ms < begun_ms),
            refused_after=sum(status >= 400 for _, status, _ in after),
            reasons=tuple(sorted({reason or "accepted" for _, _, reason in after})),
            last_order_ms=max(orders) - begun_ms if orders else None,
            open_orders=trader.open_orders(),
            alerts=tuple(dict.fromkeys(alert["code"] for alert in alerts)),
            journalled=_journalled(self.home),
        )  # fmt: skip


def _price(listen: str) -> str:
    """Give a price so far below the market that nothing is bought, and near enough to be taken."""
    connection = http.client.HTTPConnection(listen, timeout=10)
    try:
        connection.request("GET", "/api/v3/ticker/price?symbol=BTCUSDT")
        last = Decimal(json.loads(connection.getresponse().read())["price"])
    finally:
        connection.close()
    return str((last * Decimal("0.9")).quantize(Decimal("1.00")))


def _journalled(home: Home) -> int:
    """Count the steps on the guard's record."""
    return sum(record.get("type") == "emergency" for record in read_records(home.guard_journal))


def _now_ms() -> int:
    return SystemClock().wall_ns() // 1_000_000
