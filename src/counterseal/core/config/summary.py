"""A configuration in words that may be logged. It holds no secret, because counterseal.toml holds none."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from counterseal.core.config.hours import show_hours
from counterseal.core.config.model import KEY_FUNCTIONS, Account, Bot, Config, Key

_NONE = "-"
_KEY_COLUMNS = ("key", "functions", "environment", "account", "strategy", "region", "rotation")
_RIGHT_COLUMNS = ("bot", "mode", "checks", "purposes", "products", "keys", "symbols")
_LIMIT_COLUMNS = ("bot", "notional", "exposure", "collar", "leverage", "quantity", "hours (UTC)", "from")
_ACCOUNT_COLUMNS = ("account", "exposure", "exposure per symbol")
_PART_COLUMNS = ("bot", "share", "weight a minute", "orders in 10 s", "equal orders", "account right")


def summarize(config: Config) -> str:
    """Give venue, address, keys, and what each bot may do, as lines of text with a final newline."""
    bots = config.bots.values()
    parts = [
        "\n".join(_head(config)),
        _table(_KEY_COLUMNS, map(_key, config.keys.values())),
        _table(_ACCOUNT_COLUMNS, map(_account, config.accounts.values())),
        _table(_RIGHT_COLUMNS, map(_rights, bots)),
        _table(_LIMIT_COLUMNS, map(_limits, bots)),
        _table(_PART_COLUMNS, map(_parts, bots)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(config: Config) -> Iterable[str]:
    venue, gateway = config.venue, config.gateway
    yield f"venue      {venue.environment}" + (f" at {venue.address}" if venue.address else "")
    if venue.egress:
        yield f"egress     {_list(venue.egress)}"
    yield f"listening  {config.listen.address}" + (f" as {_list(config.listen.hosts)}" if config.listen.hosts else "")
    if config.listen.proxy:
        yield f"proxy      {config.listen.proxy}"
    if config.listen.tls:
        yield f"tls        {_list(config.listen.tls)}"
    yield f"orders     recvWindow at most {gateway.order_recv_window_ms} ms, durability {gateway.durability}"
    unsafe = list(_unsafe(config))
    if unsafe:
        yield f"UNSAFE     {_list(unsafe)}"
    if not config.bots:
        yield "bots       none: nobody may do anything"


def _unsafe(config: Config) -> Iterable[str]:
    if config.venue.unsafe_production:
        yield "venue.unsafe_production"
    if config.venue.unsafe_tls12:
        yield "venue.unsafe_tls12"
    if config.listen.unsafe_listen:
        yield "listen.unsafe_listen"


def _key(key: Key) -> Sequence[str]:
    rotation = f"{key.rotation_days} days" if key.rotation_days else _NONE
    functions = _list(function for function in KEY_FUNCTIONS if function in key.functions)
    return key.name, functions, key.environment, key.account, key.strategy or _NONE, key.region or _NONE, rotation


def _account(account: Account) -> Sequence[str]:
    per_symbol = _list(f"{symbol} {dollars:f} USD" for symbol, dollars in account.max_symbol_exposure.items())
    return account.name, _limit(account.max_exposure, "{} USD"), per_symbol


def _rights(bot: Bot) -> Sequence[str]:
    symbols = "all" if bot.symbols == ("*",) else _list(bot.symbols)
    purposes = _list(bot.purposes) if bot.purposes else "nothing"
    return bot.name, bot.mode, bot.verification, purposes, _list(bot.products), _list(bot.keys), symbols


def _limits(bot: Bot) -> Sequence[str]:
    return (
        bot.name,
        _limit(bot.max_order_notional, "{} USD"),
        _limit(bot.max_exposure, "{} USD"),
        _limit(bot.price_collar_percent, "{} %"),
        _limit(bot.max_leverage, "{}x"),
        _list(f"{symbol} {quantity:f}" for symbol, quantity in bot.max_order_quantity.items()),
        _list(map(show_hours, bot.hours)) if bot.hours else "always",
        _list(map(str, bot.sources)) if bot.sources else "anywhere",
    )


def _parts(bot: Bot) -> Sequence[str]:
    repeats = f"{bot.max_repeats} in {bot.repeat_window_s} s" if bot.max_repeats else _NONE
    right = "yes" if bot.sees_account else _NONE
    return bot.name, str(bot.share), _limit(bot.max_weight_1m, "{}"), _limit(bot.max_orders_10s, "{}"), repeats, right


def _limit(value: Decimal | int | None, form: str) -> str:
    return _NONE if value is None else form.format(value)


def _list(items: Iterable[str]) -> str:
    return ", ".join(items) or _NONE


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Align columns; no rows give no table."""
    lines = [head, *rows]
    if len(lines) == 1:
        return ""
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
