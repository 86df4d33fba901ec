"""Orders in JSON and what can be done to their text: by seed, from harmless to broken."""

# ruff: noqa: TID251 - randomness is seeded
import json
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

Members = list[tuple[str, str]]  # of an object: name and value, both as they stand in the text
Change = Callable[[random.Random, Members], None]


class Mutant(NamedTuple):
    """A document with a seed of its own; `address` is the WebSocket API's path, or the batch's method and path."""

    address: tuple[str, str]
    seed: int


ADDRESSES = (
    ("/ws-api/v3", "order.place"), ("/ws-api/v3", "order.cancel"), ("/ws-api/v3", "order.amend.keepPriority"),
    ("/ws-api/v3", "orderList.place.oto"), ("/ws-fapi/v1", "order.place"), ("/ws-fapi/v1", "order.modify"),
    ("/ws-fapi/v1", "algoOrder.place"),
    ("POST", "/fapi/v1/batchOrders"), ("PUT", "/fapi/v1/batchOrders"), ("POST", "/dapi/v1/batchOrders"),
    ("PUT", "/dapi/v1/batchOrders"),
)  # fmt: skip
_LIMIT = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=90000.10"
_CHANGED = "symbol=BTCUSDT&side=SELL&quantity=0.50&price=90000.10&orderId=7"
_ORDERS = {
    ("/ws-api/v3", "order.place"): _LIMIT,
    ("/ws-api/v3", "order.cancel"): "symbol=BTCUSDT&orderId=7",
    ("/ws-api/v3", "order.amend.keepPriority"): "symbol=BTCUSDT&orderId=7&newQty=0.10",
    ("/ws-api/v3", "orderList.place.oto"): "symbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingPrice=90000"
    "&workingQuantity=1.0&pendingType=MARKET&pendingSide=SELL&pendingQuantity=1.0",
    ("/ws-fapi/v1", "order.place"): f"{_LIMIT}&reduceOnly=false&positionSide=BOTH",
    ("/ws-fapi/v1", "order.modify"): _CHANGED,
    ("/ws-fapi/v1", "algoOrder.place"): "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET"
    "&triggerPrice=80000&closePosition=false&quantity=1",
    ("POST", "/fapi/v1/batchOrders"): f"{_LIMIT}&reduceOnly=false",
    ("PUT", "/fapi/v1/batchOrders"): _CHANGED,
    ("POST", "/dapi/v1/batchOrders"): _LIMIT.replace("BTCUSDT", "BTCUSD_PERP"),
    ("PUT", "/dapi/v1/batchOrders"): _CHANGED.replace("BTCUSDT", "BTCUSD_PERP"),
}
_ID_NAMES = {"order.place": "newClientOrderId", "algoOrder.place": "clientAlgoId", "POST": "newClientOrderId"}
_NUMERIC = frozenset(
    {"quantity", "price", "newQty", "orderId", "triggerPrice", "workingPrice", "workingQuantity", "pendingQuantity"}
)
_FLAGS = frozenset({"reduceOnly", "closePosition"})

# -- what a value, a name or an object may be made to be

_NUMBERS = ("1e2", "1E-2", "-1", "+1", "01", "1.", ".5", "0x1", "NaN", "Infinity", "-Infinity", "1_0", "0", "0.0",
            "1.50", "1e", "--1", "\uff11", "9" * 19, "1." + "0" * 19, "-0", "1 0", "1,0")  # fmt: skip
_VALUES = ("null", "true", "false", "[]", "{}", "[1]", '["BUY"]', '{"a":1}', '""', '" "', "7", '"null"', '"\\u0000"',
           '"a\\nb"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\u5e01"', "'BUY'", "BUY", '"BUY', "True",
           "None", "undefined", "[" * 9 + "]" * 9, '{"a":{"a":1,"a":1}}', '"\\x41"', '"\\u12"', '"\\"', '"\t"',
           '"\x7f"', '"\u2028"', '"BUY\\u0026side=SELL"', '"BUY&side=SELL"', '"BUY\\u0000SELL"')  # fmt: skip
_NAMES = ("isIsolated", "sideEffectType", "x", "", " ", "a b", "__proto__", "constructor", "signatur", "batchOrders",
          "closePosition", "stopPrice", "newQuantity", "s\u0131de", "\uff53ide", "side\u200b",
          "recvWindow")  # fmt: skip
