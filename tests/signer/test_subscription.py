"""What opens user data of spot, signed for a WebSocket API: nothing in it is the asker's, no trading session opens."""

import hashlib
import hmac
import itertools
from decimal import Decimal

import pytest
from tests.signer.desks import KEYS, NOW_MS, SECRET, TABLE, ask, desk, good

from counterseal.adapters.signing import SigningKey
from counterseal.core.binance.socket_cancel import PLACE as CANCEL
from counterseal.core.caps import Caps
from counterseal.core.messages import HeldKey, Refused, Signed
from counterseal.core.userdata.subscription import METHOD, PLACE
from counterseal.signer.caps import CapsJudge
from counterseal.signer.desk import Desk, HeldSigningKey

FAMILY, VERB, PATH = PLACE
SUBSCRIBE = {"family": FAMILY, "method": VERB, "path": PATH, "pairs": (), "offset_ms": 0}
KINDS = ("hmac", "rsa", "ed25519", "other")
CAPS = {"main": Caps(max_quantity={"*": Decimal(0)})}


def of_kind(kind: str, caps: dict[str, Caps] | None) -> Desk:
    key = HeldSigningKey(HeldKey("main", "api", kind, "paper"), SigningKey(kind, lambda _: b"x"))
    judge = None if caps is None else CapsJudge(caps, lambda: 0)
    return Desk(TABLE, {"main": key}, "incarnation", lambda: NOW_MS, judge)


def test_the_payload_is_the_key_s_name_the_window_and_the_time_in_this_order() -> None:
    """As the exchange sorts the names of a WebSocket API's parameters."""
    (answer,) = ask(desk(), good(**SUBSCRIBE))

    payload, _, signature = answer.query.partition(b"&signature=")
    assert payload == b"apiKey=api&recvWindow=5000&timestamp=%d" % NOW_MS
    assert [pair.partition(b"=")[0] for pair in payload.split(b"&")] == [b"apiKey", b"recvWindow", b"timestamp"]
    assert signature.decode() == hmac.new(SECRET, payload, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "pairs",
    [
        (("apiKey", "api"),), (("symbol", "BTCUSDT"),), (("", ""),), (("returnRateLimits", "true"),),
        (("quantity", "1"), ("side", "BUY")), (("listenToken", "x"),), (("timestamp", "1"),), (("id", "1"),),
    ],
)  # fmt: skip
def test_nothing_may_be_added(pairs: tuple[tuple[str, str], ...]) -> None:
    assert ask(desk(), good(**{**SUBSCRIBE, "pairs": pairs})) == [Refused(1, "unknown_parameter")]


def test_nothing_else_of_a_websocket_api_is_signed_but_a_cancel() -> None:
    """Nor this one for another market, or with another verb."""
    methods = ("session.logon", "order.place", "userDataStream.subscribe", "userDataStream.unsubscribe", METHOD.upper())
    others = [(FAMILY, VERB, method) for method in methods]
    others += [(family, VERB, METHOD) for family in ("usdm", "coinm", "", "papi")]
    others += [(FAMILY, verb, METHOD) for verb in ("GET", "POST", "PUT", "DELETE", "ws", "")]
    for family, verb, path in others:
        asked = good(**{**SUBSCRIBE, "family": family, "method": verb, "path": path})
        assert ask(desk(), asked) == [Refused(1, "not_in_table")]
    assert [place for place in TABLE if place[1] not in ("GET", "POST", "PUT", "DELETE")] == [PLACE, CANCEL]
    assert [place for place, entry in TABLE.items() if entry.logs_on] == [PLACE, CANCEL]


@pytest.mark.threat(24)
@pytest.mark.parametrize(("kind", "capped"), list(itertools.product(KINDS, (True, False))))
def test_a_key_that_could_log_on_and_has_something_to_get_around_signs_none(kind: str, *, capped: bool) -> None:
    """`session.logon` takes the same payload, and orders need no signature afterwards."""
    (answer,) = ask(of_kind(kind, CAPS if capped else None), good(**SUBSCRIBE))

    if capped and kind not in ("hmac", "rsa"):
        assert answer == Refused(1, "could_log_on")
    else:
        assert isinstance(answer, Signed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_capped_key_of_any_kind_goes_on_signing_what_its_caps_allow(kind: str) -> None:
    one, none = ({"main": Caps(max_quantity={"*": Decimal(most)})} for most in (1, 0))
    assert isinstance(ask(of_kind(kind, one), good())[0], Signed)
    assert ask(of_kind(kind, none), good()) == [Refused(1, "over_quantity_cap")]


@pytest.mark.parametrize("caps", [{"*": Caps(max_per_minute=1)}, {"main": Caps(max_leverage=1)}])
def test_any_cap_counts(caps: dict[str, Caps]) -> None:
    assert ask(of_kind("ed25519", caps), good(**SUBSCRIBE)) == [Refused(1, "could_log_on")]
    assert isinstance(ask(of_kind("ed25519", {"main": Caps()}), good(**SUBSCRIBE))[0], Signed)


def test_the_bounds_hold_here_too() -> None:
    for change, reason in (
        ({"key_ref": "none"}, "unknown_key"),
        ({"offset_ms": 5_001}, "offset_out_of_bounds"),
        ({"recv_window_ms": 5_001}, "recv_window_out_of_bounds"),
        ({"epoch": 1}, "newer_epoch"),
    ):
        assert ask(desk(), good(**{**SUBSCRIBE, **change})) == [Refused(1, reason)]
    assert KEYS["main"].held.api_key == "api"
