"""SIGN-1: a gateway in other hands asks for anything. Nothing outside the table and the caps is signed, nothing dies.

`SIGN1_MESSAGES` sets the number of the long campaign (10,000,000 in all; CI runs a part by seed).
"""

import base64
import hashlib
import hmac
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from urllib.parse import unquote, unquote_to_bytes

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.homes import HMAC_SECRET
from tests.signer.campaign import EPOCH, LIMITS, SECOND_NS, Campaign
from tests.signer.conftest import RunningSigner
from tests.signer.desks import TABLE
from tests.signer.oracle import Limits, Oracle

from counterseal.adapters import caps_file, key_file, packets, signing
from counterseal.adapters.home import Home
from counterseal.core.caps import Caps
from counterseal.core.messages import (
    MAX_PACKET,
    SIGNER_REASONS,
    FramingError,
    HeldKey,
    Refused,
    Sign,
    Signed,
)
from counterseal.core.secret import Secret
from counterseal.signer.caps import CapsJudge
from counterseal.signer.desk import Desk, HeldSigningKey, Line

ALL = 10_000_000
SHORT = 50_000
LONG = int(os.environ.get("SIGN1_MESSAGES", "1000000"))
BY_PROCESS = 4_000
BATCH = 20
NOW_MS = 1_700_000_000_000


def caps(limits: Mapping[str, Limits]) -> dict[str, Caps]:
    """The campaign's limits in the signer's form."""
    return {
        ref: Caps(
            symbols=None if one.symbols is None else frozenset(one.symbols),
            max_quantity=_sizes(one.quantity),
            max_quote_quantity=_sizes(one.quote),
            max_leverage=one.leverage,
            max_per_second=one.rates.get(SECOND_NS),
            max_per_minute=one.rates.get(60 * SECOND_NS),
        )
        for ref, one in limits.items()
    }


def _sizes(table: dict[str, str] | None) -> dict[str, Decimal] | None:
    return None if table is None else {symbol: Decimal(text) for symbol, text in table.items()}


Verify = Callable[[bytes, bytes], bool]


def by_hmac(secret: bytes) -> Verify:
    """Tell whether a signature (as it stands in a query) covers a payload."""
    return lambda payload, signature: hmac.new(secret, payload, hashlib.sha256).hexdigest().encode() == signature


def by_ed25519(pem: bytes) -> Verify:
    public = load_pem_private_key(pem, password=None).public_key()
    assert isinstance(public, Ed25519PublicKey)

    def verify(payload: bytes, signature: bytes) -> bool:
        public.verify(base64.b64decode(unquote_to_bytes(signature), validate=True), payload)  # raises
        return True

    return verify


def check_bytes(request: Sign, answer: Signed, verify: Verify) -> None:
    """The signed bytes, read by hand: they say what was asked, our own parameters, and nothing else."""
    payload, _, signature = answer.query.rpartition(b"&signature=")
    assert verify(payload, signature)
    assert payload.isascii()
    pairs = [tuple(map(unquote, element.split("="))) for element in payload.decode().split("&")]
    own = [("recvWindow", str(request.recv_window_ms))] * bool(request.recv_window_ms)
    assert pairs == [*request.pairs, *own, ("timestamp", str(answer.timestamp_ms))]


def outcome(request: Sign, may: bool, answer: object, verify: Verify) -> str:
    """Compare an answer with the oracle's; gives "signed" or the reason."""
    assert isinstance(answer, Signed) == may, (request, answer)
    assert isinstance(answer, Signed | Refused)
    assert answer.id == request.id
    if isinstance(answer, Signed):
        check_bytes(request, answer, verify)
        return "signed"
    assert answer.reason in SIGNER_REASONS
    return answer.reason


class Rig:
    """A desk in this process with its oracle and a clock that both read."""

    def __init__(self) -> None:
        self.now_ns = 10**15
        self._secret = b"s" * 64
        judge = CapsJudge(caps(LIMITS), lambda: self.now_ns)
        self._desk = Desk(TABLE, {ref: self._key(ref) for ref in LIMITS}, "x", lambda: NOW_MS, judge, EPOCH)
        self._oracle = Oracle(LIMITS, EPOCH, self.now_ns)
        self.line = Line()

    def _key(self, ref: str) -> HeldSigningKey:
        return HeldSigningKey(HeldKey(ref, "api", "hmac", "paper"), signing.load("hmac", Secret(self._secret)))

    def ask(self, packet: bytes) -> list[str]:
        """Ask on the present connection and compare every answer; gives "signed" or the reason of each."""
        answers = [message for reply in self._desk.answer(packet, self.line) for message in packets.decode(reply)]
        return [self._compare(asked, given) for asked, given in zip(packets.decode(packet), answers, strict=True)]

    def spoil(self, packet: bytes) -> None:
        """Send what is hardly a packet, on a connection of its own; requests that are still some are compared."""
        self.line, self._oracle.last = Line(), -1
        try:
            requests = packets.decode(packet)
        except FramingError:
            requests = []
        if len(packet) <= MAX_PACKET and requests and all(isinstance(request, Sign) for request in requests):
            self.ask(packet)
            return
        for reply in self._desk.answer(packet, self.line):
            assert len(reply) <= MAX_PACKET
            assert not any(isinstance(message, Signed) for message in packets.decode(reply))

    def _compare(self, asked: object, given: object) -> str:
        assert isinstance(asked, Sign)
        may = self._oracle.may(asked, self.now_ns)
        assert not isinstance(given, Signed) or given.timestamp_ms == NOW_MS + asked.offset_ms
        return outcome(asked, may, given, by_hmac(self._secret))


