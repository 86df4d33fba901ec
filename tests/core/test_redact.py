"""Error texts and log lines: what must not leave is gone, what SDKs match on stays, one line stays one line."""

import json
import random  # noqa: TID251 - seeded
import re
import string
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.reasons import REASONS
from counterseal.core.redact import _NAMED_SECRET, MASK, MAX_LINE, line, message, without

ERRORS = [
    row["msg"]
    for row in json.loads((Path(__file__).parent.parent / "vectors" / "exchange_errors.json").read_text())
    if row["msg"]
]
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
BASE64 = "RzDZ7rN3vH0pSXn0xqvPqyUQpXg7sJDvNJ8TtgLyK8xY%2Ba2VJm%2Fw3o9s2Q1xY5bYt0A%3D%3D"
ADDRESSES = (
    "203.0.113.7", "198.51.100.255", "8.8.8.8", "2001:db8::1", "2001:DB8:0:1:2:3:4:5", "fe80::1", "::1",
    "fe80::1%eth0", "::ffff:203.0.113.7", "::ffff:cb00:7107", "64:ff9b::203.0.113.7", "2001:db8:a:b:c:d:203.0.113.7",
)  # fmt: skip
SECRETS = (KEY, SIGNATURE, LISTEN_KEY, BASE64)


def test_the_vectors_are_there() -> None:
    """Enough texts of the exchange to speak of all."""
    assert len(ERRORS) > 200


@pytest.mark.parametrize("text", [*ERRORS, *(reason.message for reason in REASONS.values())])
def test_texts_of_the_exchange_stay(text: str) -> None:
    """Every documented error text, and every text of ours, reaches the bot word for word."""
    assert message(text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Invalid API-key, IP, or permissions for action, request ip: 203.0.113.7",
         "Invalid API-key, IP, or permissions for action"),
        ("Invalid API-key, IP, or permissions for action, request ip: 2001:db8::1.",
         "Invalid API-key, IP, or permissions for action"),
        ("Way too many requests; IP(203.0.113.7) banned until 1573000000000. Please use the websocket.",
         f"Way too many requests; IP({MASK}) banned until 1573000000000. Please use the websocket."),
        ("Way too many requests; IP 203.0.113.7. Wait", f"Way too many requests; IP {MASK}. Wait"),
        ("Too much request weight used; current limit is 6000 request weight per 1 MINUTE.",
         "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."),
        ("account id: 123456789 is locked", f"account id: {MASK} is locked"),
        ('{"uid": 35481234}', f'{{"uid": {MASK}}}'),
        ("sub-account someone@example.com is disabled", f"sub-account {MASK} is disabled"),
        ("Filter failure: PERCENT_PRICE_BY_SIDE", "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ("at 12:30:45 price 0.00100000 was 1:2", "at 12:30:45 price 0.00100000 was 1:2"),
    ],
)  # fmt: skip
@pytest.mark.threat(26)
def test_real_messages(text: str, kept: str) -> None:
    """Addresses and account ids go, the words around them stay."""
    assert message(text) == kept


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "({})",
        "[{}]",
        "[{}]:443",
        "ip={}",
        "ip:{}",
        "ip: {}.",
        "'{}',",
        "from {}; x",
        '"{}"',
        "{}:8080",
        "x{}",
        "{}/24",
        "Request IP:{}",
        "request ip:  {}",
    ],
)
@pytest.mark.threat(26)
def test_an_address_goes_in_every_surrounding(address: str, around: str) -> None:
    """IPv4, IPv6, mapped, compressed, with ports, zones, brackets, at the end of a sentence: no part of it stays."""
    shown = message(around.format(address))
    assert address not in shown
    for part in address.replace("%eth0", "").replace("::", ":").split(":"):
        if len(part) > 2:
            assert part not in shown


def mutated(seed: int) -> tuple[str, list[str]]:
    """An error text with an address and a secret planted at random places, and what was planted."""
    rng = random.Random(seed)
    words = rng.choice(ERRORS).split(" ")
    octets = ".".join(str(rng.randrange(100, 256)) for _ in range(4))
    groups = [f"{rng.randrange(0x1000, 0x10000):x}" for _ in range(8)]
    address = rng.choice([octets, ":".join(groups), f"{groups[0]}:{groups[1]}::{groups[2]}", f"::ffff:{octets}"])
    secret = "".join(rng.choices(string.ascii_letters + string.digits, k=64))
    label = rng.choice(["", "apiKey=", "signature=", '"listenKey": "', "secret: ", "X-MBX-APIKEY: "])
    account = str(rng.randrange(10**7, 10**9))
    planted = [f"request ip: {address}" if rng.random() < 0.3 else address, label + secret, f"accountId: {account}"]
    for text in planted:
        words.insert(
            rng.randrange(len(words) + 1), rng.choice(["", "(", ",", "IP"]) + text + rng.choice(["", ".", ",", ")"])
        )
    return " ".join(words), [address, secret, secret[:32], account]


@pytest.mark.threat(26)
def test_three_hundred_mutated_messages_leak_nothing() -> None:
    """LEAK-2: addresses, keys and account ids planted into the exchange's texts are found, all of them."""
    for seed in range(300):
        text, planted = mutated(seed)
        shown = message(text)
        assert not [one for one in planted if one in shown], (seed, text, shown)


# -- log lines


