"""What the exchange says of a key, judged: may it do more than its functions need, or less, and for how long?

Every finding has a code, and the settings decide what becomes of it: nothing, an alert, or the key is refused for
everything but exits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from counterseal.core.alerts.model import Severity
from counterseal.core.config.model import Config, Facts

IGNORE, ALERT, REFUSE = "ignore", "alert", "refuse"
# What is shown and told to nobody: keys of the paper exchange are made with the same permissions whatever they are for.
NOTE = "note"
_NOTED_ON_PAPER = frozenset({"key_excess", "key_lacking"})
DAY_MS = 86_400_000
# When so little is left of a permission to trade, it is told as loudly as can be.
LAST_DAYS = 2
# In which of the exchange's flags its permissions stand, and what a person calls them at its web page.
NAMES: Mapping[str, str] = MappingProxyType({
    "enableReading": "Enable Reading",
    "enableSpotAndMarginTrading": "Enable Spot & Margin Trading",
    "enableFutures": "Enable Futures",
    "enableMargin": "Enable Margin Loan, Repay & Transfer",
    "enableVanillaOptions": "Enable European Options",
    "enablePortfolioMarginTrading": "Enable Portfolio Margin Trading",
    "enableWithdrawals": "Enable Withdrawals",
    "enableInternalTransfer": "Enable Internal Transfer",
    "permitsUniversalTransfer": "Permits Universal Transfer",
    "enableFixApiTrade": "Enable FIX API Trading",
    "enableFixReadOnly": "Enable FIX API Read-Only",
})  # fmt: skip
WITHDRAW = "enableWithdrawals"
TRANSFERS = ("enableInternalTransfer", "permitsUniversalTransfer")
READ, RESTRICTED, EXPIRES = "enableReading", "ipRestrict", "tradingAuthorityExpirationTime"
# What trading on a part of the exchange takes. To read there, the exchange may want the same permission.
TRADES: Mapping[str, str] = MappingProxyType({
    "spot": "enableSpotAndMarginTrading",
    "usdm": "enableFutures",
    "coinm": "enableFutures",
    "sapi": "enableMargin",
    "papi": "enablePortfolioMarginTrading",
    "options": "enableVanillaOptions",
})  # fmt: skip
# What cannot be given without another one.
_WITH: Mapping[str, str] = MappingProxyType({"enableMargin": "enableSpotAndMarginTrading"})
_MOST_LOCKS = 5


class Code(NamedTuple):
    """A kind of finding: the setting of [facts] that decides what becomes of it, how loud it is, what it means."""

    name: str
    setting: str
    severity: Severity
    meaning: str
    remedy: str


_CODES = (
    Code(
        "key_withdrawals", "withdrawals", Severity.CRITICAL, "the key can withdraw",
        "take the permission from it at the exchange; nothing here ever withdraws",
    ),
    Code(
        "key_transfers", "transfers", Severity.HIGH, "the key can move money to other wallets or accounts",
        "take the permission from it at the exchange; nothing here ever transfers",
    ),
    Code(
        "key_unrestricted", "unrestricted", Severity.HIGH, "the key works from any address",
        "restrict it at the exchange to the addresses that the gateway leaves from (venue.egress)",
    ),
    Code(
        "key_excess", "excess", Severity.MEDIUM, "the key may do what its functions and its bots do not need",
        "take the permission from it at the exchange, or give the key the function that needs it",
    ),
    Code(
        "key_lacking", "lacking", Severity.HIGH, "the key may not do what its functions and its bots need",
        "give it the permission at the exchange, or take the function from the key",
    ),
    Code(
        "key_expiring", "expiring", Severity.HIGH, "the key's permission to trade ends soon, or has ended",
        "restrict the key to addresses, which ends the deadline, or rotate it: counterseal key rotate NAME",
    ),
    Code(
        "key_locked", "locked", Severity.CRITICAL, "the exchange has locked trading through its API for this account",
        "see the exchange's notice; what locks is how orders were placed and cancelled",
    ),
)  # fmt: skip
CODES: Mapping[str, Code] = MappingProxyType({code.name: code for code in _CODES})


class Use(NamedTuple):
    """What a key is there for: its functions, the parts of the exchange where bots use it, whether any bot does."""

    functions: frozenset[str]
    products: frozenset[str]
    environment: str

    @property
    def trades(self) -> bool:
        """Whether it signs what changes something."""
        return bool(self.functions & {"trade", "settings"})


class Lock(NamedTuple):
    """Trading is locked: of what (a symbol, or the account), and until when, 0 where the exchange does not say."""

    what: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a key. `action` is NOTE, ALERT or REFUSE; `text` says what is so and the way out."""

    code: str
    action: str
    severity: Severity
    text: str


def use_of(config: Config, name: str) -> Use:
    """Give what a key is there for by the settings."""
    key = config.keys[name]
    products = frozenset(family for bot in config.bots.values() if name in bot.keys for family in bot.products)
    return Use(key.functions, products, key.environment)


def needed(use: Use) -> frozenset[str]:
    """Give the flags that the exchange must have set for the key to do its work."""
    found = {READ} if use.functions else set[str]()
    if use.trades:
        found |= {TRADES[product] for product in use.products if product in TRADES}
    return frozenset(found | {_WITH[flag] for flag in found if flag in _WITH})


