"""counterseal.toml judged whole: a Config, or all of its faults at once."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from counterseal.core.config.cross import RULES, Draft, Values
from counterseal.core.config.faults import FaultList, nearest
from counterseal.core.config.grammar import RESERVED_BOT, parse_label, parse_name
from counterseal.core.config.lines import Path, index_lines
from counterseal.core.config.model import (
    Account,
    Bot,
    Config,
    Fault,
    Gateway,
    Journal,
    Key,
    Listen,
    Process,
    Signer,
    Venue,
)
from counterseal.core.config.parsers import kind_of
from counterseal.core.config.syntax import parse
from counterseal.core.config.table import SECTIONS, Required, Section, Setting

_SECRETS = frozenset({"apikey", "secret", "secretkey", "apisecret", "privatekey", "passphrase", "password"})
_NO_SECRETS = "remove it: keys and secrets never stand in this file, `counterseal key add NAME` takes them"


def load(text: str) -> Config | tuple[Fault, ...]:
    """Read the text of counterseal.toml.

    Gives a Config, or every fault that was found, by line (1-based, within the text). A text that is no TOML
    has one fault. Never raises for any text, and no fault shows a value that could be a secret.
    """
    given = parse(text)
    if isinstance(given, Fault):
        return (given,)
    faults = FaultList(index_lines(text))
    draft = _draft(given, faults)
    for rule in RULES:
        rule(draft, faults)
    return faults.in_order() or _config(draft)


def _draft(given: Mapping[str, Any], faults: FaultList) -> Draft:
    for name in given:
        if name not in SECTIONS:
            _unknown_section(name, faults)
    read = {name: _read_section(section, given.get(name), faults) for name, section in SECTIONS.items()}
    return Draft(**read)


def _unknown_section(name: str, faults: FaultList) -> None:
    home = _home_of(name)
    close = nearest(name, SECTIONS)
    if _is_secret(name):
        remedy = _NO_SECRETS
    elif home:
        remedy = f"it belongs to [{home}]"
    elif close:
        remedy = f"did you mean [{SECTIONS[close].header}]?"
    else:
        remedy = "the sections are " + ", ".join(f"[{section.header}]" for section in SECTIONS.values())
    faults.add((name,), "is no section", remedy)


def _read_section(section: Section, given: object, faults: FaultList) -> Mapping[str, Any]:
    if given is None and section.required:
        faults.add((section.name,), "is missing", f"add a section [{section.header}]")
        return {}
    tables = {} if given is None else given
    if not isinstance(tables, dict):
        _no_table((section.name,), tables, section, faults)
        return {}
    if not section.named:
        return _read_settings(section, tables, (section.name,), faults)
    return {name: _read_named(section, name, inner, faults) for name, inner in tables.items()}


def _read_named(section: Section, name: str, given: object, faults: FaultList) -> Values:
    path = (section.name, name)
    if not isinstance(given, dict):
        _no_table(path, given, section, faults)
        return {}
    if section.name == "accounts":
        # The name is the one that keys give to their account, which is a label.
        if parse_label(name) is None:
            faults.add(path, "is no name that an account can have", "use the account that a key names, or main")
    elif parse_name(name) is None:
        rule = "1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit"
        faults.add(path, "is no name that a bot or key can have", f"use {rule}")
    elif section.name == "bots" and name == RESERVED_BOT:
        faults.add(path, "is reserved for unsigned public reads from this machine", "use another name")
    return _read_settings(section, given, path, faults)


def _no_table(path: Path, given: object, section: Section, faults: FaultList) -> None:
    remedy = f"write it as [{section.header}], in single brackets"
    faults.add(path, f"is {kind_of(given)}, not a section", remedy)


def _read_settings(section: Section, given: Mapping[str, Any], path: Path, faults: FaultList) -> Values:
    values = {}
    for setting in section.settings:
        before = len(faults.found)
        value = _read_setting(setting, given, path, faults)
        if len(faults.found) == before:
            values[setting.name] = value
    known = [setting.name for setting in section.settings]
    for name in given:
        if name not in known:
            faults.add((*path, name), "is no setting of this section", _setting_remedy(name, known))
    return values


def _read_setting(setting: Setting, given: Mapping[str, Any], path: Path, faults: FaultList) -> Any:
    if setting.name in given:
        return setting.parser.read(given[setting.name], faults.reporter((*path, setting.name)))
    if setting.default is Required:
        faults.add((*path, setting.name), "is missing", f"add {setting.name}, for example {setting.example}")
    return setting.default


def _setting_remedy(name: str, known: list[str]) -> str:
    if _is_secret(name):
        return _NO_SECRETS
    home, close = _home_of(name), nearest(name, known)
    if home:
        return f"it belongs to [{home}]"
    if close:
        return f"did you mean {close}?"
    return f"the settings here are {', '.join(known)}"


def _is_secret(name: str) -> bool:
    return name.lower().replace("_", "").replace("-", "") in _SECRETS


def _home_of(name: str) -> str | None:
    homes = [section.header for section in SECTIONS.values() if any(name == s.name for s in section.settings)]
    return homes[0] if len(homes) == 1 else None


def _config(draft: Draft) -> Config:
    venue = Venue(**draft.venue)
    keys = {name: _key(name, values, venue) for name, values in draft.keys.items()}
    bots = {name: Bot(name=name, **values) for name, values in draft.bots.items()}
    accounts = {name: Account(name=name, **values) for name, values in draft.accounts.items()}
    return Config(
        venue=venue,
        listen=Listen(**draft.listen),
        gateway=Gateway(**draft.gateway),
        journal=Journal(**draft.journal),
        process=Process(**draft.process),
        signer=Signer(**draft.signer),
        keys=MappingProxyType(keys),
        bots=MappingProxyType(bots),
        accounts=MappingProxyType(accounts),
    )


def _key(name: str, values: Values, venue: Venue) -> Key:
    return Key(name=name, **{**values, "environment": values["environment"] or venue.environment})
