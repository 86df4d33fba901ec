"""The settings of the store of keys: how they are written, what each kind needs, and reading them alone."""

import pytest
from tests.core.config.texts import PAPER, PAPER_LINES, config_of, fault_of

from counterseal.core.config import keystore_grammar as grammar
from counterseal.core.config.loader import load_keystore
from counterseal.core.config.model import Fault, Keystore
from counterseal.core.config.summary import summarize

VAULT = (
    '[keystore]\nkind = "vault"\nurl = "https://10.0.0.7:8200"\npath = "counterseal/desk"\nrole = "counterseal"\n'
    'role_id = "5b8f2c1e"\nlogin_file = "secret-id"\n'
)
AWS = '[keystore]\nkind = "aws"\nregion = "eu-central-1"\nsecret_name = "counterseal/desk"\n'
SYSTEMD = '[keystore]\nkind = "systemd"\ncredential = "keys"\n'


def test_without_settings_the_keys_are_in_their_file() -> None:
    assert config_of(PAPER).keystore == Keystore() and Keystore().kind == "file"


@pytest.mark.parametrize("text", [VAULT, AWS, SYSTEMD])
def test_each_kind_is_read(text: str) -> None:
    found = config_of(PAPER + text).keystore
    assert load_keystore(text) == found and f'kind = "{found.kind}"' in text
    assert (found.timeout_s, found.max_lease_hours, found.wrapped, found.mount) == (3, 24, True, "secret")


@pytest.mark.parametrize(
    ("text", "setting", "cause"),
    [
        (VAULT.replace('url = "https://10.0.0.7:8200"\n', ""), "url", 'is missing; a store of kind "vault" needs it'),
        (VAULT.replace('role = "counterseal"\n', ""), "role", 'is missing; a store of kind "vault" needs it'),
        (AWS.replace('region = "eu-central-1"\n', ""), "region", 'is missing; a store of kind "aws" needs it'),
        (SYSTEMD.replace('credential = "keys"\n', ""), "credential", 'is missing; a store of kind "systemd" needs it'),
        (VAULT + 'region = "eu-central-1"\n', "region", 'is no setting of a store of kind "vault"'),
        ('[keystore]\npath = "a"\n', "path", 'is no setting of a store of kind "file"'),
        (SYSTEMD + 'login_file = "a"\n', "login_file", 'is no setting of a store of kind "systemd"'),
        (VAULT + 'login_credential = "a"\n', "login_file", "is given beside login_credential"),
        (VAULT.replace('login_file = "secret-id"\n', ""), "login_file", "is missing, and so is login_credential"),
        (VAULT.replace("10.0.0.7", "vault.internal"), "address", "is missing, and the host in url is a name"),
        ('[keystore]\nkind = "consul"\n', "kind", "is none of the words that it may be"),
        ("[keystore]\ntimeout_s = 30\n", "timeout_s", "is out of range"),
        ("[keystore]\nmax_lease_hours = 25\n", "max_lease_hours", "is out of range"),
        (VAULT + 'address = "vault:8200"\n', "address", "is not IP-address:port"),
        (VAULT.replace("counterseal/desk", "a/../b"), "path", "is not a path of words and slashes"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(text: str, setting: str, cause: str) -> None:
    fault = fault_of(PAPER + text)
    assert fault.setting == f"keystore.{setting}" and fault.cause.startswith(cause)
    alone = load_keystore(text)
    assert isinstance(alone, tuple) and [(each.setting, each.cause) for each in alone] == [(fault.setting, fault.cause)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (VAULT, "keys in    vault: https://10.0.0.7:8200 secret/counterseal/desk"),
        (AWS, "keys in    aws: counterseal/desk in eu-central-1"),
        (SYSTEMD, "keys in    systemd: keys"),
    ],
)
def test_the_summary_says_where_the_keys_are(text: str, line: str) -> None:
    assert line in summarize(config_of(PAPER + text)).splitlines()
    assert "keys in" not in summarize(config_of(PAPER))


def test_a_name_with_its_address_is_never_looked_up() -> None:
    named = VAULT.replace("10.0.0.7", "vault.internal") + 'address = "10.0.0.7:8200"\n'
    assert config_of(PAPER + named).keystore.address == "10.0.0.7:8200"


def test_faults_of_other_sections_do_not_hide_where_the_keys_are() -> None:
    assert load_keystore("[venue]\nenvironment = 5\n[bots]\nx = 1\n" + AWS) == config_of(PAPER + AWS).keystore
    assert load_keystore("") == Keystore()


def test_what_is_no_toml_has_one_fault() -> None:
    found = load_keystore("[keystore\n")
    assert isinstance(found, tuple) and len(found) == 1 and isinstance(found[0], Fault)
    fault = fault_of(PAPER + "keystore = 5\n" if PAPER_LINES == 0 else "keystore = 5\n" + PAPER)
    assert fault.setting == "keystore"


@pytest.mark.parametrize(
    ("parse", "good", "bad"),
    [
        (grammar.parse_url, ["https://v:1", "http://127.0.0.1:8200", "https://[::1]:8200"],
         ["https://v", "http://v:1", "https://v:1/x", "https://a@v:1", "v:1", "https://v:99999"]),
        (grammar.parse_address, ["127.0.0.1:1", "[::1]:8200"], ["127.0.0.1:0", "127.0.0.1", "v:1", ""]),
        (grammar.parse_place, ["a", "a/b/c", "a.b/c_d-e"], ["", "/a", "a/", "a//b", ".", "a/./b", "a b",
          "a/b/c/d/e/f/g/h/i"]),
        (grammar.parse_role_id, ["a-b.c"], ["", "a b", "x" * 129]),
        (grammar.parse_secret_name, ["a/b", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a/b-AbCdEf"],
         ["", "a b", "arn:aws:sns:eu-central-1:123456789012:x y"]),
    ],
)  # fmt: skip
def test_grammar(parse, good: list[str], bad: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert [parse(text) for text in good] == good
    assert [text for text in bad if parse(text) is not None] == []
