"""ROT-1: keys are replaced while bots trade by REST and WebSocket API and listen to their user data. No request fails,
no event is missed or told twice, nothing of the old key is used once it has been drained; deleted at the exchange it is
proven refused, and no process has a copy of it.
"""

# ruff: noqa: TID251 - real processes live in real time
import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from memory import look
from stack import Stack, child_environ, is_guards, make_pair, private_parts, wait
from tests import leaks
from tests.leaks import Scanner
from websockets.sync.client import connect

from counterseal.adapters import key_file

COUNT = int(os.environ.get("ROT1_ROTATIONS", "3"))
# Requests a second of all bots together.
RATE = int(os.environ.get("ROT1_RATE", "60"))
OPTIONS = ("--no-limits", "--volatility", "0", "--balance", "USDT=1000000000", "--futures-balance", "USDT=100000000",
           "--max-num-orders", "1000000")  # fmt: skip
OURS = ("supervisor", "signer", "gateway", "guard")
ORDER = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.002"


@dataclass
class Load:
    """Bots that trade until told to stop. `failed` is every answer that was none of success, `placed` the client ids
    of accepted orders by market, `heard` what came of them in user data.
    """

    stack: Stack
    stop: threading.Event = field(default_factory=threading.Event)
    failed: list[Any] = field(default_factory=list)
    placed: dict[str, list[str]] = field(default_factory=lambda: {"spot": [], "usdm": []})
    heard: dict[str, Counter[tuple[str, str]]] = field(default_factory=lambda: {"spot": Counter(), "usdm": Counter()})
    waited: list[float] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)

    def start(self) -> None:
        """Open the streams first, so that every order of this load is heard."""
        listening = [threading.Event(), threading.Event()]
        work: list[Callable[[], None]] = [
            lambda: self._spot_events(listening[0]),
            lambda: self._usdm_events(listening[1]),
        ]
        self._run(work)
        assert all(event.wait(20) for event in listening)
        self._run([lambda: self._rest("/api/v3/order", "spot"), lambda: self._rest("/fapi/v1/order", "usdm"),
                   lambda: self._read("/api/v3/account"), self._socket])  # fmt: skip

    def _run(self, works: list[Callable[[], None]]) -> None:
        for work in works:
            thread = threading.Thread(target=self._guarded, args=(work,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a bot that breaks is a failure like another
            self.failed.append(repr(error))

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(20)

    def _paced(self) -> bool:
        return not self.stop.wait(4 / RATE)

    def _done(self, market: str, client_id: str, status: int, body: Any) -> None:
        if status != 200:
            self.failed.append((market, status, body))
        else:
            self.placed[market].append(client_id)

    def _rest(self, path: str, market: str) -> None:
        while self._paced():
            client_id, began = f"r{next(self.numbers)}-{market}", time.monotonic()
            reply = self.stack.call("POST", path, f"{ORDER}&newClientOrderId={client_id}")
            self.waited.append(time.monotonic() - began)
            self._done(market, client_id, reply.status, reply.body)

    def _read(self, path: str) -> None:
        while self._paced():
            reply = self.stack.call("GET", path)
            if reply.status != 200:
                self.failed.append((path, reply.status, reply.body))

    def _raw(self, **params: Any) -> dict[str, Any]:
        """What a bot signs for a request to the WebSocket API: names in order, nothing escaped."""
        key = self.stack.keys["alpha"]
        params = {**params, "apiKey": key.key_id, "timestamp": time.time_ns() // 1_000_000}
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return {**params, "signature": key.sign(text)}

    def _socket(self) -> None:
        with connect(f"ws://127.0.0.1:{self.stack.port}/ws-api/v3") as bot:
            while self._paced():
                client_id = f"w{next(self.numbers)}-spot"
                order = self._raw(
                    symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.001", newClientOrderId=client_id
                )
                bot.send(json.dumps({"id": client_id, "method": "order.place", "params": order}))
                answer = json.loads(bot.recv(20))
                self._done("spot", client_id, answer["status"], answer)

    def _spot_events(self, listening: threading.Event) -> None:
        with connect(f"ws://127.0.0.1:{self.stack.port}/ws-api/v3") as bot:
            ask = {"id": 1, "method": "userDataStream.subscribe.signature", "params": self._raw()}
            bot.send(json.dumps(ask))
            assert json.loads(bot.recv(20))["status"] == 200
            listening.set()
            self._hear(bot, "spot", lambda event: event.get("event", event))

    def _usdm_events(self, listening: threading.Event) -> None:
        made = self.stack.call("POST", "/fapi/v1/listenKey").body["listenKey"]
        with connect(f"ws://127.0.0.1:{self.stack.port}/private/ws?listenKey={made}") as bot:
            listening.set()
            self._hear(bot, "usdm", lambda event: event.get("o", {}))

    def _hear(self, bot: Any, market: str, order_of: Callable[[Any], Any]) -> None:
        until = None
        while until is None or time.monotonic() < until:
            if self.stop.is_set() and until is None:
                until = time.monotonic() + 3.0
            try:
                order = order_of(json.loads(bot.recv(0.2)))
            except TimeoutError:
                continue
            if isinstance(order, dict) and "X" in order and "c" in order:
                self.heard[market][str(order["c"]), str(order["X"])] += 1


def register(stack: Stack, public: str | None) -> dict[str, str]:
    """What a person does at the exchange's page: a self-generated key with this public half."""
    out, file = stack.root / "made.json", stack.root / "next.pub.pem"
    assert public is not None
    file.write_text(public)
    stack.verb("paper", "key", "create", "--home", str(stack.paper_home), "--kind", "ed25519", "--out", str(out),
               "--public-key", str(file))  # fmt: skip
    made: dict[str, str] = json.loads(out.read_text())
    out.unlink()
    return made


def by_spare(stack: Stack) -> None:
    """Way d: a key that was prepared."""
    private, public = make_pair("ed25519")
    made = register(stack, public)
    material = stack.root / "spare"
    material.write_text(json.dumps({"apiKey": made["apiKey"], "secretKey": private}))
    material.chmod(0o600)
    stack.verb(
        "key", "spare", "add", "main", "--kind", "ed25519", "--home", str(stack.home.root), "--file", str(material)
    )
    material.unlink()
    stack.verb("key", "rotate", "main", "--from-spare", "--home", str(stack.home.root))


def by_spare_killed(stack: Stack) -> None:
    """The same, and the rotator is killed on its way, again and again, at moments that nobody chose."""
    private, public = make_pair("ed25519")
    made = register(stack, public)
    file = stack.root / "spare"
    file.write_text(json.dumps({"apiKey": made["apiKey"], "secretKey": private}))
    file.chmod(0o600)
    stack.verb("key", "spare", "add", "main", "--kind", "ed25519", "--home", str(stack.home.root), "--file", str(file))
    file.unlink()
    new = max(versions(stack), key=lambda ref: int(ref.partition(".")[2] or 1))
    for seconds in (1.2, 1.7, 2.3):
        words = ["--resume"] if versions(stack)[new].stage != "spare" else ["--from-spare"]
        home = ("--home", str(stack.home.root))
        rotator = subprocess.Popen(
            [sys.executable, "-m", "counterseal.cli.main", "key", "rotate", "main", *words, *home],
            env=child_environ(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            rotator.wait(seconds)
        rotator.kill()
        rotator.wait()
        assert [key.stage for key in versions(stack).values()].count("active") == 1
    if versions(stack)[new].stage == "spare":
        stack.verb("key", "rotate", "main", "--from-spare", "--home", str(stack.home.root))
    stack.verb("key", "rotate", "main", "--resume", "--home", str(stack.home.root))


def by_pair(stack: Stack) -> None:
    """Way a: a pair that is made here; only its public half comes out."""
    public = stack.verb("key", "rotate", "main", "--home", str(stack.home.root))
    made = register(stack, public)
    file = stack.root / "api-key"
    file.write_text(made["apiKey"] + "\n")
    file.chmod(0o600)
    stack.verb("key", "set-api-key", "main", "--home", str(stack.home.root), "--file", str(file))
    file.unlink()
    stack.verb("key", "rotate", "main", "--resume", "--home", str(stack.home.root))


WAYS = (by_spare, by_pair, by_spare_killed)


def versions(stack: Stack) -> dict[str, key_file.StoredKey]:
    return key_file.versions(key_file.read(stack.home), "main")


def active(stack: Stack) -> key_file.StoredKey:
    return next(key for key in versions(stack).values() if key.stage == "active")


def parts(key: key_file.StoredKey) -> list[leaks.Planted]:
    return [leaks.plant(f"exchange secret of {key.ref}", part) for part in private_parts(key.secret.reveal().decode())]


def used(stack: Stack, api_key: str, since: int) -> list[Any]:
    """What came to the exchange with a key, other than the guard's own probes, behind a line of its journal."""
    rows = [json.loads(line) for line in (stack.paper_home / "journal.jsonl").read_text().splitlines()[since:]]
    return [row for row in rows if row.get("key") == api_key[:8] and not is_guards(row)]


def lines(stack: Stack) -> int:
    return len((stack.paper_home / "journal.jsonl").read_text().splitlines())


@pytest.mark.slow
@pytest.mark.threat(66)
def test_rotations_under_load_cost_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """COUNT rotations by both ways; each old key is deleted at the exchange and then proven refused."""
    root: Path = tmp_path_factory.mktemp("rotations")
    with Stack(root, paper_options=OPTIONS) as stack:
        wait(lambda: [row["stands"] for row in stack.status()["gateway"]["user_data"]] == [True] * 3, 20, "all feeds")
        load = Load(stack)
        load.start()
        gone: list[leaks.Planted] = []
        spans: list[float] = []
        for number in range(COUNT):
            old, old_parts, began = active(stack), parts(active(stack)), time.monotonic()
            assert old.api_key is not None
            WAYS[number % len(WAYS)](stack)
            spans.append(time.monotonic() - began)
            drained = lines(stack)
            assert versions(stack)[old.ref].stage == "retired" and active(stack).ref != old.ref
            time.sleep(0.5)
            stack.verb("paper", "key", "delete", "--home", str(stack.paper_home), "--api-key", old.api_key)
            stack.verb("key", "rotate", "main", "--resume", "--home", str(stack.home.root))
            assert versions(stack)[old.ref].stage == "revoked"
            assert used(stack, old.api_key, drained) == []
            gone += old_parts
        load.end()
        judge_load(load)
        if os.geteuid() == 0:
            judge_memory(stack, gone)
        rows = stack.status()["gateway"]["user_data"]
        assert [row["gaps"] for row in rows] == [0, 0, 0] and all(row["renewed"] >= COUNT for row in rows)
        slowest = sorted(load.waited)[-1]
        print(f"{COUNT} rotations, {sum(map(len, load.placed.values()))} orders, 0 failed; longest rotation "
              f"{max(spans):.1f} s, longest answer {slowest:.2f} s")  # fmt: skip


def judge_load(load: Load) -> None:
    assert load.failed == []
    for market, placed in load.placed.items():
        assert len(placed) > 20, market
        for status in ("NEW", "FILLED"):
            told = {client_id: load.heard[market][client_id, status] for client_id in placed}
            assert {client_id: count for client_id, count in told.items() if count != 1} == {}, (market, status)


def judge_memory(stack: Stack, gone: list[leaks.Planted]) -> None:
    """MEM-1: nothing of the old keys anywhere, nothing of the present one outside the signer's secret memory."""
    present = parts(active(stack))
    assert stack.status()["children"]["signer"]["secret_memory"] == "memfd_secret"
    for name in OURS:
        assert look(name, stack.pids()[name], Scanner([*gone, *present])).leaks == [], name
