"""HDR-1: whatever headers a bot adds, the exchange gets the same bytes, or nothing."""

import asyncio
from itertools import product

import pytest
from tests.campaign.headers import HEADERS, Header
from tests.campaign.house import SPOT_ORDER
from tests.campaign.tally import campaign
from tests.campaign.wiretap import open_house

# An order, a cancel, a read of the account, a public read.
REQUESTS = (
    ("POST", "/api/v3/order", f"{SPOT_ORDER}&newClientOrderId=fixed"),
    ("DELETE", "/api/v3/order", "symbol=BTCUSDT&orderId=7"),
    ("GET", "/api/v3/openOrders", "symbol=BTCUSDT"),
    ("GET", "/api/v3/depth", "symbol=BTCUSDT"),
)
FORMS = ("plain", "named in Connection", "with underscores", "in the other case", "twice")
# What a request may not say at all, by the name in lower case, and the reasons by which it is refused.
REFUSED = {
    "host": {"repeated_header"},
    "x-mbx-apikey": {"repeated_header"},
    # The first on a read, which has none; the second on a change.
    "content-length": {"body_on_get", "repeated_header"},
    "transfer-encoding": {"transfer_encoding"},
    "expect": {"expectation"},
    "upgrade": {"websocket_handshake"},
    "sec-fetch-site": {"cross_site"},
}
# What may stand there once.
SINGLE = {"content-type", "x-mbx-time-unit", "upgrade", "sec-fetch-site"}
SPECIAL = SINGLE | REFUSED.keys() | {"connection"}
# The one header of a bot's that is judged and said again.
JUDGED, JUDGED_LINE = "x-mbx-time-unit", b"X-MBX-TIME-UNIT: MICROSECOND\r\n"


def lines_of(header: Header, form: str) -> tuple[str, ...]:
    """Write a header in one of the five forms. A name without a dash gets an underscore behind it."""
    name, line = header.name, f"{header.name}: {header.value}"
    if form == "named in Connection":
        return f"Connection: keep-alive, {name}", line
    if form == "with underscores":
        return (f"{name.replace('-', '_') if '-' in name else name + '_'}: {header.value}",)
    if form == "in the other case":
        return (f"{name.swapcase()}: {header.value}",)
    return (line, f"{name}: 0") if form == "twice" else (line,)


def reasons_of(header: Header, form: str) -> set[str]:
    """Give the reasons of which one must refuse it; none where nothing may change."""
    name = header.name.lower()
    if form == "with underscores":
        return set()
    if form == "twice" and name in SINGLE:
        return {"repeated_header"}
    return REFUSED.get(name, set())


async def upstream(*lines: str) -> tuple[list[bytes], list[str | None]]:
    """Send the requests with these lines to a gateway of their own, always at the same moments of virtual time: give
    what its exchange got, and the reasons of the answers.
    """
    async with open_house() as tap:
        outcomes = [await tap.house.feed(tap.house.request(*request, *lines)) for request in REQUESTS]
        assert list(tap.unread(len(REQUESTS))) == []
        return tap.requests, [outcome.reason for outcome in outcomes]


def fault_of(header: Header, form: str, usual: list[bytes], got: list[bytes], reasons: list[str | None]) -> str:
    """Say what is not as it should be, "" where all is."""
    expected = reasons_of(header, form)
    if expected:
        return "" if not got and all(reason in expected for reason in reasons) else "not refused for its reason"
    if any(reasons):
        return "refused"
    if header.name.lower() == JUDGED and form != "with underscores":
        if any(request.count(JUDGED_LINE) != 1 for request in got):
            return "the unit of time is not passed on once"
        got = [request.replace(JUDGED_LINE, b"") for request in got]
    return "" if got == usual else "other bytes reach the exchange"


async def _all() -> None:
    usual, reasons = await upstream()
    assert len(usual) == len(REQUESTS)
    assert not any(reasons)
    special = [header for header in HEADERS if header.name.lower() in SPECIAL]
    others = [header for header in HEADERS if header not in special]
    with campaign("HDR-1", "200 header names in 5 forms: the exchange gets the same bytes, or nothing", 1_000) as tally:
        # What is judged or refused is tried in every run.
        for header, form in (*product(special, FORMS), *tally.some(list(product(others, FORMS)))):
            got, reasons = await upstream(*lines_of(header, form))
            tally.note(forwarded=len(got), reason=next((reason for reason in reasons if reason), None))
            if fault := fault_of(header, form, usual, got, reasons):
                tally.disagree(f"{header} {form}: {fault}: {reasons} {got}")
        tally.figures["requests per case"] = str(len(REQUESTS))


@pytest.mark.slow
@pytest.mark.threat(6)
def test_no_header_of_a_bot_changes_a_byte_upstream() -> None:
    """Four requests per case, sent at the same virtual moments: the bytes are those without the header, signature and
    all, or each of the four is refused for the reason that the table names.
    """
    assert len({header.name.lower() for header in HEADERS}) == 200
    asyncio.run(_all())
