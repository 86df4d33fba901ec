"""counterseal.toml, whatever stands in it: a configuration or faults on its own lines, and never a value repeated."""

from __future__ import annotations

import tomllib
from decimal import Decimal

from tests.core.config.texts import EXAMPLE
from tests.fuzz.tools import utf8_in

from counterseal.core.config.lines import count_lines, find_too_deep, index_lines
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config

# Long enough that no word of ours is it by chance.
SECRET = "Zq9xW7vT3kLm5Np2"
SHORT = 400
_SMALL = b"""[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "ca.pem"
[keys.main]
functions = ["trade"]
[bots.alpha]
keys = ["main"]
products = ["spot"]
purposes = ["trade"]
symbols = ["*"]
"""
COVERED = ("counterseal.core.config",)
SEEDS = (
    _SMALL, EXAMPLE.encode(), _SMALL + b'max_leverage = 0x10\n[bots."b"]\nkeys=[]\n', b'a = """\n\\u00e9"""',
    b"[[venue]]",
    _SMALL + f'secret = "{SECRET}"\n'.encode(), _SMALL.replace(b"paper", SECRET.encode()), b"[" * 40,
    b"a." * 40 + b"b=1",
    _SMALL + f'max_leverage = "{SECRET}"\n'.encode(), _SMALL.replace(b"main", SECRET.encode()),
    b"a = 1979-05-27T07:32:00Z", b"x = nan\ny = 1e999999999999999999999", b"\xff",
    _SMALL + b"[limits]\n", _SMALL.replace(b"\n", b"\r\n"), b"a = '''\n'''' = 1", b'"\\ud800" = 1', b"\xef\xbb\xbfa=1",
    _SMALL + b'[accounts.main]\nmax_exposure = "0.1"\n[gateway]\nverification = "strict"\n[listen]\naddress="a:1"\n',
    b"a = { b = { c = [1, 2, {}] } }\n[a.b]\n",
    _SMALL + b'sources = ["10.0.0.0/8", "::1"]\nhours = ["mon-fri 08:00-17:00"]\n',
)  # fmt: skip
TOKENS = (
    b"[venue]\n", b"[keys.main]\n", b"[bots.alpha]\n", b"[accounts.", b"[listen]\n", b"[gateway]\n", b"[journal]\n",
    b" = ",
    b"[process]\n", b"[signer]\n", b"environment", b"address", b"symbols", b"purposes", b"products", b'["*"]', b'"""',
    b"'''",
    b"\n", b"[", b"]", b"{", b"}", b"=", b".", b",", b'"', b"'", b"#", b"\\u", b"1e400", b"nan", b"inf", b"0x", b"1_0",
    b"true",
    b"1979-05-27", b"07:32:00", b"\\\n", b"\t", b"\r\n", SECRET.encode(),
)  # fmt: skip


def target(data: bytes) -> None:
    """Judged whole, twice the same."""
    text = utf8_in(data)
    if text is None:
        return
    found = load(text)
    assert len(text) > SHORT or load(text) == found
    lines = index_lines(text)
    assert all(1 <= line <= lines.last for line in lines.lines.values())
    if isinstance(found, Config):
        _check_config(text, found)
        return
    places = [fault.line for fault in found]
    assert found and places == sorted(places) and places[0] >= 1 and places[-1] <= count_lines(text)
    for fault in found:
        assert fault.setting and fault.cause and fault.remedy and str(fault).isprintable()
        # A name may be shown, so that it is found; what stands behind an equals sign may be a secret.
        assert SECRET not in fault.cause + fault.remedy
    _check_syntax(text, len(found))


def _check_config(text: str, found: Config) -> None:
    """The standard library reads the same sections out of it."""
    given = tomllib.loads(text, parse_float=Decimal)
    assert given["venue"]["environment"] == found.venue.environment
    assert found.bots.keys() == given.get("bots", {}).keys() and found.keys.keys() == given.get("keys", {}).keys()
    for name, bot in found.bots.items():
        assert list(bot.symbols) == given["bots"][name].get("symbols", list(bot.symbols))
        assert set(bot.purposes) <= {"read", "account", "trade", "settings"}
    assert find_too_deep(text) is None


def _check_syntax(text: str, count: int) -> None:
    """A text that is no TOML has one fault, whatever it says."""
    is_odd = find_too_deep(text) is not None or text.startswith("\ufeff")
    assert count == 1 or (not is_odd and _is_toml(text))


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True
