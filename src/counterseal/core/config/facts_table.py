"""The settings of what becomes of what the exchange says of a key."""

from counterseal.core.config import model
from counterseal.core.config.parsers import choice, whole
from counterseal.core.config.section import Section, Setting

_WHAT = "`refuse`: the key serves exits alone until it is mended; `alert`: people are told; `ignore`: nothing."


def _fact(name: str, default: str, when: str) -> Setting:
    return Setting(name, choice(model.ON_FACT), default, f"{when} {_WHAT}", f'"{default}"')


_TERMS = model.Facts()
FACTS = Section(
    "facts",
    "What becomes of what the exchange says of a key when the guard asks it. See docs/topics/facts-of-keys.md.",
    (
        _fact("withdrawals", _TERMS.withdrawals, "The key can withdraw."),
        _fact("transfers", _TERMS.transfers, "The key can move money to other wallets or accounts."),
        _fact("unrestricted", _TERMS.unrestricted, "The key works from any address. Never said of a paper key."),
        _fact("excess", _TERMS.excess, "The key has a permission that neither its functions nor its bots need."),
        _fact("lacking", _TERMS.lacking, "The key lacks a permission that its functions and its bots need."),
        _fact("expiring", _TERMS.expiring, "The key's permission to trade ends within `expiring_days`, or has ended."),
        _fact("locked", _TERMS.locked, "The exchange has locked trading through its API."),
        Setting(
            "expiring_days",
            whole(1, 90),
            _TERMS.expiring_days,
            "How long before its end a permission to trade is told of.",
            "14",
            "days",
        ),
        Setting(
            "ask_hours",
            whole(1, 168),
            _TERMS.ask_hours,
            "How often each key is asked for, besides at the guard's start and when the signer holds a new one.",
            "24",
            "hours",
        ),
    ),
)
