"""Sub-account API keys: made, listed, allowed, tied to addresses and deleted by the master alone."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.paper.harness import Answer, Rig, sign

from counterseal.paper.keys import ApiKey

KEYS = "/sapi/v1/sub-account/subAccountApi"


@pytest.fixture
def email(rig: Rig) -> str:
    made: str = rig.signed("POST", "/sapi/v1/sub-account/virtualSubAccount", subAccountString="desk").body["email"]
    return made


def create(rig: Rig, owner: str, **changes: Any) -> Answer:
    return rig.signed("POST", KEYS, **{"email": owner, "apiName": "bot", "status": 1, "canTrade": "true", **changes})


def used(rig: Rig, api_key: str, path: str = "/api/v3/account", peer: str = "127.0.0.1", method: str = "GET",
         **params: Any) -> Answer:  # fmt: skip
    key = rig.keys.find(api_key) or ApiKey(api_key, "hmac", "gone", (), "", 0)
    query = "&".join([*(f"{name}={value}" for name, value in params.items()), f"timestamp={rig.now_ms}"])
    return rig.raw(method, f"{path}?{query}&signature={sign(key, query)}", {"X-MBX-APIKEY": api_key}, peer=peer)


def test_a_new_key_works_at_once_for_its_own_account(rig: Rig, email: str) -> None:
    body = create(rig, email).body
    assert len(body["apiKey"]) == len(body["secretKey"]) == 64
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
    assert used(rig, body["apiKey"], "/api/v3/order", method="POST", **order).status == 200
    assert rig.balance("BTC")[0] == "100.00000000"  # the master's wallet is another one
    assert used(rig, body["apiKey"], "/fapi/v1/order", method="POST", **order).code == -2015


def test_a_key_of_a_public_key_has_no_secret(rig: Rig, email: str) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    inner = "".join(pem.splitlines()[1:-1])
    for text in (pem, inner):
        body = create(rig, email, publicKey=text).body
        assert body["secretKey"] == ""
        found = rig.keys.find(body["apiKey"])
        assert found is not None
        assert found.kind == "ed25519"
    assert create(rig, email, publicKey="fish").code == -1130


def test_permissions_change_at_once(rig: Rig, email: str) -> None:
    api_key = create(rig, email).body["apiKey"]
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    body = rig.signed("POST", f"{KEYS}Permission", email=email, subAccountApiKey=api_key, canTrade="false",
                      canFuturesTrade="true").body  # fmt: skip
    assert (body["canTrade"], body["canFuturesTrade"], body["canUniversalTransfer"]) == (False, True, False)
    assert used(rig, api_key, "/api/v3/order", method="POST", **order).code == -2015
    assert used(rig, api_key, "/fapi/v1/order", method="POST", **order).status == 200
    found = used(rig, api_key, "/sapi/v1/account/apiRestrictions").body
    assert (found["enableFutures"], found["enableSpotAndMarginTrading"], found["ipRestrict"]) == (True, False, False)


def test_a_key_tied_to_addresses_works_from_them_only(rig: Rig, email: str) -> None:
    api_key = create(rig, email, status=2, ipAddress="192.0.2.1, 192.0.2.2").body["apiKey"]
    assert used(rig, api_key).code == -2015
    assert used(rig, api_key, peer="192.0.2.2").status == 200
    assert used(rig, api_key, "/sapi/v1/account/apiRestrictions", peer="192.0.2.1").body["ipRestrict"] is True
    path = f"{KEYS}/ipRestriction"
    where = {"email": email, "subAccountApiKey": api_key}
    assert rig.signed("GET", path, **where).body["ipList"] == ["192.0.2.1", "192.0.2.2"]
    body = rig.signed("DELETE", f"{path}/ipList", **where, ipAddress="192.0.2.1").body
    assert (body["ipRestrict"], body["ipList"]) == ("true", ["192.0.2.2"])
    assert used(rig, api_key, peer="192.0.2.1").code == -2015
    v2 = "/sapi/v2/sub-account/subAccountApi/ipRestriction"
    assert rig.signed("POST", v2, **where, status=2, ipAddress="127.0.0.1").body["ipList"] == [
        "192.0.2.2", "127.0.0.1"]  # fmt: skip
    assert used(rig, api_key).status == 200
    assert rig.signed("POST", v2, **where, status=1).body == {
        "status": "1", "ipList": [], "updateTime": rig.now_ms, "apiKey": api_key}  # fmt: skip
    assert used(rig, api_key, peer="198.51.100.9").status == 200


def test_keys_are_listed_and_deleted(rig: Rig, email: str) -> None:
    first, second = (create(rig, email, apiName=name).body["apiKey"] for name in ("a", "b"))
    listed = rig.signed("GET", KEYS, email=email).body
    assert [(row["apiName"], row["apikey"]) for row in listed["rows"]] == [("a", first), ("b", second)]
    assert rig.signed("GET", KEYS, email=email, page=2, size=1).body["rows"][0]["apiName"] == "b"
    assert rig.signed("DELETE", KEYS, email=email, subAccountApiKey=first).body == {}
    assert used(rig, first).code == -2015
    assert rig.signed("GET", KEYS, email=email).body["total"] == 1
    assert used(rig, second).status == 200


def test_a_sub_account_manages_nothing(rig: Rig, email: str) -> None:
    api_key = create(rig, email).body["apiKey"]
    assert used(rig, api_key, KEYS, email=email).code == -1002
    assert used(rig, api_key, "/sapi/v1/sub-account/list").code == -1002
    assert used(rig, api_key, "/sapi/v1/broker/info").code == -1002


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"email": "nobody@example.com"}, -1130), ({"status": 2}, -1102), ({"status": 3}, -1102), ({"status": 7}, -1130),
     ({"status": 2, "ipAddress": "fish"}, -1130), ({"status": 2, "ipAddress": ",".join(["192.0.2.1"] * 31)}, -1130),
     ({"canTrade": "maybe"}, -1100)],
)  # fmt: skip
def test_a_wrong_request_makes_no_key(rig: Rig, email: str, changes: dict[str, Any], code: int) -> None:
    assert create(rig, email, **changes).code == code
    assert rig.signed("GET", KEYS, email=email).body["total"] == 0


def test_accounts_of_keys_outlast_the_process(rig: Rig, email: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    api_key = create(rig, email).body["apiKey"]
    home = tmp_path_factory.mktemp("again")
    (home / "keys.json").write_bytes(Path(rig.home / "keys.json").read_bytes())
    again = Rig(home)
    assert [row["email"] for row in again.signed("GET", "/sapi/v1/sub-account/list").body["subAccounts"]] == [email]
    assert used(again, api_key).status == 200
    again.journal.close()


def test_the_master_s_key_may_have_to_be_tied_to_addresses(tmp_path_factory: pytest.TempPathFactory) -> None:
    rig = Rig(tmp_path_factory.mktemp("tied"), sub_keys_need_ip=True)
    answer = rig.signed("POST", "/sapi/v1/sub-account/virtualSubAccount", subAccountString="desk")
    assert answer.code == -2015
    rig.journal.close()


def test_no_secret_is_in_the_journal(rig: Rig, email: str) -> None:
    secret = create(rig, email).body["secretKey"]
    assert secret not in (rig.home / "journal.jsonl").read_text("utf-8")


# the broker's names for the same


@pytest.fixture
def number(rig: Rig, email: str) -> str:
    rows = rig.signed("GET", "/sapi/v1/sub-account/list").body["subAccounts"]
    return str(next(row["subUserId"] for row in rows if row["email"] == email))


def test_a_broker_makes_allows_ties_and_deletes(rig: Rig, number: str) -> None:
    root = "/sapi/v1/broker/subAccountApi"
    made = rig.signed("POST", root, subAccountId=number, canTrade="true", futuresTrade="true").body
    assert (made["subaccountId"], made["canTrade"], made["marginTrade"], made["futuresTrade"]) == (
        number, True, False, True)  # fmt: skip
    where = {"subAccountId": number, "subAccountApiKey": made["apiKey"]}
    assert rig.signed("POST", root, subAccountId=number, canTrade="true").status == 429  # one a second
    body = rig.signed("POST", f"{root}/permission", **where, canTrade="false", marginTrade="false",
                      futuresTrade="true").body  # fmt: skip
    assert (body["canTrade"], body["futuresTrade"]) == (False, True)
    assert rig.signed("POST", f"{root}/permission/universalTransfer", **where, canUniversalTransfer="true").body[
        "canUniversalTransfer"] is True  # fmt: skip
    v2 = "/sapi/v2/broker/subAccountApi/ipRestriction"
    assert rig.signed("POST", v2, **where, status="2", ipAddress="192.0.2.1").body["ipList"] == ["192.0.2.1"]
    assert rig.signed("GET", f"{root}/ipRestriction", **where).body["ipRestrict"] == "true"
    assert rig.signed("DELETE", f"{root}/ipRestriction/ipList", **where, ipAddress="192.0.2.1").body["ipList"] == []
    assert [row["apiKey"] for row in rig.signed("GET", root, subAccountId=number).body] == [made["apiKey"]]
    rig.wait(1000)
    assert rig.signed("DELETE", root, **where).body == {}
    assert rig.signed("GET", root, subAccountId=number).body == []
    assert rig.signed("GET", "/sapi/v1/broker/info").body["subAccountQty"] == 1
    assert rig.signed("GET", root, subAccountId="1").code == -1130
