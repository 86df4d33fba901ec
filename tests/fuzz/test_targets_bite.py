"""Every target notices a parser that is wrong: with a fault planted into the product, one of its seeds breaks."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from tests.fuzz import targets_list

from counterseal.core import http1, record
from counterseal.core.audit import Audit
from counterseal.core.legs import leg_of
from counterseal.core.strict_json import NumberText


def _without_checksum(data: bytes, at: int) -> int | None:
    start = at + 8
    end = start + int.from_bytes(data[at : at + 4], "big")
    return end if start < end <= len(data) else None


def _twice_as_much(values: Any, *more: Any) -> Any:
    leg = leg_of(values, *more)
    return leg._replace(quantity=leg.quantity and leg.quantity * 2)


def _joined(_pieces: Any, data: bytes, *, is_last: bool) -> bytes | None:
    return data if is_last else None


# Target: where, and what stands there instead.
PLANTED: dict[str, tuple[str, Any]] = {
    "audit": ("counterseal.core.audit.Audit._advance", lambda self, size, *_: self._grow(size)),
    "bot_socket": ("counterseal.core.streams.pieces.Pieces.add", _joined),
    "config_file": ("counterseal.core.config.parsers.kind_of", repr),
    "connect_head": ("counterseal.core.tunnel._header_fault", lambda *_: None),
    "form": ("counterseal.core.wire._text", lambda raw: unquote(raw.decode("latin-1"))),
    "http_request": ("counterseal.core.http1._framing_fault", lambda headers: None),
    "journal": ("counterseal.core.record._end_of_record", _without_checksum),
    "json_text": (
        "counterseal.core.strict_json._decoder",
        json.JSONDecoder(parse_int=NumberText, parse_float=NumberText),
    ),
    "local_book": ("counterseal.core.streams.books.LocalBook._is_crossed", lambda self: False),
    "order": ("counterseal.core.judge.leg_of", _twice_as_much),
    "outcome": ("counterseal.core.outcome.is_duplicate", lambda answer: False),
    "proof": ("counterseal.core.tlog.extends", lambda *_: True),
    "signer_packet": ("counterseal.signer.shape.quote", lambda value, safe: value),
    "stream_command": ("counterseal.core.streams.commands.find", lambda family, name: True),
    "venue_answer": ("counterseal.core.redact.without", lambda body, secrets: body),
    "venue_rows": ("counterseal.core.market.decimal", Decimal),
    "venue_stream": ("counterseal.adapters.stream_link.is_utf_8", lambda data: True),
    "ws_request": ("counterseal.core.wsapi.frames._compact", json.dumps),
}


@pytest.mark.parametrize("name", targets_list.NAMES)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = targets_list.load(name)
    assert not any(_breaks(target.run, seed) for seed in target.seeds)
    where, instead = PLANTED[name]
    monkeypatch.setattr(where, instead)
    http1._read_block.cache_clear()
    try:
        assert any(_breaks(target.run, seed) for seed in target.seeds)
    finally:
        http1._read_block.cache_clear()


def _breaks(run: Callable[[bytes], None], data: bytes) -> bool:
    try:
        run(data)
    except Exception:  # noqa: BLE001 - whatever the fault makes of it
        return True
    return False


def test_the_planted_faults_are_where_they_should_be() -> None:
    """What is replaced exists."""
    assert callable(record._end_of_record) and callable(Audit._advance)
    assert PLANTED.keys() == set(targets_list.NAMES)
