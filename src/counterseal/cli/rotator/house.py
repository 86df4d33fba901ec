"""The rotator's hands: the key file, and whatever runs on the same home."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from counterseal.adapters import control_socket, key_file
from counterseal.adapters.control_socket import ControlError, NotRunningError
from counterseal.adapters.home import Home, HomeBusyError, HomeError, locked
from counterseal.adapters.key_file import StoredKey
from counterseal.core.key_refs import name_of, next_ref, number_of
from counterseal.core.rotation import Event, Refusal, Stage, Version, apply
from counterseal.core.rotation_step import Probe
from counterseal.core.secret import Secret

LOCK = "keys"
# Of the versions that the exchange has refused so many are remembered.
KEPT_REVOKED = 5
# For how long another command may hold the key file.
BUSY_S = 5.0
REFILL_S, PROBE_S, ASK_S = 20.0, 15.0, 5.0

Ask = Callable[[str, float, Mapping[str, str] | None], Any]
# Told before and after whatever is written or asked for: tests end the process there.
At = Callable[[str], None]


def _nowhere(_point: str) -> None:
    pass


class House:
    """Reads and changes the versions of keys, and asks what runs. `now_ms` is this host's wall clock."""

    def __init__(self, home: Home, now_ms: Callable[[], int], ask: Ask | None = None, at: At = _nowhere) -> None:
        self._home, self._now_ms, self._at = home, now_ms, at
        self._ask: Ask = ask or (
            lambda verb, seconds, args: control_socket.call(home.control_socket, verb, seconds, args)
        )

    # -- the key file

    def versions(self, name: str) -> dict[str, StoredKey]:
        """Give the versions of a key by their refs, the oldest first. Raises HomeError."""
        return key_file.versions(key_file.read(self._home), name)

    def apply(self, name: str, ref: str, event: Event) -> None:
        """Move a version, in the file as it is now. Raises HomeError when it moves nothing."""
        self._change(name, lambda versions: self._moved(versions, ref, event))

    def stage_pair(self, name: str) -> str:
        """Make an Ed25519 pair as the next version, and give its ref."""
        made: list[str] = []

        def staged(versions: dict[str, StoredKey]) -> list[StoredKey]:
            made.append(next_ref(name, versions))
            secret, _ = key_file.new_ed25519()
            environment = next(iter(versions.values())).environment
            moment = self._now_ms()
            new = StoredKey(made[0], "ed25519", None, secret, environment, moment, 0, Stage.STAGED.value, moment)
            return [*versions.values(), new]

        self._change(name, staged)
        return made[0]

    def _change(self, name: str, change: Callable[[dict[str, StoredKey]], list[StoredKey]]) -> None:
        with _held(self._home):
            keys = key_file.read(self._home)
            after = change(key_file.versions(keys, name))
            others = [key for key in keys.values() if name_of(key.ref) != name]
            self._at("before a write")
            key_file.write(self._home, {key.ref: key for key in (*others, *after)})
            self._at("after a write")

    def _moved(self, keys: dict[str, StoredKey], ref: str, event: Event) -> list[StoredKey]:
        found = apply([key.version for key in keys.values()], ref, event, self._now_ms())
        if isinstance(found, Refusal):
            raise HomeError(f"nothing is changed: {found.why}")
        return _without_old([_kept(keys[version.ref], version) for version in found])

    # -- what runs

    def use(self, name: str) -> tuple[dict[str, str], dict[str, int]] | None:
        """Give what the signer holds of a key (ref to stage) and how much stands on each ref; None: nothing runs.

        Raises ControlError when something runs and does not tell.
        """
        try:
            told = self._ask("key_use", ASK_S, None)
        except NotRunningError:
            return None
        try:
            return _used(name, told["gateway"], told["guard"])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise ControlError("what key_use tells is not of the protocol") from None

    def refill(self) -> None:
        """Have the signer take up the key file; where it cannot, the one before serves on. Raises ControlError."""
        self._at("before a refill")
        self._ask("restart_signer", REFILL_S, {"keep": "yes"})
        self._at("after a refill")

    def probe(self, key: StoredKey) -> Probe:
        """Have the guard try a version at the exchange. Raises ControlError."""
        self._at("before a probe")
        if key.is_held:
            told = self._ask("key_probe", PROBE_S, {"ref": key.ref, "name": key.name})
        else:
            told = self._ask("key_refused", PROBE_S, {"api_key": key.api_key or ""})
        self._at("after a probe")
        return read_probe(told)

    def tell(self, code: str, name: str, text: str) -> bool:
        """Have people told by the guard; False where nothing runs that could."""
        try:
            self._ask("rotation_told", ASK_S, {"code": code, "name": name, "text": text})
        except ControlError:
            return False
        return True


@contextmanager
def _held(home: Home) -> Iterator[None]:
    """Hold the lock of the key file; an operator's command may hold it for a moment. Raises HomeBusyError."""
    with ExitStack() as stack:
        until = time.monotonic() + BUSY_S
        while True:
            try:
                stack.enter_context(locked(home, LOCK))
                break
            except HomeBusyError:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.05)  # noqa: TID251 - this process does nothing else
        yield


def _used(name: str, gateway: Any, guard: Any) -> tuple[dict[str, str], dict[str, int]]:
    """Read what gateway and guard tell; what is of another form raises.

    The guard is believed where the two differ: bots talk to the gateway. Something stands on every version then, so
    that none is let go, and none is taken back for what the gateway says.
    """
    held = {ref: str(row["stage"]) for ref, row in gateway.items() if name_of(ref) == name and row["stage"]}
    counts = {ref: max(0, int(row["requests"])) + max(0, int(row["feeds"])) for ref, row in gateway.items()}
    for ref, number in guard["requests"].items():
        counts[ref] = counts.get(ref, 0) + int(number)
    if guard["stages"] is None:
        return held, counts
    known = {ref: str(stage) for ref, stage in guard["stages"].items() if name_of(ref) == name}
    return known, counts if known == held else {ref: counts.get(ref, 0) + 1 for ref in known}


def read_probe(told: object) -> Probe:
    """Read what the guard says of a version; what is missing proves nothing."""
    row = told if isinstance(told, dict) else {}
    told_of, code, account = row.get("restrictions"), row.get("code"), row.get("account")
    rights = {name: flag for name, flag in told_of.items() if type(flag) is bool} if isinstance(told_of, dict) else None
    return Probe(
        is_taken=row.get("signature") is True and code is None,
        account=account if isinstance(account, str) else None,
        rights=rights,
        code=code if type(code) is int else None,
        text=str(row.get("text", "")),
    )


def _kept(key: StoredKey, version: Version) -> StoredKey:
    moved = replace(key, stage=version.stage.value, since_ms=version.since_ms)
    return replace(moved, secret=Secret(b"")) if version.stage is Stage.REVOKED else moved


def _without_old(keys: list[StoredKey]) -> list[StoredKey]:
    revoked = sorted((key.ref for key in keys if key.stage == Stage.REVOKED), key=number_of)
    gone = set(revoked[:-KEPT_REVOKED])
    return [key for key in keys if key.ref not in gone]
