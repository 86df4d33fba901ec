"""PATH-1: a path is an endpoint byte for byte, under its own method, or it is nothing."""

import asyncio
from itertools import product
from typing import NamedTuple

import pytest
from tests.campaign.house import Outcome
from tests.campaign.spellings import (
    FAMILIES,
    HOSTS,
    METHODS,
    OTHER_METHODS,
    REQUESTS,
    Request,
    encodings,
    escape,
    exists,
    served,
    spellings,
)
from tests.campaign.tally import Tally, campaign
from tests.campaign.wiretap import Wiretap, hear, open_house, some_at_a_time
from tests.gateway.rig import HOST

from counterseal.core.binance.hosts import BOT_HOSTS
from counterseal.gateway.listener import BotConnection
from counterseal.gateway.ways import make_way

# Each path: its 25 spellings as they are, percent-encoded once and twice; its own letters encoded once and twice.
TIMES = (0, 1, 2)
AT_ONCE = 60
# Hosts that a connection may be bound to, and the first elements of the paths that they serve.
BOUND = {
    "api.binance.com": {"api", "sapi"}, "api1.binance.com": {"api", "sapi"}, "api-gcp.binance.com": {"api", "sapi"},
    "fapi.binance.com": {"fapi"}, "dapi.binance.com": set(), "stream.binance.com": set(), "ws-api.binance.com": set(),
}  # fmt: skip


class Case(NamedTuple):
    """One request line: what the bot writes, and the request that is meant by it."""

    method: str
    path: str
    meant: Request


def cases() -> list[Case]:
    """Give the spellings of 40 paths, then each path under ten methods."""
    found = []
    for meant in REQUESTS:
        for times in TIMES:
            ways = spellings(meant.path, escape(times)) + (encodings(meant.path, escape(times)) if times else [])
            # Unescaped, some spellings are the path itself.
            found += [Case(meant.method, way, meant) for way in dict.fromkeys(ways) if way != meant.path]
    for meant in REQUESTS:
        methods = (*METHODS, *OTHER_METHODS, meant.method.lower())
        found += [Case(method, meant.path, meant) for method in methods]
    return found


def expected(case: Case) -> str:
    """Give the reason that must refuse it, "" for an endpoint of the catalogue."""
    is_line = case.path.isascii() and all("!" <= letter <= "~" for letter in case.path)
    if not is_line or not case.method.isupper():
        return "malformed_request_line"
    if case.method not in METHODS:
        return "unknown_method"
    return "" if exists(case.method, case.path) else "unknown_endpoint"


async def send(tap: Wiretap, method: str, path: str, query: str) -> Outcome:
    """Send it well signed; what is not ASCII goes as its bytes."""
    return await tap.house.feed(tap.house.request(method, path.encode().decode("latin-1"), query))


def faults_of(case: Case, outcome: Outcome, sent: list[bytes]) -> list[str]:
    """Say what is not as the tables have it."""
    wanted, heard = expected(case), [hear(request) for request in sent]
    found = [f"{one.method} {one.path} was sent" for one in heard if (one.method, one.path) not in served()]
    if wanted and (heard or outcome.reason != wanted):
        found.append(f"{outcome.reason} instead of {wanted}, {len(heard)} sent")
    if not wanted and (len(heard) > 1 or outcome.reason == "unknown_endpoint"):
        found.append(f"{outcome.reason} for an endpoint")
    # The host's name in front is ours: the exchange gets the path behind it.
    meant = (case.method, case.meant.path)
    return found + [f"{one.method} {one.path} was not meant" for one in heard if (one.method, one.path) != meant]


async def controls() -> int:
    """Send all 40 as they are, and those of a host behind its name: each reaches the exchange as it was written."""
    passed = 0
    for group in some_at_a_time(REQUESTS, 10):
        async with open_house() as tap:
            for method, path, query in group:
                outcome = await send(tap, method, path, query)
                assert [(one.method, one.path) for one in map(hear, tap.take())] == [(method, path)], outcome
                passed += 1
    return passed


async def _try(case: Case, tap: Wiretap, tally: Tally) -> None:
    outcome = await send(tap, case.method, case.path, case.meant.query)
    sent = tap.take()
    tally.note(forwarded=len(sent), reason=outcome.reason)
    for fault in (*faults_of(case, outcome, sent), *tap.unread()):
        tally.disagree(f"{case}: {fault}")


async def _all() -> None:
    every = cases()
    assert len(every) >= 2_400
    with campaign("PATH-1", "spellings of 40 paths, and 10 methods each: only exact pairs pass", len(every)) as tally:
        for group in some_at_a_time(tally.some(every), AT_ONCE):
            async with open_house() as tap:
                for case in group:
                    await _try(case, tap, tally)
        tally.figures["as they are"] = f"{await controls()} of {len(REQUESTS)} forwarded"


@pytest.mark.slow
@pytest.mark.threat(7)
@pytest.mark.threat(8)
def test_only_exact_paths_and_methods_pass() -> None:
    """What is no endpoint of the shipped data byte for byte is refused for its reason, and nothing is sent; what is one
    is sent under that very method and path, if at all.
    """
    asyncio.run(_all())


# -- connections that are bound to one of the exchange's own hosts


class Bound(NamedTuple):
    """A request on a connection bound to a host; `prefix` is a host's name in front of its path, or nothing."""

    host: str
    prefix: str
    meant: Request


def bound_cases() -> list[Bound]:
    """Give all 40 on hosts of every kind, as they are, behind their own host's name and behind that of the host."""
    found = []
    for host, meant in product(BOUND, REQUESTS):
        own = HOSTS[FAMILIES[meant.path.split("/")[1]]]
        found += [Bound(host, prefix, meant) for prefix in dict.fromkeys(("", f"/{own}", f"/{host}"))]
    return found


async def _try_bound(case: Bound, tap: Wiretap, tally: Tally) -> None:
    host, rig, (method, path, query) = case.host, tap.house.rig, case.meant
    unbound = rig.connection

    def bound() -> BotConnection:
        connection = unbound()
        connection._way = make_way(host, BOT_HOSTS["paper"][host])
        return connection

    rig.connection = bound  # type: ignore[method-assign]  # this rig's alone, for one connection
    asked = tap.house.request(method, case.prefix + path, query).replace(HOST.encode(), host.encode(), 1)
    outcome = await tap.house.feed(asked)
    rig.connection = unbound  # type: ignore[method-assign]  # as above
    sent = [(one.method, one.path) for one in map(hear, tap.take())]
    tally.note(forwarded=len(sent), reason=outcome.reason)
    passes = not case.prefix and path.split("/")[1] in BOUND[host]
    wanted = ([(method, path)], None) if passes else ([], "unknown_endpoint")
    if (sent, outcome.reason) != wanted:
        tally.disagree(f"{case}: {outcome.reason}, {sent} sent")


async def _all_bound() -> None:
    every = bound_cases()
    title = "40 requests on connections bound to a host: only what is that host's, under its bare path"
    with campaign("PATH-1b", title, len(every)) as tally:
        for group in some_at_a_time(tally.some(every), 20):
            async with open_house() as tap:
                for case in group:
                    await _try_bound(case, tap, tally)


@pytest.mark.slow
@pytest.mark.threat(7)
def test_a_bound_connection_serves_its_own_hosts_paths_alone() -> None:
    """A path of another host, and any host's name in front of a path, is no endpoint there; the host's own are."""
    asyncio.run(_all_bound())
