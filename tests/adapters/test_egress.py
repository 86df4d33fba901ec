"""Which addresses connections can leave from; looking reaches nobody."""

import pytest

from counterseal.adapters.egress import is_of_this_host, not_of_this_host

# Documentation networks: no host has them.
FOREIGN = ("198.51.100.7", "2001:db8::7")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.3", "::1"])
def test_the_loopback_is_of_this_host(address: str) -> None:
    assert is_of_this_host(address)


@pytest.mark.parametrize("address", FOREIGN)
def test_addresses_of_others_are_not(address: str) -> None:
    assert not is_of_this_host(address)


def test_what_is_missing_is_told_in_order() -> None:
    assert not_of_this_host(["127.0.0.2", *FOREIGN, "::1"]) == FOREIGN
    assert not_of_this_host([]) == ()
