"""What a credential may do at an endpoint: what is the same for each of its requests is judged once."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.config.model import Bot
from counterseal.core.credential import Credential, source_allowed, within_hours
from counterseal.core.judge import Denial
from counterseal.core.policy import may_call, refusal_of

_MINUTE_MS = 60_000
Source = IPv4Address | IPv6Address


@dataclass(slots=True, eq=False)
class Grant:
    """The standing answer for one credential at one endpoint.

    `class_refusal` is of the endpoint itself, `refusal` of the bot's policy for it; `policy` is None where the bot has
    none, and `refusal` then says so. What depends on source and time is asked by `refuses`.
    """

    credential: Credential
    policy: Bot | None
    class_refusal: Denial | None
    refusal: Denial | None
    _source: Source | None = None
    _minute: int = -1
    _is_open: bool = False

    def refuses(self, source: Source, now_ms: int) -> Denial | None:
        """Judge expiry, source and hour, then what stands; `now_ms` is exchange time in ms since the epoch."""
        expires_ms = self.credential.expires_ms
        if expires_ms is not None and now_ms >= expires_ms:
            return Denial("credential_expired")
        # The listener makes one object of one address: identity tells that it has been judged.
        if source is not self._source:
            if not self._admits(source):
                return Denial("source_not_allowed")
            self._source = source
        if now_ms // _MINUTE_MS != self._minute:
            self._minute, self._is_open = now_ms // _MINUTE_MS, self._covers(now_ms)
        return self.refusal if self._is_open else Denial("outside_hours")

    def trusts_unsigned(self, source: Source) -> bool:
        """Tell whether a call from there needs no signature: from this host, or where credential or bot are bound.

        The key alone proves little, for it is sent with every request.
        """
        return source.is_loopback or bool(self.credential.sources or (self.policy and self.policy.sources))

    def _admits(self, source: Source) -> bool:
        bots = self.policy.sources if self.policy else ()
        return source_allowed(self.credential.sources, source) and source_allowed(bots, source)

    def _covers(self, now_ms: int) -> bool:
        bots = self.policy.hours if self.policy else ()
        return within_hours(self.credential.hours, now_ms) and within_hours(bots, now_ms)


def grant(credential: Credential, policy: Bot | None, endpoint: Endpoint) -> Grant:
    """Judge what needs no request."""
    refusal = Denial("purpose_not_allowed") if policy is None else may_call(policy, endpoint)
    return Grant(credential, policy, refusal_of(endpoint), refusal)
