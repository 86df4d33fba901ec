"""The bots' listen keys: their calls are answered here, and nothing of them goes to the exchange."""

import json
from collections.abc import Callable

from counterseal.core.judge import Denial
from counterseal.core.keys import active_keys, least_key
from counterseal.core.secret import Secret
from counterseal.core.userdata.calls import answered_here
from counterseal.core.userdata.listen_keys import Holder, ListenKeys
from counterseal.core.userdata.mint import Mint
from counterseal.core.userdata.subscription import SUBSCRIBE
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted
from counterseal.gateway.grants import Grants
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import Source, State
from counterseal.gateway.userdata.holders import Holders
from counterseal.ports.signing import SigningClient

INVALID_LISTEN_KEY = -1125


class Keys:
    """Makes, prolongs and ends listen keys, and tells whether one still opens anything.

    `draw(n)` gives an unforeseeable number from 0 to n - 1. By `secret` keys from before the start are told.
    """

    def __init__(self, state: State, signer: SigningClient, draw: Callable[[int], int], secret: Secret) -> None:
        self._state = state
        self._signer = signer
        mint = Mint(secret, draw)
        self._holders = Holders(state, mint)
        self._keys = ListenKeys(mint, self._holders.by_place, state.monotonic_ms())
        self._grants = Grants(state)
        served = answered_here(state.catalogue).values()
        starts = {endpoint.family: endpoint for endpoint in served if endpoint.method == "POST"}
        self._opening = {"spot": SUBSCRIBE, **starts}

    def answer(self, admitted: Admitted) -> Reply:
        """Answer one of the calls as the exchange would."""
        account = self.account_of(admitted.bot)
        if admitted.credential is None or account is None:
            return replies.denial("no_key")
        holder = Holder(admitted.credential.key_id, admitted.bot, account, admitted.endpoint.family)
        named, now_ms = admitted.intent.values.get("listenKey") or None, self._state.monotonic_ms()
        if admitted.endpoint.method == "POST":
            return _shown(self._keys.start(holder, now_ms))
        if admitted.endpoint.method == "PUT":
            key = self._keys.extend(holder, named, now_ms)
            return _unknown() if key is None else _shown(key)
        return Reply(200, b"{}") if self._keys.close(holder, named, now_ms) else _unknown()

    def account_of(self, bot: str) -> str | None:
        """Give the account whose events a bot may ask for: that of its least key for reads; None without one."""
        policy = self._state.bot(bot)
        name = policy and least_key(policy, "account", self._state.config.keys, active_keys(self._signer.keys()))
        return self._state.account_of(name) if name else None

    def holder_of(self, key: str) -> Holder | None:
        """Give whose a key is, None for one that was never made here or is dead."""
        return self._keys.find(key, self._state.monotonic_ms())

    def exchange_ms(self) -> int:
        """Give exchange time as bots are told it."""
        return self._state.told_ms(self._state.monotonic_ms())

    def refuses(self, holder: Holder, source: Source, *, is_signed: bool = False) -> Denial | None:
        """Judge whoever presents a key as if its credential had called from there, at this moment.

        `is_signed` tells that it was no key but a signature by which the holder has shown itself.
        """
        credential, endpoint = self._state.credentials.get(holder.credential), self._opening[holder.family]
        if credential is None:
            return Denial("credential_or_signature")
        grant = self._grants.of(credential, endpoint)
        if not is_signed and not grant.trusts_unsigned(source):
            return Denial("source_not_bound")
        refusal = grant.refuses(source, self.exchange_ms())
        if refusal is None and holder.account not in self._holders.accounts_of(holder.bot):
            return Denial("no_key")
        return refusal


def _shown(key: str) -> Reply:
    return Reply(200, json.dumps({"listenKey": key}, separators=(",", ":")).encode())


def _unknown() -> Reply:
    return replies.error(400, INVALID_LISTEN_KEY, "This listenKey does not exist.")
