"""Parameter pollution, names and numbers: what could be read in two ways, or is not known, is refused before it is
signed.
"""

import json
from urllib.parse import quote

import pytest
from stack import Reply, Stack, signed

BASE = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.001",
    "price": "90000.00",
}
FUTURES = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "90000.0",
}
CANCEL = {"symbol": "BTCUSDT", "orderId": "1"}


def text(pairs: dict[str, str]) -> str:
    """Join pairs as an SDK does."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs.items())


def refused(
    stack: Stack, query: str, *reasons: str, method: str = "POST", path: str = "/api/v3/order", bot: str = "alpha"
) -> Reply:
    """Send, and expect one of the reasons."""
    reply = stack.call(method, path, query, bot=bot)
    assert reply.reason in reasons, (query, reply)
    assert reply.status in (400, 403)
    assert isinstance(reply.code, int)
    assert reply.code < 0
    return reply


def in_query_and_body(stack: Stack, method: str, path: str, query: str, body: str) -> Reply:
    """Send parameters in both places, signed over both as the exchange defines it."""
    key = stack.keys["alpha"]
    # The signature covers query and body joined without a separator.
    whole = signed(key, f"{query}{body}")
    rest = whole[len(query) :]
    return stack.send(method, f"{path}?{query}", {"X-MBX-APIKEY": key.key_id}, rest.encode())


@pytest.mark.threat(9)
def test_the_same_name_twice_is_refused(shared_stack: Stack) -> None:
    """In the query, in the body, in both; on three endpoints; each parameter; equal values too."""
    count = 0
    with shared_stack.nothing_received():
        for method, path, pairs in (
            ("POST", "/api/v3/order", BASE),
            ("POST", "/fapi/v1/order", FUTURES),
            ("DELETE", "/api/v3/order", CANCEL),
        ):
            for name, value in pairs.items():
                for again in (value, "1"):
                    # Another value can be wrong in itself and be met first.
                    why = ("repeated_parameter",) if again == value else ("repeated_parameter", "malformed_value")
                    refused(shared_stack, f"{text(pairs)}&{name}={again}", *why, method=method, path=path)
                    refused(shared_stack, f"{name}={again}&{text(pairs)}", *why, method=method, path=path)
                    reply = in_query_and_body(shared_stack, method, path, text(pairs), f"{name}={again}")
                    assert reply.reason in why, (name, reply)
                    reply = in_query_and_body(shared_stack, method, path, f"{name}={again}", text(pairs))
                    assert reply.reason in why, (name, reply)
                    count += 4
        for name in ("timestamp", "recvWindow"):
            refused(shared_stack, f"{text(BASE)}&{name}=1&{name}=5000", "repeated_parameter")
    assert count == 112


@pytest.mark.threat(9)
def test_a_second_signature_is_refused(shared_stack: Stack) -> None:
    """Plain, encoded, or one in each place."""
    key = shared_stack.keys["alpha"]
    header = {"X-MBX-APIKEY": key.key_id}
    with shared_stack.nothing_received():
        for extra in ("signature=0", "%73ignature=0", "signatur%65=0"):
            query = f"{signed(key, f'{text(BASE)}&{extra}')}"
            reply = shared_stack.send("POST", f"/api/v3/order?{query}", header)
            assert reply.reason in ("repeated_parameter", "credential_or_signature"), extra
        query = signed(key, text(BASE))
        reply = shared_stack.send("POST", f"/api/v3/order?{query}", header, query.rpartition("&")[2].encode())
        assert reply.reason in ("repeated_parameter", "credential_or_signature"), reply


@pytest.mark.threat(10)
def test_names_are_exact_after_one_decoding(shared_stack: Stack) -> None:
    """Case variants are unknown; an encoded name is the same name, so beside it a repetition; twice encoded it is no
    name.
    """
    with shared_stack.nothing_received():
        for name in BASE:
            for other in (name.upper(), name.capitalize(), name.swapcase()):
                if other != name:
                    pairs = {other if n == name else n: v for n, v in BASE.items()}
                    refused(shared_stack, text(pairs), "unknown_parameter")
                    refused(shared_stack, f"{text(BASE)}&{other}=1", "unknown_parameter")
            first = f"%{ord(name[0]):02x}{name[1:]}"
            refused(shared_stack, f"{text(BASE)}&{first}=1", "repeated_parameter")
            refused(shared_stack, f"{text(BASE)}&{first.replace('%', '%25')}=1", "malformed_parameter")
            for bad in (
                f"{name}%20",
                f"%20{name}",
                f"+{name}",
                f"{name}[]",
                f"{name}%00",
                f"{name}.x",
                f"{name}%0a",
                "",
            ):
                refused(shared_stack, f"{text(BASE)}&{bad}=1", "malformed_parameter")
        for bad in ("&", "&&side=BUY", "&side", "&x=%zz", "&x=%", "&x=%c3", "&x=%ff", ";side=SELL", "&=1"):
            refused(shared_stack, text(BASE) + bad, "malformed_parameter", "malformed_number")
    reply = shared_stack.call("POST", "/api/v3/order", text(BASE).replace("symbol", "%73ymbol"))
    assert reply.status == 200, "encoded once it is the name itself"


@pytest.mark.threat(11)
def test_unknown_names_are_refused_on_every_typed_change(shared_stack: Stack) -> None:
    """Also those that other endpoints know, and the ones of tomorrow."""
    names = (
        "sideEffectType",
        "isIsolated",
        "autoRepayAtCancel",
        "marginBuyBorrowAmount",
        "walletType",
        "x",
        "Price",
        "cmd",
        "newQuantity",
        "leverage",
        "dualSidePosition",
        "amount",
        "address",
        "network",
        "asset",
        "apiKey",
        "callback",
    )
    endpoints = (
        ("POST", "/api/v3/order", BASE),
        ("POST", "/fapi/v1/order", FUTURES),
        ("DELETE", "/api/v3/order", CANCEL),
        ("POST", "/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "ISOLATED"}),
    )
    with shared_stack.nothing_received():
        for method, path, pairs in endpoints:
            for name in names:
                refused(shared_stack, f"{text(pairs)}&{name}=1", "unknown_parameter", method=method, path=path)
        for name in ("closePosition", "reduceOnly", "positionSide", "workingType"):
            refused(shared_stack, f"{text(BASE)}&{name}=true", "unknown_parameter")
        for name in ("quoteOrderQty", "trailingDelta", "icebergQty", "pegPriceType"):
            refused(shared_stack, f"{text(FUTURES)}&{name}=1", "unknown_parameter", path="/fapi/v1/order")


@pytest.mark.threat(12)
@pytest.mark.threat(13)
def test_one_bad_leg_refuses_the_batch(shared_stack: Stack) -> None:
    """At every place of a batch of 1 to 5: no leg is sent."""
    leg = {**FUTURES}
    bad_legs = (
        {**leg, "quantity": "1e-2"},
        {**leg, "quantity": 0.00001},
        {**leg, "price": "-1"},
        {**leg, "isIsolated": "TRUE"},
        {n: v for n, v in leg.items() if n != "side"},
        {**leg, "side": "buy"},
        {**leg, "reduceOnly": "yes"},
        {**leg, "symbol": "B T"},
        [leg],
        "x",
        None,
        7,
        {**leg, "quantity": None},
        {**leg, "symbol": "NOSUCHUSDT"},
    )
    count = 0
    with shared_stack.nothing_received():
        for bad in bad_legs:
            for size in (1, 2, 5):
                for place in {0, size // 2, size - 1}:
                    legs = [bad if number == place else leg for number in range(size)]
                    query = f"batchOrders={quote(json.dumps(legs), safe='')}"
                    reply = refused(
                        shared_stack,
                        query,
                        "malformed_value",
                        "malformed_number",
                        "unknown_parameter",
                        "mandatory_parameter",
                        "unknown_symbol",
                        path="/fapi/v1/batchOrders",
                    )
                    assert reply.body["code"] != 200
                    count += 1
    assert count == len(bad_legs) * 6


@pytest.mark.threat(12)
@pytest.mark.threat(13)
def test_what_is_no_batch_is_refused(shared_stack: Stack) -> None:
    """Nested and repeated JSON, too much of it, and what is no JSON."""
    with shared_stack.nothing_received():
        for document in (
            "[",
            "[]",
            "{}",
            "null",
            '"x"',
            "[NaN]",
            "[" * 600,
            '[{"symbol":"A","symbol":"B"}]',
            "[1e999]",
            "[{}]x",
            json.dumps([FUTURES] * 11),
            '[{"symbol":"\\ud800"}]',
        ):
            query = f"batchOrders={quote(document, safe='')}"
            refused(
                shared_stack,
                query,
                "malformed_value",
                "malformed_number",
                "mandatory_parameter",
                path="/fapi/v1/batchOrders",
            )


NUMBERS = (
    "1e9",
    "1E9",
    "1_000",
    "\uff11",
    "+1",
    "-1",
    "-0",
    "0x10",
    " 1",
    "1 ",
    "1.",
    ".1",
    "00.1",
    "01",
    "1,0",
    "1..0",
    "1.0.0",
    "NaN",
    "Infinity",
    "-Infinity",
    "inf",
    "",
    "0b1",
    "1\u00a0",
    "\u0661",
    "\u00bd",
    "1/2",
    "9" * 40,
    "1." + "1" * 40,
    "1'000",
    "1d",
    "1f",
    "$1",
    "1%",
    "\u2212" + "1",
    "1\u200b",
    "one",
    "true",
    "null",
    "[1]",
    "{}",
    "1e-2",
    "0x1p3",
    "1\uff0e5",
    "٣",
    "1;2",
)


@pytest.mark.threat(14)
@pytest.mark.threat(16)
def test_numbers_have_one_grammar(shared_stack: Stack) -> None:
    """46 spellings in four fields of two products: none reaches the exchange, none is corrected."""
    mark = shared_stack.journal_mark()
    count = 0
    with shared_stack.nothing_received():
        for number in NUMBERS:
            for path, pairs, name in (
                ("/api/v3/order", BASE, "quantity"),
                ("/api/v3/order", BASE, "price"),
                ("/fapi/v1/order", FUTURES, "quantity"),
                ("/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "1"}, "leverage"),
            ):
                refused(shared_stack, text({**pairs, name: number}), "malformed_number", path=path)
                count += 1
    assert shared_stack.denials_since(mark) == ["malformed_number"] * count
    assert count == 4 * len(NUMBERS) == 184


@pytest.mark.threat(14)
def test_a_good_number_arrives_as_the_text_that_was_sent(shared_stack: Stack) -> None:
    """Trailing zeros and eighteen places are the bot's affair; they are signed as they are."""
    before = len(shared_stack.received())
    sent = [
        ("0.00100", "90000"),
        ("0.001", "90000.000000000000000000"),
        ("0.001000000000000000", "90000.0"),
        ("1", "90000.00"),
    ]
    for quantity, price in sent:
        shared_stack.call("POST", "/api/v3/order", text({**BASE, "quantity": quantity, "price": price}))
    rows = [dict(row["params"]) for row in shared_stack.received()[before:]]
    assert [(row["quantity"], row["price"]) for row in rows] == sent


