"""Addresses: spelled in one way, and the paper exchange's can never name the real exchange."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.config.addresses import (
    is_loopback,
    parse_egress,
    parse_host,
    parse_host_value,
    parse_listen_address,
    parse_network,
    parse_paper_address,
    version_of,
)


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1/8",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/33",
        "10.0.0.0/",
        "1",
        "fe80::1%eth0",
        "٣.0.0.1",
        "host",
        "",
    ],
)
def test_no_network(text: str) -> None:
    assert parse_network(text) is None


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "0.0.0.0/0"])
def test_a_network_without_host_bits(text: str) -> None:
    found = parse_network(text)
    assert found is not None and str(found).startswith(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8180", "127.0.0.1:8180"),
        ("0.0.0.0:0", "0.0.0.0:0"),
        ("[::1]:65535", "[::1]:65535"),
        ("[0:0:0:0:0:0:0:1]:80", "[::1]:80"),
    ],
)
def test_a_listen_address_is_an_ip_and_a_port(text: str, expected: str) -> None:
    assert parse_listen_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1",
        "localhost:80",
        "127.0.0.1:65536",
        "127.0.0.1:080",
        "127.0.0.1:-1",
        "127.0.0.1:٣",
        "::1:80",
        "[127.0.0.1]:80",
        "0127.0.0.1:80",
        "127.1:80",
        "http://127.0.0.1:80",
        "127.0.0.1:80/",
        "[::1%lo]:80",
        "127.0.0.1:80\n",
        "[]:80",
    ],
)
def test_other_text_is_no_listen_address(text: str) -> None:
    assert parse_listen_address(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:80", True),
        ("127.9.9.9:80", True),
        ("[::1]:80", True),
        ("0.0.0.0:80", False),
        ("[::]:80", False),
        ("10.0.0.1:80", False),
        ("nonsense", False),
        ("host:80", False),
    ],
)
def test_loopback(text: str, expected: bool) -> None:
    assert is_loopback(text) is expected


@pytest.mark.parametrize("text", ["localhost", "gateway.internal", "gateway.internal:8180", "10.0.0.1:80", "[::1]:80"])
def test_a_host_value(text: str) -> None:
    assert parse_host_value(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "*", "Gateway", "a_b", "-a", "a-", "a..b", "a:0", "a:70000", ".a:80", "x" * 64, "a." * 127 + "ab"],
)
def test_no_host_value(text: str) -> None:
    assert parse_host_value(text) is None


def test_a_host_is_a_lower_case_name() -> None:
    assert parse_host("api.binance.com") == "api.binance.com"
    assert parse_host("api.binance.com:443") is None


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1:9443", "[::1]:9443", "192.168.1.5:9443", "paper:9443", "paper.internal:9443", "localhost:1"],
)
def test_a_paper_address_is_private(text: str) -> None:
    assert parse_paper_address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "api.binance.com:443",
        "api.binance.com.:443",
        "8.8.8.8:443",
        "[2606:4700::1]:443",
        "127.0.0.1:0",
        "127.0.0.1",
        "paper",
        "api.binance.com@paper:443",
        "paper:443/x",
        "134744072:443",
        "0x08080808:443",
        "8.8.2056:443",
        "internal.:1",
        "a.test.com:1",
    ],
)
def test_a_paper_address_cannot_name_a_public_host(text: str) -> None:
    assert parse_paper_address(text) is None


@given(st.from_regex(r"[0-9a-zA-Z:.\[\]%/@-]{0,40}", fullmatch=True))
def test_no_text_makes_them_raise(text: str) -> None:
    for parse in (parse_network, parse_host, parse_listen_address, parse_host_value, parse_paper_address):
        parse(text)
    is_loopback(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10.0.0.5", "10.0.0.5"), ("127.0.0.2", "127.0.0.2"), ("FD00:0::2", "fd00::2"), ("::1", "::1")],
)
def test_an_egress_is_an_address_in_one_spelling(text: str, expected: str) -> None:
    assert parse_egress(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.5:443",
        "10.0.0.0/24",
        "10.0.0.5/32",
        "10.0.0.05",
        "[::1]",
        "fe80::1%eth0",
        "eth0",
        "host.internal",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "::ffff:10.0.0.5",
    ],
)
def test_no_egress(text: str) -> None:
    """No name, network, port or interface; nothing that no connection can come from; no second name of one."""
    assert parse_egress(text) is None


@pytest.mark.parametrize(
    ("text", "version"),
    [("127.0.0.1:80", 4), ("127.0.0.1", 4), ("[::1]:80", 6), ("::1", 6), ("paper.test:80", None), ("", None)],
)
def test_the_version_of_an_address(text: str, version: int | None) -> None:
    assert version_of(text) == version
