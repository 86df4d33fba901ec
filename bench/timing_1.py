"""TIMING-1: whether the time of a verification tells what was wrong: python bench/timing_1.py [--samples 1000000].

Runs the gateway's own verification in this process (with src on PYTHONPATH; needs the product's environment), two
kinds of wrong request in turn, in an order drawn by seed, and compares their times by Welch's t: the first byte of the
signature wrong against the last, an unknown key id against a wrong signature. Prints a table. Exit status: 0 every |t|
is below 4.5, 1 one is not. To be run by hand on a quiet machine, never in CI.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import hmac
import math
import os
import random
import sys
import time
from array import array
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

from counterseal.adapters.signatures import SignatureVerifier
from counterseal.core.binance.canonical import split_signature
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.secret import Secret
from counterseal.core.wire import decode_pairs
from counterseal.gateway.admission import Admission, Inquiry

LIMIT = 4.5
# The slowest of each kind are the machine's interruptions: what lies above this part of both together is left out.
KEPT = 0.95
BATCH = 10_000
SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # the exchange's own published example
KNOWN, UNKNOWN = "K" * 64, "U" * 64
PAYLOAD = (
    b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)


CONFIG = """
[venue]
environment = "testnet"
[bots.bot]
[bots.strict]
verification = "strict"
"""


class Pair(NamedTuple):
    """Two calls that must take equally long."""

    name: str
    first: Callable[[], object]
    second: Callable[[], object]


def changed(signature: str, at: int) -> str:
    """Give a signature whose byte at this place is wrong."""
    byte = int(signature[2 * at : 2 * at + 2], 16) ^ 0x5A
    return f"{signature[: 2 * at]}{byte:02x}{signature[2 * at + 2 :]}"


def pairs() -> list[Pair]:
    """What is compared: of the function alone, and of the step of admission around it."""
    right = hmac.new(SECRET, PAYLOAD, hashlib.sha256).hexdigest()
    first, last = changed(right, 0), changed(right, 31)
    credential = Credential(KNOWN, "bot", CredentialKind.HMAC, Secret(SECRET), None, 0)
    verify = SignatureVerifier().verify
    assert not verify(credential, PAYLOAD, first)
    assert not verify(credential, PAYLOAD, last)
    wrong, unknown = (admitted(credential, key_id, last) for key_id in (KNOWN, UNKNOWN))
    strict = admitted(replace(credential, bot="strict"), KNOWN, last)
    assert wrong() is unknown() is strict() is None
    return [
        Pair("first byte against last byte wrong", lambda: verify(credential, PAYLOAD, first),
             lambda: verify(credential, PAYLOAD, last)),
        Pair("unknown key id against wrong signature", unknown, wrong),
        Pair("unknown key id against wrong signature of a strict bot", unknown, strict),
        # What comes out when nothing differs: how far this machine can be believed.
        Pair("the same against the same", lambda: verify(credential, PAYLOAD, last),
             lambda: verify(credential, PAYLOAD, last)),
    ]  # fmt: skip


def admitted(credential: Credential, key_id: str, signature: str) -> Callable[[], Any]:
    """Give the step that looks a credential up and verifies, as admission calls it."""
    config = load(CONFIG)
    assert isinstance(config, Config), config
    state: Any = SimpleNamespace(credentials={credential.key_id: credential}, bot=config.bots.get)
    step = Admission.__new__(Admission)
    step._state, step._verifier = state, SignatureVerifier()
    query, body, _ = split_signature(PAYLOAD + b"&signature=" + signature.encode(), b"")
    decoded = decode_pairs(query)
    inquiry = Inquiry(head=None, body=body, source=None, signature=signature)  # type: ignore[arg-type]  # not asked for
    return lambda: step._verify(inquiry, key_id, query, decoded)


def measure(pair: Pair, samples: int, draw: random.Random) -> tuple[array[int], array[int]]:
    """Time both, each `samples` times, in an order that nobody can foresee."""
    times = array("q"), array("q")
    clock, calls = time.perf_counter_ns, (pair.first, pair.second)
    for _ in range(math.ceil(2 * samples / BATCH)):
        order = [0, 1] * (BATCH // 2)
        draw.shuffle(order)
        for which in order:
            call, into = calls[which], times[which]
            began = clock()
            call()
            into.append(clock() - began)
    return times


def welch(first: array[int], second: array[int]) -> tuple[float, int]:
    """Give Welch's t of the times that are kept, and how many are."""
    bound = sorted([*first, *second])[int(KEPT * (len(first) + len(second)))]
    kept = [[one for one in times if one <= bound] for times in (first, second)]
    means = [sum(times) / len(times) for times in kept]
    spreads = [sum((one - mean) ** 2 for one in times) / (len(times) - 1) / len(times)
               for times, mean in zip(kept, means, strict=True)]  # fmt: skip
    return (means[0] - means[1]) / math.sqrt(sum(spreads)), sum(map(len, kept))


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=1_000_000, help="of each kind (default 1,000,000)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    gc.disable()
    worst, draw = 0.0, random.Random(args.seed)
    for pair in pairs():
        measure(pair, BATCH, draw)
        first, second = measure(pair, args.samples, draw)
        found, kept = welch(first, second)
        worst = max(worst, abs(found))
        medians = [sorted(times)[len(times) // 2] for times in (first, second)]
        print(f"{pair.name}: t = {found:+.2f} over {kept:,} times, medians {medians[0]} and {medians[1]} ns")
    return 0 if worst < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
