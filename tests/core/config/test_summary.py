"""The summary tells what is allowed, aligned, and what is unsafe."""

from tests.core.config.texts import EXAMPLE, TESTNET, config_of

from counterseal.core.config.summary import summarize


def test_the_smallest_configuration() -> None:
    assert summarize(config_of(TESTNET)) == (
        "venue      testnet\n"
        "listening  127.0.0.1:8180\n"
        "orders     recvWindow at most 2000 ms, durability process\n"
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
