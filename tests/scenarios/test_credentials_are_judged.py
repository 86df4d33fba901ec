"""Who may ask: wrong, absent, revoked, expired, foreign, bound credentials; one answer for all that a stranger could
probe.
"""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import time

import pytest
from stack import BotKey, Stack, signed
from wire import Wire

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
REQUESTS = (
    ("POST", "/api/v3/order", ORDER),
    ("GET", "/api/v3/account", ""),
    ("DELETE", "/api/v3/order", "symbol=BTCUSDT&orderId=1"),
    ("POST", "/fapi/v1/order", ORDER),
    ("GET", "/fapi/v3/positionRisk", ""),
    ("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=2"),
)
OWN = {"date", "server-timing"}


@pytest.mark.threat(17)
@pytest.mark.threat(20)
def test_unknown_id_and_wrong_signature_look_the_same(shared_stack: Stack) -> None:
    """Byte for byte, apart from the time; on every endpoint, for every kind of credential."""
    shapes = set()
    mark = shared_stack.journal_mark()
    with shared_stack.nothing_received():
        for method, path, query in REQUESTS:
            for bot in ("alpha", "ed", "rsa"):
                real = shared_stack.keys[bot]
                unknown = BotKey("hmac", "u" * 64, "s" * 64)
                other = BotKey("hmac", real.key_id, "s" * 64)
                foreign = BotKey("hmac", real.key_id, shared_stack.keys["beta"].secret)
                changed = BotKey("hmac", real.key_id.swapcase(), shared_stack.keys["alpha"].secret)
                for key in (unknown, other, foreign, changed):
                    reply = shared_stack.call(method, path, query, key=key)
                    assert (reply.status, reply.code, reply.reason) == (401, -2015, "credential_or_signature")
                    shapes.add(
                        (str(reply.body), tuple(sorted((n, v) for n, v in reply.headers.items() if n not in OWN)))
                    )
    assert len(shapes) == 1
    assert shared_stack.denials_since(mark) == ["credential_or_signature"] * 72


@pytest.mark.threat(17)
def test_absent_credentials_and_signatures(shared_stack: Stack) -> None:
    """No key, an empty one, the text None; no signature, an empty one, a broken one, one for other parameters."""
    alpha = shared_stack.keys["alpha"]
    query = signed(alpha, ORDER)
    bare, _, signature = query.rpartition("&signature=")
    with shared_stack.nothing_received():
        for headers in ({}, {"X-MBX-APIKEY": ""}, {"X-MBX-APIKEY": "None"}):
            reply = shared_stack.send("POST", f"/api/v3/order?{query}", headers)
            assert (reply.status, reply.code, reply.reason) == (401, -2014, "credential_missing")
        for target, reason in (
            (bare, "signature_missing"),
            (f"{bare}&signature=", "signature_missing"),
            (f"{bare}&signature={signature[:-1]}", "credential_or_signature"),
            (f"{bare}&signature={signature}0", "credential_or_signature"),
            (f"{bare}&signature={'0' * 64}", "credential_or_signature"),
            (f"{bare}&signature=%00", "credential_or_signature"),
            (f"{bare}&signature=%ff%fe", "credential_or_signature"),
            (f"{bare.replace('0.001', '0.002')}&signature={signature}", "credential_or_signature"),
            (f"{bare}&recvWindow=1&signature={signature}", "credential_or_signature"),
        ):
            reply = shared_stack.send("POST", f"/api/v3/order?{target}", {"X-MBX-APIKEY": alpha.key_id})
            assert reply.reason == reason, target
    reply = shared_stack.send(
        "POST", f"/api/v3/order?{bare}&signature={signature.upper()}", {"X-MBX-APIKEY": alpha.key_id}
    )
    assert reply.status == 200, "hex case is no other signature"


