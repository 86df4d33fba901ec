"""A supervisor, a signer, a guard and an exchange for the rotator, as small as can be.

Kept in a file, so that a process that is killed leaves what it did.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterseal.adapters import key_file
from counterseal.adapters.control_socket import ControlError, NotRunningError
from counterseal.adapters.home import Home
from counterseal.adapters.key_file import StoredKey
from counterseal.core.rotation import READS_ONLY, Stage
from counterseal.core.secret import Secret

ACCOUNT = "spot uid 7"
RIGHTS: Mapping[str, bool] = {"enableReading": True, "enableFutures": True, "ipRestrict": False}
NOW_MS = 1_699_833_600_000


class World:
    """What the control socket would answer. `fails` names verbs that fail, `stuck` refs on which requests stay."""

    def __init__(self, home: Home, path: Path) -> None:
        self.home, self._path = home, path
        self.fails: dict[str, Exception] = {}
        if not path.exists():
            self._save({"held": {}, "exchange": {}, "in_use": {}, "told": [], "asked": []})
            self.refill()

    def knows(self, api_key: str, account: str = ACCOUNT, rights: Mapping[str, bool] = RIGHTS) -> None:
        """A key is made at the exchange."""
        state = self.state()
        state["exchange"][api_key] = [account, dict(rights)]
        self._save(state)

    def forgets(self, api_key: str) -> None:
        """A key is deleted at the exchange."""
        state = self.state()
        del state["exchange"][api_key]
        self._save(state)

    def busy(self, ref: str, *counts: int) -> None:
        """So many requests stand on a version, at one look after the other."""
        state = self.state()
        state["in_use"][ref] = list(counts)
        self._save(state)

    def refill(self) -> None:
        """The signer takes up the key file."""
        state = self.state()
        held = [key for key in key_file.read(self.home).values() if key.is_held]
        state["held"] = {key.ref: [key.stage, key.api_key] for key in held}
        self._save(state)

    def state(self) -> dict[str, Any]:
        """All of it."""
        found: dict[str, Any] = json.loads(self._path.read_text())
        return found

    def active(self) -> list[str]:
        """The versions that the signer would sign orders with for a new request."""
        return [ref for ref, (stage, _) in self.state()["held"].items() if stage == Stage.ACTIVE]

    def _save(self, state: Mapping[str, Any]) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(state))
        new.replace(self._path)

    def ask(self, verb: str, _seconds: float, args: Mapping[str, str] | None = None) -> Any:
        """Answer one verb. Raises what `fails` says."""
        state = self.state()
        state["asked"].append(verb)
        self._save(state)
        if verb in self.fails:
            raise self.fails[verb]
        return {"key_use": self._use, "restart_signer": self._restart, "key_probe": self._probe,
                "key_refused": self._refused, "rotation_told": self._told}[verb](dict(args or {}))  # fmt: skip

    def _use(self, _args: Mapping[str, str]) -> Any:
        state = self.state()
        counts = {ref: rows.pop(0) for ref, rows in state["in_use"].items() if rows}
        self._save(state)
        gateway = {
            ref: {"stage": stage, "requests": counts.get(ref, 0), "feeds": 0}
            for ref, (stage, _) in state["held"].items()
        }
        guard = {"stages": {ref: stage for ref, (stage, _) in state["held"].items()}, "requests": {}}
        return {"gateway": gateway, "guard": guard}

    def _restart(self, _args: Mapping[str, str]) -> Any:
        self.refill()
        return {}

    def _probe(self, args: Mapping[str, str]) -> Any:
        """The guard signs with a version: only with one that is held."""
        state = self.state()
        if args["ref"] not in state["held"]:
            raise ControlError(f"the signer holds no key {args['ref']}")
        return self._answer(state, state["held"][args["ref"]][1])

    def _refused(self, args: Mapping[str, str]) -> Any:
        state = self.state()
        if args["api_key"] in state["exchange"]:
            return {"signature": False, "code": -1022, "text": "the exchange answered 400 with code -1022"}
        return self._answer(state, args["api_key"])

    def _answer(self, state: Mapping[str, Any], api_key: str) -> Any:
        if api_key not in state["exchange"]:
            return {"signature": False, "code": -2015, "text": "the exchange answered 401 with code -2015"}
        account, rights = state["exchange"][api_key]
        return {"signature": True, "restrictions": rights, "account": account, "code": None, "text": ""}

    def _told(self, args: Mapping[str, str]) -> Any:
        state = self.state()
        state["told"].append([args["code"], args["name"], args["text"]])
        self._save(state)
        return {}


def sealed(home: Home, *versions: tuple[str, Stage, str | None]) -> None:
    """Put versions into the key file, each (ref, stage, API key)."""
    made = {}
    for ref, stage, api_key in versions:
        secret, _ = key_file.new_ed25519()
        kept = Secret(b"") if stage is Stage.REVOKED else secret
        made[ref] = StoredKey(ref, "ed25519", api_key, kept, "paper", NOW_MS, 0, stage.value, NOW_MS)
    key_file.write(home, made)


def stages(home: Home, name: str = "main") -> dict[str, str]:
    """Give the versions of a key and their stages."""
    return {ref: key.stage for ref, key in key_file.versions(key_file.read(home), name).items()}


__all__ = ["ACCOUNT", "NOW_MS", "READS_ONLY", "RIGHTS", "ControlError", "NotRunningError", "World", "sealed", "stages"]
