"""The listen key calls that bots may make. They are answered here: at the exchange they stay refused.

A real listen key opens the account's events to whoever has it, so no bot ever gets one or ends one.
"""

from collections.abc import Mapping
from dataclasses import replace

from counterseal.core.binance.catalogue import Catalogue, Endpoint, Param
from counterseal.core.binance.schema import Kind
from counterseal.core.binance.values import CHECKS

_PATHS = {"usdm": "/fapi/v1/listenKey", "coinm": "/dapi/v1/listenKey"}
FAMILIES = tuple(_PATHS)
# The exchange needs none, for it goes by the API key; most clients name the key all the same.
_PARAMS = {"listenKey": Param("listenKey", required=False, kind=Kind.TEXT, check=CHECKS[Kind.TEXT])}


def answered_here(catalogue: Catalogue) -> Mapping[str, Endpoint]:
    """Give these endpoints by their names, as calls for which a bot needs the purpose "account"."""
    found = [
        catalogue.get(family, method, path) for family, path in _PATHS.items() for method in ("POST", "PUT", "DELETE")
    ]
    return {
        each.name: replace(each, purpose="account", refusal=None, params=_PARAMS, shapes={})
        for each in found
        if each is not None
    }
