"""The guard's own way to the exchange: its keys, its signatures, its connections, its part of the limits.

Nothing that changes something is sent a second time, by whatever it failed. A read may be repeated.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from counterseal import __version__
from counterseal.core.binance.canonical import encode_query
from counterseal.core.binance.catalogue import Catalogue, Endpoint
from counterseal.core.binance.countdown import COUNTDOWNS, PATHS
from counterseal.core.binance.sizes import most_of
from counterseal.core.budget.share import Lane
from counterseal.core.config.model import Config
from counterseal.core.exchange_clock import Reading
from counterseal.core.freshness import MAX_SKEW_MS
from counterseal.core.key_refusal import Need, is_refusal, need_of
from counterseal.core.key_uses import KeyUses
from counterseal.core.keys import active_keys
from counterseal.core.messages import HeldKey, Refused, Sign
from counterseal.core.outcome import Answer, read_answer
from counterseal.core.quarantine import Change, Quarantine
from counterseal.guard.hands.purse import Permit, Purse, Refusal
from counterseal.ports.clock import Clock
from counterseal.ports.signing import SignerUnavailable, SigningClient
from counterseal.ports.venue import Lost, NotSent, Terms, Unbound, Venue, VenueReply

Pairs = tuple[tuple[str, str], ...]
OFFSET_S, RETRY_S, SAMPLES = 30.0, 1.0, 3
# A reading that is younger than this is not taken anew because an answer doubted it.
NEW_ENOUGH_MS = 1_000
# How long a request waits at most between two looks whether there is room.
LOOK_S = 0.25
# So often a read is asked for that brought no answer.
READS = 3
_STALE = -1021
_TIME = (("usdm", "/fapi/v1/time"), ("coinm", "/dapi/v1/time"), ("spot", "/api/v3/time"))
# The exchange was founded in 2017; what is before, or after 2099, is no time of its.
_SINCE_MS, _UNTIL_MS = 1_483_228_800_000, 4_102_444_800_000
# Another name and another order than the gateway's: who reads what the exchange received can tell them apart.
_FIXED = f"Accept: application/json\r\nUser-Agent: counterseal-guard/{__version__}\r\n"
_decode = msgspec.json.Decoder().decode


class Told(NamedTuple):
    """What came of one request. `reply` is None when no answer came; then `left` tells whether bytes of it may have
    left, and `why` why. `sent_ms` is the monotonic moment of its signature.
    """

    reply: VenueReply | None
    left: bool
    why: str
    sent_ms: int = 0

    @property
    def answer(self) -> Answer:
        """The answer read; one that did not come proves nothing."""
        return Asker.read(self.reply)


def parse(reply: VenueReply) -> Answer:
    """Read an answer's body; what is no JSON, or nested without end, becomes None."""
    try:
        return read_answer(reply.status, _decode(reply.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return read_answer(reply.status, None)


class Asker:
    """Asks, for an account or for nobody. `hosts` are the exchange's by family."""

    def __init__(
        self,
        config: Callable[[], Config],
        catalogue: Catalogue,
        hosts: Mapping[str, str],
        venue: Venue,
        signer: SigningClient,
        clock: Clock,
        warn: Callable[..., None],
    ) -> None:
        self._config, self._catalogue, self._hosts = config, catalogue, hosts
        self._venue, self._signer, self._clock, self._warn = venue, signer, clock, warn
        self.purse = Purse(config().venue.egress, clock)
        self.uses = KeyUses()
        self.quarantine = Quarantine()
        # Told of a key that the exchange refuses: for what, and when that had been sent.
        self.on_refused: Callable[[HeldKey, Need, int], None] = _nobody
        # Told of a key that the exchange takes again.
        self.on_change: Callable[[tuple[Change, ...]], None] = _nothing
        self._doubted_ms: int | None = None

    # -- one request

    async def ask(
        self, account: str, family: str, method: str, path: str, pairs: Pairs = (), lane: Lane = Lane.ACCOUNT
    ) -> VenueReply | None:
        """Give the answer, None when none came. A read is repeated, anything else is sent at most once."""
        for _ in range(READS if method == "GET" else 1):
            told = await self.send(account, family, method, path, pairs, lane)
            if told.reply is not None and not (method == "GET" and told.answer.code == _STALE):
                return told.reply
            if not told.left and told.reply is None:
                return None  # nothing was tried: the reason is there still
        return told.reply

    async def send(
        self,
        account: str,
        family: str,
        method: str,
        path: str,
        pairs: Pairs = (),
        lane: Lane = Lane.RISK,
        wait_s: float = 0.0,
    ) -> Told:
        """Send once, within `wait_s` of now as soon as there is room. "" for the account asks what is public."""
        endpoint = self._endpoint(family, method, path)
        if endpoint is None or family not in self._hosts:
            return Told(None, False, f"{family} {method} {path} is not known here")
        key = self._key(account, method) if account else None
        if account and key is None:
            return Told(None, False, f"no key of account {account} that may {_purpose(method)} is held by the signer")
        permit = await self._permit(endpoint, pairs, account, lane, wait_s)
        if isinstance(permit, Refusal):
            return Told(None, False, permit.reason)
        # While it waited another version of the key may have become the active one, or one be held back.
        key = (self._key(account, method) or key) if account else None
        if key is not None and self._is_held_back(key, endpoint, lane):
            self.purse.not_sent(permit)
            return Told(None, False, f"key {key.ref} is quarantined")
        told = await self._carry(permit, key, pairs, is_exit=lane is Lane.RISK)
        if key is not None:
            self._heard(key, endpoint, told)
        return told

    async def read_as(self, ref: str, account: str, family: str, path: str, lane: Lane, wait_s: float) -> Told:
        """Read once with one key and no other, whatever it is held for; a key of another environment asks nothing."""
        key, endpoint = self._signer.keys().get(ref), self._endpoint(family, "GET", path)
        if key is None:
            return Told(None, False, f"the signer holds no key {ref}")
        environment = self._config().venue.environment
        if key.environment != environment:
            return Told(None, False, f'the key is sealed for "{key.environment}", and this is "{environment}"')
        if endpoint is None or family not in self._hosts:
            return Told(None, False, f"{family} GET {path} is not known here")
        permit = await self._permit(endpoint, (), account, lane, wait_s)
        if isinstance(permit, Refusal):
            return Told(None, False, permit.reason)
        return await self._carry(permit, key, (), is_exit=lane is Lane.RISK)

    async def show_key(self, api_key: str, family: str, path: str, lane: Lane, wait_s: float) -> Told:
        """Ask once with an API key and a signature that is none: what is found wrong first tells whether it is known.

        Nothing is signed, so the signer need not hold the key.
        """
        endpoint = self._endpoint(family, "GET", path)
        if endpoint is None or family not in self._hosts:
            return Told(None, False, f"{family} GET {path} is not known here")
        permit = await self._permit(endpoint, (), "", lane, wait_s)
        if isinstance(permit, Refusal):
            return Told(None, False, permit.reason)
        sent_ms = self._clock.monotonic_ns() // 1_000_000
        stamp = ("timestamp", str(self.exchange_ms(sent_ms)))
        pairs = (("recvWindow", str(MAX_SKEW_MS)), stamp, ("signature", "0" * 64))
        request = _frame(endpoint, self._hosts[family], encode_query(pairs), api_key)
        terms = Terms(is_exit=lane is Lane.RISK, egress=permit.egress, most=most_of("GET", path))
        return await self._exchange(permit, request, terms, sent_ms)

    async def _permit(
        self, endpoint: Endpoint, pairs: Pairs, account: str, lane: Lane, wait_s: float
    ) -> Permit | Refusal:
        until_ns = self._clock.monotonic_ns() + int(wait_s * 1e9)
        while True:
            found = self.purse.take(endpoint, dict(pairs), account, lane)
            left_s = (until_ns - self._clock.monotonic_ns()) / 1e9
            if isinstance(found, Permit) or left_s <= 0:
                return found
            await self._clock.sleep(min(LOOK_S, left_s, max(found.wait_ms, 1) / 1000))

    async def _carry(self, permit: Permit, key: HeldKey | None, pairs: Pairs, *, is_exit: bool) -> Told:
        if key is None:
            return await self._carried(permit, None, pairs, is_exit=is_exit)
        with self.uses.using(key.ref):
            return await self._carried(permit, key, pairs, is_exit=is_exit)

    async def _carried(self, permit: Permit, key: HeldKey | None, pairs: Pairs, *, is_exit: bool) -> Told:
        endpoint, query = permit.endpoint, encode_query(pairs)
        is_settled = False
        try:
            if key is not None and key.environment != self._config().venue.environment:
                return Told(None, False, f"key {key.ref} is of another environment")
            if key is not None:
                signed = await self._sign(endpoint, key, pairs)
                if isinstance(signed, str):
                    return Told(None, False, signed)
                query = signed
            terms = Terms(is_exit=is_exit, egress=permit.egress, most=most_of(endpoint.method, endpoint.path))
            request = _frame(endpoint, self._hosts[endpoint.family], query, key.api_key if key else "")
            is_settled = True
            # Not before the signature: the timestamp under it is no later.
            sent_ms = self._clock.monotonic_ns() // 1_000_000
            return await self._exchange(permit, request, terms, sent_ms)
        finally:
            if not is_settled:
                self.purse.not_sent(permit)

    async def _exchange(self, permit: Permit, request: bytes, terms: Terms, sent_ms: int) -> Told:
        self.purse.on_leaving()
        try:
            reply = await self._venue.send(permit.endpoint.family, request, terms)
        except NotSent as fault:
            self.purse.not_sent(permit, unbound=isinstance(fault, Unbound))
            return Told(None, False, str(fault))
        except Lost as fault:
            self.purse.lost(permit)
            return Told(None, True, str(fault), sent_ms)
        except asyncio.CancelledError:
            self.purse.lost(permit)
            raise
        told = Told(reply, True, "", sent_ms)
        code = told.answer.code if reply.status >= 400 else None
        self.purse.settle(permit, reply, code)
        if reply.status in (418, 429):
            self._warn("the exchange tells the guard to stop", status=reply.status, path=permit.endpoint.path)
        if code == _STALE:
            await self._doubt()
        return told

    async def _sign(self, endpoint: Endpoint, key: HeldKey, pairs: Pairs) -> bytes | str:
        """Give the signed query, or why there is none."""
        places = endpoint.method == "POST" and endpoint.path != PATHS.get(endpoint.family)
        window = self._config().gateway.order_recv_window_ms if places else MAX_SKEW_MS
        asked = Sign(
            id=self._signer.next_id(),
            key_ref=key.ref,
            family=endpoint.family,
            method=endpoint.method,
            path=endpoint.path,
            pairs=pairs,
            recv_window_ms=window,
            offset_ms=self.offset_ms(),
        )
        future = self._signer.queue(asked)
        self._signer.flush()
        try:
            answer = await future
        except SignerUnavailable as fault:
            return f"the signer does not answer ({fault})"
        return f"the signer refuses: {answer.reason}" if isinstance(answer, Refused) else answer.query

    def _endpoint(self, family: str, method: str, path: str) -> Endpoint | None:
        if method == "POST" and path == PATHS.get(family):
            return COUNTDOWNS[family]
        return self._catalogue.get(family, method, path)

    @staticmethod
    def read(reply: VenueReply | None) -> Answer:
        """Read an answer; one that did not come has status 0."""
        return read_answer(0, None) if reply is None else parse(reply)

    # -- keys

    def _is_held_back(self, key: HeldKey, endpoint: Endpoint, lane: Lane) -> bool:
        """Tell whether a key that the exchange refuses asks nothing now. What lets go is tried once a second, and
        freely as long as it is not known that the key is closed.
        """
        if not self.quarantine:
            return False
        is_exit, now_ms = lane is Lane.RISK or endpoint.method != "GET", self._clock.monotonic_ns() // 1_000_000
        if is_exit and not self.quarantine.is_shut(key.ref):
            return False
        need = need_of(endpoint)
        if self.quarantine.judge(key.ref, need, now_ms, is_exit=is_exit) is not None:
            return True
        if is_exit:
            self.quarantine.leaves(key.ref, need, now_ms)
        return False

    def _heard(self, key: HeldKey, endpoint: Endpoint, told: Told) -> None:
        if told.reply is None:
            return
        status, need = told.reply.status, need_of(endpoint)
        if status < 300:
            now_ms = self._clock.monotonic_ns() // 1_000_000
            if changes := self.quarantine.taken(key.ref, need, told.sent_ms, now_ms):
                self.on_change(changes)
        elif is_refusal(status, told.answer.code):
            self.on_refused(key, need, told.sent_ms)

    def reads_with(self, account: str) -> str:
        """Name the version of a key that signs reads of an account at this moment, "" where none does."""
        found = self._key(account, "GET")
        return "" if found is None else found.ref

    def _key(self, account: str, method: str) -> HeldKey | None:
        """Give the least of the account's keys that may do it; what trades can read, where nothing less is held.

        One that the exchange refuses only where there is no other.
        """
        config, held = self._config(), active_keys(self._signer.keys())
        mine = [
            key
            for key in config.keys.values()
            if key.account == account and key.name in held and held[key.name].environment == config.venue.environment
        ]
        for function in dict.fromkeys((_purpose(method), "trade")):
            fitting = [key for key in mine if function in key.functions]
            if fitting:
                shut = self.quarantine.is_shut
                return held[min(fitting, key=lambda key: (shut(held[key.name].ref), len(key.functions))).name]
        return None

    # -- exchange time

    async def keep_time(self) -> None:
        """Measure exchange time now and again, for ever."""
        while True:
            await self._clock.sleep(OFFSET_S if await self.measure() else RETRY_S)

    async def measure(self) -> bool:
        """Measure exchange time; of several samples the one with the shortest round trip counts."""
        family, path = next(place for place in _TIME if place[0] in self._hosts)
        best: Reading | None = None
        for _ in range(SAMPLES):
            sample = self._sample(await self.send("", family, "GET", path, lane=Lane.RISK))
            if sample is not None and (best is None or sample.uncertainty_ms < best.uncertainty_ms):
                best = sample
        if best is not None:
            self.purse.reading = best
        return best is not None

    def offset_ms(self) -> int:
        """Exchange time minus this host's wall time; 0 until it has been measured."""
        if self.purse.reading is None:
            return 0
        monotonic_ms = self._clock.monotonic_ns() // 1_000_000
        return self.purse.reading.exchange_ms(monotonic_ms) - self._clock.wall_ns() // 1_000_000

    def exchange_ms(self, monotonic_ms: int) -> int:
        """Exchange time at a monotonic moment; by this host's clock until it has been measured."""
        now_ms = self._clock.monotonic_ns() // 1_000_000
        return self._clock.wall_ns() // 1_000_000 + self.offset_ms() + monotonic_ms - now_ms

    @staticmethod
    def _sample(told: Told) -> Reading | None:
        body: Any = told.answer.body
        server_ms = body.get("serverTime") if isinstance(body, dict) else None
        if told.reply is None or type(server_ms) is not int or not _SINCE_MS <= server_ms < _UNTIL_MS:
            return None
        half_ns = (told.reply.received_ns - told.reply.sent_ns) // 2
        ahead_ms = server_ms - (told.reply.received_ns - half_ns) // 1_000_000
        return Reading(ahead_ms, half_ns // 1_000_000 + 1, told.reply.received_ns // 1_000_000)

    async def _doubt(self) -> None:
        """Measure again because the exchange found a timestamp too old, once a second at most."""
        now_ms = self._clock.monotonic_ns() // 1_000_000
        if self._doubted_ms is None or now_ms >= self._doubted_ms + NEW_ENOUGH_MS:
            self._doubted_ms = now_ms
            await self.measure()


def _nobody(_key: HeldKey, _need: Need, _sent_ms: int) -> None:
    pass


def _nothing(_changes: tuple[Change, ...]) -> None:
    pass


def _purpose(method: str) -> str:
    return "account" if method == "GET" else "trade"


def _frame(endpoint: Endpoint, host: str, query: bytes, api_key: str) -> bytes:
    """Give the request's bytes."""
    head = f" HTTP/1.1\r\nHost: {host}\r\n{_FIXED}"
    if api_key:
        head += f"X-MBX-APIKEY: {api_key}\r\n"
    if endpoint.method != "GET":
        head += "Content-Length: 0\r\n"
    target = f"{endpoint.method} {endpoint.path}".encode() + (b"?" + query if query else b"")
    return target + f"{head}\r\n".encode()
