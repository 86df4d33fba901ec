"""Many bots, one public read: what the exchange itself counted."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from stack import Reply, Stack

BOTS = 10
DEPTH = "/api/v3/depth"


@pytest.fixture(scope="module", name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Ten bots with a credential each, before an exchange that can be told to be slow."""
    bots = {f"b{number}": "hmac" for number in range(BOTS)}
    options = ("--fault-control", "--no-limits", "--volatility", "0")
    with Stack(tmp_path_factory.mktemp("shared-reads"), bots=bots, paper_options=options) as stack:
        yield stack


def at_once(calls: list[Callable[[], Reply]]) -> list[Reply]:
    """Make all calls together, each on its own connection."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def public(stack: Stack, path: str, query: str, **headers: str) -> list[Callable[[], Reply]]:
    """One call of each bot with its key, and as many without one."""
    named = [{"X-MBX-APIKEY": key.key_id, **headers} for key in stack.keys.values()]
    return [lambda h=h: stack.send("GET", f"{path}?{query}", h) for h in [*named, *[dict(headers)] * BOTS]]


def received(stack: Stack, path: str) -> int:
    return sum(row["path"] == path for row in stack.received())


def shared(stack: Stack) -> int:
    """What `counterseal limits` tells of all bots."""
    return sum(counts["shared"] for counts in stack.limits()["bots"].values())


def ways(replies: list[Reply]) -> list[str]:
    return [reply.headers.get("x-counterseal-cache", "asked") for reply in replies]


def test_twenty_callers_are_one_request(desk: Stack) -> None:
    """They come within the half second that the exchange takes; each gets the same order book with its age."""
    before, counted = received(desk, DEPTH), shared(desk)
    desk.fault("delay:500", "GET", DEPTH)
    replies = at_once(public(desk, DEPTH, "symbol=BTCUSDT&limit=5"))
    assert received(desk, DEPTH) == before + 1
    assert {reply.status for reply in replies} == {200}
    assert all(reply.body == replies[0].body for reply in replies) and replies[0].body["bids"]
    assert sorted(ways(replies)) == ["asked"] + ["joined"] * (2 * BOTS - 1)
    assert shared(desk) == counted + 2 * BOTS - 1
    ages = [int(reply.headers["x-counterseal-age-ms"]) for reply in replies if "age" in reply.headers]
    assert len(ages) == 2 * BOTS - 1 and min(ages) >= 500
    assert all(reply.headers["age"] == str(int(reply.headers["x-counterseal-age-ms"]) // 1000)
               for reply in replies if "age" in reply.headers)  # fmt: skip


def test_different_reads_are_different_requests(desk: Stack) -> None:
    before = received(desk, DEPTH)
    desk.fault("delay:500", "GET", DEPTH, times=3)
    targets = ["symbol=ETHUSDT&limit=5", "limit=5&symbol=ETHUSDT", "symbol=ETHUSDT&limit=10", "symbol=BNBUSDT&limit=5"]
    replies = at_once([lambda q=q: desk.send("GET", f"{DEPTH}?{q}") for q in targets])
    assert received(desk, DEPTH) == before + 3
    assert replies[0].body == replies[1].body != replies[2].body != replies[3].body


def test_signed_reads_of_one_account_are_each_their_own(desk: Stack) -> None:
    path = "/api/v3/account"
    before, counted = received(desk, path), shared(desk)
    desk.fault("delay:300", "GET", path, times=BOTS)
    replies = at_once([lambda b=bot: desk.call("GET", path, bot=b) for bot in desk.bots])
    assert received(desk, path) == before + BOTS
    assert set(ways(replies)) == {"asked"} and shared(desk) == counted


def test_a_read_that_fails_fails_for_all_and_is_tried_as_for_one(desk: Stack) -> None:
    """Three tries of one bot's, which take 0.6 s; the others neither try by themselves nor again."""
    path = "/fapi/v1/depth"
    before = received(desk, path)
    desk.fault("reset_before", "GET", path, times=3)
    replies = at_once(public(desk, path, "symbol=BTCUSDT&limit=5"))
    assert {(reply.status, reply.reason) for reply in replies} == {(503, "outcome_unknown")}
    assert received(desk, path) == before + 3
    (after,) = at_once(public(desk, path, "symbol=BTCUSDT&limit=5")[:1])
    assert after.status == 200 and ways([after]) == ["asked"]


def test_exchange_info_serves_bots_that_start(desk: Stack) -> None:
    """Twenty at once cost one request of theirs at most, none within a minute of the gateway's own; then one header
    asks past what is kept.
    """
    path = "/api/v3/exchangeInfo"
    replies = at_once(public(desk, path, ""))
    assert {reply.status for reply in replies} == {200} and ways(replies).count("asked") <= 1
    assert all(reply.body["symbols"] == replies[0].body["symbols"] for reply in replies)
    (fresh,) = at_once([lambda: desk.send("GET", path, {"Cache-Control": "no-cache"})])
    assert ways([fresh]) == ["asked"] and "age" not in fresh.headers


def test_the_operator_can_turn_it_off(desk: Stack) -> None:
    """By a reload, without a restart."""
    text = desk.config_text()
    try:
        desk.write_config(text.replace("[gateway]\n", "[gateway]\nshare_public_reads = false\n"))
        desk.verb("reload", "--home", str(desk.home.root))
        before = received(desk, DEPTH)
        replies = at_once(public(desk, DEPTH, "symbol=BTCUSDT&limit=20"))
        assert received(desk, DEPTH) == before + 2 * BOTS and set(ways(replies)) == {"asked"}
    finally:
        desk.write_config(text)
        desk.verb("reload", "--home", str(desk.home.root))
