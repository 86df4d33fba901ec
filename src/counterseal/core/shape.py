"""The shape of a request: the names of its parameters in order. What depends on names alone is worked out once.

A bot sends few shapes over and over. A shape is kept only where every name is known, stands once, is sent on under the
same name, and has a grammar that leaves its text as it is; everything else is judged name by name (`core.judge`).
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.binance.values import MATCHES, Match
from counterseal.core.legs import PRICES, id_names, places

AUTH_NAMES = frozenset({"timestamp", "recvWindow", "signature"})
MAX_SHAPES = 64
# Names whose values are lists or orders in themselves.
_NESTED = frozenset({"batchOrders", "symbols"})


class Shape(NamedTuple):
    """A plan for one order of names.

    `pick` takes the values that are sent on from those received, `names` and `matches` belong to them. `made` are the
    client ids that have to be made, `ids` all names of client ids, `prices` the names of prices.
    """

    pick: Callable[[Sequence[str]], tuple[str, ...]]
    names: tuple[str, ...]
    matches: tuple[Match, ...]
    made: tuple[str, ...]
    ids: tuple[str, ...]
    prices: tuple[str, ...]
    places: bool
    changes: bool


def shape_of(endpoint: Endpoint, names: tuple[str, ...]) -> Shape | None:
    """Give the shape of these names, None where there is none."""
    shape: Shape | None = endpoint.shapes.get(names)
    if shape is None and len(endpoint.shapes) < MAX_SHAPES and _is_plain(endpoint, names):
        shape = endpoint.shapes[names] = _plan(endpoint, names)
    return shape


def _is_plain(endpoint: Endpoint, names: tuple[str, ...]) -> bool:
    kept = [name for name in names if name not in AUTH_NAMES]
    return (
        len(kept) > 1
        and len(set(names)) == len(names)
        and "signature" not in names
        and not _NESTED & set(kept)
        and all(name in endpoint.params and endpoint.params[name].kind in MATCHES for name in kept)
        and all(name in kept or name in AUTH_NAMES for name in endpoint.required)
    )


def _plan(endpoint: Endpoint, names: tuple[str, ...]) -> Shape:
    at = [place for place, name in enumerate(names) if name not in AUTH_NAMES]
    kept = tuple(names[place] for place in at)
    ids = id_names(endpoint.method, endpoint.path) if endpoint.typed else ()
    creates = endpoint.typed and places(endpoint.method, endpoint.path)
    return Shape(
        pick=itemgetter(*at),
        names=kept,
        matches=tuple(MATCHES[endpoint.params[name].kind] for name in kept),
        made=tuple(name for name in ids if name not in kept),
        ids=ids,
        prices=tuple(name for name in PRICES if name in kept),
        places=creates,
        changes=creates or (endpoint.typed and endpoint.method == "PUT"),
    )
