"""Rules between settings: each with a file that breaks it and its neighbour that does not."""

import pytest
from tests.core.config.texts import PAPER, PAPER_LINES, TESTNET, config_of, fault_of, faults_of

from counterseal.core.config.grammar import RESERVED, parse_label, parse_name

KEYS = '[keys.view]\nfunctions = ["account"]\n[keys.main]\nfunctions = ["trade", "settings"]\n'


def bot(**settings: str) -> str:
    return "[bots.a]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items())


@pytest.mark.parametrize("name", ["address", "ca_file"])
def test_the_paper_exchange_needs_its_address(name: str) -> None:
    text = "\n".join(line for line in PAPER.splitlines() if not line.startswith(name))
    fault = fault_of(text)
    assert (fault.line, fault.setting) == (1, f"venue.{name}")
    assert "is missing" in fault.cause and f"add {name}" in fault.remedy


@pytest.mark.parametrize("environment", ["testnet", "demo"])
def test_other_environments_may_not_have_one(environment: str) -> None:
    faults = faults_of(PAPER.replace('"paper"', f'"{environment}"'))
    assert [(fault.line, fault.setting) for fault in faults] == [(3, "venue.address"), (4, "venue.ca_file")]
    assert all("paper exchange only" in fault.cause and fault.remedy == "remove it" for fault in faults)
    assert config_of(f'[venue]\nenvironment = "{environment}"').venue.environment == environment


def test_an_egress_of_the_other_version_of_ip_cannot_reach_the_paper_exchange() -> None:
    fault = fault_of(PAPER + 'egress = ["127.0.0.2", "::1"]\n')
    assert (fault.line, fault.setting) == (PAPER_LINES + 1, "venue.egress")
    assert "entry 2 is no IPv4 address" in fault.cause
    assert config_of(PAPER.replace("127.0.0.1", "[::1]") + 'egress = ["::1"]').venue.egress == ("::1",)
    named = PAPER.replace("127.0.0.1", "paper.test") + 'egress = ["127.0.0.2", "::1"]'
    assert config_of(named).venue.egress == ("127.0.0.2", "::1")


def test_production_must_be_deliberate() -> None:
    text = '[venue]\nenvironment = "production"\n'
    fault = fault_of(text)
    assert (fault.line, fault.setting) == (2, "venue.environment")
    assert "unsafe_production = true" in fault.remedy
    assert config_of(text + "unsafe_production = true").venue.unsafe_production


@pytest.mark.parametrize("address", ["0.0.0.0:8180", "10.0.0.1:8180", "[::]:8180"])
def test_listening_must_be_local(address: str) -> None:
    text = f'{TESTNET}[listen]\naddress = "{address}"\n'
    fault = fault_of(text)
    assert (fault.line, fault.setting) == (4, "listen.address")
    assert "unsafe_listen = true" in fault.remedy
    assert config_of(text + "unsafe_listen = true").listen.address == address


@pytest.mark.parametrize(
    ("name", "value"),
    [("proxy", '"0.0.0.0:8443"'), ("tls", '["127.0.0.1:443", "10.0.0.1:443"]'), ("tls", '["[::]:1"]')],
)
def test_the_other_ways_in_must_be_local_too(name: str, value: str) -> None:
    text = f"{TESTNET}[listen]\n{name} = {value}\n"
    fault = fault_of(text)
    assert (fault.line, fault.setting) == (4, f"listen.{name}")
    assert "unsafe_listen = true" in fault.remedy
    config_of(text + "unsafe_listen = true")


def test_the_other_ways_in_are_shut_unless_named() -> None:
    listen = config_of(TESTNET).listen
    assert (listen.proxy, listen.tls) == (None, ())
    listen = config_of(f'{TESTNET}[listen]\nproxy = "127.0.0.1:8443"\ntls = ["127.0.0.1:443", "[::1]:443"]').listen
    assert (listen.proxy, listen.tls) == ("127.0.0.1:8443", ("127.0.0.1:443", "[::1]:443"))


@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.0.0.2:8180", "[::1]:8180"])
def test_loopback_needs_no_leave(address: str) -> None:
    assert config_of(f'{TESTNET}[listen]\naddress = "{address}"').listen.address == address


@pytest.mark.parametrize(
    ("venue", "key"), [(PAPER, "production"), (PAPER, "testnet"), (TESTNET, "paper"), (TESTNET, "demo")]
)
def test_a_key_never_meets_another_environment(venue: str, key: str) -> None:
    fault = fault_of(f'{venue}[keys.a]\nenvironment = "{key}"')
    assert fault.setting == "keys.a.environment"
    assert f'"{key}"' in fault.cause


