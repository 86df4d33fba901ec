"""Handlers of the broker's sub-account key endpoints (for partners; one account here is broker and master)."""

from __future__ import annotations

from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, invalid
from counterseal.paper.keys import RESTRICTED, ApiKey
from counterseal.paper.params import Params, boolean, integer
from counterseal.paper.sub_accounts import SubAccounts, addresses, permissions_of

FLAGS = {"canTrade": "trade", "marginTrade": "margin", "futuresTrade": "futures"}
MOST_ACCOUNTS = 1000
PACE_MS = 1000  # one key made and one deleted a second, for each sub-account


class Broker:
    """The same sub-accounts and keys under the broker's names: a sub-account is its id."""

    def __init__(self, accounts: SubAccounts) -> None:
        self._accounts = accounts
        self._latest: dict[tuple[str, str], int] = {}

    def _key(self, call: Call) -> ApiKey:
        self._accounts.check_master(call)
        return self._accounts.key_of(self._accounts.by_id(call.params), call.params)

    def _check_pace(self, call: Call) -> None:
        place = (call.method, call.params["subAccountId"])
        if call.now_ms - self._latest.get(place, -PACE_MS) < PACE_MS:
            raise ApiError(-1003, "Too many requests queued.", 429, headers={"Retry-After": "1"})
        self._latest[place] = call.now_ms

    def create(self, call: Call) -> Json:
        self._accounts.check_master(call)
        account = self._accounts.by_id(call.params)
        self._check_pace(call)
        key = self._accounts.make_key(account, call.params, permissions_of(call.params, FLAGS), call.now_ms)
        secret = key.verifier if key.kind == "hmac" else ""
        return {"subaccountId": call.params["subAccountId"], "apiKey": key.api_key, "secretKey": secret, **_flags(key)}

    def list_keys(self, call: Call) -> list[Json]:
        self._accounts.check_master(call)
        account, asked = self._accounts.by_id(call.params), call.params.get("subAccountApiKey")
        return [_row(call.params, key) for key in self._accounts.keys.of(account.email) if asked in (None, key.api_key)]

    def delete(self, call: Call) -> Json:
        key = self._key(call)
        self._check_pace(call)
        self._accounts.keys.delete(key.api_key)
        return {}

    def set_permission(self, call: Call) -> Json:
        key = self._key(call)
        return _row(call.params, self._accounts.allow(key, permissions_of(call.params, FLAGS, key.permissions)))

    def set_transfer(self, call: Call) -> Json:
        key = self._key(call)
        found = permissions_of(call.params, {"canUniversalTransfer": "transfer"}, key.permissions)
        changed = self._accounts.allow(key, found)
        return {"subaccountId": call.params["subAccountId"], "apikey": changed.api_key,
                "canUniversalTransfer": boolean(call.params, "canUniversalTransfer")}  # fmt: skip

    def set_addresses(self, call: Call) -> Json:
        key, status = self._key(call), integer(call.params, "status") or 0
        if status not in (1, RESTRICTED):
            raise invalid("status")
        changed = self._accounts.restrict(key, status, addresses(call.params, status))
        return {"subaccountId": call.params["subAccountId"], "status": str(changed.status),
                "ipList": list(changed.ips), "updateTime": call.now_ms, "apiKey": changed.api_key}  # fmt: skip

    def addresses(self, call: Call) -> Json:
        return _addresses(call, self._key(call))

    def delete_addresses(self, call: Call) -> Json:
        return _addresses(call, self._accounts.release(self._key(call), addresses(call.params, RESTRICTED)))

    def info(self, call: Call) -> Json:
        self._accounts.check_master(call)
        return {"maxMakerCommission": "0.02000000", "minMakerCommission": "0.00100000",
                "maxTakerCommission": "0.02000000", "minTakerCommission": "0.00100000",
                "subAccountQty": len(self._accounts.all()), "maxSubAccountQty": MOST_ACCOUNTS}  # fmt: skip


def _flags(key: ApiKey) -> Json:
    return {flag: permission in key.permissions for flag, permission in FLAGS.items()}


def _row(params: Params, key: ApiKey) -> Json:
    return {"subaccountId": params["subAccountId"], "apiKey": key.api_key, **_flags(key)}


def _addresses(call: Call, key: ApiKey) -> Json:
    return {"subaccountId": call.params["subAccountId"], "ipRestrict": str(key.status == RESTRICTED).lower(),
            "apikey": key.api_key, "ipList": list(key.ips), "updateTime": call.now_ms}  # fmt: skip