@pytest.mark.threat(18)
def test_timestamps_are_judged(shared_stack: Stack) -> None:
    """Missing, malformed, five seconds off in both directions, narrower by recvWindow; microseconds count as spot
    allows.
    """
    now = int(time.time() * 1000)
    with shared_stack.nothing_received():
        for stamp in (now - 5_500, now + 6_500, 1, now // 1000, now * 10, now - 86_400_000):
            assert shared_stack.call("POST", "/api/v3/order", ORDER, timestamp=stamp).code == -1021, stamp
        assert (
            shared_stack.call("POST", "/api/v3/order", f"{ORDER}&recvWindow=500", timestamp=now - 1_500).code == -1021
        )
        key = shared_stack.keys["alpha"]
        for stamp in ("", "x", "-1", "1e12", f"{now}.5", f"+{now}", f"%20{now}", "%EF%BC%91%EF%BC%97"):
            payload = f"{ORDER}&timestamp={stamp}"
            reply = shared_stack.send(
                "POST", f"/api/v3/order?{payload}&signature={key.sign(payload)}", {"X-MBX-APIKEY": key.key_id}
            )
            assert reply.reason in ("timestamp_missing", "credential_or_signature"), stamp
        reply = shared_stack.send(
            "POST", f"/api/v3/order?{ORDER}&signature={key.sign(ORDER)}", {"X-MBX-APIKEY": key.key_id}
        )
        assert reply.reason == "timestamp_missing"
    assert shared_stack.call("GET", "/api/v3/account", timestamp=int(time.time() * 1_000_000)).status == 200
    assert shared_stack.call("GET", "/api/v3/account", timestamp=int(time.time() * 1000) - 3_000).status == 200


@pytest.mark.threat(17)
def test_revoked_is_dead_within_a_second_without_a_restart(shared_stack: Stack) -> None:
    """On an open connection too; the others live on."""

    def fingerprints() -> set[str]:
        return {
            line.split()[0]
            for line in shared_stack.verb("bot", "list", "--home", str(shared_stack.home.root)).splitlines()[1:]
        }

    others = fingerprints()
    key = shared_stack.mint("alpha", "hmac")
    before = shared_stack.pids()
    with Wire(shared_stack.port) as wire:
        assert wire.send(shared_stack.request("GET", "/api/v3/account", key=key)).reply().status == 200
        (newest,) = fingerprints() - others
        began = time.monotonic()
        code, said = shared_stack.attempt("bot", "revoke", newest)
        assert code == 0, said
        with shared_stack.nothing_received():
            reply = wire.send(shared_stack.request("POST", "/api/v3/order", ORDER, key=key)).reply()
        assert time.monotonic() - began < 1.0
        assert reply.reason == "credential_or_signature"
        assert wire.send(shared_stack.request("GET", "/api/v3/account")).reply().status == 200
    assert shared_stack.pids() == before


@pytest.mark.threat(17)
def test_bounds_of_a_credential(shared_stack: Stack) -> None:
    """Bound to another source, to hours that are not now, expired: refused with the exchange's -2015."""
    minute = time.gmtime(time.time() + 7200)
    far = f"{minute.tm_hour:02d}:00-{minute.tm_hour:02d}:30"
    cases = ((("--source", "10.0.0.0/8"), "source_not_allowed", 401), (("--hours", far), "outside_hours", 403))
    for options, reason, status in cases:
        key = shared_stack.mint("alpha", "hmac", *options)
        with shared_stack.nothing_received():
            for method, path, query in REQUESTS:
                reply = shared_stack.call(method, path, query, key=key)
                assert (reply.status, reply.code, reply.reason) == (status, -2015, reason)
    around = f"{(minute.tm_hour - 3) % 24:02d}:00-{minute.tm_hour:02d}:00"
    here = shared_stack.mint("alpha", "hmac", "--source", "127.0.0.0/8", "--hours", around, "--expires", "1h")
    assert shared_stack.call("GET", "/api/v3/account", key=here).status == 200


def test_public_data_needs_no_credential_here_but_accepts_no_wrong_one(shared_stack: Stack) -> None:
    """Anonymous on the loopback gets public data; a wrong key id gets nothing; keyed market data wants a credential."""
    assert shared_stack.send("GET", "/api/v3/time").status == 200
    assert shared_stack.send("GET", "/api/v3/time", {"X-MBX-APIKEY": "x" * 64}).reason == "credential_or_signature"
    with shared_stack.nothing_received():
        assert shared_stack.send("GET", "/dapi/v1/historicalTrades?symbol=BTCUSD_PERP").reason == "credential_missing"
        assert shared_stack.send("GET", "/api/v3/account").reason == "credential_missing"


def test_strict_bots_sign_what_they_send(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Lenient verification takes the ways of known SDKs and counts each; strict takes the bytes as sent and nothing
    else.
    """
    from stack import WIDE_BOT

    policies = {"strict": WIDE_BOT.format(name="strict", key="main") + 'verification = "strict"\n'}
    query = (
        "symbol=BTCUSDT&newClientOrderId=a%3Ab%20c&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
    )
    with Stack(
        tmp_path_factory.mktemp("strict"), bots={"lenient": "hmac", "strict": "hmac"}, policies=policies
    ) as stack:

        def order(bot: str, sign_over: str) -> tuple[int, str | None]:
            key = stack.keys[bot]
            stamp = f"&timestamp={int(time.time() * 1000)}"
            target = f"/api/v3/order/test?{query}{stamp}&signature={key.sign(sign_over + stamp)}"
            reply = stack.send("POST", target, {"X-MBX-APIKEY": key.key_id})
            return reply.status, reply.reason

        decoded, form = query.replace("%3A", ":").replace("%20", " "), query.replace("%20", "+")
        for bot in ("lenient", "strict"):
            assert order(bot, query)[1] in (None, "malformed_value")
        assert order("lenient", decoded)[1] is None
        assert order("lenient", form)[1] is None
        assert order("lenient", "symbol=ETHUSDT")[1] == "credential_or_signature"
        with stack.nothing_received():
            assert order("strict", decoded) == (401, "credential_or_signature")
            assert order("strict", form) == (401, "credential_or_signature")
        bots = stack.limits()["bots"]
        assert bots["lenient"]["verified"] == {"raw": 1, "decoded": 1, "form": 1}
        assert bots["strict"]["verified"] == {"raw": 1}
        assert bots["anonymous"]["denied"] == {"credential_or_signature": 3}
