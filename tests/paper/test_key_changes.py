"""What somebody does to a key at the exchange's web page, while the exchange runs."""

from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import Rig

from counterseal.paper.admin import Admin
from counterseal.paper.errors import ApiError
from counterseal.paper.keys import KeyFile, changes_of
from counterseal.paper.main import main

RESTRICTIONS, STATUS = "/sapi/v1/account/apiRestrictions", "/sapi/v1/account/apiTradingStatus"


@pytest.fixture(name="rig")
def _rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def command(rig: Rig, **fields: Any) -> Any:
    admin: Admin = rig.exchange.admin
    return admin.run(fields)


def change(rig: Rig, **fields: Any) -> Any:
    return command(rig, do="key", api_key=rig.key.api_key, **fields)


def test_a_permission_is_taken_and_given_back(rig: Rig) -> None:
    assert rig.order().status == 200
    assert change(rig, permissions=["read", "futures"])["permissions"] == ["read", "futures"]
    assert rig.order().code == -2015
    assert rig.signed("GET", RESTRICTIONS).body["enableSpotAndMarginTrading"] is False
    change(rig, permissions=["read", "trade"])
    assert rig.order().status == 200


def test_an_address_leaves_the_list(rig: Rig) -> None:
    change(rig, ips=["127.0.0.1"])
    assert rig.signed("GET", RESTRICTIONS).body["ipRestrict"] is True
    change(rig, ips=["203.0.113.1"])
    assert rig.signed("GET", RESTRICTIONS).code == -2015
    assert rig.signed("GET", RESTRICTIONS, peer="203.0.113.1").status == 200
    change(rig, ips=None)
    assert rig.signed("GET", RESTRICTIONS).body["ipRestrict"] is False


def test_a_key_is_deleted(rig: Rig) -> None:
    assert change(rig, delete=True) == {"deleted": True}
    assert rig.signed("GET", RESTRICTIONS).code == -2015
    assert change(rig, delete=True) == {"deleted": False}
    with pytest.raises(ApiError):
        change(rig, permissions=["read"])


def test_flags_are_shown_that_nothing_here_serves(rig: Rig) -> None:
    change(rig, shows=["enableWithdrawals", "enableInternalTransfer"])
    shown = rig.signed("GET", RESTRICTIONS).body
    assert (shown["enableWithdrawals"], shown["enableInternalTransfer"], shown["enableFixApiTrade"]) == (
        True,
        True,
        False,
    )


def test_a_permission_to_trade_ends(rig: Rig) -> None:
    change(rig, trading_until_ms=rig.now_ms + 1_000)
    assert rig.signed("GET", RESTRICTIONS).body["tradingAuthorityExpirationTime"] == rig.now_ms + 1_000
    assert rig.order().status == 200
    rig.wait(1_000)
    assert rig.order().code == -2015
    assert rig.signed("GET", RESTRICTIONS).status == 200
    change(rig, trading_until_ms=0)
    assert "tradingAuthorityExpirationTime" not in rig.signed("GET", RESTRICTIONS).body


def test_a_locked_account_is_said_to_be_locked(rig: Rig) -> None:
    assert rig.signed("GET", STATUS).body["data"]["isLocked"] is False
    until_ms = command(rig, do="lock", seconds=60)["until_ms"]
    told = rig.signed("GET", STATUS).body["data"]
    assert (told["isLocked"], told["plannedRecoverTime"]) == (True, until_ms)
    rig.wait(60_000)
    assert rig.signed("GET", STATUS).body["data"]["isLocked"] is False
    command(rig, do="lock", seconds=60)
    command(rig, do="lock", seconds=0)
    assert rig.signed("GET", STATUS).body["data"]["isLocked"] is False


def test_a_running_exchange_sees_what_the_command_line_changes(rig: Rig) -> None:
    def run(*more: str) -> int:
        return main(["key", "change", "--home", str(rig.home), "--api-key", rig.key.api_key, *more])

    assert run("--permissions", "read", "--ips", "127.0.0.1,::1", "--shows", "enableWithdrawals") == 0
    assert rig.order().code == -2015
    shown = rig.signed("GET", RESTRICTIONS).body
    assert (shown["ipRestrict"], shown["enableWithdrawals"]) == (True, True)
    assert run("--anywhere", "--permissions", "read,trade", "--shows", "", "--trading-until-ms", "7") == 0
    changed = KeyFile(rig.home / "keys.json").find(rig.key.api_key)
    assert changed is not None
    assert (changed.status, changed.ips, changed.shows, changed.trading_until_ms) == (1, (), (), 7)
    assert main(["key", "change", "--home", str(rig.home), "--api-key", "X" * 64]) == 2
    assert run("--permissions", "withdraw") == 2


def test_two_accounts_have_two_aliases(rig: Rig) -> None:
    other = rig.add_key("other")
    aliases = {
        rig.signed("GET", path, key).body[0]["accountAlias"]
        for path in ("/fapi/v3/balance", "/dapi/v1/balance") for key in (rig.key, other)
    }  # fmt: skip
    assert len(aliases) == 2


def test_what_is_no_list_changes_nothing() -> None:
    assert changes_of({"permissions": "read", "shows": 7, "ips": "x"}) == {}
