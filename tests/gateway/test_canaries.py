"""A canary is answered as a key id that does not exist is, and told a moment later, wherever it stood."""

import json
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.gateway.rig import HOST, Rig, on_virtual_time, why
from tests.homes import make_home

from counterseal.adapters import credential_file
from counterseal.core import http1
from counterseal.core.canaries import MOST_SOURCES, Canary
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.http1 import Bad
from counterseal.core.secret import Secret
from counterseal.gateway import guard_news
from counterseal.gateway.admission import Inquiry
from counterseal.gateway.canaries import LATER_S
from counterseal.gateway.credentials import Credentials
from counterseal.gateway.reply import Reply
from counterseal.guard.alerting.sources import of_critical

PLANTED, UNKNOWN = "C" * 64, "U" * 64
TIMELESS = ("Server-Timing", "Date")


async def planted() -> Rig:
    rig = await Rig().warm()
    rig.state.canaries = {PLANTED: Canary("f" * 16, "wiki")}
    return rig


def inquiry(method: str, target: str, key: str, source: str = "203.0.113.9") -> Inquiry:
    lines = f"Host: {HOST}\r\nX-MBX-APIKEY: {key}\r\nUser-Agent: curl/8 {'k' * 40}\r\nX-Forwarded-For: 198.51.100.7\r\n"
    length = "" if method == "GET" else "Content-Length: 0\r\n"
    read = http1.read_head(f"{method} {target} HTTP/1.1\r\n{lines}{length}\r\n".encode())
    assert read is not None
    assert not isinstance(read, Bad), read
    return Inquiry(read[0], b"", ip_address(source))


async def told(rig: Rig) -> list[dict[str, Any]]:
    """What was told of canaries so far, a moment later."""
    await rig.clock.advance(LATER_S + 0.01)
    return [dict(entry) for entry in rig.journal.of("event") if entry["what"] == "canary"]


def shown(reply: Reply) -> tuple[Any, ...]:
    return reply.status, reply.body, {k: v for k, v in reply.headers.items() if k not in TIMELESS}


SIGNED = "symbol=BTCUSDT&timestamp=1795392000000&signature=" + "a" * 64


@on_virtual_time
async def test_the_answer_is_that_of_an_unknown_key() -> None:
    rig = await planted()
    for method, path in (
        ("GET", f"/api/v3/account?{SIGNED}"), ("POST", f"/api/v3/order?{SIGNED}"), ("GET", "/api/v3/time"),
        ("POST", "/fapi/v1/listenKey"), ("POST", "/api/v3/userDataStream"), ("GET", "/api/v3/account"),
        ("GET", "/sapi/v1/no/such/path"), ("POST", f"/sapi/v1/capital/withdraw/apply?{SIGNED}"),
    ):  # fmt: skip
        answers = [await rig.finish(inquiry(method, path, key)) for key in (PLANTED, UNKNOWN)]
        assert shown(answers[0]) == shown(answers[1]), path
        assert answers[0].status >= 400
    assert rig.venue.sent == [] and rig.signer.asked == []
    await rig.end()


@on_virtual_time
async def test_it_is_told_behind_the_answer_with_who_it_was() -> None:
    rig = await planted()
    reply = await rig.finish(inquiry("GET", f"/api/v3/account?{SIGNED}", PLANTED))
    await rig.clock.advance(0)
    assert why(reply) == "credential_or_signature"
    assert rig.log.criticals == []
    [record] = await told(rig)
    [(event, fields)] = rig.log.criticals
    assert event == "a canary credential was used"
    for known in (record, fields):
        assert known["canary"] == "f" * 16 and known["bot"] == "wiki" and known["source"] == "203.0.113.9"
        assert known["path"] == "/api/v3/account" and known["method"] == "GET"
        assert PLANTED not in str(known) and "a" * 64 not in str(known) and "k" * 40 not in str(known)
    assert record["headers"]["x-forwarded-for"] == "198.51.100.7"
    assert record["headers"]["user-agent"].startswith("curl/8")
    await rig.end()


@on_virtual_time
async def test_it_is_found_in_a_path_and_in_parameters_and_in_what_nothing_serves() -> None:
    rig = await planted()
    for number, target in enumerate((f"/ws/{PLANTED}", f"/api/v3/userDataStream?listenKey={PLANTED}", "/nowhere")):
        key = PLANTED if target == "/nowhere" else ""
        await rig.finish(inquiry("PUT", target, key, f"203.0.113.{number}"))
    records = await told(rig)
    assert [record["source"] for record in records] == ["203.0.113.0", "203.0.113.1", "203.0.113.2"]
    assert PLANTED not in str(records)
    await rig.end()


class Full:
    """An overload in which nothing but exits is read."""

    since_ns = None

    def admits(self, _now_ns: int) -> bool:
        return False

    def refused(self, _now_ns: int) -> None:
        """One more was refused."""


