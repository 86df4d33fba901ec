"""The table of what is served: security, weight rule and parameters of each (method, path)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from counterseal.paper.params import Params, Spec

Rule = dict[str, Any]  # a weight rule as the table spells it; its shape depends on `kind`


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of `data/endpoints.json`."""

    method: str
    path: str
    security: str
    signed: bool
    rule: Rule
    spec: Spec
    is_free_on_success: bool
    scope: str = "IP"  # whose weight it is: the address's (IP) or the account's (UID)

    @property
    def family(self) -> str:
        return self.path.split("/", 2)[1]

    @property
    def needs_key(self) -> bool:
        return self.security != "NONE"


def load() -> dict[tuple[str, str], Endpoint]:
    """The shipped table, by method and path.  Unread parameters are an error on /api only."""
    text = files("counterseal.paper").joinpath("data/endpoints.json").read_text("utf-8")
    return {(row["method"], row["path"]): _endpoint(row) for row in json.loads(text)}


def _endpoint(row: dict[str, Any]) -> Endpoint:
    is_strict = row["path"].startswith("/api/")
    return Endpoint(
        row["method"],
        row["path"],
        row["security"],
        row["signed"],
        row["weight"],
        Spec(row["params"], row["signed"], is_strict),
        row.get("free_on_success", False),
        row.get("scope") or "IP",
    )


def weight(rule: Rule, params: Params) -> int:
    """What a call costs by its rule and its parameters."""
    kind = rule["kind"]
    if kind == "by_param":
        return int(rule["with"] if params.get(rule["param"]) else rule["without"])
    if kind == "by_limit":
        return _by_limit(rule, params)
    if kind == "by_value":
        return int(rule["values"].get(params.get(rule["param"], "").lower(), rule["default"]))
    if kind in ("symbols", "symbols_steps"):
        return _by_symbols(rule, params)
    return int(rule["value"])


def _by_limit(rule: Rule, params: Params) -> int:
    text = params.get(rule["param"], "")
    asked = int(text) if text.isdigit() else int(rule["default_limit"])
    for most, cost in rule["steps"]:
        if most is None or asked <= most:
            return int(cost)
    return int(rule["steps"][-1][1])


def _by_symbols(rule: Rule, params: Params) -> int:
    if "symbol" in params:
        return int(rule["symbol"])
    if "symbols" not in params:
        return int(rule["none"])
    count = params["symbols"].count(",") + 1
    if rule["kind"] == "symbols":
        return min(int(rule["cap"]), int(rule["each"]) * count)
    return int(next(cost for most, cost in rule["steps"] if most is None or count <= most))
