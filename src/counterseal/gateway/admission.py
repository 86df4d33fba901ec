"""From a request's bytes to (bot, endpoint, judged intent), or a refusal: steps 1 to 4 of an order's way.

Nothing here waits: admission is one piece of work on the loop, so that two requests cannot be half admitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
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
from counterseal.core.policy import may_ask, refusal_of
from counterseal.core.secret import Secret
from counterseal.core.streams.routes import Opening
from counterseal.core.wire import Pair, WireError, decode_pairs
from counterseal.gateway.grants import Grants
from counterseal.gateway.state import ANONYMOUS, Source, State
from counterseal.gateway.ways import Way
from counterseal.ports.verifier import Verifier

MAX_QUERY = 8_000
_NOBODY = Credential("", "", CredentialKind.HMAC, Secret(b"x" * 64), None, 0)
_TIME_UNITS = frozenset({"MICROSECOND", "MILLISECOND", "microsecond", "millisecond"})


@dataclass(slots=True)
class Inquiry:
    """A request on its way; what is known of it when it is refused goes into the journal.

    `way` is None by the plain base URL. `begun_ns` is the monotonic moment at which it was whole, `signed_ns` the one
    at which its signature for the exchange came, `window_ms` the recvWindow in it. `gone` is set by the listener when
    the bot has closed its connection. `weight` is what it cost of the exchange's limits so far, `left` how much its
    lane may still spend; None as long as it asked for nothing.
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
    """A WebSocket handshake that may be answered. `key` is the client's Sec-WebSocket-Key."""

    opening: Opening
    key: bytes


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

    def admit(self, inquiry: Inquiry) -> Admitted | Entry | Denial:
        """Judge one request. Notes in `inquiry` what became known, also when it is refused."""
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
            return way.endpoint(self._state.catalogue, head.method, head.path) or Denial("unknown_endpoint")
        place = locate(head.path)
        endpoint = place and self._state.catalogue.get(place[0], head.method, place[1])
        return endpoint or Denial("unknown_endpoint")

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
            # Key-only calls that are no public data (listen keys) are refused classes today.
            return refusal_of(endpoint) or Denial("endpoint_refused")
        if not wire_signature:
            return Denial("signature_missing")
        inquiry.signature = canonical.decode_signature(wire_signature)
        credential = self._verify(inquiry, key_id, payload, pairs)
        if credential is None:
            return Denial("credential_or_signature")
        grant = self._grants.of(credential, endpoint)
        if grant.class_refusal is not None:
            return grant.class_refusal
        return self._granted(inquiry, grant) or self._timely(inquiry, endpoint, grant, pairs)

    def _verify(self, inquiry: Inquiry, key_id: str, payload: bytes, pairs: list[Pair]) -> Credential | None:
        """Give the credential whose signature it is. An unknown one costs what a wrong signature costs."""
        credential = self._state.credentials.get(key_id)
        form = self._form(credential or _NOBODY, payload, pairs, inquiry.signature)
        if form is None or credential is None:
            return None
        inquiry.form, inquiry.bot = form, credential.bot
        counts = self._state.counter(credential.bot).verified
        counts[form] = counts.get(form, 0) + 1
        return credential

    def _form(self, credential: Credential, payload: bytes, pairs: list[Pair], signature: str) -> str | None:
        """Name the form in which the signature covers the request; only the bytes as sent where policy is strict."""
        if self._verifier.verify(credential, payload, signature):
            return "raw"
        policy = self._state.bot(credential.bot)
        if policy is None or policy.verification != "strict":
            for form, other in canonical.other_payloads(payload, pairs):
                if self._verifier.verify(credential, other, signature):
                    return form
        return None

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
        marks = (
            replay.digest(credential.key_id, timestamp_ms, pairs),
            replay.signature_digest(credential.key_id, inquiry.signature),
        )
        return Admitted(
            credential.bot, policy, endpoint, intent, credential, marks, recv_window_ms, inquiry.head.time_unit
        )


def _too_large(inquiry: Inquiry, intent: Intent) -> bool:
    """Tell whether the rebuilt query could exceed what the exchange's edge takes in a request line."""
    # What came in few bytes goes out in at most three times as many, and a few ids of our own.
    is_short = len(inquiry.head.query) + len(inquiry.body) <= MAX_QUERY // 4
    return not is_short and len(canonical.encode_query(intent.pairs)) > MAX_QUERY
