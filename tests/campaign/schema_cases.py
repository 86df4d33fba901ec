"""Cases of SCH-1: names alone, left out, with good and bad values; unknown names; pairs that change a meaning."""

import re
from collections.abc import Iterator
from itertools import combinations, product
from typing import NamedTuple

from tests.campaign.schemas import (
    LAXER,
    Decision,
    Pairs,
    Row,
    bad_values,
    base,
    decide,
    good_values,
    kind_of,
    leg_rows,
    new_ids,
    rows,
    socket_rows,
)

ROWS, LEGS, METHODS = rows(), leg_rows(), socket_rows()
KNOWN = sorted({name for row in ROWS for name in row.documented})
# Names that no table has: of other products, of other libraries, of tomorrow.
FOREIGN = (
    "sideEffectType", "isIsolated", "autoRepayAtCancel", "asset", "address", "network", "apiKey", "callback", "cmd",
    "x", "walletType", "newQuantity", "clientOrderId", "returnRateLimits", "signed", "method", "id", "params",
    "stp", "postOnly", "hidden", "orderid", "Price", "QUANTITY", "symbol_", "timestamp2",
)  # fmt: skip
# Of a connection to the WebSocket API, or of who asks: not judged as names of a request.
_ASIDE = {"apiKey", "returnRateLimits"}
# What does not change which order it is.
_NAMES_ONLY = re.compile(r".*[cC]lientOrderId|clientAlgoId|.*[sS]trategy(Id|Type)|newOrderRespType|recvWindow|symbol")


class Case(NamedTuple):
    """One request, and why it is tried."""

    row: Row
    pairs: Pairs
    what: str


def changed(pairs: Pairs, name: str, value: str) -> Pairs:
    """Give pairs in which a name has a value."""
    return [*[pair for pair in pairs if pair[0] != name], (name, value)]


def alone(row: Row) -> Iterator[Case]:
    """Each documented parameter: by itself, left out, with each documented value and with what is none."""
    whole = base(row)
    yield Case(row, whole, "shortest")
    for name in sorted(row.documented):
        yield Case(row, [(name, good_values(row, name)[0])], "alone")
        yield from (Case(row, changed(whole, name, value), "good") for value in good_values(row, name))
        yield from (Case(row, changed(whole, name, value), "bad") for value in bad_values(row, name))
    yield from (Case(row, [pair for pair in whole if pair is not one], "left out") for one in whole)
    for name in new_ids(row):
        yield Case(row, changed(whole, name, "autoclose-1"), "reserved")
    for name in row.documented & {"leverage"}:
        yield from (Case(row, changed(whole, name, value), "cap") for value in ("20", "21", "125"))


def unknown(row: Row) -> Iterator[Case]:
    """Each name of any other endpoint, names of nowhere, and its own names in another case."""
    own = {spelled for name in row.documented for spelled in (name.upper(), name.lower(), name.title(), f"{name}s")}
    laxer, asides = set(LAXER.get((row.method, row.path), {})), _ASIDE if row.address else set()
    for name in sorted({*FOREIGN, *own, *([] if row.address else KNOWN)} - row.documented - laxer - asides):
        yield Case(row, [*base(row), (name, "1")], "unknown")
    # An object with a name twice is JSON-1's affair.
    for name, value in [] if row.address or row.is_leg else base(row):
        yield Case(row, [*base(row), (name, value)], "twice")
    for spelled, name in LAXER.get((row.method, row.path), {}).items():
        value = good_values(row, name)[0]
        yield Case(row, changed(base(row), spelled, value), "laxer")
        yield Case(row, [*base(row), (spelled, value), (name, value)], "laxer and true")


def strong(row: Row, name: str) -> str:
    """Give the value of a parameter that changes most."""
    if kind_of(row, name) == "flag":
        return "true" if name != "multiAssetsMargin" and name != "dualSidePosition" else "false"
    lowest = {"marginType", "leverage", "type"} if "quantity" not in row.documented else set()
    return good_values(row, name)[0 if name in lowest else -1]


def pairs_of_meaning(row: Row) -> Iterator[Case]:
    """Each two parameters that change what an order is; and each two ids, equal and different."""
    if not row.changes:
        return
    names = [name for name in sorted(row.documented) if not _NAMES_ONLY.fullmatch(name)]
    for one, other in combinations(names, 2):
        pairs = changed(changed(base(row), one, strong(row, one)), other, strong(row, other))
        yield Case(row, pairs, "pair")
    for one, other in combinations(new_ids(row), 2):
        for values in (("same", "same"), ("one", "other")):
            yield Case(row, changed(changed(base(row), one, values[0]), other, values[1]), "two ids")


def cases() -> list[Case]:
    """Give every case of every endpoint, of every order in a batch, and of every method of the WebSocket API."""
    found = [case for row in ROWS for kind in (alone, unknown, pairs_of_meaning) for case in kind(row)]
    found += [case for row in (*LEGS, *METHODS) for kind in (alone, unknown) for case in kind(row)]
    return [case._replace(pairs=list(_of_its_own(case, number))) for number, case in enumerate(found)]


def _of_its_own(case: Case, number: int) -> Iterator[tuple[str, str]]:
    """Give the pairs with new ids that no other case has; a text that is none stays."""
    new = new_ids(case.row)
    for name, value in case.pairs:
        yield name, f"{value}-{number}" if name in new and 0 < len(value) < 40 else value


# -- flags of which it depends whether an order counts under a limit

FLAGGED = [row for row in (*ROWS, *LEGS) if row.method == "POST" and {"reduceOnly", "positionSide"} <= row.documented]
FLAGS = {
    "reduceOnly": (None, "false", "true"),
    "closePosition": (None, "false", "true"),
    "positionSide": (None, "BOTH", "LONG", "SHORT"),
    "quantity": (None, "1"),
    "price": (None, "90000"),
}
# Under a limit that no order of one coin or contract fits into.
LIMIT = "max_order_notional = 50"


def flagged(row: Row) -> Iterator[Case]:
    """Each combination of the flags."""
    needed = [(name, good_values(row, name)[0]) for name in row.required]
    for values in product(*FLAGS.values()):
        chosen = [(name, value) for name, value in zip(FLAGS, values, strict=True) if value is not None]
        yield Case(row, needed + chosen, "flags")


def flag_cases() -> list[Case]:
    """Give them for every endpoint that has such flags."""
    return [case for row in FLAGGED for case in flagged(row)]


def limited(case: Case) -> Decision:
    """Say what must become of an order that is too large, by what the documents say of its flags."""
    found, said = decide(case.row, case.pairs), dict(case.pairs)
    one_way = said.get("positionSide", "BOTH") == "BOTH"
    # reduceOnly is not allowed in hedge mode; closePosition excludes a quantity: then only the exchange knows.
    shrinks = one_way and said.get("reduceOnly") == "true"
    if found.reason is not None or shrinks or "quantity" not in said:
        return found
    return Decision("notional_over_limit")
