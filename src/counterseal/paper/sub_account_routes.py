"""Handlers of the master's sub-account endpoints: accounts, their API keys, permissions and addresses."""

from __future__ import annotations

from counterseal.paper.call import Call
from counterseal.paper.errors import Json, invalid
from counterseal.paper.keys import RESTRICTED, ApiKey
from counterseal.paper.params import integer
from counterseal.paper.sub_accounts import FLAGS, SubAccounts, addresses, permissions_of

MOST_ROWS = 100


class SubAccountKeys:
    """Everything here is for the master alone."""

    def __init__(self, accounts: SubAccounts) -> None:
        self._accounts = accounts

    def create_account(self, call: Call) -> Json:
        self._accounts.check_master(call)
        text = call.params["subAccountString"]
        if not (text.isascii() and text.isalnum() and len(text) <= 32):
            raise invalid("subAccountString")
        return {"email": self._accounts.create(text, call.now_ms).email}

    def list_accounts(self, call: Call) -> Json:
        self._accounts.check_master(call)
        email, page = call.params.get("email"), integer(call.params, "page", 1) or 1
        size = min(integer(call.params, "limit", 1) or 1, 200) if "limit" in call.params else 200
        found = [item for item in self._accounts.all() if email in (None, item.email)]
        flags = {"isFreeze": False, "isManagedSubAccount": False, "isAssetManagementSubAccount": False}
        return {"subAccounts": [
            {"subUserId": item.user_id, "email": item.email, "remark": "", "createTime": item.created_ms, **flags}
            for item in found[(page - 1) * size : page * size]
        ]}  # fmt: skip

    def account_status(self, call: Call) -> list[Json]:
        self._accounts.check_master(call)
        email = call.params.get("email")
        return [
            {"email": item.email, "isSubUserEnabled": True, "isUserActive": True, "insertTime": item.created_ms,
             "isMarginEnabled": False, "isFutureEnabled": True, "mobile": 0}
            for item in self._accounts.all()
            if email in (None, item.email)
        ]  # fmt: skip

    # keys

    def create(self, call: Call) -> Json:
        """A new key; the secret of an HMAC key is told this once."""
        self._accounts.check_master(call)
        account = self._accounts.by_email(call.params)
        key = self._accounts.make_key(account, call.params, permissions_of(call.params, FLAGS), call.now_ms)
        secret = key.verifier if key.kind == "hmac" else ""
        return {"apiName": key.name, "apiKey": key.api_key, "secretKey": secret, **_flags(key),
                "status": key.status, "ipList": list(key.ips)}  # fmt: skip

    def list_keys(self, call: Call) -> Json:
        self._accounts.check_master(call)
        account, asked = self._accounts.by_email(call.params), call.params.get("subAccountApiKey")
        found = [key for key in self._accounts.keys.of(account.email) if asked in (None, key.api_key)]
        page, size = integer(call.params, "page", 1) or 1, min(integer(call.params, "size", 100) or 1, MOST_ROWS)
        rows = [{"email": account.email, **_row(key, key.created_ms)} for key in found]
        return {"total": len(rows), "rows": rows[(page - 1) * size : page * size]}

    def delete(self, call: Call) -> Json:
        self._accounts.check_master(call)
        key = self._accounts.key_of(self._accounts.by_email(call.params), call.params)
        self._accounts.keys.delete(key.api_key)
        return {}

    def set_permission(self, call: Call) -> Json:
        self._accounts.check_master(call)
        key = self._accounts.key_of(self._accounts.by_email(call.params), call.params)
        return _row(self._accounts.allow(key, permissions_of(call.params, FLAGS, key.permissions)), call.now_ms)

    # addresses

    def set_addresses(self, call: Call) -> Json:
        self._accounts.check_master(call)
        key = self._accounts.key_of(self._accounts.by_email(call.params), call.params)
        status = integer(call.params, "status") or 0
        if status not in (1, RESTRICTED):
            raise invalid("status")
        changed = self._accounts.restrict(key, status, addresses(call.params, status))
        return {"status": str(changed.status), "ipList": list(changed.ips), "updateTime": call.now_ms,
                "apiKey": changed.api_key}  # fmt: skip

    def addresses(self, call: Call) -> Json:
        self._accounts.check_master(call)
        return _addresses(self._accounts.key_of(self._accounts.by_email(call.params), call.params), call.now_ms)

    def delete_addresses(self, call: Call) -> Json:
        self._accounts.check_master(call)
        key = self._accounts.key_of(self._accounts.by_email(call.params), call.params)
        return _addresses(self._accounts.release(key, addresses(call.params, RESTRICTED)), call.now_ms)


def _flags(key: ApiKey) -> Json:
    return {flag: permission in key.permissions for flag, permission in FLAGS.items()}


def _row(key: ApiKey, at_ms: int) -> Json:
    return {"apiName": key.name, "apikey": key.api_key, **_flags(key), "timestamp": at_ms}


def _addresses(key: ApiKey, now_ms: int) -> Json:
    return {"ipRestrict": str(key.status == RESTRICTED).lower(), "ipList": list(key.ips), "updateTime": now_ms,
            "apiKey": key.api_key}  # fmt: skip
