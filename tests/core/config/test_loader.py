"""The whole file: defaults, every kind of fault with its line and way out, all faults at once."""

from decimal import Decimal
from ipaddress import ip_network

import pytest
from tests.core.config.texts import PAPER, PAPER_LINES, TESTNET, config_of, fault_of, faults_of

from counterseal.core.config.model import Bot, Gateway, HourRange, Key, Listen, Process, Signer, Venue


def test_a_venue_is_enough_and_allows_nothing() -> None:
    config = config_of(TESTNET)
    assert config.venue == Venue(
        environment="testnet", address=None, ca_file=None, unsafe_production=False, unsafe_tls12=()
    )
    assert config.listen == Listen(address="127.0.0.1:8180", hosts=(), unsafe_listen=False)
    assert config.gateway == Gateway(order_recv_window_ms=2000, max_connections_per_source=32, durability="process")
    assert config.process == Process(sandbox="best", user=None)
    assert config.signer == Signer(secret_memory="none", passphrase_file=None, passphrase_credential=None)
    assert config.keys == {} and config.bots == {}


def test_a_bot_without_settings_can_do_nothing() -> None:
    assert config_of(TESTNET + "[bots.alpha]").bots["alpha"] == Bot(
        name="alpha",
        mode="enforce",
        verification="lenient",
        keys=(),
        products=(),
        purposes=(),
        symbols=(),
        max_order_notional=None,
        max_order_quantity={},
        price_collar_percent=None,
        max_leverage=None,
        max_repeats=100,
        hours=(),
        sources=(),
    )


def test_a_key_without_settings_signs_nothing_and_belongs_to_the_venue() -> None:
    key = Key(
        name="main",
        functions=frozenset(),
        strategy=None,
        environment="testnet",
        region=None,
        rotation_days=None,
    )
    assert config_of(TESTNET + "[keys.main]").keys == {"main": key}


