"""core.userdata.listen_keys: how long a key lives, and whose it is."""

import random  # noqa: TID251 - seeded
from dataclasses import replace

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import Catalogue
from counterseal.core.secret import Secret
from counterseal.core.userdata.calls import answered_here
from counterseal.core.userdata.listen_keys import LIFE_MS, Holder, ListenKeys
from counterseal.core.userdata.mint import Mint, is_listen_key

ALPHA = Holder("V" * 64, "alpha", "main", "usdm")
BETA = ALPHA._replace(credential="W" * 64, bot="beta")


def made(seed: int = 3, now_ms: int = 0, known: tuple[Holder, ...] = (ALPHA, BETA)) -> ListenKeys:
    """Those of one run of the gateway, in which these may hold keys."""
    mint = Mint(Secret(b"of the installation"), random.Random(seed).randrange)
    return ListenKeys(mint, lambda: {mint.place(one): one for one in known}, now_ms)


def test_a_key_lives_an_hour_from_its_last_call() -> None:
    """To the millisecond; afterwards it is another one."""
    keys = made()
    key = keys.start(ALPHA, 0)
    assert is_listen_key(key)
    assert keys.start(ALPHA, LIFE_MS - 1) == key
    assert keys.extend(ALPHA, None, 2 * LIFE_MS - 2) == key
    assert keys.extend(ALPHA, key, 2 * LIFE_MS - 1) == key
    assert keys.find(key, 3 * LIFE_MS - 2) == ALPHA
    assert keys.find(key, 3 * LIFE_MS - 1) is None
    assert keys.extend(ALPHA, None, 3 * LIFE_MS - 1) is None
    assert not keys.close(ALPHA, None, 3 * LIFE_MS - 1)
    assert keys.start(ALPHA, 3 * LIFE_MS - 1) != key
    assert keys.find(key, 3 * LIFE_MS) is None


@pytest.mark.threat(25)
def test_nobody_ends_or_prolongs_anothers() -> None:
    """A key is ended by its holder alone, and by its own name."""
    keys = made()
    alpha, beta = keys.start(ALPHA, 0), keys.start(BETA, 0)
    assert alpha != beta
    assert not keys.close(BETA, alpha, 1)
    assert keys.extend(BETA, alpha, 1) is None
    assert keys.close(BETA, beta, 1)
    assert not keys.close(BETA, beta, 1)
    assert (keys.find(alpha, 1), keys.find(beta, 1), keys.find("x" * 64, 1)) == (ALPHA, None, None)
    assert keys.start(ALPHA._replace(family="coinm"), 1) != alpha
    assert keys.start(ALPHA._replace(account="other"), 1) != alpha


def test_a_key_outlives_a_restart() -> None:
    """By being used or prolonged; it lives as if it had been prolonged at the start."""
    key = made().start(ALPHA, 0)
    for again in (made(4, 100), made(5, 100)):
        assert again.find(key, 200) == ALPHA
        assert again.find(key, LIFE_MS + 99) == ALPHA
        assert again.find(key, LIFE_MS + 100) is None
        assert again.start(ALPHA, LIFE_MS + 100) != key
    again = made(4, 100)
    assert again.extend(ALPHA, key, 200) == key
    assert again.start(ALPHA, 300) == key
    assert (again.find(key, LIFE_MS + 299), again.find(key, LIFE_MS + 300)) == (ALPHA, None)
    again = made(4, 100)
    assert again.close(ALPHA, key, 200)
    assert (again.find(key, 300), again.extend(ALPHA, key, 300), len(again)) == (None, None, 0)


@pytest.mark.threat(25)
def test_what_does_not_outlive_a_restart() -> None:
    """What nobody may hold any more, what was replaced or ended since, what was dead before the first hour was over."""
    key, beta = made().start(ALPHA, 0), made().start(BETA, 0)
    assert made(4, 100, known=(BETA,)).find(key, 200) is None
    assert made(4, 100).find(key, LIFE_MS + 100) is None
    for change in ({"account": "other"}, {"family": "coinm"}, {"bot": "gamma"}, {"credential": "X" * 64}):
        assert made(4, 100, known=(ALPHA._replace(**change),)).find(key, 200) is None
    assert made(4, 100).find(key[:-1] + ("a" if key[-1] != "a" else "b"), 200) is None
    assert made(4, 100).find(key[:20] + beta[20:], 200) is None
    again = made(4, 100)
    other = again.start(ALPHA, 200)
    assert other != key
    assert (again.find(key, 300), again.find(other, 300)) == (None, ALPHA)
    assert again.close(ALPHA, other, 300)
    assert again.find(key, 400) is None
    again = made(4, 100)
    assert not again.close(ALPHA, None, 200)
    assert again.find(key, 300) is None
    assert again.find(beta, 300) == BETA


@pytest.mark.threat(25)
def test_showing_anothers_key_ends_or_prolongs_nothing_of_it() -> None:
    """Also when it is from before the start."""
    key = made().start(ALPHA, 0)
    again = made(4, 100)
    assert again.extend(BETA, key, 200) is None
    assert not again.close(BETA, key, 200)
    assert (again.find(key, LIFE_MS + 99), again.find(key, LIFE_MS + 100)) == (ALPHA, None)


def test_dead_keys_take_no_room() -> None:
    """They are forgotten when the next one is asked for."""
    keys = made()
    for number in range(5):
        keys.start(ALPHA._replace(bot=f"bot{number}"), 0)
    assert len(keys) == 5
    assert len(keys._met) == 5
    keys.start(BETA, LIFE_MS)
    assert (len(keys), len(keys._met), len(keys._holders)) == (1, 1, 1)


def test_a_holder_does_not_show_its_credential() -> None:
    """A key id is a secret."""
    assert repr(ALPHA) == "Holder(bot='alpha', account='main', family='usdm')"


@pytest.mark.threat(25)
def test_calls_are_opened_to_bots_and_stay_refused_at_the_exchange() -> None:
    """The catalogue's own rows are as they were."""
    catalogue = load_catalogue()
    served = answered_here(catalogue)
    assert sorted(served) == sorted(
        f"{family} {method} /{root}/v1/listenKey"
        for family, root in (("usdm", "fapi"), ("coinm", "dapi")) for method in ("POST", "PUT", "DELETE")
    )  # fmt: skip
    for one in served.values():
        known = catalogue.get(one.family, one.method, one.path)
        assert known is not None
        assert (known.purpose, known.refusal) == ("refused", "stream")
        assert (one.purpose, one.refusal, one.mutating, list(one.params)) == ("account", None, False, ["listenKey"])
        assert replace(one, purpose="refused", refusal="stream", params=known.params) == known
        assert one.shapes is not known.shapes
    assert answered_here(Catalogue([])) == {}
