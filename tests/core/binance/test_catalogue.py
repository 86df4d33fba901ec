"""The catalogue: 782 endpoints by exact key, classified by us; nothing dangerous is in anybody's reach."""

import re
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import ALIAS_HOSTS, HOSTS, PREFIXES, Catalogue, Endpoint, build, locate

CATALOGUE = load_catalogue()
OPEN = [e for e in CATALOGUE if e.purpose != "refused"]


def _words(path: str) -> set[str]:
    """Give the lower-case words of a path: split at slashes, dashes, underscores and capitals."""
    return {w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", path)}


# -- the rows


def test_782_endpoints_by_family_method_and_path() -> None:
    assert len(CATALOGUE) == 782
    keys = {(e.family, e.method, e.path) for e in CATALOGUE}
    assert len(keys) == 782
    for endpoint in CATALOGUE:
        assert CATALOGUE.get(endpoint.family, endpoint.method, endpoint.path) is endpoint


def test_five_futures_data_paths_stand_on_two_hosts() -> None:
    """Method and path alone do not name them."""
    families = defaultdict(set)
    for endpoint in CATALOGUE:
        families[(endpoint.method, endpoint.path)].add(endpoint.family)
    shared = {key: found for key, found in families.items() if len(found) > 1}
    assert len(shared) == 5
    assert all(path.startswith("/futures/data/") and found == {"usdm", "coinm"} for (_, path), found in shared.items())


def test_every_row_is_of_the_known_classes() -> None:
    for e in CATALOGUE:
        assert e.family in HOSTS
        assert e.method in ("GET", "POST", "PUT", "DELETE")
        assert e.purpose in ("read", "account", "trade", "settings", "refused")
        assert (e.refusal is not None) is (e.purpose == "refused")
        assert re.fullmatch(r"(/[A-Za-z0-9_-]+)+", e.path)
        assert e.weight_scope in ("IP", "UID")
        assert e.name == f"{e.family} {e.method} {e.path}"
        assert e.required == tuple(p.name for p in e.params.values() if p.required)


@pytest.mark.parametrize(("family", "root"), [("usdm", "/fapi/v1"), ("coinm", "/dapi/v1")])
def test_a_change_of_a_futures_order_states_price_and_quantity(family: str, root: str) -> None:
    """The exchange demands both on either market; without one of them the changed order could not be judged."""
    endpoint = CATALOGUE.get(family, "PUT", f"{root}/order")
    assert endpoint is not None
    assert {"price", "quantity"} <= set(endpoint.required)


def test_the_path_prefix_gives_the_family() -> None:
    """Exactly the rows that stand on a second host need their host's name in front."""
    elsewhere = [e for e in CATALOGUE if PREFIXES[e.path.split("/")[1]] != e.family]
    assert {e.family for e in elsewhere} == {"coinm"}
    assert all(e.path.startswith("/futures/data/") for e in elsewhere)


# -- the classification

# Our own list, not the one the table was built with: whatever moves money or keys, lends, converts, or streams.
_DANGEROUS = {
    "withdraw", "withdrawal", "transfer", "deposit", "apply", "collection", "borrow", "repay", "loan", "convert",
    "dust",
    "redeem", "subscribe", "stake", "staking", "mint", "wrap", "unwrap", "giftcard", "buy", "create", "api", "key",
    "token",
    "fiat", "pay", "send", "disclaimer", "liquidation", "liability", "sub", "subaccount", "broker", "burn", "enable",
    "disable", "auto", "countdown", "listen", "stream", "user", "claim", "mining", "hash", "managed", "localentity",
    "w3w",
    "equity", "stock", "prediction", "wallet", "contract", "mmp", "block", "delta", "lending", "earn", "ip",
    "permission",
}  # fmt: skip
# "/api/" is how every spot path begins; `asset` with `user` is the one POST that reads balances.
_HARMLESS = {"/sapi/v3/asset/getUserAsset": {"user"}}


@pytest.mark.threat(22)
def test_no_open_endpoint_that_changes_something_has_a_dangerous_word() -> None:
    for e in OPEN:
        if e.method != "GET":
            words = _words(e.path.removeprefix("/api/")) - _HARMLESS.get(e.path, set())
            assert not words & _DANGEROUS, e.name


@pytest.mark.threat(22)
@pytest.mark.parametrize(
    ("family", "method", "path", "refusal"),
    [
        ("spot", "POST", "/sapi/v1/capital/withdraw/apply", "withdraw"),
        ("spot", "POST", "/sapi/v1/localentity/withdraw/apply", "withdraw"),
        ("spot", "POST", "/sapi/v1/localentity/broker/withdraw/apply", "withdraw"),
        ("spot", "POST", "/sapi/v1/managed-subaccount/withdraw", "withdraw"),
        ("spot", "POST", "/sapi/v2/fiat/withdraw", "withdraw"),
        ("spot", "POST", "/sapi/v1/w3w/wallet/prediction/withdraw/apply", "withdraw"),
        ("spot", "POST", "/sapi/v1/account/enableFastWithdrawSwitch", "withdraw"),
        ("spot", "POST", "/sapi/v1/asset/transfer", "transfer"),
        ("spot", "POST", "/sapi/v1/sub-account/universalTransfer", "transfer"),
        ("spot", "POST", "/sapi/v1/sub-account/transfer/subToMaster", "transfer"),
        ("spot", "POST", "/sapi/v1/sub-account/futures/internalTransfer", "transfer"),
        ("spot", "POST", "/sapi/v1/giftcard/createCode", "transfer"),
        ("papi", "POST", "/papi/v1/bnb-transfer", "transfer"),
        ("papi", "POST", "/papi/v1/auto-collection", "transfer"),
        ("spot", "POST", "/sapi/v1/margin/borrow-repay", "borrow"),
        ("papi", "POST", "/papi/v1/marginLoan", "borrow"),
        ("spot", "POST", "/sapi/v2/loan/flexible/borrow", "borrow"),
        ("spot", "POST", "/sapi/v1/convert/acceptQuote", "convert"),
        ("usdm", "POST", "/fapi/v1/convert/acceptQuote", "convert"),
        ("spot", "POST", "/sapi/v1/asset/dust", "convert"),
        ("spot", "POST", "/sapi/v1/sub-account/subAccountApi", "key_management"),
        ("spot", "GET", "/sapi/v1/sub-account/subAccountApi", "key_management"),
        ("spot", "POST", "/sapi/v1/margin/apiKey", "key_management"),
        ("spot", "POST", "/sapi/v1/broker/subAccountApi", "key_management"),
        ("usdm", "POST", "/fapi/v1/listenKey", "stream"),
        ("usdm", "POST", "/fapi/v1/countdownCancelAll", "dead_man"),
        ("spot", "GET", "/sapi/v1/soft-staking/set", "not_trading"),
    ],
)
def test_refused_endpoints_by_name(family: str, method: str, path: str, refusal: str) -> None:
    endpoint = CATALOGUE.get(family, method, path)
    assert endpoint is not None
    assert (endpoint.purpose, endpoint.refusal) == ("refused", refusal)
    assert not endpoint.mutating
    assert not endpoint.typed


@pytest.mark.threat(22)
def test_every_row_of_a_moving_class_that_is_no_get_is_refused() -> None:
    """Counted from the paths alone."""
    moving = re.compile(r"withdraw|transfer|apikey|subaccountapi|borrow|repay|marginloan|listenkey|listen-key", re.I)
    found = [e for e in CATALOGUE if e.method != "GET" and moving.search(e.path)]
    assert len(found) >= 60
    assert [e.name for e in found if e.purpose != "refused"] == []


@pytest.mark.threat(8)
@pytest.mark.threat(22)
def test_no_open_get_is_an_imperative() -> None:
    """A GET may change something all the same; those end in a verb."""
    verbs = {
        "set",
        "apply",
        "create",
        "cancel",
        "execute",
        "redeem",
        "subscribe",
        "enable",
        "disable",
        "buy",
        "place",
        "edit",
    }
    found = {e.path for e in OPEN if e.method == "GET" and e.path.rsplit("/", 1)[1].lower() in verbs}
    assert found == {"/eapi/v1/block/order/execute"}  # by GET it asks for the details of a block trade
    assert [e.name for e in OPEN if e.method == "GET" and "newClientOrderId" in e.params] == []


@pytest.mark.threat(22)
def test_reads_are_unsigned_gets_and_nothing_else_is() -> None:
    for e in CATALOGUE:
        if e.purpose == "read":
            assert e.method == "GET"
            assert not e.signed
            assert e.security in ("NONE", "MARKET_DATA")
        elif e.purpose in ("trade", "settings"):
            assert e.signed
    # The facts have one account read without a signature; the gateway serves no unsigned account endpoint.
    unsigned = [e.path for e in CATALOGUE if e.purpose == "account" and not e.signed]
    assert unsigned == ["/sapi/v1/c2c/orderMatch/listUserOrderHistory"]


@pytest.mark.threat(22)
def test_only_two_posts_are_account_reads() -> None:
    posts = {e.path for e in CATALOGUE if e.purpose == "account" and e.method != "GET"}
    assert posts == {"/sapi/v1/asset/get-funding-asset", "/sapi/v3/asset/getUserAsset"}


@pytest.mark.threat(23)
def test_settings_are_leverage_margin_and_modes() -> None:
    names = {e.path.split("/", 3)[3] for e in CATALOGUE if e.purpose == "settings"}
    assert names == {
        "leverage", "marginType", "multiAssetsMargin", "positionSide/dual", "positionMargin", "cm/leverage",
        "cm/positionSide/dual", "um/leverage", "um/positionSide/dual", "margin/max-leverage",
    }  # fmt: skip


def test_mutating_is_trade_or_settings_by_another_method_than_get() -> None:
    for e in CATALOGUE:
        assert e.mutating is (e.method in ("POST", "PUT", "DELETE") and e.purpose in ("trade", "settings"))


def test_sapi_is_a_product_of_its_own() -> None:
    assert {e.product for e in CATALOGUE if e.family == "spot"} == {"spot", "sapi"}
    assert {e.product for e in CATALOGUE if e.path.startswith("/sapi/")} == {"sapi"}
    assert {e.product for e in CATALOGUE if e.family == "usdm"} == {"usdm"}


# -- finding the family


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/api/v3/order", ("spot", "/api/v3/order")),
        ("/sapi/v1/margin/order", ("spot", "/sapi/v1/margin/order")),
        ("/fapi/v1/order", ("usdm", "/fapi/v1/order")),
        ("/futures/data/basis", ("usdm", "/futures/data/basis")),
        ("/dapi/v1/order", ("coinm", "/dapi/v1/order")),
        ("/eapi/v1/order", ("options", "/eapi/v1/order")),
        ("/papi/v1/um/order", ("papi", "/papi/v1/um/order")),
        ("/bapi/defi/v1/x", ("www", "/bapi/defi/v1/x")),
        ("/dapi.binance.com/futures/data/basis", ("coinm", "/futures/data/basis")),
        ("/fapi.binance.com/futures/data/basis", ("usdm", "/futures/data/basis")),
        ("/api.binance.com", ("spot", "/")),
        ("/api.binance.com/", ("spot", "/")),
        *[(f"/{host}/x/y", (family, "/x/y")) for host, family in ALIAS_HOSTS.items()],
    ],
)
def test_a_host_or_a_prefix_gives_the_family(path: str, place: tuple[str, str]) -> None:
    assert locate(path) == place


