"""From a request's bytes to (bot, endpoint, judged intent), or a refusal: steps 1 to 4 of an order's way.

Nothing here waits: admission is one piece of work on the loop, so that two requests cannot be half admitted.
"""

from dataclasses import dataclass
from typing import NamedTuple

from counterseal.core import freshness, replay
from counterseal.core.binance import canonical
from counterseal.core.binance.catalogue import Endpoint, locate
from counterseal.core.config.model import Bot
from counterseal.core.credential import Credential, CredentialKind, source_allowed, within_hours
from counterseal.core.http1 import Head
from counterseal.core.intent import Intent
from counterseal.core.judge import Denial, MakeId, judge
from counterseal.core.policy import may_ask, may_call, refusal_of
from counterseal.core.secret import Secret
from counterseal.core.wire import Pair, WireError, decode_pairs
from counterseal.gateway.state import ANONYMOUS, Source, State
from counterseal.ports.verifier import Verifier

MAX_QUERY = 8_000
_NOBODY = Credential("", "", CredentialKind.HMAC, Secret(b"x" * 64), None, 0)
_TIME_UNITS = frozenset({"MICROSECOND", "MILLISECOND", "microsecond", "millisecond"})


@dataclass(slots=True)
class Inquiry:
    """A request on its way; what is known of it when it is refused goes into the journal.

    `gone` is set by the listener when the bot has closed its connection.
    """

    head: Head
    body: bytes
    source: Source
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


