"""The dead-man's switch: which countdowns at the exchange are renewed, ended, or left to run out, and whose orders go.

A countdown cancels all plain orders of a symbol, whatever they are for. So it runs only where orders of bots rest that
raise risk, and where no stop would vanish with them while a position is open (`semantics.md` 5.5), unless a bot of the
symbol is configured so. It is renewed as long as we live and hear the gateway, and as long as one bot of the symbol is
not silent for too long. Whatever dies, the renewing stops, and the exchange cancels.

Spot has no countdown. There the guard cancels by itself, so that orders stay when the guard dies too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from counterseal.core.binance.countdown import PATHS, WEIGHT
from counterseal.core.resting import Place

# A countdown is renewed this often at the most, and four times while it lasts where weight allows.
HEARTBEAT_MS = 30_000
BEATS = 4
# What a heartbeat weighs with the two lists by which stops are looked for.
BEAT_WEIGHT = WEIGHT + 2
# The gateway speaks every second. Not having heard it for so long, we do not know what rests.
DEAF_MS = 30_000
_MINUTE_MS = 60_000


class Care(NamedTuple):
    """What is configured for a bot: the countdown of its symbols (0: none), after how long a silence of its own its
    orders go (0: never), and whether the countdown runs where stops would vanish with it.
    """

    countdown_ms: int = 120_000
    max_silence_ms: int = 0
    over_stops: bool = False


class Running(NamedTuple):
    """A countdown at the exchange: when it was renewed, and how long it lasts from then."""

    at_ms: int
    countdown_ms: int


@dataclass(frozen=True, slots=True)
class View:
    """What is known at a moment: the bots with resting orders that raise risk by place, for how long each bot has been
    silent, when the gateway was heard last, and the places where a stop rests while a position is open.
    """

    resting: Mapping[Place, frozenset[str]]
    silent_ms: Mapping[str, int]
    deaf_ms: int
    protected: frozenset[Place]


class Sweep(NamedTuple):
    """Orders of bots that have to go: `alone` tells that nobody else has orders there."""

    place: Place
    bots: frozenset[str]
    alone: bool


class Acts(NamedTuple):
    """What to do now: countdowns to renew with their ms, to switch off, and orders to cancel. `bare` are places that
    have no countdown although one is configured, because stops would vanish with it; at those that are `stretched` it
    lasts longer than configured, because there are too many for what heartbeats may cost.
    """

    renew: tuple[tuple[Place, int], ...] = ()
    end: tuple[Place, ...] = ()
    sweep: tuple[Sweep, ...] = ()
    bare: tuple[Place, ...] = ()
    stretched: tuple[Place, ...] = ()


def decide(
    view: View, cares: Mapping[str, Care], running: Mapping[Place, Running], now_ms: int, weight_1m: int
) -> Acts:
    """Give what to do now. `weight_1m` is what the heartbeats of all places may cost in a minute."""
    sweep = tuple(_sweeps(view, cares))
    if view.deaf_ms > DEAF_MS:
        # What rests is not known: neither renewed nor ended, so that what runs cancels in time.
        return Acts(sweep=sweep)
    wanted, bare = _wanted(view, cares)
    paces = pace(wanted, weight_1m)
    renew = tuple((place, paces[place][1]) for place in sorted(paces) if _is_due(place, paces, running, now_ms))
    ends = [place for place in running if place not in wanted and not _lapses(place, view, cares)]
    stretched = tuple(sorted(place for place, (_, lasts) in paces.items() if lasts > wanted[place]))
    return Acts(renew, tuple(sorted(ends)), sweep, tuple(sorted(bare)), stretched)


def pace(wanted: Mapping[Place, int], weight_1m: int) -> dict[Place, tuple[int, int]]:
    """Give how often each countdown is renewed and how long it is, in ms.

    Where all together would cost too much they are renewed less often, and lengthened so that one renewal may be lost.
    """
    periods = {place: max(1, min(HEARTBEAT_MS, countdown // BEATS)) for place, countdown in wanted.items()}
    cost = sum(BEAT_WEIGHT * _MINUTE_MS // period for period in periods.values())
    if cost > weight_1m:
        periods = {place: -(-period * cost // max(1, weight_1m)) for place, period in periods.items()}
    return {place: (period, max(wanted[place], 2 * period)) for place, period in periods.items()}


def _wanted(view: View, cares: Mapping[str, Care]) -> tuple[dict[Place, int], list[Place]]:
    """Give the countdowns that shall run, by the shortest of the bots there, and where stops are in the way."""
    wanted, bare = {}, []
    for place, bots in view.resting.items():
        covered = [care.countdown_ms for bot in bots if (care := cares.get(bot, Care())).countdown_ms]
        if place.family not in PATHS or not covered:
            continue
        if _is_barred(place, view, cares):
            bare.append(place)
        elif any(not _is_silent(bot, view, cares) for bot in bots):
            wanted[place] = min(covered)
    return wanted, bare


def _is_barred(place: Place, view: View, cares: Mapping[str, Care]) -> bool:
    """Tell whether stops would vanish with a countdown, and no bot of the place is configured to have it so."""
    bots = view.resting.get(place, frozenset())
    return place in view.protected and not any(cares.get(bot, Care()).over_stops for bot in bots)


def _is_due(
    place: Place, paces: Mapping[Place, tuple[int, int]], running: Mapping[Place, Running], now_ms: int
) -> bool:
    now = running.get(place)
    period, countdown = paces[place]
    # One that lasts longer than it is to last now is shortened at once.
    return now is None or now_ms - now.at_ms >= period or now.countdown_ms > countdown


def _lapses(place: Place, view: View, cares: Mapping[str, Care]) -> bool:
    """Tell whether a countdown runs out on purpose: all bots of the place are silent, and no stop is in the way."""
    bots = view.resting.get(place, frozenset())
    is_quiet = bool(bots) and all(_is_silent(bot, view, cares) for bot in bots)
    return is_quiet and not _is_barred(place, view, cares)


def _is_silent(bot: str, view: View, cares: Mapping[str, Care]) -> bool:
    """Tell whether a bot has not been heard for too long; one that was never heard has been silent since the start."""
    bound = cares.get(bot, Care()).max_silence_ms
    return bool(bound) and view.silent_ms.get(bot, 0) > bound


def _sweeps(view: View, cares: Mapping[str, Care]) -> Iterable[Sweep]:
    for place in sorted(view.resting):
        bots = view.resting[place]
        gone = frozenset(bot for bot in bots if _is_silent(bot, view, cares) or _is_cut_off(place, bot, view, cares))
        if gone:
            yield Sweep(place, gone, alone=gone == bots)


def _is_cut_off(place: Place, bot: str, view: View, cares: Mapping[str, Care]) -> bool:
    """Tell whether the guard does for a spot bot what the exchange does on futures when the gateway is not heard."""
    countdown = cares.get(bot, Care()).countdown_ms
    return place.family not in PATHS and bool(countdown) and view.deaf_ms > countdown
