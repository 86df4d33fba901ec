"""`counterseal key list`: every version of every key, where it stands, and what the exchange last said of it."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from counterseal.adapters import config_file, control_socket, hsm_file, key_file
from counterseal.adapters.home import Home
from counterseal.adapters.hsm_file import HsmKey
from counterseal.adapters.key_file import StoredKey
from counterseal.cli.shared import OK, now_ms, show_ms, table
from counterseal.core.config.model import KEY_FUNCTIONS, Config, Key
from counterseal.core.key_refs import name_of, number_of
from counterseal.core.rotation import Stage
from counterseal.core.rotation_schedule import due_ms

HEAD = (
    "NAME", "VERSION", "KIND", "ENVIRONMENT", "STAGE", "AGE", "NEXT ROTATION", "FUNCTIONS", "LAST FACTS",
)  # fmt: skip
# The list must come also when nothing answers.
ASK_S = 3.0
_NONE = "-"
_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
Stored = StoredKey | HsmKey


def run(home: Home, _args: argparse.Namespace) -> int:
    """Show the table, and below it what is to be done about keys. Raises HomeError."""
    found = config_file.read(home.config)
    config = found if isinstance(found, Config) else None
    keys: list[Stored] = [*key_file.read(home).values(), *hsm_file.read(home).values()]
    keys.sort(key=lambda key: (name_of(key.ref), number_of(key.ref)))
    asked, at_ms = _facts(home), now_ms()
    print(table([HEAD, *(_row(key, config, asked, at_ms) for key in keys)]))
    for sentence in _sentences(keys, config, asked):
        print(sentence)
    return OK


def _facts(home: Home) -> Mapping[str, Any]:
    """Ask guard and gateway; without them nothing is known."""
    asked: dict[str, Any] = {"keys": {}, "quarantine": []}
    try:
        asked = dict(control_socket.call(home.control_socket, "key_facts", ASK_S))
        status = control_socket.call(home.control_socket, "status", ASK_S)
    except control_socket.ControlError:
        return asked
    # What the settings refuse stands among the findings.
    gateway = [row for row in status.get("gateway", {}).get("quarantine", []) if row.get("cause") != "settings"]
    asked["quarantine"] = [*gateway, *asked.get("quarantine", [])]
    return asked


def _row(key: Stored, config: Config | None, asked: Mapping[str, Any], at_ms: int) -> tuple[str, ...]:
    name, settings = name_of(key.ref), None if config is None else config.keys.get(name_of(key.ref))
    stage = Stage(key.stage) if isinstance(key, StoredKey) else Stage.ACTIVE
    place = f" in the {key.token.name}" if isinstance(key, HsmKey) else ""
    state = (stage.value if key.api_key else f"{stage.value}, waits for its API key") + place
    return (
        name, str(number_of(key.ref)), key.kind, key.environment, state, age(at_ms - key.created_ms),
        _next(key, stage, settings, at_ms), _functions(settings), _last(key.ref, asked),
    )  # fmt: skip


def age(ms: int) -> str:
    """Write how old something is, in its largest unit."""
    for unit_ms, name in ((_DAY_MS, "d"), (_HOUR_MS, "h"), (_MINUTE_MS, "min")):
        if ms >= unit_ms:
            return f"{ms // unit_ms} {name}"
    return "new"


def _next(key: Stored, stage: Stage, settings: Key | None, at_ms: int) -> str:
    """Tell when the active version is to be replaced; a key in a token is replaced by hand."""
    if settings is None or stage is not Stage.ACTIVE or isinstance(key, HsmKey):
        return _NONE
    if settings.rotation_days is None:
        return "never"
    since_ms = key.since_ms or key.created_ms
    moment_ms = due_ms(key.name, since_ms, settings.rotation_days, settings.rotation_blackout)
    if moment_ms is None:
        return "never: the blackout never ends"
    return "due" if moment_ms <= at_ms else show_ms(moment_ms)


def _functions(settings: Key | None) -> str:
    if settings is None:
        return "not in counterseal.toml"
    return ", ".join(function for function in KEY_FUNCTIONS if function in settings.functions) or "none"


def _last(ref: str, asked: Mapping[str, Any]) -> str:
    """Sum up in a cell what is known of a version."""
    for row in asked["quarantine"]:
        if row.get("key") == ref:
            return f"{row.get('phase')}: {row.get('cause') or 'being tried'}"
    known = asked["keys"].get(ref)
    if known is None:
        return "not asked"
    if known.get("asked_ms") is None:
        return f"not asked: {known.get('why')}"
    found = ", ".join(f"{one['code']} ({one['action']})" for one in known.get("findings", ()))
    return f"{show_ms(known['asked_ms'])}: {found or 'as it should be'}"


def _sentences(keys: list[Stored], config: Config | None, asked: Mapping[str, Any]) -> Iterator[str]:
    """Say of each key what is wrong with it and the way out, each thing once."""
    told: dict[str, None] = {}
    for key in keys:
        if config is not None and key.environment != config.venue.environment:
            here = config.venue.environment
            told[
                f'{key.ref}: it is sealed for "{key.environment}" and [venue] is "{here}": it signs nothing here; '
                "remove it, and add it to the installation of its environment"
            ] = None
    for row in asked["quarantine"]:
        told[f"{row.get('key')}: {row.get('what')}: {row.get('why')}"] = None
    for ref, known in sorted(asked["keys"].items()):
        for one in known.get("findings", ()):
            told[f"{ref}: {one['text']}"] = None
    yield from told
