"""Request weight of one call, by the rule the catalogue holds for its endpoint.

The documented rules go stale; what the exchange's headers say always wins. A rule of an unknown kind is refused when
the catalogue is built, so that a weight is never guessed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Values = Mapping[str, str]
WeightRule = Callable[[Values], int]


def parse_rule(rule: Mapping[str, Any]) -> WeightRule:
    """Turn a rule of the catalogue into a function of the call's parameters.

    Raises ValueError for a rule kind that is not known.
    """
    maker = _MAKERS.get(rule["kind"])
    if maker is None:
        raise ValueError(f"unknown weight rule {rule['kind']!r}")
    return maker(rule)


def count_symbols(text: str) -> int:
    """Count the names in a `symbols` value; an empty one, or one that is no JSON list, counts as one."""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return 1
    return max(1, len(names)) if isinstance(names, list) else 1


def _fixed(rule: Mapping[str, Any]) -> WeightRule:
    value = int(rule["value"])
    return lambda values: value


def _by_param(rule: Mapping[str, Any]) -> WeightRule:
    name, present, absent = rule["param"], int(rule["with"]), int(rule["without"])
    return lambda values: present if name in values else absent


def _by_limit(rule: Mapping[str, Any]) -> WeightRule:
    name, default, steps = rule["param"], rule["default_limit"], rule["steps"]

    def weigh(values: Values) -> int:
        text = values.get(name, "")
        return _step(steps, int(text) if text.isascii() and text.isdigit() else default)

    return weigh


def _by_value(rule: Mapping[str, Any]) -> WeightRule:
    name, table, default = rule["param"], rule["values"], rule["default"]
    return lambda values: int(table.get(values.get(name, ""), default))


def _symbols(rule: Mapping[str, Any]) -> WeightRule:
    one, each, cap, none = rule["symbol"], rule["each"], rule["cap"], rule["none"]

    def weigh(values: Values) -> int:
        if "symbol" in values:
            return int(one)
        return min(int(cap), int(each) * count_symbols(values["symbols"])) if "symbols" in values else int(none)

    return weigh


def _symbols_steps(rule: Mapping[str, Any]) -> WeightRule:
    one, none, steps = rule["symbol"], rule["none"], rule["steps"]

    def weigh(values: Values) -> int:
        if "symbol" in values:
            return int(one)
        return _step(steps, count_symbols(values["symbols"])) if "symbols" in values else int(none)

    return weigh


def _step(steps: Sequence[Sequence[Any]], amount: int) -> int:
    for ceiling, weight in steps:
        if ceiling is None or amount <= ceiling:
            return int(weight)
    return int(steps[-1][1])


_MAKERS: Mapping[str, Callable[[Mapping[str, Any]], WeightRule]] = {
    "fixed": _fixed,
    "special_pool": _fixed,
    "by_param": _by_param,
    "by_limit": _by_limit,
    "by_value": _by_value,
    "symbols": _symbols,
    "symbols_steps": _symbols_steps,
}
