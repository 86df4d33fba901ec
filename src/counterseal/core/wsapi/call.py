"""A request of a WebSocket API on its way to be judged: who asks, what, and which bytes the signature covers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.wsapi.frames import Frame, Pair

# Of the connection, not of the request's meaning; it is signed like everything else.
LIMITS_ASKED = "returnRateLimits"
_ASIDE = frozenset({"apiKey", "signature", LIMITS_ASKED})
# How it may be proven who asks, in the journal's words: the exchange's rule, what clients sign instead, a logon.
FORMS = RAW, FORM, ENCODE_URI_COMPONENT, SESSION = "ws_raw", "ws_form", "ws_encode_uri_component", "session"
_URI_COMPONENT_SAFE = "!'()*~"


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `pairs` are what is judged, in the order received; `payload` is what is signed by the rule.

    `key_id` and `signature` are the request's own. `session` is the key id that has logged on to the connection.
    """

    endpoint: Endpoint
    pairs: list[Pair]
    key_id: str | None
    signature: str
    session: str | None
    payload: bytes
    named: tuple[Pair, ...]

    @property
    def is_of_session(self) -> bool:
        """Whether the logon speaks for it, and nothing of its own."""
        return self.session is not None and self.key_id is None and not self.signature

    def other_payloads(self) -> Iterator[tuple[str, bytes]]:
        """Give (form, payload) for what clients sign instead, most likely first."""
        yield FORM, _join([(name, quote_plus(value)) for name, value in self.named])
        yield (
            ENCODE_URI_COMPONENT,
            _join([(name, quote(value, safe=_URI_COMPONENT_SAFE)) for name, value in self.named]),
        )


def call_of(endpoint: Endpoint, frame: Frame, session: str | None) -> Call:
    """Take a request apart. The payload is everything but the signature, sorted by name, nothing percent-encoded."""
    values = dict(frame.pairs)
    named = sorted([pair for pair in frame.pairs if pair[0] != "signature"])
    pairs = [pair for pair in frame.pairs if pair[0] not in _ASIDE]
    if "clientOrderId" in values and _is_said_twice(values):
        pairs.remove(("clientOrderId", values["clientOrderId"]))
    return Call(
        endpoint=endpoint,
        pairs=pairs,
        key_id=values.get("apiKey"),
        signature=values.get("signature", ""),
        session=session,
        payload=_join(named),
        named=tuple(named),
    )


def _is_said_twice(values: Mapping[str, str]) -> bool:
    """Tell whether an order's id stands there a second time, under a name that the exchange does not read.

    One library sends it so.
    """
    return values["clientOrderId"] in (values.get("newClientOrderId"), values.get("origClientOrderId"))


def wants_limits(frame: Frame, *, otherwise: bool) -> bool:
    """Tell whether a request's answer is to state the limits; `otherwise` is the connection's choice."""
    asked = dict(frame.pairs).get(LIMITS_ASKED)
    return otherwise if asked is None else asked.lower() != "false"


def _join(pairs: Sequence[Pair]) -> bytes:
    return "&".join([f"{name}={value}" for name, value in pairs]).encode()
