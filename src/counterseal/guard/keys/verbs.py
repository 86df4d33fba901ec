"""What may be asked of the guard about keys."""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.adapters.control_link import ControlError
from counterseal.core.key_refs import name_of
from counterseal.guard.keys.keeper import KeyKeeper

_MOST_REF = 64


class KeyVerbs:
    """Answers `key_probe` and `key_facts`. `keeper` gives what asks the exchange, None as long as nothing can."""

    def __init__(self, keeper: Callable[[], KeyKeeper | None]) -> None:
        self._keeper = keeper

    def table(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """Give the verbs by name; each takes arguments."""
        return {"key_probe": self.probe, "key_facts": self.facts}

    async def probe(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the exchange with one version of a key (`ref`), and give what it said. Raises ControlError."""
        ref = args.get("ref")
        if type(ref) is not str or not 0 < len(ref) <= _MOST_REF:
            raise ControlError("a version of a key is named by its ref; see: counterseal key list")
        found = await self._kept().prober.probe(ref, name_of(ref))
        return found.view()

    async def facts(self, _args: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the exchange said of each key when it was last asked, and which are held back."""
        keeper = self._kept()
        return {"keys": keeper.view(), "quarantine": keeper.quarantined()}

    def _kept(self) -> KeyKeeper:
        keeper = self._keeper()
        if keeper is None:
            raise ControlError("the guard has no settings and cannot reach the exchange; see: counterseal status")
        return keeper
