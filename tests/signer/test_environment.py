"""A key that is sealed for one environment of the exchange never signs for another: not even the signer is asked to."""

import pytest
from tests.signer.desks import KEYS, NOW_MS, TABLE, ask, desk, futures, good

from counterseal.core.config.model import ENVIRONMENTS
from counterseal.core.messages import Refused, Signed
from counterseal.signer.__main__ import _parse
from counterseal.signer.desk import Desk, HeldSigningKey

READ = {"method": "GET", "path": "/api/v3/account", "pairs": ()}


@pytest.mark.parametrize("here", ENVIRONMENTS)
@pytest.mark.parametrize("sealed", ENVIRONMENTS)
def test_only_keys_of_the_settings_environment_sign(here: str, sealed: str) -> None:
    key = KEYS["main"]
    own = HeldSigningKey(key.held._replace(environment=sealed), key.signing)
    at = Desk(TABLE, {"main": own}, "incarnation", lambda: NOW_MS, environment=here)

    answers = ask(at, good(id=1), futures(id=2), good(id=3, **READ))

    if here == sealed:
        assert [type(answer) for answer in answers] == [Signed] * 3
    else:
        assert answers == [Refused(number, "other_environment") for number in (1, 2, 3)]
    assert at.greeting(), "it is said to be held all the same, so that people hear of it"


def test_without_a_word_of_the_environment_it_is_as_before() -> None:
    assert isinstance(ask(desk(), good())[0], Signed)


def test_the_supervisor_names_the_environment() -> None:
    base = ["--home", "/x", "--gateway-fd", "3", "--lifeline-fd", "4"]
    assert _parse([*base, "--environment", "testnet"]).environment == "testnet"
    assert _parse(base).environment == ""
    with pytest.raises(SystemExit):
        _parse([*base, "--environment", "moon"])
