"""The guard's way to the exchange, made once the ladder was told: its connections, its signatures, its hands."""

import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.adapters.signer_client import SignerClient
from counterseal.adapters.spare_pool import LOOK_S, SparePool
from counterseal.adapters.stream_link import dialler
from counterseal.adapters.tasks import Tasks
from counterseal.adapters.venue_targets import targets
from counterseal.core.binance.hosts import ENVIRONMENT_HOSTS, STREAM_HOSTS
from counterseal.core.config.model import Config
from counterseal.guard.hands.deadman import Learn, Owner, Tell
from counterseal.guard.hands.hands import Hands
from counterseal.guard.hands.reached import Held, Reaching
from counterseal.guard.watch.streams import Links
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
        tell_of_dead_man: Tell,
        learn: Learn,
        held: Held,
    ) -> None:
        self._tasks, self._log, self._send, self._clock = tasks, log, send, clock
        self._config = config
        self.signer = SignerClient(signer_end, clock, self._keys_changed)
        hosts = ENVIRONMENT_HOSTS[config().venue.environment]
        self.venue = SparePool(targets(config()), clock, log.warning)
        streams, egress = STREAM_HOSTS[config().venue.environment], next(iter(config().venue.egress), "")
        self.links = Links(streams, dialler(targets(config(), streams), egress), secrets.randbelow)
        self.hands = Hands(
            config, load_catalogue(), hosts, self.venue, self.signer, clock, tasks, secrets.token_hex(4), register,
            record, log.warning, bought, owner, tell_of_dead_man, learn,
        )  # fmt: skip
        # It takes as long as a signature: that time it may have, and no more.
        self.hands.asker.purse.on_taken = self._tell_soon
        self.hands.asker.purse.on_leaving = self._tell_due
        self._is_due = False
        self.hands.asker.purse.wall.on_stop = self._tell_walls
        self.reaching = Reaching(self.hands, config, owner, learn, held)

    def start(self) -> None:
        """Say hello to the signer, and begin. Inside the running event loop."""
        self.signer.start()
        self.venue.start()
        self._tasks.spawn(self.hands.start(), "hands")
        self._tasks.spawn(self._keep_ready(), "keep connections ready")

    async def _keep_ready(self) -> None:
        while True:
            for family in self.hands.families():
                for egress in self._config().venue.egress or ("",):
                    await self.venue.prepare(family, egress)
            await self._clock.sleep(LOOK_S)

    def _tell_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._clock.call_later(0.0, self._tell_due)

    def _tell_due(self) -> None:
        if self._is_due:
            self._is_due = False
            self.tell_spend()

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
