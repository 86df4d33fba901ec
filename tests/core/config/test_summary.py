"""The summary tells what is allowed, aligned, and what is unsafe."""

from tests.core.config.texts import EXAMPLE, TESTNET, config_of

from counterseal.core.config.summary import summarize


def test_the_smallest_configuration() -> None:
    assert summarize(config_of(TESTNET)) == (
        "venue      testnet\n"
        "listening  127.0.0.1:8180\n"
        "orders     recvWindow at most 2000 ms, durability process\n"
        "guard      whoever gives a name may resume; on an intruder halt, on spending of others warn\n"
        "bots       none: nobody may do anything\n"
    )


def test_every_way_in_is_told() -> None:
    text = summarize(config_of(f'{TESTNET}[listen]\nproxy = "127.0.0.1:8443"\ntls = ["127.0.0.1:443", "[::1]:443"]'))
    assert "proxy      127.0.0.1:8443\n" in text
    assert "tls        127.0.0.1:443, [::1]:443\n" in text


def test_the_ways_out_are_told() -> None:
    text = summarize(config_of(f'{TESTNET}egress = ["10.0.0.5", "10.0.0.6"]'))
    assert "venue      testnet\negress     10.0.0.5, 10.0.0.6\nlistening" in text


def test_unsafe_settings_are_named() -> None:
    text = (
        '[venue]\nenvironment = "production"\nunsafe_production = true\nunsafe_tls12 = ["api.binance.com"]\n'
        '[listen]\naddress = "0.0.0.0:1"\nunsafe_listen = true'
    )
    line = "UNSAFE     venue.unsafe_production, venue.unsafe_tls12, listen.unsafe_listen\n"
    assert line in summarize(config_of(text))


def test_the_example() -> None:
    lines = summarize(config_of(EXAMPLE)).splitlines()
    assert lines[0] == "venue      paper at 127.0.0.1:9443"
    assert lines[1] == "listening  127.0.0.1:8180 as localhost:8180"
    words = [line.split() for line in lines]
    assert ["futures", "account,", "trade,", "settings", "paper", "main", "trend", "-", "7", "days"] in words
    assert ["watcher", "report", "lenient", "read,", "account", "spot,", "usdm", "view", "all"] in words
    assert ["saver", "100", "USD", "-", "0.5", "%", "-", "-", "Mon", "07:00-09:00", "anywhere"] in words
    assert [
        "grid",
        "500",
        "USD",
        "-",
        "2",
        "%",
        "-",
        "BTCUSDT",
        "0.01,",
        "ETHUSDT",
        "0.2",
        "always",
        "127.0.0.1/32,",
        "::1/128",
    ] in words


def test_columns_are_aligned() -> None:
    lines = summarize(config_of(EXAMPLE)).splitlines()
    head = next(line for line in lines if line.startswith("bot ") and "purposes" in line)
    rows = lines[lines.index(head) + 1 :][:4]
    column = head.index("purposes")
    assert all(row[column - 1] == " " and row[column:].startswith("read") for row in rows)


def test_a_bot_that_may_do_nothing_says_so() -> None:
    words = [line.split() for line in summarize(config_of(TESTNET + "[bots.a]")).splitlines()]
    assert ["a", "enforce", "lenient", "nothing", "-", "-", "-"] in words
    assert ["a", "-", "-", "-", "-", "-", "always", "anywhere"] in words


def test_shares_of_the_limits_are_shown() -> None:
    text = TESTNET + "[bots.a]\nshare = 3\nmax_weight_1m = 600\nmax_orders_10s = 20\n[bots.b]\nsees_account = true"
    text += "\n[bots.c]\nmax_repeats = 0"
    words = [line.split() for line in summarize(config_of(text)).splitlines()]
    assert ["a", "3", "600", "20", "100", "in", "60", "s", "-"] in words
    assert ["b", "1", "-", "-", "100", "in", "60", "s", "yes"] in words
    assert ["c", "1", "-", "-", "-", "-"] in words


RAILS = """
[guard]
operators = ["jane", "joe"]
on_intruder = "emergency"
on_foreign_spend = "alert"
[keys.main]
functions = ["trade"]
strategy = "grid"
[bots.a]
keys = ["main"]
purposes = ["trade"]
max_position = 10000
max_symbol_position = { BTCUSDT = 5000, "*" = 1000 }
max_open_orders = 20
deadman_s = 0
[bots.b]
keys = ["main"]
purposes = ["trade"]
max_silence_s = 60
deadman_over_stops = true
[strategies.grid]
max_drawdown = 1000
keep_percent = 25
[accounts.main]
max_effective_leverage = 5
[fleet]
max_daily_loss = 2000
on_limit = "flatten"
emergency_percent = 90
"""


def test_what_the_guard_holds_whom_to_is_shown() -> None:
    lines = summarize(config_of(TESTNET + RAILS)).splitlines()
    assert "guard      jane, joe may resume; on an intruder emergency, on spending of others alert" in lines
    words = [" ".join(line.split()) for line in lines]
    assert "bot a 10000 USD BTCUSDT 5000 USD, * 1000 USD - 20 - - at 60 % at 80 % 0 % halt" in words
    assert "strategy grid - - - - - 1000 USD at 60 % at 80 % 25 % halt" in words
    assert "account main - - 5x - - - at 60 % at 80 % 0 % halt" in words
    assert "fleet - - - - 2000 USD - at 60 % at 90 % 0 % flatten" in words
    assert not any(line.startswith("bot b -") for line in words), "one that is held to nothing has no row"
    assert "a - - never" in words and "b 120 s yes for 60 s" in words


def test_how_people_are_told_is_shown() -> None:
    text = '[alerts]\nlabel = "desk"\ndetail = "full"\norder = ["pager"]\noutside_s = 60\n'
    text += '[alerts.channels.pager]\nkind = "pagerduty"\n'
    line = "alerts     as desk, detail full; equal ones once in 300 s, told again after 300 s by pager; "
    assert f"{line}called outside every 60 s\n" in summarize(config_of(TESTNET + text))
    few = '[alerts.channels.pager]\nkind = "pagerduty"\n'
    assert "by any; nobody outside is called\n" in summarize(config_of(TESTNET + few))
