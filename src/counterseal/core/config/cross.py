"""Rules that hold between settings. The first line of each rule's docstring is its text in the reference."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from counterseal.core.config.addresses import is_loopback, version_of
from counterseal.core.config.faults import FaultList, nearest, show_name
from counterseal.core.config.grammar import ANY_SYMBOL
from counterseal.core.config.model import KEY_FUNCTIONS

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Settings read one by one. What had a fault of its own is absent, so that no rule repeats it."""

    venue: Values
    listen: Values
    gateway: Values
    journal: Values
    process: Values
    signer: Values
    keys: Mapping[str, Values]
    accounts: Mapping[str, Values]
    bots: Mapping[str, Values]


def paper_has_its_address(draft: Draft, faults: FaultList) -> None:
    """`venue.address` and `venue.ca_file` must be given for the paper exchange, and only for it."""
    environment = draft.venue.get("environment")
    for name in ("address", "ca_file"):
        if environment is None or name not in draft.venue:
            continue
        given = draft.venue[name] is not None
        if environment == "paper" and not given:
            faults.add(("venue", name), "is missing; the paper exchange needs it", f"add {name} to [venue]")
        if environment != "paper" and given:
            cause = f'is for the paper exchange only; the hosts of "{environment}" are built in'
            faults.add(("venue", name), cause, "remove it")


def egress_reaches_the_paper_exchange(draft: Draft, faults: FaultList) -> None:
    """Where `venue.address` is an IP address, each of `venue.egress` must be of the same version of IP."""
    version = version_of(draft.venue.get("address") or "")
    for number, egress in enumerate(draft.venue.get("egress", ()), 1):
        if version is not None and version_of(egress) != version:
            cause = f"its entry {number} is no IPv{version} address, and no other can reach the address of [venue]"
            faults.add(("venue", "egress"), cause, "remove it, or write the exchange's address in the other version")


def production_is_deliberate(draft: Draft, faults: FaultList) -> None:
    """`venue.environment = "production"` needs `venue.unsafe_production = true`."""
    if draft.venue.get("environment") == "production" and draft.venue.get("unsafe_production") is False:
        faults.add(
            ("venue", "environment"),
            'is "production", whose connections are not pinned yet',
            "use another environment, or accept the risk with unsafe_production = true in [venue]",
        )


def listening_is_local(draft: Draft, faults: FaultList) -> None:
    """`listen.address`, `proxy` and `tls` must be loopback addresses unless `listen.unsafe_listen = true`."""
    listen = draft.listen
    if listen.get("unsafe_listen") is not False:
        return
    for name, risk in (("address", " without encryption"), ("proxy", ""), ("tls", "")):
        given = listen.get(name) or ()
        if not all(is_loopback(address) for address in ((given,) if isinstance(given, str) else given)):
            faults.add(
                ("listen", name),
                f"is not a loopback address, so that other machines could connect{risk}",
                "use 127.0.0.1 or [::1], or accept the risk with unsafe_listen = true in [listen]",
            )


def keys_fit_the_venue(draft: Draft, faults: FaultList) -> None:
    """A key's `environment` must be the venue's: a key never meets an exchange that did not issue it."""
    venue = draft.venue.get("environment")
    for name, key in draft.keys.items():
        own = key.get("environment")
        if venue is not None and own is not None and own != venue:
            cause = f'is "{own}", and the environment of [venue] is "{venue}"'
            faults.add(("keys", name, "environment"), cause, "give each environment a file of its own")


def keys_of_bots_exist(draft: Draft, faults: FaultList) -> None:
    """Every key that a bot names must have its own `[keys.NAME]`."""
    for bot, settings in draft.bots.items():
        for number, name in enumerate(settings.get("keys", ()), 1):
            if name not in draft.keys:
                cause = f"its entry {number} names no key of this file"
                faults.add(("bots", bot, "keys"), cause, _key_remedy(name, draft))


def keys_cover_purposes(draft: Draft, faults: FaultList) -> None:
    """A bot with the purpose `account`, `trade` or `settings` needs a key with the function of that name."""
    for bot, settings in draft.bots.items():
        keys = [draft.keys.get(name, {}) for name in settings.get("keys", ())]
        if "keys" not in settings or any("functions" not in key for key in keys):
            continue
        held = frozenset[str]().union(*(key["functions"] for key in keys))
        for purpose in KEY_FUNCTIONS:
            if purpose in settings.get("purposes", ()) and purpose not in held:
                cause = f'holds "{purpose}", and none of the bot\'s keys has that function'
                remedy = f'name a key in its keys whose functions hold "{purpose}", or remove the purpose'
                faults.add(("bots", bot, "purposes"), cause, remedy)


def quantity_limits_apply(draft: Draft, faults: FaultList) -> None:
    """`max_order_quantity` may name only symbols that the bot may trade: a misspelt limit limits nothing."""
    for bot, settings in draft.bots.items():
        allowed = settings.get("symbols", (ANY_SYMBOL,))
        for symbol in settings.get("max_order_quantity", ()):
            if ANY_SYMBOL not in (symbol, *allowed) and symbol not in allowed:
                path = ("bots", bot, "max_order_quantity", symbol)
                faults.add(path, "is not among the bot's symbols", "correct it, or add it to the symbols")


def limits_of_accounts_apply(draft: Draft, faults: FaultList) -> None:
    """Every `[accounts.NAME]` must be the account of a key: a misspelt limit limits nothing."""
    known = {key["account"] for key in draft.keys.values() if "account" in key}
    if any("account" not in key for key in draft.keys.values()):
        return
    for name in draft.accounts:
        if name not in known:
            remedy = "correct it, or give the account to a key: " + ", ".join(map(show_name, sorted(known)))
            faults.add(("accounts", name), "is no account of a key", remedy if known else "add the key")


def passphrase_has_one_source(draft: Draft, faults: FaultList) -> None:
    """Of `signer.passphrase_file` and `signer.passphrase_credential` at most one may be given."""
    given = [draft.signer.get(name) is not None for name in ("passphrase_file", "passphrase_credential")]
    if all(given):
        cause = "is given beside passphrase_credential, and nobody can tell which of the two holds"
        faults.add(("signer", "passphrase_file"), cause, "remove one of them")


def _key_remedy(name: str, draft: Draft) -> str:
    close = nearest(name, draft.keys)
    if close is not None:
        return f"did you mean {show_name(close)}?"
    return "add a section [keys.NAME] for it, or correct the name"


RULES: tuple[Callable[[Draft, FaultList], None], ...] = (
    paper_has_its_address,
    egress_reaches_the_paper_exchange,
    production_is_deliberate,
    listening_is_local,
    keys_fit_the_venue,
    keys_of_bots_exist,
    keys_cover_purposes,
    quantity_limits_apply,
    limits_of_accounts_apply,
    passphrase_has_one_source,
)
