"""One request on its way through a handler: what was asked, by whom, when, and which orders it touched."""

from __future__ import annotations

from dataclasses import dataclass, field

from counterseal.paper.errors import Json
from counterseal.paper.keys import ApiKey
from counterseal.paper.orders import Order
from counterseal.paper.params import Params


@dataclass(slots=True)
class Call:
    """Handlers read `params` (checked text) and leave reply headers and the orders for the journal."""

    method: str
    path: str
    params: Params
    now_ms: int
    account: str
    key: ApiKey | None
    headers: dict[str, str] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    algo: Json | None = None
