"""What the exchange says of a key, judged against what it is there for."""

from dataclasses import replace
from typing import Any

import pytest

from counterseal.core.alerts.codes import CODES as ALERTS
from counterseal.core.alerts.model import Severity
from counterseal.core.config.loader import load
from counterseal.core.config.model import ON_FACT, Config, Facts
from counterseal.core.key_facts import (
    ALERT,
    CODES,
    DAY_MS,
    IGNORE,
    NAMES,
    NOTE,
    REFUSE,
    TRADES,
    Finding,
    Lock,
    Use,
    allowed,
    judge,
    locks_in,
    needed,
    refusing,
    use_of,
)

NOW = 1_795_392_000_000
TRADER = Use(frozenset({"account", "trade"}), frozenset({"spot", "usdm"}), "production")
READER = Use(frozenset({"account"}), frozenset({"spot", "usdm"}), "production")
# What the exchange answers of a key that is as it should be.
GOOD: dict[str, Any] = {
    "ipRestrict": True, "createTime": 1_700_000_000_000, "enableReading": True, "enableSpotAndMarginTrading": True,
    "enableFutures": True, "enableWithdrawals": False, "enableInternalTransfer": False, "enableMargin": False,
    "permitsUniversalTransfer": False, "enableVanillaOptions": False, "enablePortfolioMarginTrading": False,
    "enableFixApiTrade": False, "enableFixReadOnly": False,
}  # fmt: skip


def found(use: Use = TRADER, terms: Facts | None = None, locks: tuple[Lock, ...] = (), **flags: Any) -> list[Finding]:
    return list(judge({**GOOD, **flags}, locks, use, terms or Facts(), NOW))


def codes(use: Use = TRADER, **flags: Any) -> list[str]:
    return [one.code for one in found(use, **flags)]


def test_a_key_that_is_as_it_should_be_has_no_finding() -> None:
    assert codes() == []
    assert codes(READER, enableSpotAndMarginTrading=False) == []


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        ({"enableWithdrawals": True}, "key_withdrawals", "Enable Withdrawals is on"),
        ({"enableInternalTransfer": True}, "key_transfers", "Enable Internal Transfer"),
        ({"permitsUniversalTransfer": True}, "key_transfers", "Permits Universal Transfer"),
        ({"ipRestrict": False}, "key_unrestricted", "not restricted"),
        ({"enableVanillaOptions": True}, "key_excess", "Enable European Options"),
        ({"enableFixApiTrade": True}, "key_excess", "FIX API Trading"),
        ({"enableTomorrow": True}, "key_excess", "enableTomorrow"),
        ({"permitsTomorrow": True}, "key_excess", "permitsTomorrow"),
        ({"enableFutures": False}, "key_lacking", "Enable Futures"),
        ({"enableReading": False}, "key_lacking", "Enable Reading"),
        ({"tradingAuthorityExpirationTime": NOW + 10 * DAY_MS}, "key_expiring", "10 days and 0 hours"),
        ({"tradingAuthorityExpirationTime": NOW - 1}, "key_expiring", "it ended"),
    ],
)
def test_each_fault_has_its_code_and_a_way_out(flags: dict[str, Any], code: str, says: str) -> None:
    (one,) = found(**flags)

    assert one.code == code
    assert says in one.text
    assert one.text.endswith(CODES[code].remedy)
    assert ";" in one.text


@pytest.mark.parametrize("setting", [code.setting for code in CODES.values()])
@pytest.mark.parametrize("action", ON_FACT)
def test_the_settings_decide_what_becomes_of_each(setting: str, action: str) -> None:
    ignored: dict[str, Any] = {code.setting: IGNORE for code in CODES.values()}
    terms = replace(Facts(), **{**ignored, setting: action})
    flags = {
        "enableWithdrawals": True, "permitsUniversalTransfer": True, "ipRestrict": False, "enableFixApiTrade": True,
        "enableFutures": False, "tradingAuthorityExpirationTime": NOW + 3 * DAY_MS,
    }  # fmt: skip

    listed = found(terms=terms, locks=(Lock("the account", 0),), **flags)

    expected = [] if action == IGNORE else [next(code.name for code in CODES.values() if code.setting == setting)]
    assert [one.code for one in listed] == expected
    assert all(one.action == action for one in listed)
    assert (refusing(listed) is not None) == (action == REFUSE)
    if action == REFUSE:
        assert listed[0].severity is Severity.CRITICAL


def test_by_default_only_what_can_withdraw_is_refused() -> None:
    terms = Facts()
    assert [code.name for code in CODES.values() if getattr(terms, code.setting) == REFUSE] == ["key_withdrawals"]
    assert refusing(found(enableWithdrawals=True, ipRestrict=False)) == found(enableWithdrawals=True)[0]
    assert refusing([]) is None