def test_every_setting_arrives() -> None:
    config = config_of(
        """
        [venue]
        environment = "production"
        unsafe_production = true
        unsafe_tls12 = ["api.binance.com"]
        [listen]
        address = "0.0.0.0:0"
        hosts = ["gateway.internal:8180"]
        unsafe_listen = true
        [gateway]
        order_recv_window_ms = 5000
        max_connections_per_source = 1
        durability = "process"
        [keys.main]
        functions = ["settings", "trade"]
        strategy = "Grid-1"
        environment = "production"
        region = "eu-west"
        rotation_days = 7
        [bots.alpha]
        mode = "report"
        verification = "strict"
        keys = ["main"]
        products = ["usdm", "spot"]
        purposes = ["trade", "settings"]
        symbols = ["测试USDT", "BTCUSDT"]
        max_order_notional = 0.1
        price_collar_percent = "100"
        max_leverage = 125
        hours = ["Mon 22:00-02:00"]
        sources = ["10.0.0.0/8", "::1"]
        [bots.alpha.max_order_quantity]
        "测试USDT" = "1.50"
        "*" = 2
        """
    )
    assert config.venue.unsafe_tls12 == ("api.binance.com",)
    assert config.listen == Listen(address="0.0.0.0:0", hosts=("gateway.internal:8180",), unsafe_listen=True)
    assert config.gateway.order_recv_window_ms == 5000
    assert config.keys["main"].functions == {"trade", "settings"}
    assert (config.keys["main"].strategy, config.keys["main"].rotation_days) == ("Grid-1", 7)
    bot = config.bots["alpha"]
    assert (bot.mode, bot.verification, bot.max_leverage) == ("report", "strict", 125)
    assert (bot.products, bot.purposes) == (("usdm", "spot"), ("trade", "settings"))
    assert bot.max_order_notional == Decimal("0.1")
    assert bot.max_order_quantity == {"测试USDT": Decimal("1.50"), "*": Decimal(2)}
    assert bot.hours == (HourRange(1320, 120, frozenset({0})),)
    assert bot.sources == (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def test_the_loaded_values_cannot_be_changed() -> None:
    config = config_of(TESTNET + "[bots.alpha]\nmax_order_quantity = { '*' = 1 }")
    for mapping in (config.keys, config.bots, config.bots["alpha"].max_order_quantity):
        with pytest.raises(TypeError):
            mapping["x"] = None  # type: ignore[index]  # that it has no __setitem__ is the point


@pytest.mark.parametrize(
    ("line", "setting", "cause", "remedy"),
    [
        # names
        ("[venu]", "venu", "is no section", "did you mean [venue]?"),
        ("[bot.alpha]", "bot", "is no section", "did you mean [bots.NAME]?"),
        ("[zzzzzz]", "zzzzzz", "is no section", "the sections are [venue], [listen], [gateway], [journal], [process], "
            "[signer], [keys.NAME]"),
        ("[max_leverage]", "max_leverage", "is no section", "it belongs to [bots.NAME]"),
        ("[api_key]", "api_key", "is no section", "`counterseal key add NAME`"),
        ("[listen]\nadress = 1", "listen.adress", "is no setting of this section", "did you mean address?"),
        ("[listen]\nzzzzzz = 1", "listen.zzzzzz", "is no setting", "the settings here are address, hosts,"),
        ("[keys.a]\nmax_leverage = 1", "keys.a.max_leverage", "is no setting", "it belongs to [bots.NAME]"),
        ("[keys.a]\nSecret-Key = 1", "keys.a.Secret-Key", "is no setting", "`counterseal key add NAME`"),
        ("[keys.a]\n'x y' = 1", 'keys.a."x y"', "is no setting", "the settings here are"),
        (f"[keys.a]\n{'K' * 64} = 1", "keys.a.(a name of 64 characters)", "is no setting", "the settings here"),
        ('[keys.a]\n"\\u202e" = 1', "keys.a.(a name of 1 characters)", "is no setting", "the settings"),
        ("[bots.Alpha]", "bots.Alpha", "is no name that a bot or key can have", "1 to 32 of a-z"),
        ("[keys.'']", 'keys.""', "is no name that a bot or key can have", "1 to 32 of a-z"),
        ("[bots.anonymous]", "bots.anonymous", "is reserved", "use another name"),
        # shapes
        ("[[bots]]", "bots", "is an array, not a section", "write it as [bots.NAME], in single brackets"),
        ("[[listen]]", "listen", "is an array, not a section", "write it as [listen]"),
        ("[bots]\nalpha = 1", "bots.alpha", "is an integer, not a section", "write it as [bots.NAME]"),
        ("[[bots.alpha]]", "bots.alpha", "is an array, not a section", "write it as [bots.NAME]"),
        ("[listen.address]", "listen.address", "is a table, not a string", 'write it like "127.0.0.1:8180"'),
        # venue is judged below; listen
        ("[listen]\naddress = 'localhost:1'", "listen.address", "is not IP-address:port", "127.0.0.1:8180"),
        ("[listen]\nhosts = 'a'", "listen.hosts", "is a string, not an array", 'write it like ["localhost:8180"]'),
        ("[listen]\nhosts = ['a', 'A']", "listen.hosts", "its entry 2 is not a host name", "write it like"),
        ("[listen]\nhosts = ['a', 'b', 'a']", "listen.hosts", "its entry 3 repeats an earlier one", "remove it"),
        ("[listen]\nunsafe_listen = 1", "listen.unsafe_listen", "is an integer, not a boolean", "true or false"),
        # gateway
        ("[gateway]\norder_recv_window_ms = 0", "gateway.order_recv_window_ms", "out of range", "from 1 to 5000"),
        ("[gateway]\norder_recv_window_ms = 5001", "gateway.order_recv_window_ms", "out of range", "1 to 5000"),
        ("[gateway]\norder_recv_window_ms = true", "gateway.order_recv_window_ms", "is a boolean", "number"),
        ("[gateway]\norder_recv_window_ms = 2.0", "gateway.order_recv_window_ms", "is a float", "number"),
        ("[gateway]\nmax_connections_per_source = '9'", "gateway.max_connections_per_source", "is a string", "4096"),
        ("[gateway]\ndurability = 'x'", "gateway.durability", "is none of the words", 'write "process" or "power"'),
        ("[process]\nsandbox = 'none'", "process.sandbox", "is none of the words", 'write "best" or "require"'),
        ("[process]\nuser = 'Root'", "process.user", "is not a name of a user", 'like "counterseal"'),
        ("[gateway]\ndurability = 2026-01-01", "gateway.durability", "is a date, not a string", "with quotes"),
        ("[signer]\nsecret_memory = 'swap'", "signer.secret_memory", "is none of the words", '"memfd_secret"'),
        ("[signer]\npassphrase = 'x'", "signer.passphrase", "is no setting", "never stand in this file"),
        ("[signer]\npassphrase_credential = '../x'", "signer.passphrase_credential", "is not 1 to 32 letters", ""),
        # keys
        ("[keys.a]\nfunctions = ['read']", "keys.a.functions", 'its entry 1 is not one of "account", "trade"', ""),
        ("[keys.a]\nfunctions = [1]", "keys.a.functions", "its entry 1 is not one of", "with quotes"),
        ("[keys.a]\nstrategy = 'a b'", "keys.a.strategy", "is not 1 to 32 letters", 'write it like "grid"'),
        ("[keys.a]\nenvironment = 'live'", "keys.a.environment", "is none of the words", '"production"'),
        ("[keys.a]\nrotation_days = 0", "keys.a.rotation_days", "is out of range", "from 1 to 365"),
        # bots
        ("[bots.a]\nmode = 'off'", "bots.a.mode", "is none of the words", 'write "enforce" or "report"'),
        ("[bots.a]\nkeys = ['A']", "bots.a.keys", "its entry 1 is not a name of a key", 'like "main"'),
        ("[bots.a]\nproducts = ['margin']", "bots.a.products", "its entry 1 is not one of", "spot"),
        ("[bots.a]\nsymbols = ['btcusdt']", "bots.a.symbols", "its entry 1 is not a symbol", "BTCUSDT"),
        ("[bots.a]\nsymbols = ['*', 'A']", "bots.a.symbols", 'names "*" beside other symbols', '["*"] alone'),
        ("[bots.a]\nsymbols = '*'", "bots.a.symbols", "is a string, not an array", '["BTCUSDT"]'),
        ("[bots.a]\nmax_order_notional = 0", "bots.a.max_order_notional", "is not a number above 0", "0.5"),
        ("[bots.a]\nmax_order_notional = nan", "bots.a.max_order_notional", "is not a number above 0", "0.5"),
        ("[bots.a]\nmax_order_notional = inf", "bots.a.max_order_notional", "is not a number above 0", "0.5"),
        ("[bots.a]\nmax_order_notional = -1.5", "bots.a.max_order_notional", "is not a number above 0", "sign"),
        ("[bots.a]\nmax_order_notional = 1e9999999999999999999", "bots.a.max_order_notional", "is not", "0.5"),
        ("[bots.a]\nmax_order_notional = 07:00:00", "bots.a.max_order_notional", "is a time, not a number", "0.5"),
        ("[bots.a]\nmax_order_notional = true", "bots.a.max_order_notional", "is a boolean, not a number", "0.5"),
        ("[bots.a]\nprice_collar_percent = 100.1", "bots.a.price_collar_percent", "at most 100", "0.5"),
        ("[bots.a]\nmax_order_quantity = 1", "bots.a.max_order_quantity", "is an integer, not a table", "BTCUSDT"),
        ("[bots.a]\nmax_order_quantity.'*' = []", 'bots.a.max_order_quantity."*"', "is an array, not a number", ""),
        ("[bots.a]\nmax_order_quantity.btc = 1", "bots.a.max_order_quantity.btc", "is not a symbol", "BTCUSDT"),
        ("[bots.a]\nmax_leverage = 126", "bots.a.max_leverage", "is out of range", "from 1 to 125"),
        ("[bots.a]\nhours = ['8-18']", "bots.a.hours", "its entry 1 is not a range of hours", "Mon-Fri 08:00-18:00"),
        ("[bots.a]\nsources = ['10.0.0.1/8']", "bots.a.sources", "without host bits", "127.0.0.1"),
    ],
)  # fmt: skip
def test_a_fault_names_its_line_setting_cause_and_way_out(line: str, setting: str, cause: str, remedy: str) -> None:
    symbols = '\nsymbols = ["*"]' if "max_order_quantity" in line else ""
    fault = next(f for f in faults_of(PAPER + line + symbols) if "not among" not in f.cause)
    assert fault.line == PAPER_LINES + 1 + line.count("\n")
    assert fault.setting == setting
    assert cause in fault.cause
    assert remedy in fault.remedy


@pytest.mark.parametrize(
    ("text", "line", "setting", "cause"),
    [
        ("", 1, "venue", "is missing"),
        ("\n[venue]\n", 2, "venue.environment", "is missing"),
        ("[venue]\nenvironment = 'live'", 2, "venue.environment", "is none of the words"),
        ("venue = 'paper'", 1, "venue", "is a string, not a section"),
        ("[venue]\nenvironment = 'testnet'\nunsafe_tls12 = ['A']", 3, "venue.unsafe_tls12", "entry 1 is not"),
        ("[venue]\nenvironment = 'testnet'\negress = ['eth0']", 3, "venue.egress", "entry 1 is not an IP address"),
        ("[venue]\nenvironment = 'testnet'\negress = ['::1', '0::1']", 3, "venue.egress", "entry 2 repeats"),
        ("[venue]\nenvironment = 'testnet'\negress = '::1'", 3, "venue.egress", "is a string, not an array"),
        (PAPER.replace("127.0.0.1:9443", "api.binance.com:443"), 3, "venue.address", "loopback or private"),
        (PAPER.replace("ca.pem", "~/ca.pem"), 4, "venue.ca_file", "is not a path"),
    ],
)
def test_faults_of_the_venue(text: str, line: int, setting: str, cause: str) -> None:
    fault = fault_of(text)
    assert (fault.line, fault.setting) == (line, setting)
    assert cause in fault.cause


def test_all_faults_come_at_once_by_line() -> None:
    faults = faults_of(
        "[bots.a]\nmode = 1\npurposes = ['trade', 'fly', 'fly']\nkeys = ['gone']\n"
        "[gateway]\ndurability = 'x'\nnothing = 1\n[venue]\nenvironment = 'paper'\n"
    )
    assert [(fault.line, fault.setting) for fault in faults] == [
        (2, "bots.a.mode"),
        (3, "bots.a.purposes"),
        (3, "bots.a.purposes"),
        (4, "bots.a.keys"),
        (6, "gateway.durability"),
        (7, "gateway.nothing"),
        (8, "venue.address"),
        (8, "venue.ca_file"),
    ]


def test_a_fault_is_one_plain_line() -> None:
    assert str(fault_of(PAPER + "[listen]\nadress = 1")) == (
        "line 6: listen.adress: is no setting of this section; did you mean address?"
    )


def test_no_fault_shows_a_value_that_could_be_a_secret() -> None:
    secret = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
    places = [
        f"[keys.main]\n{name} = '{secret}'"
        for name in ("secret", "strategy", "region", "environment", "functions", "rotation_days", secret)
    ]
    places += [f"[keys.{secret}]", f"[{secret}]", f"[bots.a]\nkeys = ['{secret}', '{secret.lower()[:32]}']"]
    places += [f"[bots.a]\nmax_order_quantity.{secret} = 1", f"[bots.a]\nmax_order_notional = '{secret}'"]
    places += [f"a = {secret}", f"a = '{secret}", f"{secret}", f"[{secret}", f"a = {{ {secret} = 1, {secret} = 2 }}"]
    places += [f"[{secret}]\n[{secret}]", f'a = "\\{secret}"']
    for place in places:
        for fault in faults_of(PAPER + place):
            assert secret[:8].lower() not in str(fault).lower()