def allowed(use: Use) -> frozenset[str]:
    """Give the flags that may be set. Where no bot uses the key yet, every market's may."""
    products = use.products or frozenset(TRADES)
    markets = {TRADES[product] for product in products if product in TRADES}
    # A market may have to be enabled even to be read; what places orders on spot need not.
    spot = TRADES["spot"]
    found = markets if use.trades else markets - {spot}
    return needed(use) | found | {_WITH[flag] for flag in found if flag in _WITH and use.trades} | {READ}


def judge(
    restrictions: Mapping[str, bool | int], locks: Iterable[Lock], use: Use, terms: Facts, now_ms: int
) -> tuple[Finding, ...]:
    """Judge what was read of one key, in the order of CODES. `now_ms` is exchange time."""
    flags = {name for name, value in restrictions.items() if value is True}
    told = {
        "key_withdrawals": _withdrawals(flags),
        "key_transfers": _named("it has", flags & set(TRANSFERS)),
        "key_unrestricted": _unrestricted(restrictions, use),
        "key_excess": _named("it has", _permissions(flags) - allowed(use) - {WITHDRAW, *TRANSFERS}),
        "key_lacking": _named("it lacks", needed(use) - flags),
        "key_expiring": _expiring(restrictions, use, terms, now_ms),
        "key_locked": _locked(locks, use),
    }
    found = [_finding(CODES[name], text, terms, use) for name, text in told.items() if text]
    return tuple([_louder(one, restrictions, now_ms) for one in found if one.action != IGNORE])


def refusing(findings: Iterable[Finding]) -> Finding | None:
    """Give the first finding for which the key is refused, None when it may go on."""
    return next((one for one in findings if one.action == REFUSE), None)


def locks_in(body: Any) -> tuple[Lock, ...]:
    """Read an answer about the state of trading, the account's or that of USD-M by symbol; nonsense locks nothing."""
    if not isinstance(body, dict):
        return ()
    whole = body.get("data")
    if isinstance(whole, dict):
        return (Lock("the account", _moment(whole)),) if whole.get("isLocked") is True else ()
    listed = body.get("indicators")
    rows = listed.items() if isinstance(listed, dict) else ()
    return tuple([
        Lock(str(what)[:32], _moment(row)) for what, indicators in rows if isinstance(indicators, list)
        for row in indicators if isinstance(row, dict) and row.get("isLocked") is True
    ])  # fmt: skip


def _moment(row: Mapping[str, Any]) -> int:
    found = row.get("plannedRecoverTime")
    return found if type(found) is int and found > 0 else 0


def _permissions(flags: Iterable[str]) -> set[str]:
    """Give what of the flags gives a right, also one that is new at the exchange."""
    return {name for name in flags if name.startswith(("enable", "permits"))}


def _finding(code: Code, text: str, terms: Facts, use: Use) -> Finding:
    action: str = getattr(terms, code.setting)
    if action == ALERT and use.environment == "paper" and code.name in _NOTED_ON_PAPER:
        action = NOTE
    severity = Severity.CRITICAL if action == REFUSE else code.severity
    return Finding(code.name, action, severity, f"{code.meaning}: {text}; {code.remedy}")


def _louder(one: Finding, restrictions: Mapping[str, bool | int], now_ms: int) -> Finding:
    """Tell an end that is near as loudly as can be."""
    if one.code != "key_expiring" or restrictions[EXPIRES] - now_ms > LAST_DAYS * DAY_MS:
        return one
    return Finding(one.code, one.action, Severity.CRITICAL, one.text)


def _withdrawals(flags: set[str]) -> str:
    return f"{NAMES[WITHDRAW]} is on" if WITHDRAW in flags else ""


def _named(verb: str, flags: Iterable[str]) -> str:
    listed = ", ".join(sorted(NAMES.get(flag, flag) for flag in flags))
    return f"{verb} {listed}" if listed else ""


def _unrestricted(restrictions: Mapping[str, bool | int], use: Use) -> str:
    """The paper exchange is reached from this machine or a private network alone: a list of addresses adds nothing."""
    if restrictions.get(RESTRICTED) is not False or use.environment == "paper":
        return ""
    return "it is not restricted to addresses"


def _expiring(restrictions: Mapping[str, bool | int], use: Use, terms: Facts, now_ms: int) -> str:
    until_ms = restrictions.get(EXPIRES)
    if type(until_ms) is not int or until_ms <= 0 or not use.trades:
        return ""
    left_ms = until_ms - now_ms
    if left_ms > terms.expiring_days * DAY_MS:
        return ""
    return f"{left_ms // DAY_MS} days and {left_ms % DAY_MS // 3_600_000} hours are left" if left_ms > 0 else "it ended"


def _locked(locks: Iterable[Lock], use: Use) -> str:
    """Tell each lock once; of a symbol that no bot may trade it is told too: it shows how the account stands."""
    if not use.trades:
        return ""
    listed = sorted({lock.what for lock in locks})
    more = f" and {len(listed) - _MOST_LOCKS} more" if len(listed) > _MOST_LOCKS else ""
    return ", ".join(listed[:_MOST_LOCKS]) + more
