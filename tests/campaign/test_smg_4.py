"""SMG-4: 33 shapes of requests get the class of status that is right, and no cut of the bytes changes anything.

Every shape, and a few with several requests in them, is cut at every byte and at pairs of places drawn by seed.
"""

# ruff: noqa: TID251 - randomness is seeded
from __future__ import annotations

import asyncio
import random
import re
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from tests.campaign.house import House, Outcome
from tests.campaign.smuggling_house import TOO_LONG_S, Tap
from tests.campaign.smuggling_shapes import CONFORMANCE, FORMS, Form
from tests.campaign.tally import Tally, campaign

TWICE = 2_000
# A house of more virtual seconds is no longer sure of the exchange's time.
OLD_S = 600
# Between two parts, within the deadline of a head.
PAUSE_S = 1.0
# What is another in every request: moments, signatures, names and prices of orders.
_OWN = re.compile(rb"smg\d+|\d{13}|9\d{4}\.00")
_PASSING = ("timestamp", "signature", "newClientOrderId", "origClientOrderId", "price")


class Try(NamedTuple):
    """A form and where it is cut; nowhere is the whole of it."""

    form: Form
    cuts: tuple[int, ...]


def _size(form: Form) -> int:
    return len(form.write(lambda query: f"{query}&timestamp={10**12}&signature={'0' * 64}", 1))


def tries() -> list[Try]:
    """Give all forms whole, each cut at every byte, and some cut twice."""
    sizes = {form: _size(form) for form in FORMS}
    single = [Try(form, (at,)) for form in FORMS for at in range(1, sizes[form])]
    rng, found = random.Random(4), [Try(form, ()) for form in FORMS] + single
    longer = [form for form in FORMS if sizes[form] > 4]
    while len(found) < len(FORMS) + len(single) + TWICE:
        form = rng.choice(longer)
        found.append(Try(form, tuple(sorted(rng.sample(range(1, sizes[form]), 2)))))
    return found


class Result(NamedTuple):
    """What a form came to, without what is another each time."""

    answers: tuple[tuple[int, str | None, bytes], ...]
    closed: bool
    sent: tuple[Any, ...]


def _result(outcome: Outcome) -> Result:
    answers = tuple((one.status, one.reason, _OWN.sub(b"", one.body)) for one in outcome.answers)
    params = [{name: each for name, each in one.params.items() if name not in _PASSING} for one in outcome.sent]
    sent = tuple((one.method, one.path, str(kept)) for one, kept in zip(outcome.sent, params, strict=True))
    return Result(answers, outcome.closed, sent)


def _is_right(form: Form, result: Result) -> bool:
    classes = [status // 100 for status, _, _ in result.answers]
    right = len(classes) == len(form.statuses) and all(map(tuple.__contains__, form.statuses, classes))
    return right and result.closed is not form.stays and len(result.sent) == form.sends


class Desk:
    """Feeds forms to houses, a fresh one from time to time."""

    def __init__(self) -> None:
        self._house: House | None = None
        self._fed = 0

    async def feed(self, form: Form, cuts: tuple[int, ...]) -> Result:
        """Send a form in parts; whoever waits for the rest of it gets the time to give up."""
        house = await self._some_house()
        self._fed += 1
        data = form.write(house.signed, self._fed)
        parts = [data[a:b] for a, b in pairwise((0, *cuts, len(data)))]
        # Of two cuts the parts come one after the other, so that what is whole is answered before the next is there.
        pause = PAUSE_S if len(cuts) > 1 else 0
        return _result(await house.feed(*parts, seconds=TOO_LONG_S if form.waits else 0.25, pause=pause))

    async def _some_house(self) -> House:
        if self._house is None or self._house.clock.monotonic_ns() > OLD_S * 10**9:
            await self.close()
            self._house = House()
            await self._house.rig.gateway.warm()
            Tap(self._house.venue)
        return self._house

    async def close(self) -> None:
        """Nothing may have failed."""
        if self._house is not None:
            await self._house.rig.end()


def test_there_are_as_many_shapes_as_promised() -> None:
    assert len(CONFORMANCE) == len({form.name for form in CONFORMANCE}) == 33


@pytest.mark.slow
@pytest.mark.threat(2)
@pytest.mark.threat(4)
def test_no_cut_changes_what_is_read() -> None:
    """The right class of status for each shape, and the same result for every split of it."""

    async def run() -> None:
        desk, every = Desk(), tries()
        with campaign("SMG-4", "33 shapes by RFC 9110 and 9112, whole and split", len(every)) as tally:
            whole = {form: await _whole(desk, form, tally) for form in FORMS}
            for form, cuts in tally.some(every[len(FORMS) :]):
                result = await desk.feed(form, cuts)
                _note(tally, result)
                if result != whole[form]:
                    tally.disagree(f"{form.name} cut at {cuts}: {result}, whole {whole[form]}")
        await desk.close()

    asyncio.run(run())


async def _whole(desk: Desk, form: Form, tally: Tally) -> Result:
    result = await desk.feed(form, ())
    _note(tally, result)
    if not _is_right(form, result):
        tally.disagree(f"{form.name}: {result}")
    return result


def _note(tally: Tally, result: Result) -> None:
    reason = next((reason for _, reason, _ in result.answers if reason), None)
    tally.note(forwarded=len(result.sent), reason=reason)
