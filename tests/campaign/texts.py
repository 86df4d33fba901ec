"""Texts that break text handling: 30 fields that naughty strings go into, and look-alikes of the largest symbols.

The grammar of each kind of field is told here in its own words, not by what judges it.
"""

import json
import os
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

_ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price={price}"
_REPLACE = f"{_ORDER}&cancelReplaceMode=STOP_ON_FAILURE"
_LIST = (
    "symbol=BTCUSDT&side=SELL&quantity=0.001&aboveType=LIMIT_MAKER&abovePrice=110000&belowType=STOP_LOSS"
    "&belowStopPrice={price}"
)
_ALGO = "algoType=CONDITIONAL&symbol=BTCUSDT&side=BUY&type=STOP_MARKET&triggerPrice={price}&quantity=0.001"
# Written into a batch: the order's id is what varies.
_LEG = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}


class Field(NamedTuple):
    """A text field of one request. `kind` names its grammar below; `door` is "rest" or the WebSocket API's path.

    `request` is the HTTP method and path, or the WebSocket API's method; `rest` are the other parameters.
    """

    kind: str
    door: str
    request: str
    name: str
    rest: str


SPOT_WS, USDM_WS = "/ws-api/v3", "/ws-fapi/v1"
FIELDS = [
    Field("symbol", "rest", "POST /api/v3/order", "symbol", _ORDER),
    Field("word", "rest", "POST /api/v3/order", "side", _ORDER),
    Field("word", "rest", "POST /api/v3/order", "type", _ORDER),
    Field("word", "rest", "POST /api/v3/order", "timeInForce", _ORDER),
    Field("id", "rest", "POST /api/v3/order", "newClientOrderId", _ORDER),
    Field("word", "rest", "POST /api/v3/order", "selfTradePreventionMode", _ORDER),
    Field("id", "rest", "POST /api/v3/order/cancelReplace", "cancelOrigClientOrderId", _REPLACE),
    Field("id", "rest", "POST /api/v3/order/cancelReplace", "cancelNewClientOrderId", f"{_REPLACE}&cancelOrderId=7"),
    Field("word", "rest", "POST /api/v3/order/cancelReplace", "cancelReplaceMode", f"{_REPLACE}&cancelOrderId=7"),
    Field("id", "rest", "DELETE /api/v3/order", "origClientOrderId", "symbol=BTCUSDT"),
    Field("id", "rest", "GET /api/v3/order", "origClientOrderId", "symbol=BTCUSDT"),
    Field("id", "rest", "POST /api/v3/orderList/oco", "listClientOrderId", _LIST),
    Field("id", "rest", "POST /api/v3/orderList/oco", "aboveClientOrderId", _LIST),
    Field("id", "rest", "DELETE /api/v3/orderList", "listClientOrderId", "symbol=BTCUSDT"),
    Field("id", "rest", "PUT /api/v3/order/amend/keepPriority", "newClientOrderId",
          "symbol=BTCUSDT&orderId=7&newQty=0.0005"),
    Field("read symbol", "rest", "GET /api/v3/openOrders", "symbol", "recvWindow=5000"),
    Field("symbol", "rest", "POST /fapi/v1/order", "symbol", _ORDER),
    Field("word", "rest", "POST /fapi/v1/order", "positionSide", _ORDER),
    Field("id", "rest", "POST /fapi/v1/order", "newClientOrderId", _ORDER),
    Field("id", "rest", "POST /fapi/v1/algoOrder", "clientAlgoId", _ALGO),
    Field("id", "rest", "POST /fapi/v1/batchOrders", "batchOrders", "recvWindow=5000"),
    Field("id", "rest", "DELETE /fapi/v1/batchOrders", "origClientOrderIdList", "symbol=BTCUSDT"),
    Field("symbol", SPOT_WS, "order.place", "symbol", _ORDER),
    Field("word", SPOT_WS, "order.place", "side", _ORDER),
    Field("id", SPOT_WS, "order.place", "newClientOrderId", _ORDER),
    Field("id", SPOT_WS, "order.cancel", "origClientOrderId", "symbol=BTCUSDT"),
    Field("id", SPOT_WS, "orderList.place.oco", "listClientOrderId", _LIST),
    Field("echo", SPOT_WS, "order.place", "id", _ORDER),
    Field("symbol", USDM_WS, "order.place", "symbol", _ORDER),
    Field("id", USDM_WS, "order.place", "newClientOrderId", _ORDER),
]  # fmt: skip