@on_virtual_time
async def test_it_is_heard_also_where_nothing_else_is_read() -> None:
    rig = await planted()
    rig.state.overload = Full()  # type: ignore[assignment]
    shed = [rig.handler.shed(inquiry("GET", "/api/v3/account", key)) for key in (PLANTED, UNKNOWN)]
    assert shed[0] is not None and shed[1] is not None and shown(shed[0]) == shown(shed[1])
    assert [record["path"] for record in await told(rig)] == ["/api/v3/account"]
    await rig.end()


@on_virtual_time
async def test_two_hundred_uses_are_two_records() -> None:
    rig = await planted()
    for _ in range(200):
        await rig.finish(inquiry("GET", "/api/v3/time", PLANTED))
    assert [record["count"] for record in await told(rig)] == [1]
    await rig.clock.advance(61)
    await rig.finish(inquiry("GET", "/api/v3/time", PLANTED))
    assert [(record["count"], record["since"]) for record in await told(rig)] == [(1, 0), (201, 199)]
    assert rig.handler.canaries.report() == {"f" * 16: 201}
    await rig.end()


@on_virtual_time
async def test_nobody_else_is_taken_for_one() -> None:
    rig = await planted()
    assert (await rig.finish(inquiry("GET", "/api/v3/time", UNKNOWN))).status == 401
    assert (await rig.ask("GET", "/api/v3/openOrders", "symbol=BTCUSDT")).status == 200
    assert await told(rig) == []
    await rig.end()


def test_a_canary_is_loaded_beside_the_credentials_and_lets_nobody_in(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    for key, canary in (("V" * 64, False), (PLANTED, True)):
        credential_file.save(
            home, Credential(key, "alpha", CredentialKind.HMAC, Secret(b"S" * 64), None, 0, canary=canary)
        )
    rig = Rig()
    Credentials(home, rig.state, rig.log).load()
    assert list(rig.state.credentials) == ["V" * 64]
    assert [(key, canary.name) for key, canary in rig.state.canaries.items()] == [(PLANTED, "alpha")]


@pytest.mark.parametrize("canary", [2, True, None, "1"])
def test_a_file_that_says_neither_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary: object) -> None:
    home = make_home(tmp_path / "home")
    whole = credential_file._document
    monkeypatch.setattr(credential_file, "_document", lambda each: {**whole(each), "canary": canary})
    credential_file.save(home, Credential(PLANTED, "alpha", CredentialKind.HMAC, Secret(b"S" * 64), None, 0))
    [fault] = credential_file.load_all(home).faults.values()
    assert "is damaged" in fault


def test_a_canary_s_content_is_as_long_as_another_s_and_an_old_file_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seal adds a random length besides."""
    whole = credential_file._document
    two = [
        Credential(PLANTED, "a", CredentialKind.HMAC, Secret(b"S" * 64), None, 0, canary=canary)
        for canary in (False, True)
    ]
    assert len({len(json.dumps(whole(credential))) for credential in two}) == 1
    home = make_home(tmp_path / "home")
    monkeypatch.setattr(
        credential_file, "_document", lambda each: {k: v for k, v in whole(each).items() if k != "canary"}
    )
    credential_file.save(home, two[1])
    assert credential_file.load_all(home).by_key_id[PLANTED].canary is False


@on_virtual_time
async def test_a_second_address_and_a_second_canary_are_alerts_of_their_own() -> None:
    rig = await planted()
    rig.state.canaries = {**rig.state.canaries, UNKNOWN: Canary("e" * 16, "wiki")}
    for key, source in ((PLANTED, "203.0.113.1"), (PLANTED, "203.0.113.2"), (UNKNOWN, "203.0.113.1")):
        await rig.finish(inquiry("GET", "/api/v3/time", key, source))
    await told(rig)
    keys = {alert.dedup_key for fields in shown_to_the_guard(rig) if (alert := of_critical(fields, 0))}
    assert keys == {f"canary_used wiki {'f' * 16} 203.0.113.1", f"canary_used wiki {'f' * 16} 203.0.113.2",
                    f"canary_used wiki {'e' * 16} 203.0.113.1"}  # fmt: skip
    await rig.end()


@on_virtual_time
async def test_too_many_addresses_are_told_as_one() -> None:
    rig = await planted()
    for number in range(MOST_SOURCES + 1):
        await rig.finish(inquiry("GET", "/api/v3/time", PLANTED, f"203.0.113.{number}"))
    await told(rig)
    await rig.clock.advance(61)
    for second in (61, 122):
        await rig.finish(inquiry("GET", "/api/v3/time", PLANTED, f"198.51.100.{second}"))
        await told(rig)
        await rig.clock.advance(61)
    places = [(fields["source"], fields["newest"]) for _, fields in rig.log.criticals[-2:]]
    assert places == [("many", "198.51.100.61"), ("many", "198.51.100.122")]
    await rig.end()


def shown_to_the_guard(rig: Rig) -> list[dict[str, Any]]:
    """What the guard hears of the critical lines so far."""
    heard: list[Any] = []
    ear = guard_news.Criticals(SimpleNamespace(msg=None, critical=lambda _line: None))
    ear.to(heard.append)
    for event, fields in rig.log.criticals:
        ear.critical(json.dumps({"event": event, **fields}).encode())
    return heard
