"""Whoever may hold a listen key under the present policy and credentials."""

from collections.abc import Iterator, Mapping

from counterseal.core.config.model import Config
from counterseal.core.credential import Credential
from counterseal.core.userdata.calls import FAMILIES
from counterseal.core.userdata.listen_keys import Holder
from counterseal.core.userdata.mint import Mint
from counterseal.gateway.state import State


class Holders:
    """All of them. A reload replaces policy or credentials as a whole, and all of them with it."""

    def __init__(self, state: State, mint: Mint) -> None:
        self._state = state
        self._mint = mint
        self._found: dict[str, Holder] = {}
        self._config: Config | None = None
        self._credentials: Mapping[str, Credential] | None = None

    def by_place(self) -> Mapping[str, Holder]:
        """Give them by what their keys begin with."""
        state = self._state
        if state.config is not self._config or state.credentials is not self._credentials:
            self._found = {self._mint.place(one): one for one in self._all()}
            self._config, self._credentials = state.config, state.credentials
        return self._found

    def accounts_of(self, bot: str) -> set[str]:
        """Give the accounts that a bot has a key to read, whether the signer holds it at this moment or not."""
        policy, keys = self._state.bot(bot), self._state.config.keys
        named = [keys[name] for name in policy.keys if name in keys] if policy else []
        return {key.account for key in named if "account" in key.functions}

    def _all(self) -> Iterator[Holder]:
        for credential in self._state.credentials.values():
            for account in self.accounts_of(credential.bot):
                for family in FAMILIES:
                    yield Holder(credential.key_id, credential.bot, account, family)
