"""Law L3: after a run with everything in it, no secret stands in any file, argument, environment or answer."""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import base64
import gzip
import json
import random
from pathlib import Path
from urllib.parse import quote

import pytest
from laws import check_l1_l2_l4
from stack import Stack, signed
from tests import leaks
from tests.leaks import Scanner, encodings
from wire import Wire

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"


def live(stack: Stack) -> list[bytes]:
    """Let bots and operator do a bit of everything, wrong things too; gives every answer's bytes."""
    said: list[bytes] = []
    for bot in stack.bots:
        key = stack.keys[bot]
        for method, path, query in (
            ("POST", "/api/v3/order", f"{ORDER}&newClientOrderId=leak-{bot}"),
            ("GET", "/api/v3/account", ""),
            ("POST", "/api/v3/order", f"{ORDER}&newClientOrderId={'x' * 80}"),
            ("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=3"),
            ("GET", "/sapi/v1/account/apiRestrictions", ""),
            ("POST", "/sapi/v1/capital/withdraw/apply", "coin=BTC"),
            # A careless bot puts its own secrets where they do not belong. (As the value of a parameter that is legal
            # they are
            # the bot's own words: the order is signed as it says.)
            ("POST", "/api/v3/order", f"{ORDER}&secretKey={quote(key.secret[:64])}"),
            ("POST", "/api/v3/order", f"{ORDER}&{key.key_id[:60]}=1"),
            ("POST", "/api/v3/order", f"{ORDER}&newClientOrderId={key.key_id}%0a"),
            ("GET", f"/{key.key_id}", ""),
            ("GET", f"/api/v3/{key.key_id}?x=1", ""),
            ("POST", f"/fapi/v1/{key.secret[:60]}".replace("\n", "").replace(" ", ""), ""),
            ("DELETE", "/api/v3/openOrders", "symbol=BTCUSDT"),
        ):
            reply = stack.call(method, path, query, bot=bot)
            said.append(json.dumps([reply.headers, reply.body]).encode())
        for junk in (
            f"GET /{key.key_id} HTTP/1.0\r\n\r\n",
            f"X-MBX-APIKEY: {key.key_id}\r\n\r\n",
            f"GET / HTTP/1.1\r\n{key.key_id}\r\n\r\n",
        ):
            with Wire(stack.port) as wire:
                reply = wire.send(junk.encode()).reply()
                said.append(json.dumps([reply.headers, reply.body]).encode())
        stack.send("GET", f"/api/v3/account?{signed(key, '')}", {"X-MBX-APIKEY": key.key_id[::-1]})
    for verb in (("status",), ("limits",), ("bot", "list"), ("key", "list"), ("reload",)):
        said.append(stack.attempt(*verb)[1].encode())
    said.append(json.dumps([stack.status(), stack.limits()]).encode())
    return said


def processes(stack: Stack) -> list[tuple[str, bytes]]:
    """Arguments and environment of every process."""
    seen = []
    for name, pid in stack.pids().items():
        for what in ("cmdline", "environ"):
            seen.append((f"{what} of {name}", Path(f"/proc/{pid}/{what}").read_bytes()))
    return seen