_BLANKS = ("", " ", "\n", "\t", "\r\n", "  ", "   \n")
_SPACES = ("", " ", "   ")
_NO_BLANKS = ("\x0b", "\x0c", "\u00a0", "\u2003", "\ufeff", "/**/", "//\n", "#\n", "\x00", ",", ":", ";", "\u200b")


def _respelled(dice: random.Random, text: str) -> str:
    """Write a JSON text with some characters as escapes: another text, the same value. What is no text stays."""
    try:
        inner = json.loads(text)
    except ValueError:
        return text
    if not isinstance(inner, str):
        return text
    return '"' + "".join(f"\\u{ord(c):04x}" if dice.random() < 0.4 else json.dumps(c)[1:-1] for c in inner) + '"'


def _pick(dice: random.Random, members: Members) -> int:
    return dice.randrange(len(members))


def respell(dice: random.Random, members: Members) -> None:
    """A name or a text value is written with escapes."""
    at = _pick(dice, members)
    name, value = members[at]
    is_text = value.startswith('"')
    members[at] = (_respelled(dice, name), _respelled(dice, value) if is_text else value)


def requote(dice: random.Random, members: Members) -> None:
    """A number as a text is written as a number, or the other way round."""
    at = _pick(dice, members)
    name, value = members[at]
    members[at] = (name, value[1:-1] if value.startswith('"') else f'"{value}"')


def shuffle(dice: random.Random, members: Members) -> None:
    """The names stand in another order."""
    dice.shuffle(members)


def renumber(dice: random.Random, members: Members) -> None:
    """A number is spelled in another way."""
    places = [at for at, (name, _) in enumerate(members) if name.strip('"') in _NUMERIC] or [0]
    at, spelled = dice.choice(places), dice.choice(_NUMBERS)
    members[at] = (members[at][0], spelled if dice.random() < 0.6 else json.dumps(spelled, ensure_ascii=False))


def revalue(dice: random.Random, members: Members) -> None:
    """A value is something else."""
    at = _pick(dice, members)
    members[at] = (members[at][0], dice.choice(_VALUES))


def reflag(dice: random.Random, members: Members) -> None:
    """A flag is said in one of many ways."""
    said = dice.choice(("true", "false", '"true"', '"TRUE"', '"False"', '"yes"', "1", '"1"', '"t"', "null", '"true "'))
    members.append((f'"{dice.choice(sorted(_FLAGS))}"', said))


def repeat(dice: random.Random, members: Members) -> None:
    """A name comes twice: with the same value or another, spelled the same or by escapes."""
    name, value = members[_pick(dice, members)]
    again = _respelled(dice, name) if dice.random() < 0.5 else name
    other = dice.choice((value, '"SELL"', '"1"', "null", "1"))
    members.insert(dice.randrange(len(members) + 1), (again, other))


def remove(dice: random.Random, members: Members) -> None:
    """A name is missing."""
    del members[_pick(dice, members)]


def add(dice: random.Random, members: Members) -> None:
    """A name too many."""
    members.insert(_pick(dice, members), (json.dumps(dice.choice(_NAMES), ensure_ascii=dice.random() < 0.5), '"1"'))


def recase(dice: random.Random, members: Members) -> None:
    """A name in another case, or with a blank."""
    at = _pick(dice, members)
    name, value = members[at]
    inner = name[1:-1]
    other = dice.choice((inner.upper(), inner.lower(), inner.title(), f"{inner} ", f" {inner}", f"{inner}\u0301"))
    members[at] = (f'"{other}"', value)


def unquote(dice: random.Random, members: Members) -> None:
    """A name without quotes, with others, or none."""
    at = _pick(dice, members)
    name, value = members[at]
    members[at] = (dice.choice((name[1:-1], f"'{name[1:-1]}'", "1", "null", f"{name}{name}")), value)


def nothing(_dice: random.Random, _members: Members) -> None:
    """It stays as it was."""


CHANGES: tuple[Change, ...] = (
    nothing, respell, respell, requote, requote, shuffle, renumber, renumber, revalue, revalue, reflag, repeat, repeat,
    remove, add, recase, unquote,
)  # fmt: skip


