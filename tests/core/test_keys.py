"""The key with the fewest functions that can do it signs, and only one that the signer holds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.config.model import KEY_FUNCTIONS, Bot, Key
from counterseal.core.keys import active_keys, least_key
from counterseal.core.messages import HeldKey
from counterseal.core.rotation import Stage

BOT = Bot(
    name="alpha", mode="enforce", verification="lenient", keys=("reader", "trader", "second", "all"), products=(),
    purposes=(), symbols=(), max_order_notional=None, max_order_quantity={}, price_collar_percent=None,
    max_leverage=None, hours=(), sources=(),
)  # fmt: skip


def a_key(name: str, *functions: str) -> Key:
    return Key(
        name=name, functions=frozenset(functions), strategy=None, environment="paper", region=None, rotation_days=None
    )


KEYS = {
    key.name: key
    for key in (
        a_key("reader", "account"), a_key("trader", "account", "trade"), a_key("second", "trade", "account"),
        a_key("all", *KEY_FUNCTIONS), a_key("foreign", "trade"),
    )
}  # fmt: skip


@pytest.mark.parametrize(
    ("purpose", "held", "name"),
    [
        ("account", {"reader", "trader", "second", "all"}, "reader"),
        ("trade", {"reader", "trader", "second", "all", "foreign"}, "trader"),  # a tie: the first the bot names
        ("settings", {"reader", "trader", "second", "all"}, "all"),
        ("trade", {"second", "all"}, "second"),
        ("account", {"all"}, "all"),
        ("settings", {"reader", "trader", "second"}, None),
        ("trade", {"foreign"}, None),  # not this bot's
        ("trade", set(), None),
        ("withdraw", {"all"}, None),
        ("", {"all"}, None),
    ],
)
def test_the_least_key(purpose: str, held: set[str], name: str | None) -> None:
    """Fewest functions, held by the signer, named by the bot."""
    assert least_key(BOT, purpose, KEYS, held) == name


def test_a_key_that_is_not_configured_signs_nothing() -> None:
    """A bot may name a key that has gone from the configuration, and the signer may still hold it."""
    assert least_key(replace(BOT, keys=("gone",)), "trade", KEYS, {"gone"}) is None
    assert least_key(replace(BOT, keys=()), "trade", KEYS, set(KEYS)) is None


@given(
    st.permutations(list(KEYS)),
    st.sets(st.sampled_from(list(KEYS))),
    st.sampled_from((*KEY_FUNCTIONS, "read", "withdraw")),
)
def test_no_other_key_would_have_been_less(order: list[str], held: set[str], purpose: str) -> None:
    """Against all keys one by one: the chosen one can do it, and none before it in the order has as few functions."""
    bot = replace(BOT, keys=tuple(order))
    able = [name for name in order if name in held and purpose in KEYS[name].functions]
    chosen = least_key(bot, purpose, KEYS, held)
    assert (chosen is None) == (not able)
    if chosen is not None:
        fewest = min(len(KEYS[name].functions) for name in able)
        assert chosen == next(name for name in able if len(KEYS[name].functions) == fewest)


def test_of_each_key_the_active_version_signs() -> None:
    held = {
        "main": HeldKey("main", "a", "hmac", "paper", Stage.DRAINING),
        "main.2": HeldKey("main.2", "b", "ed25519", "paper", Stage.ACTIVE),
        "main.3": HeldKey("main.3", "c", "ed25519", "paper", Stage.PENDING),
        "other": HeldKey("other", "d", "hmac", "paper", Stage.ACTIVE),
        "new": HeldKey("new", "e", "hmac", "paper", Stage.PENDING),
    }
    assert active_keys(held) == {"main": held["main.2"], "other": held["other"]}
