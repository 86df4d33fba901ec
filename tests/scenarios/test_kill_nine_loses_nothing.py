"""Gateway or signer are killed at any moment under load: no order doubled, none lost, nobody has to do anything."""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import http.client
import json
import os
import random
import signal
import threading
import time

import pytest
from laws import check_l1_l2_l4, orders_of
from stack import Stack, signed
from wire import Wire

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
PATIENCE_S = 30.0
# What an intent came to; what was UNKNOWN may have been resolved since.
REFUSED = (400, -2010)
ENDS = ("outcome", "recovered", "resolved")


class Retrier(threading.Thread):
    """A bot that repeats an order under the same id until it has an answer that says what became of it."""

    def __init__(self, stack: Stack, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._stack, self._number, self._halt = stack, number, stop
        self._connection: http.client.HTTPConnection | None = None
        self.answers: dict[str, tuple[int, int | None]] = {}
        self.retries = 0
        self.refused = 0
        self.faults: list[str] = []

    def run(self) -> None:
        """Place orders, one after the other, until told to stop."""
        count = 0
        while not self._halt.is_set() and not self.faults:
            count += 1
            name = f"k{self._number}-{count}"
            answer = self._settled(name)
            if answer == REFUSED:
                # After a kill too many orders are UNKNOWN; until they are resolved, none is let in.
                self.refused += 1
                time.sleep(0.1)
            elif answer is None:
                self.faults.append(f"{name} had no answer within {PATIENCE_S} s")
            else:
                self.answers[name] = answer
            time.sleep(0.004)
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _settled(self, name: str) -> tuple[int, int | None] | None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                status, body = self._ask(name)
            except (OSError, http.client.HTTPException):
                self._close()
                self.retries += 1
                time.sleep(0.01)
                continue
            code = body.get("code")
            if status == 503 and code == -1001:
                # Nothing was sent, says the gateway: the same order again.
                self.retries += 1
                time.sleep(0.02)
                continue
            return REFUSED if body.get("msg", "").endswith("is unknown.") else (status, code)
        return None

    def _ask(self, name: str) -> tuple[int, dict]:  # type: ignore[type-arg]  # a JSON object
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._stack.port, timeout=20)
        key = self._stack.keys["alpha"]
        target = f"/api/v3/order?{signed(key, f'{ORDER}&newClientOrderId={name}')}"
        self._connection.request("POST", target, headers={"X-MBX-APIKEY": key.key_id, "Content-Length": "0"})
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())


def kill_and_wait(stack: Stack, name: str) -> float:
    """Kill one process and give the seconds until both serve again."""
    before = stack.pids()[name]
    began = time.monotonic()
    os.kill(before, signal.SIGKILL)
    while time.monotonic() < began + 10:
        try:
            status = stack.status()
        except Exception:  # noqa: BLE001 - whatever is down is not ready
            continue
        children = status["children"]
        serves = all(child["ready"] for child in children.values()) and (status["gateway"] or {}).get("serving")
        if serves and children[name]["pid"] != before:
            return time.monotonic() - began
        time.sleep(0.01)
    raise AssertionError(f"{name} did not come back within 10 s")


def run(stack: Stack, kills: int, seed: int) -> tuple[list[Retrier], list[float]]:
    """Eight bots under so many kills."""
    rng = random.Random(seed)
    stop = threading.Event()
    bots = [Retrier(stack, number, stop) for number in range(8)]
    for bot in bots:
        bot.start()
    took = []
    try:
        for _ in range(kills):
            time.sleep(rng.uniform(0.1, 0.6))
            took.append(kill_and_wait(stack, rng.choice(("gateway", "gateway", "signer"))))
        time.sleep(0.3)
    finally:
        stop.set()
        for bot in bots:
            bot.join(PATIENCE_S + 5)
    return bots, took


def check(stack: Stack, bots: list[Retrier], took: list[float]) -> None:
    """The laws, and every answer against both journals."""
    assert [fault for bot in bots for fault in bot.faults] == []
    counted = check_l1_l2_l4(stack)
    answers = {name: answer for bot in bots for name, answer in bot.answers.items()}
    name_of = {entry["id"]: entry["client_ids"][0] for entry in stack.journal() if entry["type"] == "intent"}
    ends: dict[str, set[str]] = {}
    for entry in stack.journal():
        if entry["type"] in ENDS:
            ends.setdefault(name_of[entry["id"]], set()).add(entry["outcome"])
    assert set(ends) == set(name_of.values())
    born = {order["clientOrderId"] for row in stack.received() if row["code"] is None for order in orders_of(row)}
    for name, (status, code) in answers.items():
        if status == 200:
            assert "ACCEPTED" in ends[name], f"{name} was answered and the journal does not know it"
            assert name in born, name
        else:
            assert (status, code) == (503, -1007), (name, status, code)
            assert "UNKNOWN" in ends[name], name
    assert born <= set(ends), "an order without an intent"
    assert max(took) <= 5.0, took
    unknown = sum(code == -1007 for _, code in answers.values())
    print(
        f"{len(took)} kills, ready again after {sum(took) / len(took):.2f} s (at most {max(took):.2f}), "
        f"{len(answers)} orders answered, "
        f"{unknown} of them UNKNOWN, {sum(bot.retries for bot in bots)} retries, "
        f"{sum(bot.refused for bot in bots)} refused meanwhile, {counted}"
    )


OPTIONS = ("--no-limits", "--volatility", "0", "--balance", "USDT=1000000000000", "--max-num-orders", "1000000")


@pytest.mark.threat(55)
@pytest.mark.threat(53)
def test_ten_kills(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The size for every run."""
    with Stack(tmp_path_factory.mktemp("kills"), paper_options=OPTIONS) as stack:
        check(stack, *run(stack, 10, 55))


@pytest.mark.slow
@pytest.mark.threat(55)
def test_a_hundred_kills(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A hundred, or COUNTERSEAL_KILLS of them; CI runs a part."""
    with Stack(tmp_path_factory.mktemp("kills"), paper_options=OPTIONS) as stack:
        check(stack, *run(stack, int(os.environ.get("COUNTERSEAL_KILLS", "100")), 56))


def test_a_drain_answers_what_is_in_flight(tmp_path_factory: pytest.TempPathFactory) -> None:
    """SIGTERM while orders wait: each is answered, nothing new is taken, both journals are complete."""
    options = (*OPTIONS, "--fault-control")
    with Stack(tmp_path_factory.mktemp("drain"), paper_options=options) as stack:
        stack.fault("delay:1000", "POST", "/api/v3/order", times=5)
        wires = [Wire(stack.port) for _ in range(5)]
        for number, wire in enumerate(wires):
            wire.send(stack.request("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=d-{number}"))
        idle = Wire(stack.port)
        time.sleep(0.3)
        began = time.monotonic()
        assert stack.down() == 0
        assert 0.4 < time.monotonic() - began < 5.0
        assert [wire.reply().body["clientOrderId"] for wire in wires] == [f"d-{number}" for number in range(5)]
        assert all(wire.closed() for wire in (*wires, idle))
        for wire in (*wires, idle):
            wire.__exit__(None, None, None)
        counted = check_l1_l2_l4(stack)
        assert (counted.intents, counted.orders_accepted, counted.unknown) == (5, 5, 0)
