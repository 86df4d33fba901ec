"""The signer's own table: what it may sign at all. Nothing outside it is signed, whoever asks.

A signature covers no path: whoever gets a signed query can send it anywhere. So the table also knows which sets of
names would do at endpoints that it does not hold, and an entry refuses requests that carry such a set.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import MUTATING, Endpoint
from counterseal.core.binance.socket_cancel import CANCEL
from counterseal.core.userdata.subscription import SUBSCRIBE

SIGNED_PURPOSES = frozenset({"account", "trade", "settings"})
# The signer sets these itself; a request may not bring them.
OWN_PARAMETERS = frozenset({"timestamp", "recvWindow", "signature"})
# Reads and cancels cannot do without these, and one of them alone states neither a sum nor where it should go.
HARMLESS_ALONE = frozenset({
    "symbol", "type", "orderId", "algoId", "underlying", "asset", "assets", "email", "productId", "positionId",
})  # fmt: skip

Place = tuple[str, str, str]
Names = frozenset[str]


class Act(Enum):
    """What a signed request of an entry can do."""

    READ = auto()
    CANCEL = auto()
    ORDER = auto()
    BATCH = auto()
    SETTING = auto()


class Money(Enum):
    """What a parameter says about money, and so in which form alone it is read."""

    QUANTITY = auto()
    QUOTE = auto()
    MARGIN = auto()
    LEVERAGE = auto()
    FLAG = auto()
    DIRECTION = auto()


_MONEY: Mapping[str, Money] = {
    "quantity": Money.QUANTITY,
    "newQty": Money.QUANTITY,
    "workingQuantity": Money.QUANTITY,
    "pendingQuantity": Money.QUANTITY,
    "quoteOrderQty": Money.QUOTE,
    "amount": Money.MARGIN,
    "leverage": Money.LEVERAGE,
    "reduceOnly": Money.FLAG,
    "closePosition": Money.FLAG,
}
# Where a name means something else than elsewhere: 1 adds margin, 2 takes it away; elsewhere it is an order's type.
_MONEY_ON: Mapping[tuple[str, str], Money] = {
    ("/fapi/v1/positionMargin", "type"): Money.DIRECTION,
    ("/dapi/v1/positionMargin", "type"): Money.DIRECTION,
}
# Endpoints that bring several orders at once, by the name that only such an endpoint takes.
_ORDERS_BY_NAME: Mapping[str, int] = {
    "stopLimitPrice": 2, "aboveType": 2, "pendingType": 2, "pendingAboveType": 3,
}  # fmt: skip
_SIZES = frozenset({Money.QUANTITY, Money.QUOTE})


@dataclass(frozen=True, slots=True)
class Entry:
    """One endpoint: names, names that may repeat, what it does, and which of its parameters are money.

    `elsewhere` are sets of names that no request may carry together. `leg` is the entry by which each element of
    `batchOrders` is judged. `orders` is how many orders one request brings, which rates count. `logs_on` tells that the
    payload is one of a WebSocket API, with the signer's own name of the key in it, as that of a session's logon is too.
    """

    allowed: Names
    lists: Names = frozenset()
    act: Act = Act.READ
    money: Mapping[str, Money] = field(default_factory=dict)
    elsewhere: tuple[Names, ...] = ()
    leg: "Entry | None" = None
    orders: int = 1
    logs_on: bool = False


Table = Mapping[Place, Entry]


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint that changes something, and the names that suffice there."""

    place: Place
    refused: bool
    names: Names


def load() -> Table:
    """Build the table from the shipped catalogue, with the two requests to WebSocket APIs that are signed."""
    return table([*load_catalogue(), SUBSCRIBE, CANCEL])


def table(endpoints: Iterable[Endpoint]) -> Table:
    """Keep the endpoints that may be signed, keyed by (family, method, path)."""
    known = list(endpoints)
    aims = targets(known)
    found = {_place(e): _entry(e, aims) for e in known if is_signable(e)}
    singles = {place: entry for place, entry in found.items() if entry.act is not Act.BATCH and _is_judgeable(entry)}
    return singles | dict(_batches(found, singles))


def is_signable(endpoint: Endpoint) -> bool:
    """Tell whether it may be signed: of our three purposes, and typed where it could change something."""
    mutating = endpoint.method in MUTATING and endpoint.purpose != "account"
    return endpoint.signed and endpoint.purpose in SIGNED_PURPOSES and (endpoint.typed or not mutating)


def targets(endpoints: Iterable[Endpoint]) -> list[Target]:
    """Give where a signed query could do something, without those that no set of names could be kept away from."""
    found = [
        Target(_place(e), e.purpose == "refused", frozenset(e.required) - OWN_PARAMETERS)
        for e in endpoints
        if e.signed and e.method in MUTATING and e.purpose not in ("account", "read")
    ]
    return [t for t in found if t.names and not (len(t.names) == 1 and t.names <= HARMLESS_ALONE)]


def reaches(endpoint: Endpoint, act: Act, aims: Iterable[Target]) -> tuple[Names, ...]:
    """Give the smallest sets of this endpoint's names with which a signed query would do at another endpoint.

    Of a read or cancel, every target counts. Of an order or setting, other orders and settings do not (the same caps
    judge them), nor what its own mandatory names suffice for.
    """
    allowed, own = frozenset(endpoint.params), frozenset(endpoint.required)
    harmless_act = act in (Act.READ, Act.CANCEL)
    found = {
        aim.names
        for aim in aims
        if aim.names <= allowed and aim.place != _place(endpoint)
        if harmless_act or (aim.refused and not aim.names <= own)
    }
    return tuple(sorted((names for names in found if not any(less < names for less in found)), key=sorted))


def _place(endpoint: Endpoint) -> Place:
    return endpoint.family, endpoint.method, endpoint.path


def _entry(endpoint: Endpoint, aims: Iterable[Target]) -> Entry:
    allowed, act = frozenset(endpoint.params) - OWN_PARAMETERS, _act(endpoint)
    money = {name: kind for name in sorted(allowed) for kind in (_money(endpoint.path, name),) if kind}
    return Entry(
        allowed=allowed,
        lists=endpoint.lists,
        act=act,
        money={} if act in (Act.READ, Act.CANCEL) else money,
        elsewhere=reaches(endpoint, act, aims),
        orders=max((number for name, number in _ORDERS_BY_NAME.items() if name in allowed), default=1),
        logs_on=endpoint is SUBSCRIBE or endpoint is CANCEL,
    )


def _act(endpoint: Endpoint) -> Act:
    if endpoint.purpose == "account" or endpoint.method == "GET":
        return Act.READ
    if endpoint.purpose == "settings":
        return Act.SETTING
    if endpoint.method == "DELETE" or endpoint is CANCEL:
        return Act.CANCEL
    return Act.BATCH if "batchOrders" in endpoint.params else Act.ORDER


def _money(path: str, name: str) -> Money | None:
    return _MONEY_ON.get((path, name)) or _MONEY.get(name)


def _is_judgeable(entry: Entry) -> bool:
    """An order whose size has a name that we do not know, or may stand twice, could not be held to a cap."""
    sized = entry.act is not Act.ORDER or not _SIZES.isdisjoint(entry.money.values())
    return sized and entry.lists.isdisjoint(entry.money)


def _batches(found: Table, singles: Table) -> Iterator[tuple[Place, Entry]]:
    for place, entry in found.items():
        family, method, path = place
        leg = singles.get((family, method, path.replace("/batchOrders", "/order")))
        if entry.act is Act.BATCH and leg is not None:
            yield place, replace(entry, leg=leg)
