"""The table of WebSocket-API methods: security, weight, parameters, and the REST endpoint that does the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from counterseal.paper.endpoints import Endpoint
from counterseal.paper.params import Spec

FAMILIES = {"spot": "api", "usdm": "fapi", "coinm": "dapi"}


@dataclass(frozen=True, slots=True)
class Method:
    """One row.  `rest` is (HTTP method, path), or None for what only a WebSocket has."""

    market: str
    name: str
    rest: tuple[str, str] | None
    endpoint: Endpoint


def load() -> dict[tuple[str, str], Method]:
    """The shipped table, by market and name."""
    text = files("counterseal.paper").joinpath("data/ws_methods.json").read_text("utf-8")
    return {(row["market"], row["method"]): _method(row) for row in json.loads(text)}


def _method(row: dict[str, Any]) -> Method:
    verb, _, path = (row["rest"] or f"GET /{FAMILIES[row['market']]}/").partition(" ")
    endpoint = Endpoint(
        verb,
        path,
        row["security"],
        row["signed"],
        row["weight"],
        Spec(row["params"], row["signed"], False),  # unread parameters are no error here, an assumption
        row.get("free_on_success", False),
    )
    return Method(row["market"], row["method"], (verb, path) if row["rest"] else None, endpoint)