def test_eleven_host_names_are_known() -> None:
    assert set(ALIAS_HOSTS) == {
        "api.binance.com", "api1.binance.com", "api2.binance.com", "api3.binance.com", "api4.binance.com",
        "api-gcp.binance.com", "fapi.binance.com", "dapi.binance.com", "eapi.binance.com", "papi.binance.com",
        "www.binance.com",
    }  # fmt: skip


def _resolve(method: str, path: str) -> Endpoint | None:
    place = locate(path)
    return CATALOGUE.get(place[0], method, place[1]) if place else None


_PATHS = ["/api/v3/order", "/fapi/v1/batchOrders", "/sapi/v1/margin/order", "/futures/data/basis", "/api/v3/time"]
_SPELLINGS = [
    lambda p: "/" + p, lambda p: "//" + p[1:] + "/", lambda p: p + "/", lambda p: p + "//", lambda p: p + "/.",
    lambda p: "/." + p, lambda p: "/x/.." + p, lambda p: p + "/..", lambda p: p + ";x=1", lambda p: p + ".json",
    lambda p: p + "%20", lambda p: p + "%00", lambda p: p + "#", lambda p: p + "#x", lambda p: p + "%3Fa=1",
    lambda p: p.replace("/", "//", 2), lambda p: p.replace("a", "%61", 1), lambda p: p.replace("/", "%2f")[3:],
    lambda p: "/" + p[1:].replace("/", "%2f"), lambda p: "/" + p[1:].replace("/", "%252f"), lambda p: p.upper(),
    lambda p: p.title(), lambda p: p[:-1] + p[-1].upper(), lambda p: p.replace("/", "\\"), lambda p: p[1:],
    lambda p: p[:-1],
    lambda p: p + "s", lambda p: "/api.binance.com/" + p, lambda p: "/API.binance.com" + p,
    lambda p: "/api.binance.com." + p,
    lambda p: "/api.binance.com:443" + p, lambda p: "/api5.binance.com" + p, lambda p: "/evil.com" + p,
    lambda p: "/api.binance.com@evil.com" + p, lambda p: "/user@api.binance.com" + p,
    lambda p: "/https://api.binance.com" + p,
    lambda p: "/api.binance.com/api.binance.com" + p, lambda p: "/stream.binance.com" + p,
    lambda p: "/eapi.binance.com" + p,
    lambda p: "", lambda p: "/", lambda p: "/?", lambda p: "/..;/" + p[1:],
]  # fmt: skip


