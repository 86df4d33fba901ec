"""The guard's way to the exchange, made once the ladder was told: its connections, its signatures, its hands."""

import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.adapters.signer_client import SignerClient
from counterseal.adapters.tasks import Tasks
from counterseal.adapters.upstream import UpstreamPool
from counterseal.adapters.venue_targets import targets
from counterseal.core.binance.hosts import ENVIRONMENT_HOSTS
from counterseal.core.config.model import Config
from counterseal.guard.hands.deadman import Owner
from counterseal.guard.hands.hands import Hands
from counterseal.guard.hands.reached import Reaching
from counterseal.ports.clock import Clock

Register = Callable[[str, str, Sequence[str]], None]


class Outward:
    """Connections, signer and hands of a guard that has settings. `config` gives those in force."""

    def __init__(
        self,
        config: Callable[[], Config],
        signer_end: socket.socket,
        clock: Clock,
        tasks: Tasks,
        log: Any,
        register: Register,
        record: Callable[[Mapping[str, Any]], object],
        owner: Owner,
        bought: Callable[[str], Mapping[str, Decimal] | None],
        send: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._tasks, self._log, self._send = tasks, log, send
        self.signer = SignerClient(signer_end, clock, self._keys_changed)
        hosts = ENVIRONMENT_HOSTS[config().venue.environment]
        self.venue = UpstreamPool(targets(config()), clock, log.warning)
        self.hands = Hands(
            config, load_catalogue(), hosts, self.venue, self.signer, clock, tasks, secrets.token_hex(4), register,
            record, log.warning, bought, owner,
        )  # fmt: skip
        self.hands.asker.purse.on_taken = self.tell_spend
        self.hands.asker.purse.wall.on_stop = self._tell_walls
        self.reaching = Reaching(self.hands, config, owner)

    def start(self) -> None:
        """Say hello to the signer, and begin. Inside the running event loop."""
        self.signer.start()
        self.venue.start()
        self._tasks.spawn(self.hands.start(), "hands")

    def tell_spend(self) -> None:
        """Tell the gateway what was spent of the exchange's limits."""
        purse = self.hands.asker.purse
        self._send({"type": "spend", "pools": purse.ledger.spend(purse.moment())})
        self._tell_walls()

    def _tell_walls(self) -> None:
        """Tell the gateway where the exchange has said to stop: it shares the addresses."""
        purse = self.hands.asker.purse
        told = purse.wall.told(purse.moment().monotonic_ms)
        if told:
            self._send({"type": "walls", "walls": told})

    def hear_walls(self, walls: object) -> None:
        """Take where the gateway was told to stop. Raises ValueError for nonsense."""
        purse = self.hands.asker.purse
        purse.wall.hear(walls, purse.moment().monotonic_ms)

    def hear_spend(self, pools: object) -> None:
        """Take what the gateway has spent. Raises ValueError for nonsense."""
        if not isinstance(pools, dict):
            raise ValueError("not spending")
        purse = self.hands.asker.purse
        purse.ledger.hear_partner(pools, purse.moment())

    async def close(self) -> None:
        """Give up connections."""
        await self.venue.close()
        self.signer.close()

    def _keys_changed(self) -> None:
        self._log.info("signer holds keys", keys=sorted(self.signer.keys()))
