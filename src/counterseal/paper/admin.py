"""Commands that no exchange has, for who rehearses: faults, prices, limits, clock, other people's doings.

One JSON object in, one out; `do` names the command.  They come by the admin socket, by a schedule, or (with
`--fault-control`) by HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Protocol

import msgspec

from counterseal.paper import faults, scenarios
from counterseal.paper.director import default_subject, traffic
from counterseal.paper.errors import ApiError, Json, unknown_path
from counterseal.paper.keys import changes_of
from counterseal.paper.limits import POOLS
from counterseal.paper.margin_accounts import SUFFIX
from counterseal.paper.money import plain
from counterseal.paper.state import snapshot

if TYPE_CHECKING:
    from counterseal.paper.exchange import Exchange


class Rim(Protocol):
    """What the server can do to its sockets when told so."""

    def disturb(self, kind: str, seconds: int, argument: str) -> Json: ...


class Admin:
    """Carries commands out and journals them.  Raises ApiError (-1135 or the exchange's own) for a wrong one."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.rim: Rim | None = None
        self._commands: dict[str, Callable[[Json], Json]] = {
            "fault": self._fault, "faults": self._faults, "catalogue": self._catalogue, "price": self._price,
            "scenario": self._scenario, "spend": self._spend, "traffic": self._traffic, "foreign": self._foreign,
            "deposit": self._deposit, "shutdown": self._shutdown, "maintenance": self._maintenance,
            "ban": self._ban, "limit": self._limit, "clock": self._clock, "rim": self._rim, "state": self._state,
            "key": self._key, "lock": self._lock,
        }  # fmt: skip

    def over_http(self, path: str, body: bytes) -> Json:
        """The three paths of `--fault-control`."""
        if path == "/paper/faults":
            return self._exchange.faults.order(body)
        names = {"/paper/price": {"do": "price"}, "/paper/admin": {}}
        if path not in names:
            raise unknown_path("POST", path)
        try:
            wanted = msgspec.json.decode(body, type=dict)
        except msgspec.MsgspecError:
            raise malformed() from None
        return self.run(wanted | names[path])

    def run(self, command: Json) -> Json:
        """Carry one command out."""
        action = self._commands.get(str(command.get("do")))
        if action is None:
            raise malformed(f"no such command; there are {', '.join(self._commands)}")
        try:
            reply = action(command)
        except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
            raise malformed(str(error)) from None
        if command["do"] not in ("state", "faults", "catalogue"):
            self._exchange.journal.happened(self._exchange.now_ms(), "admin", command=command)
        return reply

    def _fault(self, command: Json) -> Json:
        if "remove" in command:
            return {"removed": self._exchange.faults.remove(int(str(command["remove"])))}
        reply = self._exchange.faults.take({name: value for name, value in command.items() if name != "do"})
        return reply | ({"number": self._exchange.faults.listed()[-1]["number"]} if "fault" in command else {})

    def _faults(self, command: Json) -> Json:
        return {"faults": self._exchange.faults.listed(), "done": dict(self._exchange.faults.done)}

    def _catalogue(self, command: Json) -> Json:
        found = {name: scenario.text for name, scenario in scenarios.SCENARIOS.items()}
        return faults.catalogue() | {"scenarios": found, "pools": list(POOLS)}

    def _price(self, command: Json) -> Json:
        """A symbol's price at once, stops and resting orders with it."""
        market = self._exchange.markets()[str(command["market"])]
        market.shift(str(command["symbol"]), Decimal(str(command["price"])), self._exchange.now_ms())
        return {"symbol": command["symbol"], "price": command["price"]}

    def _scenario(self, command: Json) -> Json:
        start_ms = self._exchange.now_ms() + int(str(command.get("after_ms", 0)))
        playing = self._exchange.director.play(str(command["name"]), start_ms)
        return {"scenario": playing.scenario.name, "start_ms": playing.start_ms, "lasts_ms": playing.scenario.lasts_ms}

    def _spend(self, command: Json) -> Json:
        """Somebody else used a pool of ours: its count rises at once."""
        pool = str(command["pool"])
        if pool not in POOLS:
            raise KeyError(pool)
        subject = str(command.get("subject") or default_subject(pool))
        used = self._exchange.windows.add(pool, subject, int(str(command["amount"])), self._exchange.now_ms())
        return {"pool": pool, "subject": subject, "used": used, "limit": self._exchange.windows.limit(pool)}

    def _traffic(self, command: Json) -> Json:
        """The same from now on, again and again; without a `spend` it ends."""
        if "spend" in command:
            self._exchange.director.traffic.append(traffic(str(command["spend"])))
        else:
            self._exchange.director.traffic.clear()
        return {"traffic": len(self._exchange.director.traffic)}

    def _foreign(self, command: Json) -> Json:
        """Somebody else acts on the account: any endpoint, no key, in the ledger and on the streams."""
        params = command["params"]
        if not isinstance(params, dict):
            raise TypeError("params is an object")
        account, texts = str(command.get("account", "main")), {str(name): str(value) for name, value in params.items()}
        result = self._exchange.run_foreign(account, str(command["method"]), str(command["path"]), texts)[0]
        return {"result": result}

    def _deposit(self, command: Json) -> Json:
        """Money comes, or with a negative amount goes, and the user streams tell; nobody's balance falls below zero."""
        asset, amount = str(command["asset"]), Decimal(str(command["amount"]))
        place, account = str(command["market"]), str(command.get("account", "main"))
        if place == "margin":  # a wallet of the spot market
            self._exchange.margin.wallet(account)
            place, account = "spot", account + SUFFIX
        market, now_ms = self._exchange.markets()[place], self._exchange.now_ms()
        balance = market.deposit(account, asset, amount, now_ms)
        market.feed.flush(now_ms)
        return {"account": account, "asset": asset, "free": plain(balance)}

    def _shutdown(self, command: Json) -> Json:
        """Announce the end of every WebSocket (`serverShutdown` on spot) and close them all after `wait_ms`."""
        wait_ms = int(str(command.get("wait_ms", 0)))
        count = len(self._exchange.realtime)
        self._exchange.realtime.shut_down(wait_ms)
        return {"connections": count, "wait_ms": wait_ms}

    def _maintenance(self, command: Json) -> Json:
        """Announce maintenance, or with `on` 0 its end."""
        self._exchange.spot.maintenance = bool(int(str(command.get("on", 1))))
        return {"on": self._exchange.spot.maintenance}

    def _ban(self, command: Json) -> Json:
        """Ban an address from a side of the exchange; 0 seconds lift the ban."""
        side, peer, seconds = str(command["side"]), str(command.get("peer", "127.0.0.1")), int(str(command["seconds"]))
        if side not in ("spot", "futures", "all"):
            raise ValueError("side is spot, futures or all")
        self._exchange.guard.ban(side, peer, seconds, self._exchange.now_ms())
        return {"side": side, "peer": peer, "seconds": seconds}

    def _limit(self, command: Json) -> Json:
        self._exchange.windows.set_limit(str(command["pool"]), int(str(command["size"])))
        return {"pool": command["pool"], "size": command["size"]}

    def _clock(self, command: Json) -> Json:
        """Put the exchange's clock ahead of the machine's, or behind it, or let it drift."""
        offset, drift = command.get("offset_ms"), command.get("drift_ppm")
        self._exchange.clock.skew(
            None if offset is None else int(str(offset)), None if drift is None else int(str(drift))
        )
        return {"skew_ms": self._exchange.clock.skew_ms()}

    def _key(self, command: Json) -> Json:
        """Somebody changes a key at the web page: permissions, addresses (null: any), flags; or deletes it."""
        keys, api_key = self._exchange.keys, str(command["api_key"])
        if command.get("delete"):
            return {"deleted": keys.delete(api_key)}
        changed = keys.change(api_key, changes_of(command))
        return {"permissions": list(changed.permissions), "status": changed.status, "ips": list(changed.ips)}

    def _lock(self, command: Json) -> Json:
        """Say that trading of an account is locked for so many seconds, 0 for no longer; nothing is refused for it."""
        account, seconds = str(command.get("account", "main")), int(str(command["seconds"]))
        until_ms = self._exchange.now_ms() + seconds * 1000
        self._exchange.spot.locked_until[account] = until_ms if seconds else 0
        return {"account": account, "until_ms": until_ms if seconds else None}

    def _rim(self, command: Json) -> Json:
        if self.rim is None:
            raise ValueError("there are no sockets here")
        return self.rim.disturb(
            str(command["kind"]), int(str(command.get("seconds", 0))), str(command.get("argument", ""))
        )

    def _state(self, command: Json) -> Json:
        return snapshot(self._exchange)


def malformed(why: str = "") -> ApiError:
    return ApiError(-1135, f"Invalid JSON Request{': ' + why if why else ''}")