@pytest.mark.threat(24)
@pytest.mark.threat(27)
@pytest.mark.threat(51)
@pytest.mark.parametrize("kind", ["hmac", "ed25519", "rsa"])
def test_nothing_leaks(tmp_path_factory: pytest.TempPathFactory, kind: str) -> None:
    """For each kind of exchange key, with bots of each kind; a restart of everything included."""
    bots = {"alpha": "hmac", "beta": "ed25519", "gamma": "rsa"}
    with Stack(
        tmp_path_factory.mktemp(kind), exchange_kind=kind, bots=bots, paper_options=("--volatility", "0")
    ) as stack:
        said = live(stack)
        running = processes(stack)
        assert stack.down() == 0
        stack.up()
        said += live(stack)
        running += processes(stack)
        check_l1_l2_l4(stack)
    every = stack.exchange_secrets + stack.virtual_secrets
    assert len(every) >= 1 + 2 + 2 + 4
    scanner = Scanner(every)
    found, files, size = scanner.scan_files(stack.root)
    assert found == []
    assert files > 15
    assert size > 10_000
    for number, answer in enumerate(said):
        assert scanner.scan(f"answer {number}", answer) == []
    for what, data in running:
        assert data, what
        assert scanner.scan(what, data) == []
    # The exchange's own key name goes to the exchange alone: not to bots, not into our journal or log.
    names = Scanner([leaks.Planted("exchange API key", stack.exchange_api_key.encode())])
    for number, answer in enumerate(said):
        assert names.scan(f"answer {number}", answer) == []
    for part in (stack.home.journal, stack.home.logs):
        assert names.scan_files(part)[0] == []


@pytest.mark.threat(24)
def test_what_the_exchange_received_names_no_bot(shared_stack: Stack) -> None:
    """Neither a virtual key id nor anything signed with it reaches the exchange, in any header or parameter."""
    live(shared_stack)
    received = (shared_stack.paper_home / "journal.jsonl").read_bytes()
    assert Scanner(shared_stack.virtual_secrets).scan("what paper received", received) == []


def planted_in(rng: random.Random, text: bytes) -> bytes:
    """Put some bytes between noise at a random offset."""
    noise = bytes(rng.choices(b'abcdefghij ,:{}"0123456789', k=rng.randint(0, 400)))
    return noise + text + noise[::-1]


def test_the_scanner_finds_200_planted_encodings() -> None:
    """Every encoding, whole and as a piece of sixteen bytes, at every alignment, also packed; and nothing where
    nothing is.
    """
    rng = random.Random(3)
    text = bytes(rng.choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=64))
    raw = rng.randbytes(32)
    scanner = Scanner([leaks.Planted("text", text), leaks.Planted("raw", raw)])
    count = 0
    for secret in (text, raw):
        for encoding, written, length in encodings(secret):
            for _ in range(5):
                at = rng.randrange(0, max(1, len(written) - length + 1))
                for piece in (written, written[at : at + length]):
                    assert scanner.scan("x", planted_in(rng, piece)), (encoding, piece)
                    count += 1
        for way in (
            base64.b64encode(b"user:" + secret + b"@"),
            base64.urlsafe_b64encode(b"x" * rng.randint(0, 9) + secret),
            gzip.compress(b"log " + secret),
            json.dumps({"k": secret.decode("latin-1")}).encode(),
            repr(secret).encode(),
            quote(secret).encode(),
            secret.hex().encode(),
            secret.decode("latin-1").encode("utf-16"),
            b"Authorization: Basic " + base64.b64encode(secret),
        ):
            assert scanner.scan("x", way), way
            count += 1
    assert count >= 200
    for _ in range(200):
        assert not scanner.scan("x", rng.randbytes(5000))
        assert not scanner.scan("x", planted_in(rng, base64.b64encode(rng.randbytes(64))))
        # Fifteen bytes are below what counts.
        assert not scanner.scan("x", planted_in(rng, b"~" + text[:15] + b"~"))


def test_the_scanner_reads_files_and_their_names(tmp_path: Path) -> None:
    """A file below, a file's name; an exempt file is not read."""
    secret = "Q" * 8 + "ZxYwVuTsRqPo" * 2
    scanner = Scanner([leaks.Planted("own", secret.encode())])
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "log").write_text(f"oops {secret}")
    (tmp_path / secret).write_text("nothing")
    (tmp_path / "keys.json").write_text(secret)
    leaks.exempt(tmp_path / "keys.json")
    found, files, _ = scanner.scan_files(tmp_path)
    assert files == 2
    assert {leak.name for leak in found} == {"own"}
    assert len({leak.where for leak in found}) == 2
    assert secret not in str(found), "a report of a leak is none itself"
