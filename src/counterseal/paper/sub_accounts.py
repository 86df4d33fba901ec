"""Sub-accounts and their API keys: an account whose name is an e-mail address belongs to the master."""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from counterseal.paper import keys
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, invalid, mandatory, rejected_key
from counterseal.paper.keys import RESTRICTED, ApiKey, KeyFile
from counterseal.paper.params import Params, boolean, integer

MOST_ADDRESSES = 30
FLAGS = {"canTrade": "trade", "canMarginLoanRepay": "margin", "canFuturesTrade": "futures",
         "canUniversalTransfer": "transfer", "canVanillaOptions": "options"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SubAccount:
    """One sub-account; its e-mail address is the name of its account in every market."""

    email: str
    user_id: int
    created_ms: int


class SubAccounts:
    """The master's sub-accounts.  Keys live in the key file and outlast the process, as the accounts of keys do."""

    def __init__(self, key_file: KeyFile, token: Callable[[int], str], needs_ip: bool) -> None:
        self.keys = key_file
        self._token = token
        self._needs_ip = needs_ip
        self._made: dict[str, SubAccount] = {}

    def create(self, text: str, now_ms: int) -> SubAccount:
        """A virtual sub-account with an address that nobody reads."""
        email = f"{text.lower()}_virtual@{self._token(8).lower()}noemail.com"
        return self._made.setdefault(email, self._described(email, now_ms))

    @staticmethod
    def _described(email: str, now_ms: int) -> SubAccount:
        return SubAccount(email, 200_000_000 + zlib.crc32(email.encode()) % 700_000_000, now_ms)

    def all(self) -> list[SubAccount]:
        """Those made here, and those that the key file has keys of."""
        for name in self.keys.accounts():
            if "@" in name and name not in self._made:
                self._made[name] = self._described(name, min(key.created_ms for key in self.keys.of(name)))
        return list(self._made.values())

    def check_master(self, call: Call) -> None:
        """-1002 for a sub-account's own key; -2015 where the caller's key must be tied to addresses and is not."""
        if "@" in call.account:
            raise ApiError(-1002, "You are not authorized to execute this request.", 401)
        if self._needs_ip and (call.key is None or call.key.status != RESTRICTED):
            raise rejected_key("")

    def by_email(self, params: Params) -> SubAccount:
        for found in self.all():
            if found.email == params["email"]:
                return found
        raise invalid("email")

    def by_id(self, params: Params) -> SubAccount:
        for found in self.all():
            if str(found.user_id) == params["subAccountId"]:
                return found
        raise invalid("subAccountId")

    def key_of(self, account: SubAccount, params: Params) -> ApiKey:
        for key in self.keys.of(account.email):
            if key.api_key == params["subAccountApiKey"]:
                return key
        raise invalid("subAccountApiKey")

    # keys

    def make_key(self, account: SubAccount, params: Params, permissions: tuple[str, ...], now_ms: int) -> ApiKey:
        """A new key: HMAC, or of the public key that was sent."""
        pem = _pem(params.get("publicKey"))
        try:
            kind = "hmac" if pem is None else keys.kind_of(pem)
            made = keys.make(kind, pem, permissions, account.email, now_ms)
        except ValueError:
            raise invalid("publicKey") from None
        status = integer(params, "status", 1) or 1
        key = replace(made, name=params.get("apiName", ""), status=status, ips=addresses(params, status))
        self.keys.add(key)
        return key

    def allow(self, key: ApiKey, permissions: tuple[str, ...]) -> ApiKey:
        return self._store(replace(key, permissions=permissions))

    def restrict(self, key: ApiKey, status: int, ips: tuple[str, ...]) -> ApiKey:
        """Tie a key to addresses besides those that it has, or untie it (status 1)."""
        both = tuple(dict.fromkeys((*key.ips, *ips))) if status == RESTRICTED else ()
        if len(both) > MOST_ADDRESSES:
            raise invalid("ipAddress")
        return self._store(replace(key, status=status, ips=both))

    def release(self, key: ApiKey, ips: tuple[str, ...]) -> ApiKey:
        """Take addresses from a key's list."""
        return self._store(replace(key, ips=tuple(ip for ip in key.ips if ip not in ips)))

    def _store(self, key: ApiKey) -> ApiKey:
        self.keys.add(key)
        return key


def permissions_of(params: Params, flags: dict[str, str], before: tuple[str, ...] = ("read",)) -> tuple[str, ...]:
    """The permissions after the flags that were sent; a flag that was not sent changes nothing."""
    held = set(before) | {"read"}
    for flag, permission in flags.items():
        if flag in params:
            held = held | {permission} if boolean(params, flag) else held - {permission}
    return tuple(name for name in keys.PERMISSIONS if name in held)


def addresses(params: Params, status: int) -> tuple[str, ...]:
    """The comma-separated addresses of `ipAddress`; needed exactly when the status ties the key to them."""
    if status == 3 and "thirdPartyName" not in params:
        raise mandatory("thirdPartyName")
    if status not in (1, RESTRICTED, 3):
        raise invalid("status")
    if status != RESTRICTED:
        return ()
    if "ipAddress" not in params:
        raise mandatory("ipAddress")
    found = tuple(part.strip() for part in params["ipAddress"].split(","))
    try:
        for part in found:
            ipaddress.ip_address(part)
    except ValueError:
        raise invalid("ipAddress") from None
    if len(found) > MOST_ADDRESSES:
        raise invalid("ipAddress")
    return found


def _pem(text: str | None) -> str | None:
    """A public key as PEM: callers send it with or without its first and last line."""
    if text is None or text.startswith("-----"):
        return text
    return f"-----BEGIN PUBLIC KEY-----\n{text.strip()}\n-----END PUBLIC KEY-----\n"
