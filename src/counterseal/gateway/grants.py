"""All grants of the present policy and credentials, made when they are first needed."""

from collections.abc import Mapping

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.credential import Credential
from counterseal.core.grant import Grant, grant
from counterseal.gateway.state import State


class Grants:
    """Grants by credential and endpoint. A reload replaces policy or credentials as a whole, and all grants with it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._made: dict[tuple[str, str], Grant] = {}
        self._config: object = None
        self._credentials: Mapping[str, Credential] | None = None

    def of(self, credential: Credential, endpoint: Endpoint) -> Grant:
        """Give the standing answer for this credential at this endpoint."""
        state = self._state
        if state.config is not self._config or state.credentials is not self._credentials:
            self._made, self._config, self._credentials = {}, state.config, state.credentials
        made = self._made.get((credential.key_id, endpoint.name))
        if made is None or made.credential is not credential:
            made = grant(credential, state.bot(credential.bot), endpoint)
            self._made[(credential.key_id, endpoint.name)] = made
        return made
