"""What a scope of the ladder reaches at the exchange: accounts, parts of the exchange, symbols, and whose orders."""

from collections.abc import Iterator
from typing import NamedTuple

from counterseal.core.config.model import Bot, Config
from counterseal.core.ladder import Kind, Scope

# Parts of the exchange on which there are orders and positions of an account.
FAMILIES = ("spot", "usdm", "coinm")


class Reach(NamedTuple):
    """One account on one part of the exchange. `symbols` None is all of them; `bots` None is everybody's orders."""

    account: str
    family: str
    symbols: tuple[str, ...] | None = None
    bots: tuple[str, ...] | None = None


def is_known(scope: Scope, config: Config) -> bool:
    """Tell whether the settings name whom a scope is of. A symbol need not be named anywhere."""
    if scope.kind is Kind.BOT:
        return scope.name in config.bots
    if scope.kind is Kind.ACCOUNT:
        return any(key.account == scope.name for key in config.keys.values())
    if scope.kind is Kind.STRATEGY:
        return any(key.strategy == scope.name for key in config.keys.values())
    return True


def reach(scope: Scope, config: Config) -> tuple[Reach, ...]:
    """Give what a scope reaches, in order of account and family, each once."""
    bots = [bot for bot in config.bots.values() if "trade" in bot.purposes and _belongs(bot, scope, config)]
    whole = scope.kind in (Kind.FLEET, Kind.ACCOUNT, Kind.SYMBOL)
    symbols = (scope.name,) if scope.kind is Kind.SYMBOL else None
    owners: dict[tuple[str, str], list[str]] = {}
    for bot in bots:
        for place in _places(bot, scope, config):
            owners.setdefault(place, []).append(bot.name)
    return tuple(
        [
            Reach(account, family, symbols, None if whole else tuple(owners[account, family]))
            for account, family in sorted(owners)
        ]
    )


def shares(config: Config, reached: tuple[Reach, ...]) -> tuple[str, ...]:
    """Give the accounts on which bots trade too that are not reached: positions there are not these bots' alone."""
    found = set()
    for one in reached:
        traders = {bot.name for bot in config.bots.values() if one[:2] in set(_places(bot, None, config))}
        if one.bots is not None and traders - set(one.bots):
            found.add(one.account)
    return tuple(sorted(found))


def _belongs(bot: Bot, scope: Scope, config: Config) -> bool:
    if scope.kind is Kind.BOT:
        return bot.name == scope.name
    if scope.kind is Kind.STRATEGY:
        return any(config.keys[name].strategy == scope.name for name in bot.keys)
    return True


def _places(bot: Bot, scope: Scope | None, config: Config) -> Iterator[tuple[str, str]]:
    """Give where a bot can have orders: every account of its keys, every part that it may use."""
    if "trade" not in bot.purposes:
        return
    for account in {config.keys[name].account for name in bot.keys}:
        if scope is None or scope.kind is not Kind.ACCOUNT or scope.name == account:
            yield from [(account, family) for family in FAMILIES if family in bot.products]