@pytest.mark.threat(7)
@pytest.mark.threat(32)
@pytest.mark.parametrize("path", _PATHS)
@pytest.mark.parametrize("number", range(len(_SPELLINGS)))
def test_other_spellings_of_a_path_are_unknown(path: str, number: int) -> None:
    spelled = _SPELLINGS[number](path)
    assert [_resolve(method, spelled) for method in ("GET", "POST", "PUT", "DELETE")] == [None] * 4


@pytest.mark.threat(8)
@pytest.mark.parametrize("method", ["get", "Get", "HEAD", "OPTIONS", "PATCH", "", "GET ", "POST\x00"])
def test_other_methods_are_unknown(method: str) -> None:
    assert _resolve("GET", "/api/v3/order") is not None
    assert _resolve(method, "/api/v3/order") is None


@pytest.mark.threat(7)
@given(st.sampled_from(sorted({e.path for e in CATALOGUE})), st.data())
def test_one_changed_character_is_another_path(path: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(path) - 1))
    other = path[:at] + data.draw(st.characters(exclude_characters=path[at], max_codepoint=0x2FF)) + path[at + 1 :]
    paths = {e.path for e in CATALOGUE}
    if other not in paths:
        assert all(_resolve(method, other) is None for method in ("GET", "POST", "PUT", "DELETE"))


# -- building


ROW = {
    "family": "spot", "method": "GET", "path": "/api/v3/x", "purpose": "read", "security": "NONE", "signed": False,
    "weight": {"kind": "fixed", "value": 1}, "params": ["a", "b?"],
}  # fmt: skip


def test_a_row_is_read_with_its_defaults() -> None:
    (endpoint,) = build([ROW])
    assert (endpoint.refusal, endpoint.weight_scope, endpoint.orders, endpoint.free_on_success) == (
        None,
        "IP",
        {},
        False,
    )
    assert [(p.name, p.required) for p in endpoint.params.values()] == [("a", True), ("b", False)]


@pytest.mark.parametrize("name", sorted(ROW))
def test_a_row_without_a_field_is_refused(name: str) -> None:
    with pytest.raises(KeyError):
        build([{key: value for key, value in ROW.items() if key != name}])


def test_an_unknown_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown weight rule"):
        build([{**ROW, "weight": {"kind": "guess"}}])


def test_an_empty_catalogue_knows_nothing() -> None:
    empty = Catalogue([])
    assert len(empty) == 0
    assert empty.get("spot", "GET", "/api/v3/time") is None