# The Latin letters of BTCUSDT, ETHUSDT and friends as other scripts write them, and other ways to be nearly a symbol.
CONFUSABLE = (
    "btcusdt",
    "BtcUSDT",
    "ВTCUSDT",
    "BТCUSDT",
    "BTСUSDT",
    "BTCUЅDT",
    "ＢＴＣＵＳＤＴ",
    "BTCUſDT",
    "BTC\u200bUSDT",
    "BTCUSDT\u200d",
    "\ufeffBTCUSDT",
    "\u202eBTCUSDT",
    "BTCUSDT ",
    " BTCUSDT",
    "BTC-USDT",
    "BTC/USDT",
    "BTC_USDT",
    "BTCUSDT\u0301",
    "ΒTCUSDT",
    "ΕTHUSDT",
    "ЕTHUSDT",
    "EΤHUSDT",
    "ETНUSDT",
    "BNВUSDT",
    "BТC",
    "BTCUSDTX",
    "BTCUSD",
    "𝐁TCUSDT",
    "BTCUSDT%",
    "BTCUSDT'",
    'BTCUSDT"',
    "测试",
    "USDT",
    "BTCUSDT\\",
    "BTC USDT",
    "*",
    "BTCUSDT&",
    "BTCUSDT=",
)


@pytest.mark.threat(15)
def test_confusable_symbols_are_unknown(shared_stack: Stack) -> None:
    """Membership is by bytes: no folding, no normalisation, no trimming."""
    with shared_stack.nothing_received():
        for symbol in CONFUSABLE:
            refused(shared_stack, text({**BASE, "symbol": symbol}), "unknown_symbol", "malformed_value")
            refused(
                shared_stack,
                text({**FUTURES, "symbol": symbol}),
                "unknown_symbol",
                "malformed_value",
                path="/fapi/v1/order",
            )


