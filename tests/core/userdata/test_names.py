"""core.userdata.names: which order an event is about, from the exchange's own shapes."""

from typing import Any

import pytest

from counterseal.core.ownership import ALGO_SCOPE, LIST_SCOPE, Named
from counterseal.core.userdata.names import names_in

NO_LIST = Named(LIST_SCOPE, None, None)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"e": "executionReport", "s": "A", "c": "x", "C": "", "i": 5, "g": -1}, (Named("A", "x", 5), NO_LIST)),
        # A cancel's own id is no order's.
        ({"e": "executionReport", "s": "A", "c": "cancel", "C": "x", "i": 5, "g": -1}, (Named("A", "x", 5), NO_LIST)),
        (
            {"e": "executionReport", "s": "A", "c": "x", "C": "", "i": 5, "g": 9},
            (Named("A", "x", 5), Named(LIST_SCOPE, None, 9)),
        ),
        (
            {"e": "listStatus", "s": "A", "g": 9, "C": "l", "O": [{"s": "A", "i": 5, "c": "x"}, {"s": "A", "i": 6}]},
            (Named(LIST_SCOPE, "l", 9), Named("A", "x", 5), Named("A", None, 6)),
        ),
        ({"e": "listStatus", "g": 9, "C": "l", "O": [1]}, (Named(LIST_SCOPE, "l", 9),)),
        ({"e": "listStatus", "g": 9, "C": "l"}, (Named(LIST_SCOPE, "l", 9),)),
        ({"e": "ORDER_TRADE_UPDATE", "o": {"s": "A", "c": "x", "i": 5}}, (Named("A", "x", 5),)),
        ({"e": "TRADE_LITE", "s": "A", "c": "x", "i": 5}, (Named("A", "x", 5),)),
        # What the exchange calls its own orders names none.
        ({"e": "TRADE_LITE", "s": "A", "c": "adl_autoclose", "i": 5}, (Named("A", None, 5),)),
        ({"e": "ORDER_TRADE_UPDATE", "o": {"s": "A", "c": "autoclose-17", "i": 5}}, (Named("A", None, 5),)),
        (
            {"e": "ALGO_UPDATE", "o": {"s": "A", "caid": "x", "aid": 5, "ai": "7"}},
            (Named(ALGO_SCOPE, "x", 5), Named("A", None, 7)),
        ),
        (
            {"e": "ALGO_UPDATE", "o": {"s": "A", "caid": "x", "aid": 5, "ai": ""}},
            (Named(ALGO_SCOPE, "x", 5), Named("A", None, None)),
        ),
        ({"e": "CONDITIONAL_ORDER_TRIGGER_REJECT", "or": {"s": "A", "i": 5}}, (Named("A", None, 5),)),
        ({"e": "ORDER_TRADE_UPDATE", "o": {"s": 1, "c": 2, "i": "x"}}, (Named("", None, None),)),
        ({"e": "ORDER_TRADE_UPDATE", "o": [1]}, (Named("", None, None),)),
        ({"e": "ORDER_TRADE_UPDATE"}, (Named("", None, None),)),
        ({"e": "outboundAccountPosition", "s": "A", "c": "x", "i": 5}, ()),
        ({"e": "ACCOUNT_UPDATE", "a": {}}, ()),
        ({"e": "STRATEGY_UPDATE", "su": {"si": 5}}, ()),
        ({"e": "SOMETHING_NEW", "o": {"s": "A", "c": "x", "i": 5}}, ()),
    ],
)
def test_what_an_event_names(body: dict[str, Any], names: tuple[Named, ...]) -> None:
    """The surest name first; nothing for what is the account's or unknown."""
    assert names_in(body["e"], body) == names
