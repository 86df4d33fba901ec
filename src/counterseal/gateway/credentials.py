"""The bots' credentials as the gateway holds them: what cannot be read any more still holds for a minute."""

import os
import secrets
from collections.abc import Mapping
from typing import Any

from counterseal.adapters import credential_file
from counterseal.adapters.home import Home, HomeError
from counterseal.core.canaries import Canary
from counterseal.core.credential import Credential
from counterseal.core.failures import Sign
from counterseal.core.secret import Secret
from counterseal.gateway.gate import Gate
from counterseal.gateway.state import State
from counterseal.ports.clock import Timer

# How long a credential holds that cannot be read, and how often it is tried again.
KEPT_MS = 60_000
RETRY_S = 5.0
STORE = "credentials_away"


class Credentials:
    """Loads them into the state. A file that is gone is a revoked credential and ends at once.

    One that is there and cannot be read holds for a minute from its own first failure, in which it is tried again;
    from then on only a reload reads it.
    """

    def __init__(self, home: Home, state: State, log: Any) -> None:
        self._home = home
        self._state = state
        self._log = log
        self._by_name: Mapping[str, Credential] = {}
        # By the name of what cannot be read: since when (monotonic ms).
        self._away_ms: dict[str, int] = {}
        self._timer: Timer | None = None
        self._gate: Gate | None = None
        self._told: list[str] = []

    def start(self, gate: Gate) -> None:
        """Tell of failures from now on, and try again by itself."""
        self._gate = gate
        self._note()

    def stop(self) -> None:
        """Try no more."""
        if self._timer is not None:
            self._timer.cancel()

    def listen_key_secret(self) -> Secret:
        """Give what listen keys are made with: the same after a restart, unless the identity cannot be read."""
        try:
            return credential_file.listen_key_secret(self._home)
        except HomeError:
            return Secret(secrets.token_bytes(32))

    def load(self) -> list[str]:
        """Read them all anew; give what could not be read, a sentence each."""
        try:
            # A folder that is gone or closed to us is not an empty one, for which `glob` takes it.
            os.scandir(self._home.bots).close()
            loaded = credential_file.load_all(self._home)
            read, faults = dict(loaded.by_fingerprint), dict(loaded.faults)
        except (HomeError, OSError) as fault:
            why = str(fault) if isinstance(fault, HomeError) else str(fault.strerror)
            read, faults = {}, {"bots": why, **dict.fromkeys(self._by_name, "not read")}
        now_ms = self._state.monotonic_ms()
        self._away_ms = {name: self._away_ms.get(name, now_ms) for name in faults}
        recent = self._recent()
        read = {name: held for name, held in self._by_name.items() if name in recent} | read
        self._by_name = read
        self._state.credentials = {each.key_id: each for each in read.values() if not each.canary}
        self._state.canaries = {each.key_id: Canary(name, each.bot) for name, each in read.items() if each.canary}
        self._note()
        told = [f"{name}: {why}" for name, why in faults.items()]
        for sentence in told if told != self._told else ():
            self._log.error("credential not loaded", fault=sentence)
        self._told = told
        return told

    def _recent(self) -> set[str]:
        """Give what has been unreadable for less than a minute."""
        now_ms = self._state.monotonic_ms()
        return {name for name, since_ms in self._away_ms.items() if now_ms - since_ms < KEPT_MS}

    def _note(self) -> None:
        if self._gate is None:
            return
        self._gate.note(Sign(STORE, is_failing=bool(self._away_ms)))
        self.stop()
        if self._recent():
            self._timer = self._state.clock.call_later(RETRY_S, self._again)

    def _again(self) -> None:
        self.load()
