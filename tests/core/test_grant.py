"""A grant judges what never changes once, and what does each time."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.config.model import Bot, HourRange
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.grant import Grant, grant
from counterseal.core.judge import Denial

HOME, AWAY = ip_address("127.0.0.1"), ip_address("10.1.2.3")
MINUTE_MS = 60_000
EVERY_DAY = frozenset(range(7))
CREDENTIAL = Credential("key", "alpha", CredentialKind.RSA, None, b"", 0)
BOT = Bot(
    name="alpha", mode="enforce", verification="lenient", keys=(), products=("spot",), purposes=("trade",),
    symbols=("*",), max_order_notional=None, max_order_quantity={}, price_collar_percent=None, max_leverage=None,
    hours=(), sources=(),
)  # fmt: skip


def order() -> Endpoint:
    found = load_catalogue().get("spot", "POST", "/api/v3/order")
    assert found is not None
    return found


def made(credential: Credential = CREDENTIAL, bot: Bot | None = BOT) -> Grant:
    return grant(credential, bot, order())


def test_without_a_policy_nothing_is_granted() -> None:
    """A credential whose bot the policy does not name may do nothing."""
    assert made(bot=None).refuses(HOME, 0) == Denial("purpose_not_allowed")


@pytest.mark.threat(15)
@pytest.mark.parametrize("whose", ["credential", "bot"])
def test_a_source_is_judged_each_time_it_changes(whose: str) -> None:
    """What one source may does not rub off on another that follows it."""
    bound = (ip_network("127.0.0.0/8"),)
    judged = (
        made(replace(CREDENTIAL, sources=bound)) if whose == "credential" else made(bot=replace(BOT, sources=bound))
    )
    for source, expected in ((HOME, None), (AWAY, Denial("source_not_allowed")), (HOME, None), (HOME, None)):
        assert judged.refuses(source, 0) == expected
    assert judged.refuses(AWAY, 0) == Denial("source_not_allowed")


@pytest.mark.parametrize("whose", ["credential", "bot"])
def test_hours_are_judged_anew_each_minute(whose: str) -> None:
    """The first minute of the day is open, the second is not, and time that steps back finds it open again."""
    hours = (HourRange(0, 1, EVERY_DAY),)
    judged = made(replace(CREDENTIAL, hours=hours)) if whose == "credential" else made(bot=replace(BOT, hours=hours))
    assert judged.refuses(HOME, MINUTE_MS - 1) is None
    assert judged.refuses(HOME, MINUTE_MS) == Denial("outside_hours")
    assert judged.refuses(HOME, 0) is None


def test_expiry_is_judged_to_the_millisecond() -> None:
    judged = made(replace(CREDENTIAL, expires_ms=5_000))
    assert judged.refuses(HOME, 4_999) is None
    assert judged.refuses(HOME, 5_000) == Denial("credential_expired")


def test_the_class_of_an_endpoint_is_told_apart_from_the_bots_policy() -> None:
    """A refused class is nobody's; a purpose is this bot's."""
    assert made().class_refusal is None
    assert grant(CREDENTIAL, replace(BOT, purposes=()), order()).refuses(HOME, 0) == Denial("purpose_not_allowed")
    refused = next(one for one in load_catalogue() if one.purpose == "refused")
    assert grant(CREDENTIAL, BOT, refused).class_refusal is not None


def test_without_a_signature_an_address_must_vouch() -> None:
    """This host, or a credential or a bot that is bound to addresses at all."""
    bound = (ip_network("10.0.0.0/8"),)
    assert made().trusts_unsigned(HOME)
    assert not made().trusts_unsigned(AWAY)
    assert not made(bot=None).trusts_unsigned(AWAY)
    assert made(credential=replace(CREDENTIAL, sources=bound)).trusts_unsigned(AWAY)
    assert made(bot=replace(BOT, sources=bound)).trusts_unsigned(AWAY)