@pytest.mark.parametrize(("named", "remedy"), [("mian", "did you mean main?"), ("zzz", "add a section [keys.NAME]")])
def test_a_key_that_a_bot_names_must_exist(named: str, remedy: str) -> None:
    fault = fault_of(TESTNET + KEYS + bot(keys=f'["main", "{named}"]'))
    assert fault.setting == "bots.a.keys"
    assert fault.cause == "its entry 2 names no key of this file"
    assert remedy in fault.remedy


@pytest.mark.parametrize(
    ("purpose", "keys", "covered"),
    [
        ("read", "[]", True),
        ("account", "[]", False),
        ("trade", "[]", False),
        ("settings", "[]", False),
        ("account", '["view"]', True),
        ("account", '["main"]', False),
        ("trade", '["view"]', False),
        ("trade", '["view", "main"]', True),
        ("settings", '["main"]', True),
    ],
)
def test_a_purpose_needs_a_key_that_covers_it(purpose: str, keys: str, covered: bool) -> None:
    text = TESTNET + KEYS + bot(keys=keys, purposes=f'["{purpose}"]')
    if covered:
        assert config_of(text).bots["a"].purposes == (purpose,)
        return
    fault = fault_of(text)
    assert fault.setting == "bots.a.purposes"
    assert f'"{purpose}"' in fault.cause and f'"{purpose}"' in fault.remedy


@pytest.mark.parametrize(
    ("keys", "setting"), [('["gone"]', "bots.a.keys"), ("1", "bots.a.keys"), ('["bad"]', "keys.bad.functions")]
)
def test_a_fault_of_a_key_is_not_repeated_as_one_of_the_purpose(keys: str, setting: str) -> None:
    text = TESTNET + '[keys.bad]\nfunctions = ["fly"]\n' + bot(keys=keys, purposes='["trade"]')
    faults = [fault.setting for fault in faults_of(text)]
    assert setting in faults and "bots.a.purposes" not in faults


def test_faulty_purposes_ask_for_no_key() -> None:
    assert fault_of(TESTNET + bot(purposes='["trade", "fly"]')).setting == "bots.a.purposes"


@pytest.mark.parametrize(
    ("symbols", "limited", "fits"),
    [
        ('["BTCUSDT"]', "BTCUSDT", True),
        ('["BTCUSDT"]', "BTCUSTD", False),
        ("[]", "BTCUSDT", False),
        ('["*"]', "BTCUSDT", True),
        ('["BTCUSDT"]', '"*"', True),
        ("[]", '"*"', True),
    ],
)
def test_a_limit_must_be_of_a_symbol_that_the_bot_may_trade(symbols: str, limited: str, fits: bool) -> None:
    text = TESTNET + bot(symbols=symbols, max_order_quantity=f"{{ {limited} = 1 }}")
    if fits:
        assert len(config_of(text).bots["a"].max_order_quantity) == 1
        return
    fault = fault_of(text)
    assert (fault.line, fault.setting) == (5, f"bots.a.max_order_quantity.{limited}")


def test_faulty_symbols_do_not_make_limits_faulty() -> None:
    text = TESTNET + bot(symbols='["btc"]', max_order_quantity="{ BTCUSDT = 1 }")
    assert fault_of(text).setting == "bots.a.symbols"


def test_a_passphrase_has_one_source() -> None:
    both = '[signer]\npassphrase_credential = "word"\npassphrase_file = "word"\n'
    fault = fault_of(PAPER + both)

    assert (fault.setting, fault.line) == ("signer.passphrase_file", PAPER_LINES + 3)
    assert "nobody can tell which of the two holds" in fault.cause
    for line in both.splitlines()[1:]:
        assert config_of(f"{PAPER}[signer]\n{line}\n").signer.secret_memory == "none"


@pytest.mark.parametrize("name", ["anonymous", "guard", "gateway"])
def test_no_strategy_is_called_as_we_are(name: str) -> None:
    fault = fault_of(f'{TESTNET}[keys.main]\nfunctions = ["trade"]\nstrategy = "{name}"\n')
    assert fault.setting == "keys.main.strategy" and "is reserved for" in fault.cause
    assert config_of(f'{TESTNET}[keys.main]\nfunctions = ["trade"]\nstrategy = "{name}s"\n')


def test_every_name_that_stands_for_us_is_reserved() -> None:
    """Whatever owns an order, a request or a position and is no bot."""
    from counterseal.core.positions.books import FOREIGN
    from counterseal.core.positions.books import GUARD as OF_BOOKS
    from counterseal.gateway.budget import OWN as OF_GATEWAY
    from counterseal.gateway.guard_link import GUARD as OF_LEDGER
    from counterseal.gateway.state import ANONYMOUS
    from counterseal.guard.hands.purse import OWN as OF_GUARD

    assert {OF_BOOKS, OF_GATEWAY, OF_LEDGER, ANONYMOUS, OF_GUARD} == set(RESERVED)
    assert parse_name(FOREIGN) is None and parse_label(FOREIGN) is None
