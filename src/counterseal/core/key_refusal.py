"""Why the exchange refuses a key: -2015 stands for four things, and only what else is known tells them apart."""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.key_facts import EXPIRES, NAMES, READ, TRADES

# What the exchange says of a key that it does not let in; a status of 401 says the same without a code.
REFUSALS = frozenset({-2014, -2015})
_BAD_FORM = -2014
UNAUTHORIZED = 401
# Where reading may take the permission to trade besides that to read.
_READ_AS_TRADED = frozenset({"usdm", "coinm", "papi", "options"})


class Cause(Enum):
    """Why the exchange refuses a key."""

    KEY = "key"
    ADDRESS = "address"
    PERMISSION = "permission"
    ENVIRONMENT = "environment"


class Diagnosis(NamedTuple):
    """The likeliest cause, whether that is certain, and a sentence with the way out."""

    cause: Cause
    is_certain: bool
    text: str


class Need(NamedTuple):
    """What a request asks of a key: a part of the exchange, and whether it changes something there."""

    product: str
    changes: bool

    @property
    def permission(self) -> str:
        """The flag without which the exchange refuses it."""
        return TRADES.get(self.product, READ) if self.changes else READ

    def __str__(self) -> str:
        return f"{'trading' if self.changes else 'reading'} on {self.product}"


WHOLE = Need("", changes=False)


def need_of(endpoint: Endpoint) -> Need:
    """Give what an endpoint asks of a key."""
    return Need(endpoint.product, endpoint.purpose in ("trade", "settings"))


class Probe(NamedTuple):
    """What came of trying a key: an answer's status and code, and the flags of its permissions where it told them.

    `status` is 0 when nothing came. `elsewhere` tells that the same key was taken from another address of ours,
    `expired` that its permission to trade has ended.
    """

    status: int
    code: int | None = None
    restrictions: Mapping[str, bool | int] | None = None
    elsewhere: bool = False
    expired: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether the exchange does not let the key in."""
        return is_refusal(self.status, self.code)

    @property
    def is_taken(self) -> bool:
        """Whether the exchange has taken a request that the key signed."""
        return self.status == 200


class Evidence(NamedTuple):
    """What is known when a key was refused. None is not known.

    `fits` tells that the key is sealed for this environment, `has_worked` that the exchange once took it, `restricted`
    that it was bound to addresses when it was last asked. `others_work` tells that other keys were taken from the same
    address since, False that all of them are refused too.
    """

    need: Need
    probe: Probe
    fits: bool
    has_worked: bool
    restricted: bool | None
    others_work: bool | None


def is_refusal(status: int, code: int | None) -> bool:
    """Tell whether an answer refuses the key itself."""
    return code in REFUSALS or (status == UNAUTHORIZED and code is None)


def diagnose(seen: Evidence) -> Diagnosis | None:
    """Tell why a key was refused; None where the probe was taken and shows nothing that would explain it."""
    if not seen.fits:
        text = "it is sealed for another environment than this one; seal it where it belongs"
        return Diagnosis(Cause.ENVIRONMENT, is_certain=True, text=text)
    probe = seen.probe
    if probe.is_taken:
        return lacking(seen.need, probe)
    if probe.code == _BAD_FORM:
        text = "the exchange says that no key of its looks like this; take the key's id anew from its web page"
        return Diagnosis(Cause.KEY, is_certain=True, text=text)
    if probe.elsewhere:
        text = "it works from another address of ours; add the refused one to the key's list at the exchange"
        return Diagnosis(Cause.ADDRESS, is_certain=True, text=text)
    if not seen.has_worked:
        text = "it has never worked here: is it of this environment, and copied whole?"
        return Diagnosis(Cause.ENVIRONMENT, is_certain=False, text=text)
    if seen.restricted is False:
        text = "it is bound to no address, so that it was deleted or switched off; rotate it"
        return Diagnosis(Cause.KEY, is_certain=True, text=text)
    if seen.others_work is False:
        text = "all keys are refused at once: has this host's address changed, or left their lists at the exchange?"
        return Diagnosis(Cause.ADDRESS, is_certain=False, text=text)
    if seen.others_work:
        text = "other keys work from here: it was deleted, or this address left its own list at the exchange"
        return Diagnosis(Cause.KEY, is_certain=False, text=text)
    text = "it was deleted, or this host's address left its list at the exchange; look there"
    return Diagnosis(Cause.KEY, is_certain=False, text=text)


def is_expired(restrictions: Mapping[str, bool | int], exchange_ms: int) -> bool:
    """Tell whether the exchange says that a key's permission to trade has ended."""
    until_ms = restrictions.get(EXPIRES)
    return type(until_ms) is int and 0 < until_ms <= exchange_ms


def lacking(need: Need, probe: Probe) -> Diagnosis | None:
    """Tell what a probe that was taken shows to be missing for a need; None for nothing."""
    flag, restrictions = need.permission, probe.restrictions
    if probe.expired and need.changes:
        text = "its permission to trade has ended; bind it to addresses at the exchange, or rotate it"
        return Diagnosis(Cause.PERMISSION, is_certain=True, text=text)
    if restrictions is not None and not need.changes and need.product in _READ_AS_TRADED:
        trades = TRADES[need.product]
        flag = trades if restrictions.get(flag) is not False and restrictions.get(trades) is False else flag
    if restrictions is None or restrictions.get(flag) is not False:
        return None
    text = f"it lacks {NAMES[flag]}; give it back at the exchange, or take {need} from who uses the key"
    return Diagnosis(Cause.PERMISSION, is_certain=True, text=text)