@pytest.mark.threat(27)
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "signature={}&x=1",
        '{{"apiKey":"{}"}}',
        '{{"secret" : "{}"}}',
        "listenKey: {}",
        "GET /ws/{} HTTP/1.1",
        "{}\n{}",
        "clientSecret={}",
        "X-MBX-APIKEY: {}",
    ],
)
def test_long_tokens_go(secret: str, around: str) -> None:
    """Keys, signatures and listen keys are masked with and without a name in front, as is their every half."""
    shown = line(around.replace("{}", secret).replace("{{", "{").replace("}}", "}"))
    assert secret[:16] not in shown
    assert secret[-16:] not in shown
    assert MASK in shown


@pytest.mark.parametrize("text", ["secret=short", "secretKey: short", '"passphrase": "short"', "private_key=short",
                                  "API-KEY = short", "signature:short"])  # fmt: skip
def test_short_secrets_go_by_their_name(text: str) -> None:
    """What is named a secret is masked whatever its length; the name stays, so that the log can be read."""
    shown = line(text)
    assert "short" not in shown
    assert shown.lower().lstrip('"')[:6] == text.lower().lstrip('"')[:6]


def test_a_key_file_goes_whole() -> None:
    """From BEGIN to END, or to the end of the text; short last lines included."""
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\nQUFB\n-----END PRIVATE KEY-----"
    assert line(f"a {pem} b") == f"a {MASK} b"
    assert line(f"a {pem[:60]}") == f"a {MASK}"


DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u2028\u2029\ud800\udfff\U000e0041\ufff9"
CONTROLS = "".join(map(chr, [*range(32), 127, *range(128, 160)]))


@pytest.mark.threat(52)
@pytest.mark.parametrize("character", DIRECTIONS + INVISIBLE + CONTROLS, ids=lambda c: f"U+{ord(c):04X}")
def test_control_and_direction_characters_become_question_marks(character: str) -> None:
    """LOG-1: newline, ANSI escapes, bidi, invisible and half characters cannot shape a log."""
    assert line(f"a{character}b") == "a?b"
    assert message(f"a{character}b") == "a?b"


@pytest.mark.threat(52)
@given(st.text(st.characters(), max_size=300))
def test_one_line_in_one_line_out(text: str) -> None:
    """Any text gives one printable line that can be encoded, and masking again changes nothing."""
    for shown in (line(text), message(text)):
        assert len(shown.splitlines()) <= 1
        shown.encode()
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
        assert json.loads(json.dumps(shown)) == shown
    assert line(line(text)) == line(text)


@pytest.mark.threat(39)
@pytest.mark.parametrize(
    "text",
    [
        "a" * 2**20,
        "a " * 2**19,
        "::" * 2**19,
        "1." * 2**19,
        "secret" * 2**18,
        "[" * 2**20,
        "-----BEGIN A-----" * 2**15,
        "a@" * 2**19,
        "request ip " * 2**16,
        " " * 2**20,
    ],
)
def test_a_mebibyte_is_cut_and_quick(text: str) -> None:
    """No input makes the patterns run away, and no line grows beyond its bound."""
    begun = time.perf_counter()
    assert len(message(text)) <= MAX_LINE * 2
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize("at", range(MAX_LINE - 70, MAX_LINE + 5, 5))
def test_no_half_of_a_secret_is_left_by_the_cut(at: int) -> None:
    """Wherever the cut falls in a key or an address, the whole word goes."""
    padding = "word " * (at // 5)
    assert KEY[:8] not in line(padding + "x" * (at % 5) + KEY + " tail" * 50)
    assert "203." not in message(padding + "203.0.113.7" + " tail" * 50)


def test_a_body_without_our_keys() -> None:
    """Every occurrence goes; one that begins like another leaves no rest; an empty one is none."""
    assert without(b'{"a":"KEY1KEY12"}', [b"KEY1", b"", b"KEY12"]) == b'{"a":"[redacted][redacted]"}'
    assert without(b"nothing here", [b"KEY1"]) == b"nothing here"
    assert without(b"", []) == b""


@given(st.binary(), st.lists(st.binary(min_size=12), max_size=3))
def test_no_secret_is_left_in_a_body(noise: bytes, secrets: list[bytes]) -> None:
    """Whatever surrounds them, the given byte strings are gone."""
    shown = without(noise.join([b"", *secrets, b""]), secrets)
    assert not [one for one in secrets if one in shown and one not in MASK.encode()]


# The same, with what may stand in front of a secret's name in the pattern: to look for that took a hundred times as
# long, and changes nothing, since it is kept.
SLOW_NAMED = re.compile(
    r"([A-Za-z0-9_-]{0,32}(?:signature|api[-_]?key|secret|listen[-_]?key|passphrase|private[-_]?key)[A-Za-z0-9_-]{0,16}"
    r"[\"']?\s*[=:]\s*[\"']?)[^&\s\"',\[]+",
    re.IGNORECASE,
)
PARTS = (
    "secret", "api_key", "API-KEY", "signature", "listenKey", "a", "-", "_", "x" * 20, "x" * 17, "=", ":", " ", '"',
    "&", "[",
)  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join))
def test_what_stands_before_a_name_changes_nothing(text: str) -> None:
    """The values that go are those that went."""
    assert _NAMED_SECRET.sub(lambda m: m[1] + MASK, text) == SLOW_NAMED.sub(lambda m: m[1] + MASK, text)


@pytest.mark.threat(39)
@pytest.mark.parametrize("text", ["secret-", "signature", "listen_key", "a", "-", "api_key ", "secret = "])
def test_four_kib_of_names_are_quick(text: str) -> None:
    """Refused paths are put on record, and anybody can have one refused."""
    begun = time.process_time()
    line((text * 4096)[:MAX_LINE])
    assert time.process_time() - begun < 0.05
