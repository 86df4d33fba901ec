"""What an operator does in an emergency is on record and told; a key that nobody holds is shown to the exchange."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from counterseal.adapters.control_link import ControlError
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.alerts.model import Alert
from counterseal.core.emergency import Life, life_of
from counterseal.guard.emergency import MAX_TEXT, EmergencyVerbs
from counterseal.guard.hands.asker import Told
from counterseal.ports.venue import VenueReply

NOTE = {"act": "step", "kind": "key", "name": "main", "operator": "jane", "step": "freeze", "done": "yes",
        "text": "halted"}  # fmt: skip
KEY = "Ab3d" * 16


class Desk:
    """The verbs over a list; `told` is what the exchange says."""

    def __init__(self, told: Told | None = None) -> None:
        self.records: list[dict[str, Any]] = []
        self.alerts: list[Alert] = []
        self.shown: list[str] = []
        self.told = told
        self.is_kept = True
        self.verbs = EmergencyVerbs(
            self.record, self.alerts.append, lambda: self if told is not None else None, VirtualClock()  # type: ignore[arg-type,return-value]
        )  # fmt: skip

    def record(self, record: Mapping[str, Any]) -> bool:
        self.records.append(dict(record))
        return self.is_kept

    async def show_key(self, api_key: str, *_where: Any) -> Told:
        self.shown.append(api_key)
        assert self.told is not None
        return self.told

    def ask(self, verb: str, **args: str) -> dict[str, Any]:
        answer: dict[str, Any] = asyncio.run(self.verbs.table()[verb]({"uid": 1000, **args}))
        return answer


def test_every_step_is_on_record_with_who_did_it() -> None:
    desk = Desk()
    assert desk.ask("emergency", **NOTE) == {"journalled": True}
    assert desk.records == [{"type": "emergency", **NOTE, "done": True, "uid": 1000}]
    assert desk.alerts == []
    desk.is_kept = False
    assert desk.ask("emergency", **{**NOTE, "done": ""}) == {"journalled": False}
    assert desk.records[-1]["done"] is None


@pytest.mark.parametrize(
    ("act", "done", "code"),
    [("begin", "", "emergency_begun"), ("end", "yes", "emergency_over"), ("end", "no", "emergency_unproven")],
)
def test_people_hear_of_its_beginning_and_its_end(act: str, done: str, code: str) -> None:
    desk = Desk()
    desk.ask("emergency", **{**NOTE, "act": act, "step": "", "done": done, "text": "why"})
    [alert] = desk.alerts
    assert alert.code == code and "key main" in alert.title and "jane" in alert.text and "why" in alert.text


@pytest.mark.parametrize(
    "change",
    [{"act": "other"}, {"kind": "fleet"}, {"name": ""}, {"name": "x y"}, {"operator": ""}, {"step": "dance"},
     {"step": ""}, {"act": "end"}, {"done": "perhaps"}, {"text": "x" * (MAX_TEXT + 1)}, {"text": "a\nb"}],
)  # fmt: skip
def test_what_is_no_step_is_refused(change: dict[str, str]) -> None:
    desk = Desk()
    with pytest.raises(ControlError):
        desk.ask("emergency", **{**NOTE, **change})
    assert desk.records == desk.alerts == []


def told(status: int, body: bytes) -> Told:
    return Told(VenueReply(status, {}, body, 0, 0), True, "")


@pytest.mark.parametrize(
    ("answer", "code", "life"),
    [
        (told(401, b'{"code":-2015,"msg":"Invalid API-key"}'), -2015, Life.REFUSED),
        (told(400, b'{"code":-1022,"msg":"Signature"}'), -1022, Life.ALIVE),
        (told(503, b"down"), None, Life.UNKNOWN),
        (Told(None, True, "lost"), None, Life.UNKNOWN),
        (Told(None, False, ""), None, Life.UNKNOWN),
    ],
)
def test_an_api_key_is_shown_and_what_is_said_first_is_told(answer: Told, code: int | None, life: Life) -> None:
    desk = Desk(answer)
    found = desk.ask("key_refused", api_key=KEY)
    assert desk.shown == [KEY]
    assert (found["signature"], found["code"], life_of(found)) == (False, code, life)
    assert found["text"] and KEY not in found["text"]


@pytest.mark.parametrize("key", ["", "x y", "é" * 64, "a" * 257, "a\r\nHost: b"])
def test_what_is_no_api_key_goes_nowhere(key: str) -> None:
    desk = Desk(told(200, b"{}"))
    with pytest.raises(ControlError, match="letters and digits"):
        desk.ask("key_refused", api_key=key)
    assert desk.shown == []


def test_without_a_way_to_the_exchange_it_says_so() -> None:
    with pytest.raises(ControlError, match="cannot reach the exchange"):
        Desk().ask("key_refused", api_key=KEY)
