"""The WebSocket form of a cancel: sorted, raw, with the signer's own key in it, and good for a cancel alone."""

import hashlib
import hmac
import itertools

import pytest
from tests.signer.desks import NOW_MS, SECRET, TABLE, ask, desk, good
from tests.signer.test_subscription import CAPS, KINDS, of_kind

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import MUTATING
from counterseal.core.binance.socket_cancel import METHOD, PLACE
from counterseal.core.messages import Refused, Signed
from counterseal.signer.table import HARMLESS_ALONE, OWN_PARAMETERS, Act

FAMILY, VERB, PATH = PLACE
PAIRS = (("symbol", "BTCUSDT"), ("orderId", "12"))
CANCEL = {"family": FAMILY, "method": VERB, "path": PATH, "pairs": PAIRS, "offset_ms": 0}


@pytest.mark.parametrize(
    ("pairs", "window_ms", "payload"),
    [
        (PAIRS, 5_000, "apiKey=api&orderId=12&recvWindow=5000&symbol=BTCUSDT&timestamp={}"),
        (PAIRS, 0, "apiKey=api&orderId=12&symbol=BTCUSDT&timestamp={}"),
        (
            (("symbol", "币安人生USDT"), ("origClientOrderId", "mine-1")), 1_000,
            "apiKey=api&origClientOrderId=mine-1&recvWindow=1000&symbol=币安人生USDT&timestamp={}",
        ),
    ],
)  # fmt: skip
def test_names_are_sorted_and_values_are_raw(pairs: tuple[tuple[str, str], ...], window_ms: int, payload: str) -> None:
    (answer,) = ask(desk(), good(**{**CANCEL, "pairs": pairs, "recv_window_ms": window_ms}))

    assert isinstance(answer, Signed)
    signed, _, signature = answer.query.partition(b"&signature=")
    assert signed.decode() == payload.format(NOW_MS)
    assert signature.decode() == hmac.new(SECRET, signed, hashlib.sha256).hexdigest()


@pytest.mark.threat(22)
@pytest.mark.parametrize("mark", [*'&=%+#?; "\\\t\n\x00', "\u2028", "%26"])
@pytest.mark.parametrize("name", ["symbol", "orderId", "origClientOrderId"])
def test_no_value_can_end_itself(name: str, mark: str) -> None:
    """Raw, `1&side=BUY` in a value would be another request over REST, signed by us."""
    pairs = (("symbol", "BTCUSDT"), (name, f"1{mark}side=BUY"))[name == "symbol" :]

    assert ask(desk(), good(**{**CANCEL, "pairs": pairs})) == [Refused(1, "not_plain")]


@pytest.mark.parametrize("name", ["side", "quantity", "apiKey", "orderIdList", "newClientOrderId", "timestamp", ""])
def test_nothing_but_what_names_the_order_may_be_in_it(name: str) -> None:
    assert ask(desk(), good(**{**CANCEL, "pairs": (*PAIRS, (name, "1"))})) == [Refused(1, "unknown_parameter")]


def test_nothing_may_be_named_twice() -> None:
    assert ask(desk(), good(**{**CANCEL, "pairs": (*PAIRS, PAIRS[0])})) == [Refused(1, "repeated_parameter")]


def test_no_other_change_of_that_api_is_signed() -> None:
    others = [(family, VERB, METHOD) for family in ("spot", "coinm", "", "papi")]
    others += [(FAMILY, verb, METHOD) for verb in ("GET", "POST", "PUT", "DELETE", "ws", "")]
    others += [
        (FAMILY, VERB, method) for method in ("order.place", "order.modify", "algoOrder.cancel", "session.logon")
    ]
    for family, verb, path in others:
        asked = good(**{**CANCEL, "family": family, "method": verb, "path": path})
        assert ask(desk(), asked) == [Refused(1, "not_in_table")]


@pytest.mark.threat(22)
def test_its_names_do_nowhere_else_but_where_one_harmless_name_does() -> None:
    entry = TABLE[PLACE]

    assert entry.act is Act.CANCEL
    assert entry.logs_on
    for endpoint in load_catalogue():
        needs = frozenset(endpoint.required) - OWN_PARAMETERS
        changes = endpoint.signed and endpoint.method in MUTATING and endpoint.purpose not in ("account", "read")
        if changes and needs and needs <= entry.allowed:
            assert len(needs) == 1, endpoint.name
            assert needs <= HARMLESS_ALONE, endpoint.name


@pytest.mark.threat(24)
@pytest.mark.parametrize(("kind", "capped"), list(itertools.product(KINDS, (True, False))))
def test_a_key_that_could_log_on_and_has_something_to_get_around_signs_none(kind: str, *, capped: bool) -> None:
    """Who takes a logon with parameters that it does not know would take this one."""
    (answer,) = ask(of_kind(kind, CAPS if capped else None), good(**CANCEL))

    if capped and kind not in ("hmac", "rsa"):
        assert answer == Refused(1, "could_log_on")
    else:
        assert isinstance(answer, Signed)
