"""Who has logged on to a connection. Nothing of it is known to the exchange: each request is signed by the signer."""

import json
from typing import NamedTuple

from counterseal.core.credential import Credential, CredentialKind
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import State

# No key id is as short.
GONE = "gone"


class Logon(NamedTuple):
    """A proven credential and since when (exchange time, ms)."""

    key_id: str
    public_key: bytes | None
    since_ms: int


class Session:
    """The session of one connection. What its credential may do is asked anew at each request."""

    def __init__(self, state: State, *, states_limits: bool) -> None:
        self._state = state
        self._states_limits = states_limits
        self._connected_ms = state.told_ms(state.monotonic_ms())
        self._logon: Logon | None = None

    def log_on(self, admitted: Admitted) -> Reply | None:
        """Let a credential speak for the connection from now on; gives the refusal, None when it may."""
        credential = admitted.credential
        if credential is None or credential.kind is not CredentialKind.ED25519:
            return replies.denial("ws_session_key_kind")
        now_ms = self._state.told_ms(self._state.monotonic_ms())
        self._logon = Logon(credential.key_id, credential.public_key, now_ms)
        return None

    def log_out(self) -> None:
        """Nobody speaks for it any more."""
        self._logon = None

    def speaker(self) -> str | None:
        """Give the key id that speaks for a request, None without a logon.

        Of a logon whose credential is gone it is one that nobody has, so that the request is refused as any of it.
        """
        if self._logon is None:
            return None
        return GONE if self.is_stale() else self._logon.key_id

    def is_stale(self) -> bool:
        """Tell whether the credential that has logged on is gone, or its name means another key by now."""
        if self._logon is None:
            return False
        credential: Credential | None = self._state.credentials.get(self._logon.key_id)
        return credential is None or credential.public_key != self._logon.public_key

    def status(self, *, has_events: bool) -> Reply:
        """Give what `session.status` tells. The key is the bot's own virtual one."""
        logon = self._logon
        told = {
            "apiKey": None if logon is None else logon.key_id,
            "authorizedSince": None if logon is None else logon.since_ms,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self._states_limits,
            "serverTime": self._state.told_ms(self._state.monotonic_ms()),
            "userDataStream": has_events,
        }
        return Reply(200, json.dumps(told, separators=(",", ":")).encode())