class Admission:
    """Judges requests by the state and a verifier. `make_id` makes client order ids."""

    def __init__(self, state: State, verifier: Verifier, make_id: MakeId) -> None:
        self._state = state
        self._verifier = verifier
        self._make_id = make_id

    def admit(self, inquiry: Inquiry) -> Admitted | Denial:
        """Judge one request. Notes in `inquiry` what became known, also when it is refused."""
        refusal = self._door(inquiry.head)
        if refusal:
            return refusal
        endpoint = self._endpoint(inquiry.head)
        if isinstance(endpoint, Denial):
            return endpoint
        inquiry.endpoint = endpoint
        try:
            query, body, wire_signature = canonical.split_signature(inquiry.head.query, inquiry.body)
            pairs = decode_pairs(query) + decode_pairs(body)
        except WireError as error:
            return Denial(error.reason, error.name)
        key_id = inquiry.head.api_key
        if endpoint.purpose == "read" and not endpoint.signed:
            key_id = None if key_id in ("", "None") else key_id
            if key_id and wire_signature:
                # Some clients sign public calls too: that signature is dropped, but a wrong one is told.
                inquiry.signature = canonical.decode_signature(wire_signature)
                if self._verify(inquiry, key_id, (query, body), pairs) is None:
                    return Denial("credential_or_signature")
            return self._public(inquiry, endpoint, pairs, key_id)
        return self._signed(inquiry, endpoint, (query, body), pairs, wire_signature)

    # -- the door

    def _door(self, head: Head) -> Denial | None:
        if self._state.draining:
            return Denial("draining")
        if head.host not in self._state.allowed_hosts:
            return Denial("host_not_allowed")
        if head.cross_site:
            return Denial("cross_site")
        if head.upgrade:
            return Denial("websocket_not_available")
        if head.time_unit is not None and head.time_unit not in _TIME_UNITS:
            return Denial("malformed_value", "X-MBX-TIME-UNIT")
        return None

    def _endpoint(self, head: Head) -> Endpoint | Denial:
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
            owner = self._owner(inquiry, credential, endpoint)
            if isinstance(owner, Denial):
                return owner
            policy = owner
        kept = [(name, value) for name, value in pairs if name not in ("timestamp", "recvWindow")]
        intent = judge(endpoint, kept, self._make_id)
        if isinstance(intent, Denial):
            return intent
        if _too_large(intent):
            return Denial("payload_too_large")
        return Admitted(inquiry.bot or ANONYMOUS, policy, endpoint, intent, credential, (), 0, inquiry.head.time_unit)

    # -- signed requests

    def _signed(
        self,
        inquiry: Inquiry,
        endpoint: Endpoint,
        parts: tuple[bytes, bytes],
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
        credential = self._verify(inquiry, key_id, parts, pairs)
        if credential is None:
            return Denial("credential_or_signature")
        refusal = refusal_of(endpoint)
        if refusal:
            inquiry.bot = credential.bot
            return refusal
        policy = self._owner(inquiry, credential, endpoint)
        if isinstance(policy, Denial):
            return policy
        return self._timely(inquiry, endpoint, credential, policy, pairs)

    def _verify(
        self, inquiry: Inquiry, key_id: str, parts: tuple[bytes, bytes], pairs: list[Pair]
    ) -> Credential | None:
        """Give the credential whose signature it is. An unknown one costs what a wrong signature costs."""
        credential = self._state.credentials.get(key_id)
        policy = self._state.bot(credential.bot) if credential else None
        strict = policy is not None and policy.verification == "strict"
        for form, payload in canonical.payloads(*parts, pairs, strict=strict):
            if self._verifier.verify(credential or _NOBODY, payload, inquiry.signature) and credential:
                inquiry.form = form
                inquiry.bot = credential.bot
                counts = self._state.counter(credential.bot).verified
                counts[form] = counts.get(form, 0) + 1
                return credential
        return None

    def _owner(self, inquiry: Inquiry, credential: Credential, endpoint: Endpoint) -> Bot | Denial:
        """Judge the credential's own bounds, then the bot's policy for this endpoint."""
        inquiry.bot = credential.bot
        now_ms = self._state.exchange_now_ms()
        if now_ms is None:
            now_ms = self._state.clock.wall_ns() // 1_000_000
        if credential.expires_ms is not None and now_ms >= credential.expires_ms:
            return Denial("credential_expired")
        if not source_allowed(credential.sources, inquiry.source):
            return Denial("source_not_allowed")
        if not within_hours(credential.hours, now_ms):
            return Denial("outside_hours")
        policy = self._state.bot(credential.bot)
        if policy is None:
            return Denial("purpose_not_allowed")
        # Who may call what, from where and when holds in report mode too: that mode is for trying out order rules.
        return may_call(policy, endpoint, inquiry.source, now_ms) or policy

    def _only_reports(self, inquiry: Inquiry, policy: Bot, refusal: Denial) -> bool:
        """In report mode a policy refusal is noted and the request goes on."""
        if policy.mode != "report":
            return False
        inquiry.would_deny = refusal.reason
        self._state.counter(policy.name).would_deny += 1
        return True

    def _timely(
        self, inquiry: Inquiry, endpoint: Endpoint, credential: Credential, policy: Bot, pairs: list[Pair]
    ) -> Admitted | Denial:
        values = dict(pairs)
        now_ms = self._state.exchange_now_ms()
        if now_ms is None:
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
        if _too_large(intent):
            return Denial("payload_too_large")
        if endpoint.mutating and not intent.reduces and not self._state.clock_certain():
            return Denial("clock_uncertain")
        refusal = may_ask(policy, intent, self._state.market(endpoint.family), self._state.monotonic_ms())
        if refusal is not None and not self._only_reports(inquiry, policy, refusal):
            return refusal
        marks = (
            replay.digest(credential.key_id, timestamp_ms, pairs),
            replay.signature_digest(credential.key_id, inquiry.signature),
        )
        return Admitted(
            credential.bot, policy, endpoint, intent, credential, marks, recv_window_ms, inquiry.head.time_unit
        )


def _too_large(intent: Intent) -> bool:
    """Tell whether the rebuilt query could exceed what the exchange's edge takes in a request line."""
    size = sum(len(name) + len(value) for name, value in intent.pairs)
    return size > MAX_QUERY // 3 and len(canonical.encode_query(intent.pairs)) > MAX_QUERY
