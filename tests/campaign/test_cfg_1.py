"""CFG-1: counterseal.toml cut after every byte, of every mode and kind, swapped while it is read, under real processes.

The policy that was in force stays in force, it is told that it is not the one in the file, and an empty one never is.
"""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import hashlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from tests.campaign import policies
from tests.campaign.policies import LEVERAGES, Case, other, written
from tests.campaign.tally import SHARE, Tally, campaign

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))

from stack import Stack

from counterseal.adapters import control_socket
from counterseal.adapters.control_socket import ControlError

pytestmark = [pytest.mark.slow, pytest.mark.threat(58)]
FULL, SWAPS = 2_000, 150
LIMITED = """
[bots.beta]
keys = ["main"]
products = ["spot", "usdm"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["BTCUSDT"]
max_leverage = 20
max_order_notional = 5000
price_collar_percent = 2.5
max_order_quantity = { BTCUSDT = 0.25 }
mode = "enforce"
"""


class Running:
    """An installation, its sound policy, and what is in force."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.path = stack, stack.home.config
        self.text = self.path.read_bytes()
        assert LEVERAGES[0] in self.text
        self.in_force = digest(self.text)

    def reload(self) -> tuple[str | None, str]:
        """Reload as the operator's verb does: gives the digest of what was taken up, or None and the reason.

        No reload may take all bots away.
        """
        try:
            told = control_socket.call(self.stack.home.control_socket, "reload_config", 10.0)
        except ControlError as fault:
            return None, str(fault)
        assert told["bots"] > 0, "an empty policy is in force"
        return str(told["policy"]), ""

    def seen(self) -> tuple[str, bool]:
        """What is in force by the gateway's own word, and whether it tells of a failed load."""
        gateway = self.stack.status()["gateway"]
        failing = {row["state"] for row in gateway["failing"]}
        return str(gateway["policy"]), "policy_load_failed" in failing


def digest(content: bytes) -> str:
    """The name of a policy in status and journal."""
    return hashlib.sha256(content).hexdigest()[:16]


def cases(running: Running, folder: Path) -> list[Case]:
    """As many as the count says, with the swaps."""
    text = running.text
    made = [*policies.cuts(text), *policies.modes(text), *policies.kinds(text, folder),
            policies.hard_linked(text, folder), *policies.strangers(text), *policies.older(text, 40)]  # fmt: skip
    return made + list(islice(policies.spoiled(text, 800), max(0, FULL - SWAPS - len(made))))


def judge(tally: Tally, running: Running, case: Case) -> None:
    """Put a file in place, reload, and compare with what must become of it."""
    case.put(running.path)
    before = running.in_force
    told, why = running.reload()
    policy, is_told = running.seen()
    name = f"{case.kind} {case.name}"
    if case.taken is None:
        case = Case(case.kind, case.name, case.put, case.content, told is not None)
        tally.note(other="a policy by itself, taken" if told else "a policy by itself, refused")
    else:
        tally.note(reason=None if told else "the old one stays", other="taken")
    running.in_force = digest(case.content) if case.taken and case.content is not None else before
    if bool(told) != case.taken:
        tally.disagree(f"{name}: {'taken' if told else 'refused'} ({why[:160]})")
        running.in_force = policy
    if policy != running.in_force or (told and told != policy):
        tally.disagree(f"{name}: {policy} is in force, not {running.in_force}")
        running.in_force = policy
    if is_told is case.taken:
        tally.disagree(f"{name}: {'no word that' if not is_told else 'it is said that'} a load failed")


def restore(running: Running) -> None:
    """Put the sound policy back in force."""
    written(running.text)(running.path)
    told, why = running.reload()
    assert told == digest(running.text), why
    running.in_force = told


# -- swapped while it is read


def swapped(tally: Tally, running: Running, count: int) -> None:
    """Another process puts files in place, sound and not, by renaming and by writing over, without a pause."""
    sound = {digest(content): content for content in (running.text, other(running.text))}
    stop = threading.Event()
    writer = threading.Thread(target=_swap, args=(running.path, list(sound.values()), stop))
    writer.start()
    taken = set()
    try:
        for number in range(count):
            told, _ = running.reload()
            policy, _ = running.seen()
            tally.note(reason=None if told else "the old one stays", other="taken")
            if policy not in sound or (told and told != policy):
                tally.disagree(f"swap {number}: {policy} is in force, told {told}")
            if told:
                taken.add(told)
                _is_in_force(tally, running, told, sound.get(told, b""))
    finally:
        stop.set()
        writer.join()
    assert taken, "no swap was ever taken: the writer was never still"
    tally.figures["swaps that were taken"] = ", ".join(sorted(taken))


def _swap(path: Path, sound: list[bytes], stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        if number % 4 == 3:
            # A file of the same length written over, in place.
            file = os.open(path, os.O_WRONLY)
            os.pwrite(file, sound[number // 4 % 2], 0)
            os.close(file)
        else:
            aside = path.with_name("aside.toml")
            content = sound[number % 2]
            aside.write_bytes(content[: len(content) // 2] if number % 7 == 0 else content)
            aside.chmod(0o622 if number % 5 == 0 else 0o600)
            aside.replace(path)
        time.sleep(0.0007)


def _is_in_force(tally: Tally, running: Running, name: str, content: bytes) -> None:
    """The limit that the named policy states is the one that is judged by."""
    wide = LEVERAGES[0] in content
    reply = running.stack.call("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=110")
    if (reply.reason == "leverage_over_cap") is wide:
        tally.disagree(f"{name} is named, and another policy is in force: {reply.status} {reply.reason}")


# -- all of it


@pytest.fixture(name="running", scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    bots = {"alpha": "hmac", "beta": "hmac"}
    options = ("--no-limits", "--volatility", "0")
    with Stack(tmp_path_factory.mktemp("cfg"), bots=bots, policies={"beta": LIMITED}, paper_options=options) as stack:
        yield Running(stack)


def test_cfg_1(running: Running, tmp_path: Path) -> None:
    """What is no sound file changes nothing."""
    with campaign("CFG-1", "files in the place of counterseal.toml", FULL) as tally:
        for case in tally.some(cases(running, tmp_path)):
            judge(tally, running, case)
        restore(running)
        swapped(tally, running, SWAPS if SHARE >= 1 else 15)
        restore(running)
        reloads = {entry["policy"] for entry in running.stack.journal() if entry["type"] == "reload"}
        assert digest(running.text) in reloads
        tally.figures["cuts that leave a policy"] = str(tally.other["a policy by itself, taken"])
        assert running.stack.call("GET", "/api/v3/account").status == 200
        assert running.stack.call("GET", "/api/v3/order", "symbol=BTCUSDT&orderId=1", bot="beta").code == -2013