def test_what_ends_soon_is_told_loudly_and_what_ends_late_not_at_all() -> None:
    def end(days: int, use: Use = TRADER) -> list[Finding]:
        return found(use, tradingAuthorityExpirationTime=NOW + days * DAY_MS)

    assert [one.severity for one in end(14)] == [Severity.HIGH]
    assert [one.severity for one in end(2)] == [Severity.CRITICAL]
    assert end(15) == []
    assert end(1, replace_functions(TRADER, "account")) != end(1)
    assert found(tradingAuthorityExpirationTime=0) == found(tradingAuthorityExpirationTime=True) == []


def replace_functions(use: Use, *functions: str) -> Use:
    return use._replace(functions=frozenset(functions))


def test_whoever_only_reads_needs_no_trade_and_is_not_told_of_locks() -> None:
    reads = {"enableSpotAndMarginTrading": False}
    assert codes(READER, tradingAuthorityExpirationTime=NOW, **reads) == []
    assert found(READER, None, (Lock("the account", 0),), **reads) == []
    assert codes(READER) == ["key_excess"]
    # The exchange may want a market enabled even to read there.
    assert codes(READER, enableFutures=False, **reads) == []
    assert codes(READER, enableFutures=True, **reads) == []


def test_what_a_key_needs_goes_by_the_markets_of_its_bots() -> None:
    settings = Use(frozenset({"settings"}), frozenset({"coinm"}), "production")
    margin = Use(frozenset({"trade"}), frozenset({"sapi"}), "production")
    assert needed(settings) == {"enableReading", "enableFutures"}
    assert needed(margin) == {"enableReading", "enableMargin", "enableSpotAndMarginTrading"}
    assert needed(Use(frozenset(), frozenset({"spot"}), "production")) == frozenset()
    assert needed(Use(frozenset({"trade"}), frozenset({"www"}), "production")) == {"enableReading"}
    # A spare that no bot uses yet may have any market's permission, and needs none.
    spare = Use(frozenset({"trade"}), frozenset(), "production")
    assert needed(spare) == {"enableReading"}
    assert allowed(spare) == {"enableReading", *TRADES.values()}
    assert codes(spare) == []


def test_on_the_paper_exchange_permissions_that_do_not_fit_are_only_shown() -> None:
    paper = TRADER._replace(environment="paper")
    flags = {"enableFutures": False, "enableFixApiTrade": True, "permitsUniversalTransfer": True}
    told = {one.code: one.action for one in found(paper, **flags)}
    assert told == {"key_transfers": ALERT, "key_excess": NOTE, "key_lacking": NOTE}
    strict = replace(Facts(), excess=REFUSE, lacking=IGNORE)
    assert {one.code: one.action for one in found(paper, strict, **flags)} == {
        "key_transfers": ALERT, "key_excess": REFUSE,
    }  # fmt: skip


def test_on_the_paper_exchange_a_list_of_addresses_adds_nothing() -> None:
    assert codes(TRADER._replace(environment="paper"), ipRestrict=False) == []
    assert codes(ipRestrict="what") == []


def test_locks_are_read_from_both_answers_and_nonsense_locks_nothing() -> None:
    whole = {"data": {"isLocked": True, "plannedRecoverTime": 5, "triggerCondition": {"GCR": 150}}}
    by_symbol = {
        "indicators": {
            "BTCUSDT": [{"isLocked": True, "plannedRecoverTime": -1, "indicator": "UFR"}, {"isLocked": False}, 7],
            "ETHUSDT": "what",
            "ACCOUNT": [{"isLocked": True, "plannedRecoverTime": "soon"}],
        }
    }  # fmt: skip
    assert locks_in(whole) == (Lock("the account", 5),)
    assert locks_in({"data": {"isLocked": False}}) == ()
    assert locks_in(by_symbol) == (Lock("BTCUSDT", 0), Lock("ACCOUNT", 0))
    assert locks_in({"indicators": []}) == locks_in([]) == locks_in(None) == locks_in({}) == ()


def test_a_locked_account_is_told_with_what_is_locked() -> None:
    (one,) = found(locks=tuple(Lock(f"S{number}", 0) for number in range(7)))
    assert (one.code, one.severity) == ("key_locked", Severity.CRITICAL)
    assert "S0, S1, S2, S3, S4 and 2 more" in one.text


def test_what_a_key_is_used_for_comes_from_the_settings() -> None:
    text = """
[venue]
environment = "testnet"
[keys.main]
functions = ["trade"]
[keys.spare]
functions = ["account"]
[bots.a]
keys = ["main"]
products = ["spot"]
[bots.b]
keys = ["main"]
products = ["usdm"]
"""
    config = load(text)
    assert isinstance(config, Config)
    assert use_of(config, "main") == Use(frozenset({"trade"}), frozenset({"spot", "usdm"}), "testnet")
    assert use_of(config, "spare") == Use(frozenset({"account"}), frozenset(), "testnet")


def test_every_code_is_an_alert_and_every_setting_is_one() -> None:
    assert set(CODES) <= set(ALERTS)
    assert all(hasattr(Facts(), code.setting) for code in CODES.values())
    assert all(getattr(Facts(), code.setting) in (IGNORE, ALERT, REFUSE) for code in CODES.values())
    assert set(TRADES.values()) <= set(NAMES)
