"""Virtual credentials: what a bot holds, worthless at the venue."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import NoReturn

from counterseal.core.config.model import HourRange, Network
from counterseal.core.secret import Secret

MINUTES_PER_DAY = 1440


class CredentialKind(StrEnum):
    """How the bot signs. For RSA and ED25519 we hold the public half only."""

    HMAC = "hmac"
    RSA = "rsa"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True)
class Credential:
    """One virtual credential. HMAC has `secret`, the others have `public_key` (PEM, SubjectPublicKeyInfo).

    `key_id` is what the bot sends as X-MBX-APIKEY and is a secret too (ruling 9). Empty `sources` and `hours`
    bind nothing. A `canary` is planted where thieves look: it lets nobody in, and whoever tries it is told of.
    """

    key_id: str
    bot: str
    kind: CredentialKind
    secret: Secret | None
    public_key: bytes | None
    created_ms: int
    expires_ms: int | None = None
    sources: tuple[Network, ...] = ()
    hours: tuple[HourRange, ...] = ()
    canary: bool = False

    def __repr__(self) -> str:
        return f"Credential(bot={self.bot!r}, kind={self.kind.value!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a credential cannot be pickled")


def source_allowed(sources: tuple[Network, ...], source: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address lies in one of the networks; no networks bind nothing.

    A listener for both versions shows an IPv4 client as ::ffff:a.b.c.d: it is in the networks of either spelling.
    """
    forms: list[IPv4Address | IPv6Address] = [source]
    if isinstance(source, IPv6Address) and source.ipv4_mapped is not None:
        forms.append(source.ipv4_mapped)
    return not sources or any(form.version == net.version and form in net for form in forms for net in sources)


def within_hours(hours: tuple[HourRange, ...], now_ms: int) -> bool:
    """Tell whether a moment (ms since the epoch, UTC) lies in one of the ranges; no ranges bind nothing."""
    if not hours:
        return True
    day, minute = divmod(now_ms // 60_000, MINUTES_PER_DAY)
    weekday = (day + 3) % 7  # the epoch was a Thursday
    return any(_covers(span, weekday, minute) for span in hours)


def _covers(span: HourRange, weekday: int, minute: int) -> bool:
    if span.start_minute < span.end_minute:
        return weekday in span.weekdays and span.start_minute <= minute < span.end_minute
    started_today = weekday in span.weekdays and minute >= span.start_minute
    started_yesterday = (weekday - 1) % 7 in span.weekdays and minute < span.end_minute
    return started_today or started_yesterday
