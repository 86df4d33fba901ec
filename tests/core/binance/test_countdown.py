"""The guard's own endpoint: the exchange's countdown."""

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.countdown import COUNTDOWNS, PATHS, WEIGHT


def test_it_is_what_the_catalogue_refuses_to_bots() -> None:
    for family, path in PATHS.items():
        known = load_catalogue().get(family, "POST", path)
        assert known is not None
        assert (known.purpose, known.refusal) == ("refused", "dead_man")
        assert known.weight({}) == COUNTDOWNS[family].weight({}) == WEIGHT
        assert COUNTDOWNS[family].name == known.name
        assert set(COUNTDOWNS[family].params) == {"symbol", "countdownTime"}
