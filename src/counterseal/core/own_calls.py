"""Requests that the gateway itself is asked, and that no exchange knows: a bot halts itself.

They are signed like any other. A signature covers no path, so the call has a mandatory parameter that no endpoint of
the exchange has: what a bot has signed for something else never halts it, and its halt is nothing anywhere else.
"""

from collections.abc import Mapping
from types import MappingProxyType

from counterseal.core.binance.catalogue import Endpoint, Param
from counterseal.core.binance.schema import Kind
from counterseal.core.binance.values import CHECKS, Check
from counterseal.core.binance.weights import parse_rule

# Purpose, product and family of these calls: every bot has them, whatever it may do at the exchange.
OWN = "own"
HALT_PATH = "/counterseal/v1/halt"
MAX_CAUSE = 200
_SCOPE = "bot"
# A kind that no shape takes a short cut for: the checks of these parameters are their own.
_JUDGED = Kind.LEGS


def read_cause(text: str) -> str | None:
    """One line of at most 200 characters; None for any other text."""
    return text if text and len(text) <= MAX_CAUSE and text.isprintable() else None


def _read_scope(text: str) -> str | None:
    """A bot may halt itself, and nobody else: there is one word to say."""
    return text if text == _SCOPE else None


def _call(path: str, params: Mapping[str, tuple[bool, Kind, Check]]) -> Endpoint:
    key = (OWN, "POST", path)
    return Endpoint(
        family=OWN,
        method="POST",
        path=path,
        purpose=OWN,
        refusal=None,
        security="USER_DATA",
        signed=True,
        weight=parse_rule({"kind": "fixed", "value": 0}),
        weight_scope="IP",
        orders={},
        free_on_success=False,
        params={name: Param(name, required, kind, check) for name, (required, kind, check) in params.items()},
        lists=frozenset(),
        aliases={},
        dropped=frozenset(),
        typed=False,
        required=tuple(name for name, (required, *_) in params.items() if required),
        name=" ".join(key),
        mutating=False,
        product=OWN,
    )


HALT = _call(
    HALT_PATH,
    {
        "scope": (True, _JUDGED, _read_scope),
        "cancel": (False, Kind.BOOL, CHECKS[Kind.BOOL]),
        "cause": (False, _JUDGED, read_cause),
    },
)
OWN_CALLS: Mapping[tuple[str, str], Endpoint] = MappingProxyType({(HALT.method, HALT.path): HALT})