def run(count: int, seed: int) -> Counter[str]:
    """Ask `count` requests in batches, and a second desk what is spoilt. Gives what came of the requests."""
    campaign, rig, spoilt = Campaign(seed), Rig(), Rig()
    outcomes: Counter[str] = Counter()
    for _ in range(count // BATCH):
        rig.now_ns += campaign.elapsed_ns()
        for packet in packets.encode(campaign.requests(BATCH)):
            outcomes.update(rig.ask(packet))
        spoilt.spoil(campaign.junk())
    return outcomes


def _tell(outcomes: Counter[str], seed: int) -> None:
    count = sum(outcomes.values())
    print(f"SIGN-1: {count:,} of {ALL:,} messages, seed {seed}: {dict(outcomes.most_common())}")
    assert outcomes["signed"] > count // 20
    # Every reason that a request can get was met; those of whole packets, tokens, checkpoints, of keys that are of
    # another environment or not active yet and of the two requests to WebSocket APIs are not among them.
    others = {"malformed", "key_unavailable", "no_log_key", "inconsistent_checkpoint", "could_log_on", "not_plain",
              "other_environment", "reads_only"}  # fmt: skip
    assert set(SIGNER_REASONS) - set(outcomes) <= others


@pytest.mark.slow
@pytest.mark.threat(22)
@pytest.mark.threat(43)
def test_nothing_outside_the_table_and_the_caps_is_signed() -> None:
    _tell(run(SHORT, seed=1), 1)


@pytest.mark.slow
@pytest.mark.threat(22)
def test_the_long_campaign_signs_nothing_outside_either() -> None:
    """A million messages, or SIGN1_MESSAGES; 10000000 is all. CI runs a part."""
    total: Counter[str] = Counter()
    for seed in range(2, 2 + max(1, LONG // 1_000_000)):
        total += run(min(LONG, 1_000_000), seed)
    _tell(total, 2)


@pytest.mark.threat(22)
def test_a_real_signer_process_signs_the_same_and_lives(home: Home, request: pytest.FixtureRequest) -> None:
    """Over the socket pair, by the sealed caps; rates apart, whose clock is the signer's own."""
    limits = {"main": Limits(**{**vars(LIMITS["main"]), "rates": {}}), "modern": LIMITS["second"]}
    caps_file.write(home, caps(limits))
    signer: RunningSigner = request.getfixturevalue("signer")
    signer.receive()
    verify = {"main": by_hmac(HMAC_SECRET), "modern": by_ed25519(key_file.read(home)["modern"].secret.reveal())}
    campaign, oracle = Campaign(9, ("main", "main", "modern"), 0), Oracle(limits, 0, 0)
    outcomes: Counter[str] = Counter()
    for number in range(BY_PROCESS // BATCH):
        requests = campaign.requests(BATCH)
        if number % 20 == 0:  # what does not parse costs nobody else anything, on the same connection too
            signer.socket.send(b"\x01\x00")
            assert signer.receive() == [Refused(0, "malformed")]
        expected = [oracle.may(asked, 0) for asked in requests]
        for asked, may, answer in zip(requests, expected, signer.ask(*requests), strict=True):
            outcomes[outcome(asked, may, answer, verify.get(asked.key_ref, by_hmac(b"")))] += 1
    print(f"SIGN-1 by a real process: {sum(outcomes.values()):,} of {ALL:,} messages: {dict(outcomes.most_common())}")
    assert outcomes["signed"] > BY_PROCESS // 20
    assert signer.process.poll() is None


@pytest.mark.threat(43)
def test_a_real_signer_process_counts_rates_by_its_own_clock(home: Home, request: pytest.FixtureRequest) -> None:
    """As fast as it can be asked: no more than the bucket and what it refilled meanwhile."""
    caps_file.write(home, {"*": Caps(max_per_second=50)})
    signer: RunningSigner = request.getfixturevalue("signer")
    signer.receive()
    pairs = (("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "MARKET"), ("quantity", "1"))
    began, answers = time.monotonic(), []
    for first in range(0, 2000, 50):
        ids = range(first, first + 50)
        answers += signer.ask(*(Sign(n, "main", "spot", "POST", "/api/v3/order", pairs, 0, 0) for n in ids))
    took_s = time.monotonic() - began

    signed = sum(isinstance(answer, Signed) for answer in answers)
    assert 50 <= signed <= 50 + 50 * took_s + 1
    assert {answer.reason for answer in answers if isinstance(answer, Refused)} == {"over_rate_cap"}
