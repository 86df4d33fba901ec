"""What is done when a key or a bot's credential is in other hands: the steps, their order, and what proves each.

The command line carries them out, the drill rehearses them, and the runbooks tell them; all three by this table.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from counterseal.core.rotation import Stage, Version, only


class Subject(Enum):
    """What is in other hands."""

    KEY = "key"
    BOT = "bot"


class Step(NamedTuple):
    """One step. `what` is what is done, `proof` how it is known to be done."""

    name: str
    what: str
    proof: str


FREEZE = Step("freeze", "halt whoever uses it", "the gateway has acknowledged it, or none serves")
CANCEL = Step("cancel", "cancel what is open of theirs", "the exchange lists none of them any more")
TRY = Step("try", "ask the exchange with the key", "it answers, so that a later refusal means something")
FALL_BACK = Step("fall back", "let a spare or another version take the key's place", "the signer holds it and serves")
DROP = Step("drop", "take the key from the signer", "the signer serves without it")
REVOKE = Step("revoke", "have the key deleted at the exchange", "the exchange refuses it, twice in a row")
FORGET = Step("forget", "forget its secret here", "the signer serves without it")
WITHDRAW = Step("withdraw", "remove the bot's credentials", "the gateway has taken it up")
REFUSED = Step("refused", "try the old credentials", "the gateway answers as to a key id that does not exist")

# A key that has no successor stays with the signer until the exchange refuses it: without one the guard could neither
# see nor cancel what a thief does with it meanwhile.
PLANS: Mapping[Subject, tuple[Step, ...]] = MappingProxyType(
    {
        Subject.KEY: (FREEZE, CANCEL, TRY, FALL_BACK, DROP, REVOKE, FORGET),
        Subject.BOT: (FREEZE, WITHDRAW, REFUSED, CANCEL),
    }
)
NAMES = frozenset(step.name for plan in PLANS.values() for step in plan)


class Done(NamedTuple):
    """What came of a step: `done` is None where there was nothing to do. `begun_ms` counts from the beginning."""

    step: Step
    done: bool | None
    text: str
    begun_ms: int
    took_ms: int

    @property
    def word(self) -> str:
        """How people read it."""
        return {True: "proven", False: "NOT PROVEN", None: "nothing to do"}[self.done]


def is_proven(steps: Iterable[Done]) -> bool:
    """Tell whether all of it is done, and shown to be."""
    found = list(steps)
    return bool(found) and all(one.done is not False for one in found)


def unproven(steps: Iterable[Done]) -> tuple[str, ...]:
    """Name the steps that are not."""
    return tuple(one.step.name for one in steps if one.done is False)


# -- falling back

# Who takes the place: what is proven at the exchange before what is not.
_ORDER = (Stage.VALIDATED, Stage.PENDING, Stage.STAGED, Stage.SPARE)
_SUSPECT = frozenset({Stage.ACTIVE, Stage.DRAINING})


class FallBack(NamedTuple):
    """The versions of a key after another one has taken its place: `to` signs, nobody holds the `suspects`."""

    versions: tuple[Version, ...]
    to: str
    suspects: tuple[str, ...]


def suspects_of(versions: Iterable[Version]) -> tuple[str, ...]:
    """Give the versions that whoever holds the key may have: what signs, and what was about to end."""
    return tuple(version.ref for version in versions if version.stage in _SUSPECT)


def fall_back(versions: Sequence[Version], now_ms: int) -> FallBack | None:
    """Have another version take the key's place in one stroke; None where no other has an API key.

    A rotation proves a version first. Here the bots are halted, and it is tried right afterwards.
    """
    able = [version for version in versions if version.has_api_key]
    found = next((found for stage in _ORDER if (found := only(able, stage)) is not None), None)
    if found is None:
        return None
    after = tuple([_moved(version, found.ref, now_ms) for version in versions])
    return FallBack(after, found.ref, suspects_of(versions))


def forgotten(versions: Sequence[Version], suspects: Collection[str], now_ms: int) -> tuple[Version, ...]:
    """Give the versions of a key once it is proven dead, or must be held by nobody.

    With a successor the suspects stay as revoked. Without, a pair that waits for its API key takes their place, so that
    it need not be made again; where there is none, nothing is left of the key.
    """
    left = [version for version in versions if version.ref not in suspects]
    if any(version.stage is Stage.ACTIVE for version in left):
        return tuple([
            version._replace(stage=Stage.REVOKED, since_ms=now_ms) if version.ref in suspects else version
            for version in versions
        ])  # fmt: skip
    waiting = only(left, Stage.STAGED)
    return () if waiting is None else tuple([
        version._replace(stage=Stage.ACTIVE, since_ms=now_ms) if version.ref == waiting.ref else version
        for version in left
    ])  # fmt: skip


def _moved(version: Version, to: str, now_ms: int) -> Version:
    if version.ref == to:
        return version._replace(stage=Stage.ACTIVE, since_ms=now_ms)
    return version._replace(stage=Stage.RETIRED, since_ms=now_ms) if version.stage in _SUSPECT else version


# -- what the exchange's answers say of a key


class Life(Enum):
    """Whether a key lives, as far as one answer tells."""

    ALIVE = "alive"
    REFUSED = "refused"
    UNKNOWN = "unknown"


# "API-key format invalid" and "Invalid API-key, IP, or permissions for action": the key is looked at before the rest.
_REFUSALS = frozenset({-2014, -2015, -2008})
# The key was known, and only then its signature was not right. A timestamp (-1021) may be looked at before both.
_KNOWN = frozenset({-1022})
# Twice in a row, so that one odd answer is no proof.
REFUSED_TIMES = 2


def life_of(probe: Mapping[str, Any]) -> Life:
    """Judge what a probe came to: {"signature": b, "code": n or None, ...}."""
    if probe.get("signature") is True:
        return Life.ALIVE
    code = probe.get("code")
    if code in _REFUSALS:
        return Life.REFUSED
    return Life.ALIVE if code in _KNOWN else Life.UNKNOWN


class Watched(NamedTuple):
    """What is known of a key so far: whether it was ever seen alive, and how often it was refused in a row."""

    was_alive: bool = False
    refused: int = 0

    def after(self, life: Life) -> "Watched":
        """Take one more answer; none at all tells nothing."""
        if life is Life.UNKNOWN:
            return self
        return Watched(self.was_alive or life is Life.ALIVE, self.refused + 1 if life is Life.REFUSED else 0)

    @property
    def is_dead(self) -> bool:
        """Whether it is refused now."""
        return self.refused >= REFUSED_TIMES

    @property
    def is_proven(self) -> bool:
        """Whether it is known to be dead: one that was never seen alive may be closed to this address alone."""
        return self.is_dead and self.was_alive


# -- what a person does at the exchange

_PAGES: Mapping[str, str] = MappingProxyType(
    {
        "production": "https://www.binance.com/en/my/settings/api-management",
        "testnet": "https://testnet.binance.vision",
        "demo": "https://demo.binance.com/en/my/settings/api-management",
    }
)
_SHOWN = 8


def shown(api_key: str) -> str:
    """Give as much of an API key as a person needs to find it on the page."""
    return f"{api_key[:_SHOWN]}…" if len(api_key) > 2 * _SHOWN else "…"


def at_the_exchange(environment: str, api_key: str) -> tuple[str, ...]:
    """Give the steps by which a person revokes a key."""
    if environment not in _PAGES:
        return (
            f"counterseal paper key delete --home PAPER_HOME --api-key KEY, whose KEY begins with {shown(api_key)}",
        )
    last = "Confirm with the second factor." if environment != "testnet" else "Confirm."
    return (
        f"Open {_PAGES[environment]} from a device that you trust, and log in.",
        f"Find the API key that begins with {shown(api_key)}. On a sub-account it stands under that account.",
        "Choose Delete. Not Edit: a key whose rights were taken away lives on.",
        last,
        "Look at the login history and the other API keys, and delete what nobody knows.",
    )
