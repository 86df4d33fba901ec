"""Overrides: who may loosen what, for how long, and that nothing is ever narrower or lasts longer for them."""

from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.core.config.loader import load
from counterseal.core.config.model import Bot, Config
from counterseal.core.config.table import SECTIONS
from counterseal.core.ladder import AGREE_MS, Refusal
from counterseal.core.overrides import (
    LIMITS,
    MOST_MS,
    PER_SYMBOL,
    REFUSALS,
    Granted,
    Override,
    Overrides,
    Place,
    Wanted,
    config_with,
    fold,
    override_data,
    override_of,
    place_of,
    span_ms,
)

HOUR_MS = 3_600_000
TWO = ("jane", "joe")
TEXT = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "/nowhere/ca.pem"
[keys.main]
functions = ["account", "trade"]
[bots.alpha]
keys = ["main"]
products = ["spot"]
purposes = ["trade"]
symbols = ["*"]
max_order_notional = 100
max_leverage = 5
max_order_quantity = { BTCUSDT = 0.5 }
max_symbol_position = { ETHUSDT = 10, "*" = 1000 }
"""
NOTIONAL, LEVERAGE = Place("alpha", "max_order_notional"), Place("alpha", "max_leverage")


@cache
def config() -> Config:
    found = load(TEXT)
    assert isinstance(found, Config), found
    return found


def ask(
    overrides: Overrides, wanted: Wanted, operator: str = "jane", operators: tuple[str, ...] = (), now_ms: int = 1_000
) -> Granted | Refusal:
    return overrides.ask(wanted, operator, operators, config(), now_ms, "a test")


def granted(found: Granted | Refusal) -> Granted:
    assert isinstance(found, Granted), found
    return found


def wants(place: Place = NOTIONAL, value: str = "250", for_ms: int = HOUR_MS) -> Wanted:
    return Wanted(place, value, for_ms)


def made(place: Place = NOTIONAL, value: str = "250", until_ms: int = HOUR_MS, at_ms: int = 1) -> Override:
    return Override(place, value, until_ms, at_ms, ("jane",), "a test")


# -- what can be loosened


def test_every_limit_is_a_setting_of_a_bot_and_read_as_it_is() -> None:
    theirs = {setting.name: setting.parser for setting in SECTIONS["bots"].settings}
    assert {name: parser.accepts for name, parser in LIMITS.items()} == {name: theirs[name].accepts for name in LIMITS}


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        (NOTIONAL, "250", Decimal(250)),
        (LEVERAGE, "20", 20),
        (Place("alpha", "max_order_quantity", "BTCUSDT"), "0.75", {"BTCUSDT": Decimal("0.75")}),
        (
            Place("alpha", "max_symbol_position", "SOLUSDT"), "2000",
            {"ETHUSDT": Decimal(10), "*": Decimal(1000), "SOLUSDT": Decimal(2000)},
        ),
        (
            Place("alpha", "max_symbol_position", "*"), "2000", {"ETHUSDT": Decimal(10), "*": Decimal(2000)},
        ),
    ],
)  # fmt: skip
def test_one_limit_of_one_bot_is_wider_until_its_time(place: Place, value: str, field: Any) -> None:
    before = config()
    override = granted(ask(Overrides(), wants(place, value))).override
    assert override is not None and override.until_ms == 1_000 + HOUR_MS
    after = config_with(before, [override], 1_000)
    changed = after.bots["alpha"]
    assert getattr(changed, place.limit) == field
    assert type(getattr(changed, place.limit)) is type(field) or place.symbol
    assert replace(changed, **{place.limit: getattr(before.bots["alpha"], place.limit)}) == before.bots["alpha"]
    assert replace(after, bots=before.bots) == before
    assert config_with(before, [override], override.until_ms) is before


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (Place("beta", "max_order_notional"), "250", "unknown_bot"),
        (Place("alpha", "max_exposure"), "250", "not_limited"),
        (Place("alpha", "max_order_quantity", "ETHUSDT"), "250", "not_limited"),
        (NOTIONAL, "100", "not_looser"),
        (NOTIONAL, "99.99", "not_looser"),
        (NOTIONAL, "-1", "malformed"),
        (NOTIONAL, "1e9", "malformed"),
        (NOTIONAL, "a lot", "malformed"),
        (LEVERAGE, "126", "malformed"),
        (LEVERAGE, "7.5", "malformed"),
        (LEVERAGE, "1" * 12, "malformed"),
        (Place("alpha", "max_order_quantity", "BTCUSDT"), "0", "malformed"),
    ],
)
def test_what_loosens_nothing_or_is_none_is_refused(place: Place, value: str, reason: str) -> None:
    assert ask(Overrides(), wants(place, value)) == Refusal(reason)
    assert reason in REFUSALS


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("alpha", "max_leverage", ""), LEVERAGE),
        (("Alpha", "max_leverage", ""), Refusal("unknown_bot")),
        (("alpha", "share", ""), Refusal("unknown_limit")),
        (("alpha", "max_leverage", "BTCUSDT"), Refusal("no_symbol")),
        (("alpha", "max_order_quantity", ""), Refusal("needs_symbol")),
        (("alpha", "max_order_quantity", "btc usdt"), Refusal("needs_symbol")),
        (("alpha", "max_order_quantity", "BTCUSDT"), Place("alpha", "max_order_quantity", "BTCUSDT")),
    ],
)
def test_a_limit_is_named_by_bot_limit_and_symbol(words: tuple[str, str, str], found: object) -> None:
    assert place_of(*words) == found
    assert isinstance(found, Refusal) or str(found).startswith("bot alpha max_")


@pytest.mark.parametrize(
    ("text", "span"),
    [("90m", 90 * 60_000), ("24h", MOST_MS), ("1440m", MOST_MS), ("25h", None), ("1441m", None), ("0h", None),
     ("4", None), ("1d", None), ("", None), ("-4h", None)],
)  # fmt: skip
def test_nothing_is_loosened_for_longer_than_a_day(text: str, span: int | None) -> None:
    assert span_ms(text) == span


# -- who


def test_one_person_decides_alone_where_the_settings_name_no_two() -> None:
    for operators in ((), ("jane",)):
        found = granted(ask(Overrides(), wants(), "jane", operators))
        assert found.override is not None and found.override.operators == ("jane",)


def test_two_are_needed_where_two_are_named_and_the_time_begins_with_the_second() -> None:
    first = granted(ask(Overrides(), wants(), "jane", TWO))
    assert first.override is None and first.overrides.held == {}
    assert ask(first.overrides, wants(), "jane", TWO, 2_000) == Refusal("second_operator")
    assert ask(first.overrides, wants(), "mallory", TWO, 2_000) == Refusal("unknown_operator")
    second = granted(ask(first.overrides, wants(), "joe", TWO, 5_000))
    assert second.override == Override(NOTIONAL, "250", 5_000 + HOUR_MS, 5_000, TWO, "a test")
    assert second.overrides.held == {NOTIONAL: second.override} and second.overrides.wishes == {}


@pytest.mark.parametrize("other", [wants(value="251"), wants(for_ms=HOUR_MS + 1), wants(LEVERAGE, "6")])
def test_who_says_something_else_is_the_first_to_say_it(other: Wanted) -> None:
    first = granted(ask(Overrides(), wants(), "jane", TWO))
    assert granted(ask(first.overrides, other, "joe", TWO)).override is None


def test_a_word_is_forgotten_after_a_while() -> None:
    first = granted(ask(Overrides(), wants(), "jane", TWO))
    assert granted(ask(first.overrides, wants(), "joe", TWO, 1_001 + AGREE_MS)).override is None
    assert granted(ask(first.overrides, wants(), "joe", TWO, 1_000 + AGREE_MS)).override is not None


def test_an_override_is_replaced_by_another_of_its_place_and_ends_alone() -> None:
    one = granted(ask(Overrides(), wants()))
    two = granted(ask(one.overrides, wants(LEVERAGE, "6")))
    three = granted(ask(two.overrides, wants(value="200")))
    assert {place: held.value for place, held in three.overrides.held.items()} == {NOTIONAL: "200", LEVERAGE: "6"}
    assert list(three.overrides.without(NOTIONAL).held) == [LEVERAGE]


# -- what holds


def test_settings_that_were_narrowed_widened_or_lost_meanwhile_are_theirs_to_say() -> None:
    before = config()
    alpha = before.bots["alpha"]

    def with_(**changes: Any) -> Config:
        return replace(before, bots={"alpha": replace(alpha, **changes)})

    wider, unlimited, other = (
        with_(max_order_notional=Decimal(900)),
        with_(max_order_notional=None),
        replace(before, bots={}),
    )
    for changed in (wider, unlimited, other):
        assert config_with(changed, [made()], 10) is changed
    assert config_with(with_(max_order_notional=Decimal(1)), [made()], 10).bots["alpha"].max_order_notional == 250
    broken = made(value="nonsense")
    assert config_with(before, [broken], 10) is before


@given(
    notional=st.integers(1, 10**6), value=st.integers(1, 10**6), until_ms=st.integers(1, MOST_MS),
    now_ms=st.integers(0, 2 * MOST_MS),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_no_override_ever_narrows_or_outlives_its_time(notional: int, value: int, until_ms: int, now_ms: int) -> None:
    before = config()
    bot: Bot = replace(before.bots["alpha"], max_order_notional=Decimal(notional))
    before = replace(before, bots={"alpha": bot})
    after = config_with(before, [made(value=str(value), until_ms=until_ms, at_ms=0)], now_ms)
    found = after.bots["alpha"].max_order_notional
    assert found == (max(notional, value) if now_ms < until_ms else notional)


# -- as data


def set_(override: Override) -> dict[str, Any]:
    return {"type": "override", "act": "set", **override_data(override)}


def end(place: Place) -> dict[str, Any]:
    return {"type": "override", "act": "end", **place._asdict()}


def test_what_is_written_is_read() -> None:
    for override in (made(), made(Place("alpha", "max_order_quantity", "BTCUSDT"), "0.75")):
        assert override_of(override_data(override)) == override


@pytest.mark.parametrize(
    "change",
    [{"bot": None}, {"limit": "share"}, {"value": "-1"}, {"value": 5}, {"until_ms": "1"}, {"until_ms": 0},
     {"until_ms": MOST_MS + 2}, {"operators": "jane"}, {"operators": [1]}, {"operators": ["x y"]}, {"cause": None},
     {"symbol": "BTCUSDT"}, {"at_ms": True}],
)  # fmt: skip
def test_what_cannot_be_read_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not an override"):
        override_of({**override_data(made()), **change})


def test_the_records_lead_to_what_was_in_force() -> None:
    other = made(LEVERAGE, "20")
    records = [{"type": "ladder"}, set_(made()), set_(other), end(NOTIONAL)]
    assert fold(records, 10).held == {LEVERAGE: other}
    assert fold(records, HOUR_MS).held == {}
    assert fold([set_(made())], 0).held == {}, "it was made later than now: the clock has jumped"


def test_a_record_that_cannot_be_read_loosens_nothing_more() -> None:
    broken = {**set_(made()), "until_ms": 10 * MOST_MS}
    assert fold([set_(made()), broken], 10).held == {}
    assert fold([set_(made()), {"type": "override", "act": "set", "bot": 7}], 10).held == {NOTIONAL: made()}
    wish = {"type": "override", "act": "wish", **override_data(made())}
    assert fold([wish], 10).held == {}
    assert fold([set_(made()), {**wish, "value": "300"}], 10).held == {NOTIONAL: made()}


def test_what_is_one_per_symbol_is_a_limit() -> None:
    assert set(LIMITS) > PER_SYMBOL
