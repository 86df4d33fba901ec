"""A key of the exchange in other hands: frozen, replaced, and proven dead."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from counterseal.adapters import hsm_file, key_file
from counterseal.adapters.control_socket import ControlError
from counterseal.adapters.home import HomeBusyError, HomeError, locked
from counterseal.adapters.hsm_file import HsmKey
from counterseal.adapters.key_file import StoredKey
from counterseal.cli.emergency_course import Freeze, Ground, Result, Work
from counterseal.core.config.model import Config
from counterseal.core.emergency import (
    Life,
    Watched,
    at_the_exchange,
    fall_back,
    forgotten,
    life_of,
    shown,
    suspects_of,
)
from counterseal.core.key_refs import name_of
from counterseal.core.ladder import FLEET, Kind, Scope
from counterseal.core.rotation import Stage, Version
from counterseal.core.secret import Secret

LOCK = "keys"
# How long another program may hold the key file, such as a rotation that is under way.
BUSY_S = 10.0
PROBE_S, ASK_S, TELL_S = 0.5, 15.0, 15.0
RESTART_S = 12.0
_TRIES = 3


def uses_of(name: str, config: Config | None) -> tuple[str, ...]:
    """Give the scopes of the bots that use a key; without settings nobody knows them, and the fleet is meant."""
    if config is None:
        return (str(FLEET),)
    return tuple(str(Scope(Kind.BOT, bot.name)) for bot in config.bots.values() if name in bot.keys)


class Suspect(NamedTuple):
    """A version that somebody else may hold. `api_key` is "" where only the signer knows it."""

    ref: str
    api_key: str
    environment: str


class KeyEmergency:
    """The steps for one key. `at_page` is told what a person does at the exchange; `wait_s` bounds the wait for it.

    With `drop_now` a key without a successor is taken from the signer before the exchange refuses it.
    """

    def __init__(
        self,
        ground: Ground,
        name: str,
        config: Config | None,
        freeze: Freeze,
        at_page: Callable[[Sequence[str]], None],
        wait_s: float,
        *,
        drop_now: bool,
    ) -> None:
        self._ground, self._name, self._config, self._freeze = ground, name, config, freeze
        self._at_page, self._wait_s, self._drop_now = at_page, wait_s, drop_now
        self._found: dict[str, Suspect] | None = None
        self._watched: dict[str, Watched] = {}
        self._account = ""
        self._successor = ""
        # Taken from the signer: what it no longer signs with is shown to the exchange unsigned.
        self._dropped: set[str] = set()

    def works(self) -> Mapping[str, Work]:
        """Give what is done in each step of the plan."""
        return {
            "freeze": self._freeze.freeze, "cancel": self._freeze.cancel, "try": self._try,
            "fall back": self._fall_back, "drop": self._drop, "revoke": self._revoke,
            "forget": self._forget,
        }  # fmt: skip

    # -- the steps

    def _try(self) -> Result:
        if not self._suspects:
            return Result(False, f"no version of {self._name} with an API key is stored here")
        for _ in range(_TRIES):
            for ref in self._suspects:
                self._look(ref)
            if all(watched.was_alive for watched in self._watched.values()):
                return Result(True, f"{', '.join(self._suspects)}: the exchange takes it still")
        dumb = [ref for ref, watched in self._watched.items() if not watched.was_alive]
        return Result(False, f"{', '.join(dumb)}: the exchange did not take it from here; it may live all the same")

    def _fall_back(self) -> Result:
        with _locked(self._ground):
            keys = key_file.read(self._ground.home)
            mine = key_file.versions(keys, self._name)
            found = fall_back([key.version for key in mine.values()], self._ground.now_ms())
            if found is None:
                return Result(None, "there is no spare and no other version: its bots have no key until one is added")
            moved = {version.ref: _as(mine[version.ref], version) for version in found.versions}
            key_file.write(self._ground.home, keys | moved)
        self._successor = found.to
        self._refill()
        self._dropped.update(found.suspects)
        return self._judge_successor(found.to)

    def _judge_successor(self, ref: str) -> Result:
        probe: Mapping[str, Any] = {}
        for _ in range(_TRIES):
            probe = self._ground.ask("key_probe", {"ref": ref}, ASK_S)
            if life_of(probe) is Life.ALIVE:
                account = str(probe.get("account") or "")
                if self._account and account and account != self._account:
                    return Result(False, f"{ref} has taken its place, and is a key of ANOTHER account ({account})")
                return Result(True, f"{ref} has taken its place, and the exchange takes it")
            self._ground.wait(PROBE_S)
        return Result(False, f"{ref} has taken its place, and the exchange does not take it: {probe.get('text')}")

    def _drop(self) -> Result:
        if self._successor:
            return self._dropped_with_the_successor()
        if not self._drop_now:
            return Result(None, "no other key sees the account: the guard keeps it until the exchange refuses it")
        self._take_out()
        return Result(True, "the signer holds it no longer")

    def _dropped_with_the_successor(self) -> Result:
        """The same stroke has taken it from the signer, if that serves again."""
        if set(self._suspects) <= self._dropped:
            return Result(True, "the signer holds it no longer")
        self._refill()
        self._dropped.update(self._suspects)
        return Result(True, "the signer holds it no longer, since it was asked again")

    def _revoke(self) -> Result:
        if not self._suspects:
            return Result(False, f"no version of {self._name} is known here; look at the exchange's page")
        for ref, key in self._suspects.items():
            self._at_page([f"Revoke {ref} ({shown(key.api_key)}):", *at_the_exchange(key.environment, key.api_key)])
        told_ns = self._ground.clock.monotonic_ns()
        for _ in self._ground.until(self._wait_s):
            for ref in self._suspects:
                self._look(ref)
            if all(watched.is_dead for watched in self._watched.values()):
                return self._dead()
            if self._ground.clock.monotonic_ns() - told_ns > TELL_S * 1e9:
                told_ns = self._ground.clock.monotonic_ns()
                self._ground.say(f"not refused yet: {', '.join(self._living())}")
            self._ground.wait(PROBE_S)
        return Result(False, f"not refused by the exchange within {self._wait_s:g} s: {', '.join(self._living())}")

    def _dead(self) -> Result:
        doubtful = [ref for ref, watched in self._watched.items() if not watched.is_proven]
        if doubtful:
            return Result(
                False, f"{', '.join(doubtful)}: refused, but never seen alive from here: it may only be closed to this "
                "address; look at the exchange's page",
            )  # fmt: skip
        return Result(True, f"the exchange refuses {', '.join(self._suspects)}")

    def _forget(self) -> Result:
        if not self._suspects or not all(watched.is_proven for watched in self._watched.values()):
            return Result(None, f"it is not proven dead and stays; see: counterseal key rotate {self._name} --status")
        self._take_out()
        return Result(True, f"{', '.join(self._suspects)}: no secret of it is left here")

    # -- parts

    @property
    def _suspects(self) -> dict[str, Suspect]:
        """The versions in question. Not read before the bots are frozen: it may need a passphrase.

        A store that is down holds up neither the probe nor the page: then it is what the signer has in memory.
        """
        if self._found is None:
            try:
                self._found = _stored(self._ground, self._name)
            except HomeError as fault:
                self._ground.say(f"the stored keys cannot be read ({fault}); going by what the signer holds")
                self._found = self._in_memory()
            self._watched = {ref: Watched() for ref in self._found}
        return self._found

    def _in_memory(self) -> dict[str, Suspect]:
        held = self._ground.ask("status", {})["gateway"].get("keys", [])
        environment = "production" if self._config is None else self._config.venue.environment
        return {ref: Suspect(ref, "", environment) for ref in held if name_of(ref) == self._name}

    def _living(self) -> list[str]:
        return [ref for ref, watched in self._watched.items() if not watched.is_dead]

    def _look(self, ref: str) -> None:
        """Ask the exchange once with a version; no answer tells nothing."""
        try:
            probe = self._probe(ref)
        except ControlError:
            return
        self._watched[ref] = self._watched[ref].after(life_of(probe))
        self._account = self._account or str(probe.get("account") or "")

    def _probe(self, ref: str) -> Mapping[str, Any]:
        key = self._suspects[ref]
        here = self._config.venue.environment if self._config is not None else key.environment
        if key.environment != here:
            raise ControlError(f"{ref} is sealed for {key.environment}, and this installation asks {here}")
        shown_key = {"api_key": key.api_key}
        asked = ("key_refused", shown_key) if ref in self._dropped else ("key_probe", {"ref": ref})
        found: Mapping[str, Any] = self._ground.ask(*asked, ASK_S)
        return found

    def _take_out(self) -> None:
        """Take the suspects out of the key file, and have the signer serve without them."""
        home = self._ground.home
        with _locked(self._ground):
            keys = key_file.read(home)
            mine = key_file.versions(keys, self._name)
            left = forgotten([key.version for key in mine.values()], tuple(self._suspects), self._ground.now_ms())
            others = {ref: key for ref, key in keys.items() if ref not in mine}
            key_file.write(home, others | {version.ref: _as(mine[version.ref], version) for version in left})
            entries = hsm_file.read(home)
            if entries.pop(self._name, None) is not None:
                hsm_file.write(home, entries)
        if not set(self._suspects) <= self._dropped:
            self._refill()
            self._dropped.update(self._suspects)

    def _refill(self) -> None:
        self._ground.ask("restart_signer", {}, RESTART_S)


def _as(key: StoredKey, version: Version) -> StoredKey:
    """Give a stored key as its version is now; of one that is revoked the secret is forgotten."""
    secret = Secret(b"") if version.stage is Stage.REVOKED else key.secret
    return replace(key, stage=version.stage.value, since_ms=version.since_ms, secret=secret)


def _stored(ground: Ground, name: str) -> dict[str, Suspect]:
    """Give the versions of a key that somebody else may hold, and that the exchange knows. Raises HomeError."""
    mine = key_file.versions(key_file.read(ground.home), name)
    keys: list[StoredKey | HsmKey] = [mine[ref] for ref in suspects_of([key.version for key in mine.values()])]
    keys += [key for key in hsm_file.read(ground.home).values() if key.ref == name]
    return {key.ref: Suspect(key.ref, key.api_key, key.environment) for key in keys if key.api_key}


@contextmanager
def _locked(ground: Ground) -> Iterator[None]:
    """Hold the key file's lock; wait for whoever holds it, for a while. Raises HomeBusyError."""
    with ExitStack() as held:
        busy: HomeBusyError | None = None
        for _ in ground.until(BUSY_S):
            try:
                held.enter_context(locked(ground.home, LOCK))
            except HomeBusyError as fault:
                busy = fault
            else:
                busy = None
                break
        if busy is not None:
            raise busy
        yield