def _written(dice: random.Random, members: Members, blanks: tuple[str, ...] = _BLANKS) -> str:
    """Write an object: with blanks where they may stand, now and then with what may not."""
    strange = dice.random() < 0.06

    def gap() -> str:
        if strange and dice.random() < 0.1:
            return dice.choice(_NO_BLANKS)
        return dice.choice(blanks) if dice.random() < 0.2 else ""

    parts = [f"{gap()}{name}{gap()}:{gap()}{value}{gap()}" for name, value in members]
    last = "," if dice.random() < 0.02 else ""
    return f"{{{','.join(parts)}{last}}}"


def members_of(address: tuple[str, str], dice: random.Random) -> Members:
    """Give a good order as members of an object, numbers and flags as JSON has them or as texts."""
    found: Members = []
    for element in _ORDERS[address].split("&"):
        name, value = element.split("=")
        bare = (name in _NUMERIC or name in _FLAGS) and dice.random() < 0.5
        found.append((f'"{name}"', value if bare else f'"{value}"'))
    id_name = _ID_NAMES.get(address[1]) or _ID_NAMES.get(address[0])
    if id_name and dice.random() < 0.7:
        found.append((f'"{id_name}"', f'"m{dice.getrandbits(64):x}"'))
    return found


def frame(mutant: Mutant, now_ms: int) -> bytes:
    """Give the mutated frame of a connection that is logged on."""
    dice = random.Random(mutant.seed)
    members = members_of(mutant.address, dice)
    members.append(('"timestamp"', str(now_ms) if dice.random() < 0.7 else f'"{now_ms}"'))
    outer: Members = [('"id"', str(mutant.seed)), ('"method"', f'"{mutant.address[1]}"'), ('"params"', "@")]
    for _ in range(dice.choice((0, 1, 1, 1, 2))):
        # One in eight changes the frame itself.
        dice.choice(CHANGES)(dice, outer if dice.random() < 0.125 else members)
    params = _written(dice, members)
    whole = [(name, params if value == "@" else value) for name, value in outer]
    return _damaged(dice, _written(dice, whole))


def batch(mutant: Mutant) -> bytes:
    """Give the mutated list of a batch of one to five orders."""
    dice = random.Random(mutant.seed)
    legs = [members_of(mutant.address, dice) for _ in range(dice.randint(1, 5))]
    for _ in range(dice.choice((0, 1, 1, 1, 2))):
        dice.choice(CHANGES)(dice, dice.choice(legs))
    # A line end is JSON, and a control character that no parameter may have: mostly there is none.
    blanks = _BLANKS if dice.random() < 0.1 else _SPACES
    text = f"[{','.join(_written(dice, leg, blanks) for leg in legs)}]"
    if dice.random() < 0.05:
        text = json.dumps(text)
    return _damaged(dice, text)


def _damaged(dice: random.Random, text: str) -> bytes:
    """Give the bytes, one time in four with some of them changed."""
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    if dice.random() < 0.75:
        return bytes(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        _damage(dice, data)
    return bytes(data)


_STRANGE = b"\"\\{}[]:,0123456789eE+-. \t\n\r\x00\x0b\x1f\x7f\x80\xbf\xc0\xc3\xed\xa0\xf0\xff\xefu'/"


def _damage(dice: random.Random, data: bytearray) -> None:
    at, kind = dice.randrange(len(data) or 1), dice.randrange(8)
    if kind == 0:
        data[at : at + 1] = bytes([data[at] ^ (1 << dice.randrange(8))]) if data else b""
    elif kind == 1:
        data[at : at + 1] = bytes([dice.choice(_STRANGE)])
    elif kind == 2:
        data[at:at] = bytes([dice.choice(_STRANGE)])
    elif kind == 3:
        del data[at : at + dice.choice((1, 1, 1, 2, 8))]
    elif kind == 4:
        data[at:at] = data[at : at + dice.randint(1, 24)]
    elif kind == 5:
        del data[at:]
    elif kind == 6:
        data += dice.choice((b" ", b"\n", b"{}", b"x", b"\x00", b"]", b"}", b",", b"\xef\xbb\xbf"))
    else:
        data[0:0] = dice.choice((b" ", b"\n", b"\xef\xbb\xbf", b"\xff\xfe", b"[", b"x", b"\x00", b"//\n"))


def mutants(count: int) -> Iterator[Mutant]:
    """Give so many, in turn by every way."""
    for number in range(count):
        yield Mutant(ADDRESSES[number % len(ADDRESSES)], 1_000_000 + number)
