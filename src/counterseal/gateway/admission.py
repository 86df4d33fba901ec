"""From a request's bytes to (bot, endpoint, judged intent), or a refusal: steps 1 to 4 of an order's way.

Nothing here waits: admission is one piece of work on the loop, so that two requests cannot be half admitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

from counterseal.core import freshness, replay
from counterseal.core.binance import canonical
from counterseal.core.binance.catalogue import Endpoint, locate
from counterseal.core.config.model import Bot
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.grant import Grant
from counterseal.core.http1 import Head
from counterseal.core.intent import Intent
from counterseal.core.judge import Denial, MakeId, judge
from counterseal.core.own_calls import OWN_CALLS
from counterseal.core.policy import may_ask, refusal_of
from counterseal.core.secret import Secret
from counterseal.core.streams.routes import Opening
from counterseal.core.userdata.calls import answered_here
from counterseal.core.wire import Pair, WireError, decode_pairs
from counterseal.core.wsapi.call import RAW, SESSION, Call
from counterseal.core.wsapi.opening import ApiOpening
from counterseal.gateway.grants import Grants
from counterseal.gateway.state import ANONYMOUS, Source, State
from counterseal.gateway.ways import Way
from counterseal.ports.verifier import Verifier

MAX_QUERY = 8_000
# What escapes and blanks can add on the wire to what is sent on. What is longer is refused before anything is decoded
# or verified: anybody can send it.
MAX_WIRE = 2 * MAX_QUERY
_NOBODY = Credential("", "", CredentialKind.HMAC, Secret(b"x" * 64), None, 0)
# Whoever has no policy is verified with as much work as a bot.
_NO_POLICY = SimpleNamespace(verification="lenient")
_TIME_UNITS = frozenset({"MICROSECOND", "MILLISECOND", "microsecond", "millisecond"})


@dataclass(slots=True)
class Inquiry:
    """A request on its way; what is known of it when it is refused goes into the journal.

    `way` is None by the plain base URL. `begun_ns` is the monotonic moment at which it was whole, `signed_ns` the one
    at which its signature for the exchange came, `window_ms` the recvWindow in it. `gone` is set by the listener when
    the bot has closed its connection. `weight` is what it cost of the exchange's limits so far, `left` how much its
    lane may still spend; None as long as it asked for nothing. `call` is set where it came by the WebSocket API: `head`
    is then made up, and `body` what its signature covers.
    """

    head: Head
    body: bytes
    source: Source
    way: Way | None = None
    begun_ns: int = 0
    signed_ns: int = 0
    window_ms: int = 0
    weight: int = 0
    left: int | None = None
    bot: str | None = None
    endpoint: Endpoint | None = None
    form: str = ""
    signature: str = ""
    would_deny: str = ""
    gone: bool = False
    call: Call | None = None


class Admitted(NamedTuple):
    """A request that may go on. `credential` is None for public data without one.

    `marks` name the payload for replay, `timestamp_ms` and `recv_window_ms` are the bot's.
    """

    bot: str
    policy: Bot | None
    endpoint: Endpoint
    intent: Intent
    credential: Credential | None
    marks: tuple[bytes, ...]
    recv_window_ms: int
    time_unit: str | None


class Entry(NamedTuple):
    """A WebSocket handshake that may be answered. `key` is the client's Sec-WebSocket-Key, `source` its address.

    `caller` is what it says of itself.
    """

    opening: Opening | ApiOpening
    key: bytes
    source: Source
    caller: tuple[tuple[str, str], ...] = ()


Upgrade = Callable[[Inquiry], Entry | Denial]


def not_carried(_inquiry: Inquiry) -> Denial:
    """Refuse any WebSocket."""
    return Denial("websocket_not_available")


class Admission:
    """Judges requests by the state and a verifier. `make_id` makes client order ids, `upgrade` judges handshakes."""

    def __init__(self, state: State, verifier: Verifier, make_id: MakeId, upgrade: Upgrade = not_carried) -> None:
        self._state = state
        self._verifier = verifier
        self._make_id = make_id
        self._upgrade = upgrade
        self._grants = Grants(state)
        self._answered_here = answered_here(state.catalogue)

    def admit(self, inquiry: Inquiry) -> Admitted | Entry | Denial:
        """Judge one request. Notes in `inquiry` what became known, also when it is refused."""
        if inquiry.call is not None:
            return self._called(inquiry, inquiry.call)
        refusal = self._door(inquiry.head, inquiry.way)
        if refusal:
            return refusal
        if inquiry.head.upgrade:
            return self._upgrade(inquiry)
        endpoint = self._endpoint(inquiry.head, inquiry.way)
        if isinstance(endpoint, Denial):
            return endpoint
        inquiry.endpoint = endpoint
        try:
            query, body, wire_signature = canonical.split_signature(inquiry.head.query, inquiry.body)
            if len(query) + len(body) > MAX_WIRE:
                return Denial("payload_too_large")
            pairs = decode_pairs(query) + decode_pairs(body)
        except WireError as error:
            return Denial(error.reason, error.name)
        key_id, payload = inquiry.head.api_key, query + body
        if endpoint.purpose == "read" and not endpoint.signed:
            key_id = None if key_id in ("", "None") else key_id
            if key_id and wire_signature:
                # Some clients sign public calls too: that signature is dropped, but a wrong one is told.
                inquiry.signature = canonical.decode_signature(wire_signature)
                if self._verify(inquiry, key_id, payload, pairs) is None:
                    return Denial("credential_or_signature")
            return self._public(inquiry, endpoint, pairs, key_id)
        return self._signed(inquiry, endpoint, payload, pairs, wire_signature)

    def _called(self, inquiry: Inquiry, call: Call) -> Admitted | Denial:
        """Judge a request of the WebSocket API; its connection was judged when it was made."""
        if self._state.draining:
            return Denial("draining")
        endpoint = inquiry.endpoint = self._answered_here.get(call.endpoint.name, call.endpoint)
        key_id = call.session if call.key_id is None else call.key_id
        if endpoint.purpose == "read" and not endpoint.signed:
            if call.key_id and call.signature:
                inquiry.signature = call.signature
                if self._verify(inquiry, call.key_id, call.payload, call.pairs) is None:
                    return Denial("credential_or_signature")
            return self._public(inquiry, endpoint, call.pairs, key_id)
        if not key_id:
            return Denial("credential_missing")
        if endpoint.signed and not call.is_of_session:
            return self._proven(inquiry, endpoint, key_id, call.payload, call.pairs, call.signature)
        if not call.is_of_session:
            return self._unsigned(inquiry, endpoint, call.payload, call.pairs, call.signature.encode() or None)
        credential = self._state.credentials.get(key_id)
        if credential is None:
            return Denial("credential_or_signature")
        inquiry.bot, inquiry.form = credential.bot, SESSION
        return self._standing(inquiry, endpoint, credential, call.pairs)

    # -- the door

    def _door(self, head: Head, way: Way | None) -> Denial | None:
        if self._state.draining:
            return Denial("draining")
        if way is None:
            if head.host not in self._state.allowed_hosts:
                return Denial("host_not_allowed")
        elif head.host.lower() not in way.host_values:
            return Denial("host_mismatch")
        if head.cross_site:
            return Denial("cross_site")
        if head.time_unit is not None and head.time_unit not in _TIME_UNITS:
            return Denial("malformed_value", "X-MBX-TIME-UNIT")
        return None

    def _endpoint(self, head: Head, way: Way | None) -> Endpoint | Denial:
        if way is not None:
            endpoint = way.endpoint(self._state.catalogue, head.method, head.path)
        else:
            place = locate(head.path)
            endpoint = None if place is None else self._state.catalogue.get(place[0], head.method, place[1])
        return endpoint or OWN_CALLS.get((head.method, head.path)) or Denial("unknown_endpoint")

    # -- public data

    def _public(self, inquiry: Inquiry, endpoint: Endpoint, pairs: list[Pair], key_id: str | None) -> Admitted | Denial:
        credential: Credential | None = None
        policy: Bot | None = None
        if key_id is None:
            inquiry.bot = ANONYMOUS
            if not inquiry.source.is_loopback:
                return Denial("anonymous_not_allowed")
            if endpoint.security != "NONE":
                return Denial("credential_missing")
        else:
            credential = self._state.credentials.get(key_id)
            if credential is None:
                return Denial("credential_or_signature")
            grant = self._grants.of(credential, endpoint)
            refusal = self._granted(inquiry, grant)
            if refusal is not None:
                return refusal
            policy = grant.policy
        kept = [(name, value) for name, value in pairs if name not in ("timestamp", "recvWindow")]
        intent = judge(endpoint, kept, self._make_id)
        if isinstance(intent, Denial):
            return intent
        if _too_large(inquiry, intent):
            return Denial("payload_too_large")
        return Admitted(inquiry.bot or ANONYMOUS, policy, endpoint, intent, credential, (), 0, inquiry.head.time_unit)

    # -- signed requests

    def _signed(
        self,
        inquiry: Inquiry,
        endpoint: Endpoint,
        payload: bytes,
        pairs: list[Pair],
        wire_signature: bytes | None,
    ) -> Admitted | Denial:
        key_id = inquiry.head.api_key
        if not key_id or key_id == "None":
            return Denial("credential_missing")
        if not endpoint.signed:
            return self._unsigned(inquiry, endpoint, payload, pairs, wire_signature)
        signature = canonical.decode_signature(wire_signature) if wire_signature else ""
        return self._proven(inquiry, endpoint, key_id, payload, pairs, signature)

    def _proven(
        self, inquiry: Inquiry, endpoint: Endpoint, key_id: str, payload: bytes, pairs: list[Pair], signature: str
    ) -> Admitted | Denial:
        """Judge a request that says who asks by a signature."""
        if not signature:
            return Denial("signature_missing")
        inquiry.signature = signature
        credential = self._verify(inquiry, key_id, payload, pairs)
        if credential is None:
            return Denial("credential_or_signature")
        return self._standing(inquiry, endpoint, credential, pairs)

    def _standing(
        self, inquiry: Inquiry, endpoint: Endpoint, credential: Credential, pairs: list[Pair]
    ) -> Admitted | Denial:
        """Judge a request of which it is known who asks."""
        grant = self._grants.of(credential, endpoint)
        if grant.class_refusal is not None:
            return grant.class_refusal
        return self._granted(inquiry, grant) or self._timely(inquiry, endpoint, grant, pairs)

    def _unsigned(
        self, inquiry: Inquiry, endpoint: Endpoint, payload: bytes, pairs: list[Pair], wire_signature: bytes | None
    ) -> Admitted | Denial:
        """Judge a call with a key and no signature that is no public data: listen keys, and refused classes."""
        served, key_id = self._answered_here.get(endpoint.name), inquiry.head.api_key or ""
        if served is None:
            return refusal_of(endpoint) or Denial("endpoint_refused")
        inquiry.endpoint = served
        if wire_signature:
            inquiry.signature = canonical.decode_signature(wire_signature)
            if self._verify(inquiry, key_id, payload, pairs) is None:
                return Denial("credential_or_signature")
        credential = self._state.credentials.get(key_id)
        if credential is not None and not self._grants.of(credential, served).trusts_unsigned(inquiry.source):
            inquiry.bot = credential.bot
            return Denial("source_not_bound")
        return self._public(inquiry, served, pairs, key_id)

    def _verify(self, inquiry: Inquiry, key_id: str, payload: bytes, pairs: list[Pair]) -> Credential | None:
        """Give the credential whose signature it is. An unknown one costs what a wrong signature costs."""
        credential = self._state.credentials.get(key_id)
        form = self._form(inquiry, credential or _NOBODY, payload, pairs)
        if form is None or credential is None:
            return None
        inquiry.form, inquiry.bot = form, credential.bot
        counts = self._state.counter(credential.bot).verified
        counts[form] = counts.get(form, 0) + 1
        return credential

    def _form(self, inquiry: Inquiry, credential: Credential, payload: bytes, pairs: list[Pair]) -> str | None:
        """Name the form in which the signature covers the request; only the bytes as sent where policy is strict."""
        signature, call = inquiry.signature, inquiry.call
        if self._verifier.verify(credential, payload, signature):
            return "raw" if call is None else RAW
        policy = self._state.bot(credential.bot) or _NO_POLICY
        others = canonical.other_payloads(payload, pairs) if call is None else call.other_payloads()
        found = next((form for form, other in others if self._verifier.verify(credential, other, signature)), None)
        # Tried for a strict bot too: else a wrong signature of its would be told sooner than an unknown key id.
        return None if policy.verification == "strict" else found

    def _granted(self, inquiry: Inquiry, grant: Grant) -> Denial | None:
        """Judge the credential's own bounds and the bot's policy for this endpoint.

        Who may call what, from where and when holds in report mode too: that mode is for trying out order rules.
        """
        inquiry.bot = grant.credential.bot
        now_ms = self._state.exchange_ms(inquiry.begun_ns // 1_000_000)
        return grant.refuses(inquiry.source, self._state.clock.wall_ns() // 1_000_000 if now_ms is None else now_ms)

    def _only_reports(self, inquiry: Inquiry, policy: Bot, refusal: Denial) -> bool:
        """In report mode a policy refusal is noted and the request goes on."""
        if policy.mode != "report":
            return False
        inquiry.would_deny = refusal.reason
        self._state.counter(policy.name).would_deny += 1
        return True

    def _timely(self, inquiry: Inquiry, endpoint: Endpoint, grant: Grant, pairs: list[Pair]) -> Admitted | Denial:
        values = dict(pairs)
        moment_ms, policy = inquiry.begun_ns // 1_000_000, grant.policy
        # Until exchange time has been measured exits and reads go by this host's clock; orders are refused below.
        now_ms = self._state.told_ms(moment_ms)
        if policy is None:
            return Denial("clock_uncertain")
        if not endpoint.signed:
            return self._untimed(inquiry, endpoint, grant, pairs)
        timestamp_ms = freshness.parse_timestamp(values.get("timestamp"))
        if timestamp_ms is None:
            return Denial("timestamp_missing")
        recv_window_ms = freshness.parse_recv_window(values.get("recvWindow"))
        if recv_window_ms is None:
            return Denial("recv_window_malformed")
        if not freshness.is_fresh(timestamp_ms, recv_window_ms, now_ms):
            return Denial("timestamp_outside_window")
        intent = judge(endpoint, pairs, self._make_id)
        if isinstance(intent, Denial):
            return intent
        if _too_large(inquiry, intent):
            return Denial("payload_too_large")
        if endpoint.mutating and not intent.reduces and not self._state.clock_certain(moment_ms):
            return Denial("clock_uncertain")
        refusal = may_ask(policy, intent, self._state.market(endpoint.family), moment_ms)
        if refusal is not None and not self._only_reports(inquiry, policy, refusal):
            return refusal
        credential = grant.credential
        if not inquiry.signature:
            pairs = _of_session(endpoint, pairs)
        mark = replay.digest(credential.key_id, timestamp_ms, pairs)
        # What a session speaks for has no signature of its own.
        signed = replay.signature_digest(credential.key_id, inquiry.signature) if inquiry.signature else mark
        marks = (mark, signed)
        return Admitted(
            credential.bot, policy, endpoint, intent, credential, marks, recv_window_ms, inquiry.head.time_unit
        )

    def _untimed(self, inquiry: Inquiry, endpoint: Endpoint, grant: Grant, pairs: list[Pair]) -> Admitted | Denial:
        """Judge what a key id alone is enough for: about the bot's own connection, so that it may be said twice."""
        intent = judge(endpoint, pairs, self._make_id)
        if isinstance(intent, Denial):
            return intent
        bot, policy = grant.credential.bot, grant.policy
        return Admitted(bot, policy, endpoint, intent, grant.credential, (), 0, inquiry.head.time_unit)


def _of_session(endpoint: Endpoint, pairs: list[Pair]) -> list[Pair]:
    """Name the endpoint among the pairs by which a session's question or cancel is known again.

    There is no signature that could be carried from one to the other, so that both may be asked at the same moment. An
    order is known by its own pairs alone, wherever it comes from.
    """
    return pairs if endpoint.method in ("POST", "PUT") else [*pairs, ("", endpoint.name)]


def _too_large(inquiry: Inquiry, intent: Intent) -> bool:
    """Tell whether the rebuilt query could exceed what the exchange's edge takes in a request line."""
    # What came in few bytes goes out in at most three times as many, and a few ids of our own.
    is_short = len(inquiry.head.query) + len(inquiry.body) <= MAX_QUERY // 4
    return not is_short and len(canonical.encode_query(intent.pairs)) > MAX_QUERY
