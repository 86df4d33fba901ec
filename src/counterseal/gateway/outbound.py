"""To the exchange and back: the least key, a signature, a rebuilt request, one answer."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from counterseal import __version__
from counterseal.core import freshness
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.config.model import Config
from counterseal.core.key_refusal import need_of
from counterseal.core.key_uses import KeyUses
from counterseal.core.keys import active_keys, least_key
from counterseal.core.messages import HeldKey, Refused, Sign
from counterseal.gateway.admission import Admitted
from counterseal.gateway.budget import Permit
from counterseal.gateway.exchange import Exchange
from counterseal.gateway.state import State
from counterseal.gateway.turn import Turn
from counterseal.ports.signing import SignerUnavailable, SigningClient
from counterseal.ports.venue import NotSent, VenueReply

_FIXED = f"User-Agent: counterseal/{__version__}\r\nAccept: application/json\r\n"


# No key's name: a purpose that has not been looked up yet.
_UNASKED = HeldKey("", "", "", "")


class SignerRefused(Exception):
    """The signer's own table or bounds said no; the text is its reason."""


def _always() -> bool:
    return True


def _nobody(_key: HeldKey, _endpoint: Endpoint, _reply: VenueReply, _egress: str) -> None:
    pass


def _nobody_refused(_key: HeldKey, _endpoint: Endpoint, _status: int, _code: int | None, _sent_ms: int) -> None:
    pass


class Outbound:
    """Signs and sends admitted requests."""

    def __init__(self, state: State, exchange: Exchange, signer: SigningClient, turn: Turn) -> None:
        self._state = state
        self._exchange = exchange
        self._signer = signer
        self._turn = turn
        self._least: dict[tuple[str, str], HeldKey | None] = {}
        self._config: Config | None = None
        self._held: Mapping[str, HeldKey] = {}
        self._active: Mapping[str, HeldKey] = {}
        self.uses = KeyUses()
        # Hears every answer to what a key was named in, but those to probes, and from which address it was asked.
        self.on_answer: Callable[[HeldKey, Endpoint, VenueReply, str], None] = _nobody
        # Hears of a refusal that came another way: status, code, when it had been asked (monotonic ms).
        self.on_refusal: Callable[[HeldKey, Endpoint, int, int | None, int], None] = _nobody_refused

    def key_for(self, admitted: Admitted) -> HeldKey | None:
        """Give the least of the bot's keys that covers the request and that the signer holds, in its active version.

        That version signs the request and is named in it, whatever becomes active meanwhile.
        """
        if admitted.policy is None:
            return None
        config, held = self._state.config, self._signer.keys()
        if config is not self._config or held is not self._held:
            self._least, self._config, self._held, self._active = {}, config, held, active_keys(held)
        found = self._least.get((admitted.bot, admitted.endpoint.purpose), _UNASKED)
        if found is _UNASKED:
            found = self._least_key(admitted, config, self._active)
            self._least[(admitted.bot, admitted.endpoint.purpose)] = found
        return self._instead(admitted, found) if self._state.quarantine and found is not None else found

    def _instead(self, admitted: Admitted, found: HeldKey) -> HeldKey:
        """Give another key of the same account where this one is held back and the other is not."""
        state, need = self._state, need_of(admitted.endpoint)
        if not state.quarantine.holds_back(found.ref, need):
            return found
        account = state.account_of(found.ref)
        others = {
            name: key for name, key in self._active.items()
            if state.account_of(name) == account and not state.quarantine.holds_back(key.ref, need)
        }  # fmt: skip
        return self._least_key(admitted, state.config, others) or found

    def _least_key(self, admitted: Admitted, config: Config, held: Mapping[str, HeldKey]) -> HeldKey | None:
        policy = config.bots.get(admitted.bot)
        if policy is None:
            return None
        purpose = admitted.endpoint.purpose if admitted.endpoint.purpose != "read" else "account"
        name = least_key(policy, purpose, config.keys, held)
        # A key that was sealed for another environment never meets this one.
        return held[name] if name and held[name].environment == config.venue.environment else None

    async def sign(self, admitted: Admitted, key: HeldKey) -> bytes:
        """Have the judged pairs signed: gives the query to send.

        Raises SignerRefused, SignerUnavailable, or JournalError when what was queued before could not be written.
        """
        if key.environment != self._state.config.venue.environment:
            raise SignerRefused("other_environment")
        answer = await self._turn.sign(self._sign_request(admitted, key))
        if isinstance(answer, Refused):
            if answer.reason == "key_unavailable":  # no judgement: its token is away, nothing was signed
                raise SignerUnavailable(answer.reason)
            raise SignerRefused(answer.reason)
        return answer.query

    def _sign_request(self, admitted: Admitted, key: HeldKey) -> Sign:
        endpoint = admitted.endpoint
        window = freshness.upstream_recv_window(
            admitted.recv_window_ms,
            order=admitted.intent.places,
            order_cap_ms=self._state.config.gateway.order_recv_window_ms,
        )
        return Sign(
            id=self._signer.next_id(),
            key_ref=key.ref,
            family=endpoint.family,
            method=endpoint.method,
            path=endpoint.path,
            pairs=admitted.intent.pairs,
            recv_window_ms=window,
            offset_ms=self._state.offset_ms(),
        )

    async def send(
        self,
        admitted: Admitted,
        query: bytes,
        key: HeldKey | None,
        permit: Permit,
        wanted: Callable[[], bool] = _always,
        *,
        is_probe: bool = False,
    ) -> VenueReply:
        """Send once, if it is still wanted when the first byte is about to leave. Raises NotSent or Lost.

        `key` names whose request it is, where the exchange wants to know. The permit is settled by what comes of it.
        """
        endpoint = admitted.endpoint
        host = self._state.hosts.get(endpoint.family, "")
        if key is not None and key.environment != self._state.config.venue.environment:
            # Whoever chose it: not even its name is shown to another exchange than its own.
            raise NotSent("the key is of another environment")
        api_key = None if key is None else key.api_key
        before, behind = _frame(endpoint.method, endpoint.path, host, api_key, admitted.time_unit)
        request = b"%b?%b%b" % (before, query, behind) if query else before + behind
        reply = await self._exchange.send(permit, request, admitted.bot, wanted)
        if key is not None and not is_probe:
            self.on_answer(key, endpoint, reply, permit.egress)
        return reply


@lru_cache(maxsize=4096)
def _frame(method: str, path: str, host: str, api_key: str | None, time_unit: str | None) -> tuple[bytes, bytes]:
    """Give what stands before and behind the query; nothing of the bot's bytes is in it but judged values."""
    head = f" HTTP/1.1\r\nHost: {host}\r\n{_FIXED}"
    if api_key is not None:
        head += f"X-MBX-APIKEY: {api_key}\r\n"
    if time_unit is not None:
        head += f"X-MBX-TIME-UNIT: {time_unit}\r\n"
    if method != "GET":
        head += "Content-Length: 0\r\n"
    return f"{method} {path}".encode(), f"{head}\r\n".encode()
