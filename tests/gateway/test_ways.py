"""Under the exchange's own names the host decides the family; a path of another family is unknown there."""

import asyncio
from ipaddress import ip_address

import pytest
from tests.gateway.rig import Rig, on_virtual_time, why

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core import http1
from counterseal.core.binance.hosts import BOT_HOSTS
from counterseal.gateway.admission import Inquiry
from counterseal.gateway.reply import Reply
from counterseal.gateway.ways import make_way

PRODUCTION = BOT_HOSTS["production"]
CATALOGUE = load_catalogue()


def ask(rig: Rig, host: str, target: str, header: str | None = None, method: str = "GET") -> Reply:
    """A public request on a connection that is bound to `host`; gives the answer of its admission."""
    length = "" if method == "GET" else "Content-Length: 0\r\n"
    raw = f"{method} {target} HTTP/1.1\r\nHost: {host if header is None else header}\r\n{length}\r\n".encode()
    read = http1.read_head(raw)
    assert isinstance(read, tuple)
    known = next(hosts[host] for hosts in BOT_HOSTS.values() if host in hosts)
    judged = rig.handler.begin(Inquiry(read[0], b"", ip_address("127.0.0.1"), make_way(host, known)))
    return judged if isinstance(judged, Reply) else Reply(200, b"")


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("api.binance.com", "/api/v3/time"),
        ("api3.binance.com", "/api/v3/time"),
        ("api-gcp.binance.com", "/api/v3/time"),
        ("data-api.binance.vision", "/api/v3/time"),
        ("fapi.binance.com", "/fapi/v1/time"),
        ("dapi.binance.com", "/dapi/v1/time"),
        ("fapi.binance.com", "/futures/data/openInterestHist"),
        ("dapi.binance.com", "/futures/data/openInterestHist"),
        ("testnet.binancefuture.com", "/fapi/v1/time"),
        ("testnet.binancefuture.com", "/dapi/v1/time"),
    ],
)
def test_a_path_is_known_on_its_own_host(host: str, path: str) -> None:
    known = next(hosts[host] for hosts in BOT_HOSTS.values() if host in hosts)
    endpoint = make_way(host, known).endpoint(CATALOGUE, "GET", path)
    assert endpoint is not None and endpoint.path == path


def test_five_paths_stand_on_two_hosts_and_the_host_decides() -> None:
    """By the base URL they need the host in front; here it is known."""
    usdm, coinm = (
        {e.path for e in CATALOGUE if e.family == family and e.path.startswith("/futures/data/")}
        for family in ("usdm", "coinm")
    )
    assert len(usdm & coinm) == 5
    for path in usdm & coinm:
        for host, family in (("fapi.binance.com", "usdm"), ("dapi.binance.com", "coinm")):
            endpoint = make_way(host, PRODUCTION[host]).endpoint(CATALOGUE, "GET", path)
            assert endpoint is not None and endpoint.family == family


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("api.binance.com", "/fapi/v1/time"),
        ("fapi.binance.com", "/api/v3/time"),
        ("dapi.binance.com", "/fapi/v1/time"),
        ("papi.binance.com", "/api/v3/time"),
        ("stream.binance.com", "/api/v3/time"),
        ("api.binance.com", "/api.binance.com/api/v3/time"),
        ("api.binance.com", "/bapi/x"),
    ],
)
@pytest.mark.threat(7)
def test_a_path_of_another_host_is_unknown(host: str, path: str) -> None:
    @on_virtual_time
    async def run() -> None:
        rig = await Rig().warm()
        assert why(ask(rig, host, path)) == "unknown_endpoint"
        await rig.end()

    run()


@pytest.mark.parametrize(
    ("host", "header", "reason"),
    [
        ("api.binance.com", "api.binance.com", None),
        ("api.binance.com", "API.binance.com:443", None),
        ("api.binance.com", "api.binance.com:9443", "host_mismatch"),
        ("api.binance.com", "fapi.binance.com", "host_mismatch"),
        ("api.binance.com", "127.0.0.1:8180", "host_mismatch"),
        ("api.binance.com", "", "host_mismatch"),
        ("stream.binance.com", "stream.binance.com:9443", "unknown_endpoint"),
    ],
)
@pytest.mark.threat(31)
def test_the_host_header_must_name_the_connection_s_host(host: str, header: str, reason: str | None) -> None:
    """The header of the base URL's listener is no good here, nor is another host of the exchange."""

    @on_virtual_time
    async def run() -> None:
        rig = await Rig().warm()
        assert why(ask(rig, host, "/api/v3/time", header)) == reason
        await rig.end()

    run()


def test_by_the_base_url_nothing_changed() -> None:
    """The exchange's host name as Host header is still refused there."""

    async def run() -> None:
        rig = await Rig().warm()
        read = http1.read_head(b"GET /api/v3/time HTTP/1.1\r\nHost: api.binance.com\r\n\r\n")
        assert isinstance(read, tuple)
        answer = rig.handler.begin(Inquiry(read[0], b"", ip_address("127.0.0.1")))
        assert isinstance(answer, Reply) and why(answer) == "host_not_allowed"
        await rig.end()

    asyncio.run(run())