@pytest.mark.threat(15)
def test_a_symbol_that_is_not_ascii_is_encoded_once_and_arrives(shared_stack: Stack) -> None:
    """Such symbols exist; the exchange must read the very text, and the signature must hold."""
    listed = shared_stack.send("GET", "/api/v3/exchangeInfo").body["symbols"]
    names = [row["symbol"] for row in listed if not row["symbol"].isascii()]
    assert names, "the paper exchange lists a symbol that is not ASCII"
    for name in names:
        found = shared_stack.call("GET", "/api/v3/openOrders", f"symbol={quote(name)}")
        assert (found.status, found.body) == (200, []), found
        assert dict(shared_stack.received()[-1]["params"])["symbol"] == name


def test_empty_and_overlong_values_are_refused(shared_stack: Stack) -> None:
    """Ids of 65 characters, texts of 5,000, an empty side: nothing of it is signed."""
    with shared_stack.nothing_received():
        refused(shared_stack, text({**BASE, "newClientOrderId": "a" * 65}), "malformed_value")
        refused(shared_stack, text({**BASE, "side": ""}), "malformed_value")
        refused(shared_stack, text({**BASE, "side": "buy"}), "malformed_value")
        refused(shared_stack, text({n: v for n, v in BASE.items() if n != "side"}), "mandatory_parameter")
        refused(shared_stack, text({**BASE, "recvWindow": "60001"}), "recv_window_malformed")
        refused(shared_stack, text({**BASE, "recvWindow": "-1"}), "recv_window_malformed")