def wrapped(field: Field, text: str, price: int) -> str:
    """Write a field's value: ids of a batch stand in its JSON."""
    if field.name == "batchOrders":
        return json.dumps([{**_LEG, "price": str(price), "newClientOrderId": text}], ensure_ascii=False)
    return json.dumps([text], ensure_ascii=False) if field.name == "origClientOrderIdList" else text


def unwrapped(field: Field, value: str) -> str:
    """Read it back from what reached the exchange."""
    if field.name == "batchOrders":
        return str(json.loads(value)[0]["newClientOrderId"])
    return str(json.loads(value)[0]) if field.name == "origClientOrderIdList" else value


# -- what each kind of field may hold: True: it must pass, False: it must not, None: it may, as it is


def _is_printable(text: str) -> bool:
    return not any(letter < " " or letter == "\x7f" for letter in text)


def _id(text: str) -> bool:
    """An id passes as the text it is; which characters it may have is the exchange's affair."""
    return 1 <= len(text) <= 64 and _is_printable(text)


def _symbol(text: str) -> bool:
    return text == "BTCUSDT"


def _word(text: str) -> bool | None:
    """The exchange's words are in capitals; it adds some from time to time."""
    letters = set("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
    return None if text and set(text) <= letters else False


def _read_symbol(text: str) -> bool | None:
    """A read may name what is not listed: it asks the exchange for exactly that, and is told so."""
    return True if text == "BTCUSDT" else None if _is_printable(text) and text else False


def _echo(text: str) -> bool:
    """A request's own id, of at most 36 characters."""
    return len(text) <= 36


MAY: dict[str, Callable[[str], bool | None]] = {
    "id": _id, "symbol": _symbol, "word": _word, "read symbol": _read_symbol, "echo": _echo,
}  # fmt: skip


def naughty() -> list[str]:
    """Give the corpus of naughty strings; skips where there is none, and fails in CI."""
    folder = os.environ.get("COUNTERSEAL_CORPORA")
    if folder is None:
        if os.environ.get("COUNTERSEAL_CI"):
            pytest.fail("COUNTERSEAL_CORPORA is not set: CI must have the naughty strings")
        pytest.skip("COUNTERSEAL_CORPORA is not set: the naughty strings are not here")
    texts = json.loads((Path(folder) / "naughty" / "blns.json").read_text("utf-8"))
    assert len(texts) == 515
    return [str(text) for text in texts]


# -- look-alikes

# Real ones; the last stands for those that are not ASCII.
SYMBOLS = """
BTCUSDT ETHUSDT BNBUSDT SOLUSDT XRPUSDT DOGEUSDT ADAUSDT TRXUSDT AVAXUSDT LINKUSDT DOTUSDT MATICUSDT LTCUSDT BCHUSDT
SHIBUSDT UNIUSDT ATOMUSDT XLMUSDT ETCUSDT FILUSDT NEARUSDT APTUSDT ARBUSDT OPUSDT INJUSDT SUIUSDT PEPEUSDT ICPUSDT
HBARUSDT VETUSDT AAVEUSDT ALGOUSDT GRTUSDT SANDUSDT MANAUSDT FTMUSDT EGLDUSDT THETAUSDT AXSUSDT 1INCHUSDT KAVAUSDT
KSMUSDT ZECUSDT DASHUSDT BTCUSDC ETHUSDC ETHBTC BNBBTC BTCFDUSD 币安人生USDT
""".split()  # noqa: SIM905 - a list of 50 lines reads worse
# Letters of other scripts that look like a capital of ours.
_LOOKS = {
    "A": "АΑᎪꓮ", "B": "ВΒᏴꓐ", "C": "СϹᏟⅭ", "D": "ᎠⅮꓓ", "E": "ЕΕᎬꓰ", "F": "Ϝꓝ", "G": "ԌᏀꓖ", "H": "НΗᎻꓧ", "I": "ІΙӀⅠ|",
    "J": "ЈᎫꓙ", "K": "КΚᏦꓗ", "L": "ᏞⅬꓡ", "M": "МΜᎷⅯ", "N": "Νꓠ", "O": "ОΟՕꓳ0", "P": "РΡᏢꓑ", "Q": "Ԛ", "R": "ᎡꓣᏒ",
    "S": "ЅՏᏚꓢ5", "T": "ТΤᎢꓔ", "U": "Սꓴ", "V": "ѴᏙⅤꓦ", "W": "ᎳꓪԜ", "X": "ХΧⅩꓫ", "Y": "ҮΥꓬ", "Z": "ΖᏃꓜ2", "1": "lIІӀ１",
}  # fmt: skip
# What is not seen: zero width, direction, joiners, selectors, fillers, blanks of every width, tags.
_UNSEEN = (
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u061c\u180e\u115f\u3164\uffa0\u2061\u2062\u2063\u206a\u206f"
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufe00\ufe0e\ufe0f\U000e0100\U000e0001"
    "\U000e0042\u00a0\u2002\u2009\u202f\u205f\u3000\u1680\u2028\u2029\x85\x1c\x1d\x0b\x0c\t\n\r\0 \x7f\x80\x9f"
)
_MARKS = "\u0300\u0301\u0307\u0323\u0327\u0332\u0336\u0338\u20dd\u20e3"
_ENDS = (*".,;:/\\|_-+=~'\"`#?&%*!@", "..", ".P", "_", "%00", "%20", "\\u0000", "&amp;", "://", " \u202eTDS")


@cache
def _folded() -> dict[str, str]:
    """Of each capital, small letter and digit the characters that compatibility or case folding makes it."""
    found: dict[str, str] = {}
    for code in (*range(0xA0, 0xD800), *range(0xF900, 0x10000), *range(0x1D400, 0x1D800), *range(0x1F100, 0x1F200)):
        letter = chr(code)
        for form in {unicodedata.normalize("NFKC", letter), letter.upper(), letter.casefold(), letter.lower()}:
            plain = form.upper()
            if len(plain) == 1 and plain.isascii() and plain.isalnum():
                found[plain] = found.get(plain, "") + letter
    return found


def _others(letter: str) -> set[str]:
    """Give what may stand for a letter: looks, folds, its small form, a mark on it."""
    return {*_LOOKS.get(letter, ""), *_folded().get(letter, ""), letter.lower(), *map(letter.__add__, _MARKS)}


def _every(symbol: str) -> Iterator[str]:
    """Give the look-alikes of a symbol: one letter, all letters, something unseen, marks, case, ends, order."""
    for at, letter in enumerate(symbol):
        yield from (symbol[:at] + other + symbol[at + 1 :] for other in _others(letter))
    for unseen in _UNSEEN:
        yield from (symbol[:at] + unseen + symbol[at:] for at in range(len(symbol) + 1))
    for end in _ENDS:
        yield from (symbol + end, end + symbol)
    yield from (symbol.lower(), symbol.title(), symbol.swapcase(), symbol.capitalize(), symbol[::-1])
    yield "\u202e" + symbol[::-1] + "\u202c"
    for table in (_LOOKS, _folded()):
        for at in range(12):
            yield "".join(table.get(letter, letter)[at % len(table.get(letter, letter))] for letter in symbol)


def confusables(symbol: str) -> list[str]:
    """Give some 800 texts that look like, fold to or hide a symbol, and are none that is listed."""
    return sorted(set(_every(symbol)) - set(SYMBOLS))
