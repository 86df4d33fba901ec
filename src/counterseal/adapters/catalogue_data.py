"""The catalogue that ships with the package."""

import json
from functools import cache
from importlib.resources import files

from counterseal.core.binance.catalogue import Catalogue, build


@cache
def load_catalogue() -> Catalogue:
    """Read and build the shipped catalogue."""
    return build(json.loads(files("counterseal").joinpath("data/rest_endpoints.json").read_bytes()))
