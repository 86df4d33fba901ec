"""The audit of a journal: whatever is done to what was signed or witnessed is told, and nothing else is (law L8)."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.tools import Take
from tests.journals import Log, chained, decode, make, notes_of, segment

from counterseal.cli.audit_verify import read_head
from counterseal.core import record
from counterseal.core.audit import MAX_FAULTS, Audit, Report
from counterseal.core.note import Checkpoint

LOG, OTHER = Log(), Log(seed=b"\x02" * 32)
WHOLE = make(22, LOG, every=7)
# The last of them signs all records before it.
SIGNED = 20
MOST_ACTIONS = 6
KEPT = [LOG.open(note) for note in notes_of(WHOLE)]
_NOTES: dict[str, Checkpoint] = {}
COVERED = (
    "counterseal.core.audit",
    "counterseal.core.record",
    "counterseal.core.note",
    "counterseal.core.tlog",
    "counterseal.cli.audit_verify",
)
SEEDS = (
    b"", b"\x00", *[bytes((action, place, 3)) for action in range(10) for place in (0, 5, 13, 21)],
    b"\xff" + segment(WHOLE),
    bytes((1, 4, 0, 6, 9, 1)), b"\xff" + record.MAGIC, b"\xff" + segment(WHOLE[:2]) + b"\x00" * 9, b"\xff{}",
    b"\xff" + segment([b"{}", b"[]", b'{"seq":1}', b'{"seq":-1,"type":"checkpoint","note":"x"}']),
)  # fmt: skip
TOKENS = (record.MAGIC, b'{"seq":', b'"prev":', b'"note":', b'"type":"checkpoint"', record.frame(b'{"seq":1}'))
Payloads = list[bytes]


def target(data: bytes) -> None:
    """After 255 the rest is a segment as it lies there; else a list of what somebody did to a good journal."""
    if data[:1] == b"\xff":
        _check_bytes(data[1:])
        return
    take = Take(data)
    payloads = list(WHOLE)
    left = MOST_ACTIONS
    while take and left:
        left -= 1
        payloads = _ACTIONS[take.byte() % len(_ACTIONS)](payloads, take)
    split = 1 + len(data) % 21
    _check(payloads, _audit([payloads[:split], payloads[split:]], []), with_witness=False)
    _check(payloads, _audit([payloads], KEPT), with_witness=True)


def _audit(parts: list[Payloads], kept: list[Checkpoint]) -> Report:
    work = Audit(read_head, _open, kept)
    for number, payloads in enumerate(parts):
        work.segment(f"s{number}", segment(payloads))
    return work.finish()


def _open(text: str) -> Checkpoint:
    """Signatures cost most of the time: a note that was opened once is known."""
    if text not in _NOTES:
        opened = LOG.open(text)
        if len(_NOTES) > 1000:
            _NOTES.clear()
        _NOTES[text] = opened
    return _NOTES[text]


def _check(payloads: Payloads, report: Report, *, with_witness: bool) -> None:
    """What is signed is vouched for up to the newest checkpoint that is there, or that a witness kept."""
    if payloads == WHOLE[: len(payloads)]:
        # An end that was cut off shows by what was kept alone; a whole beginning is sound.
        is_cut = with_witness and len(payloads) < SIGNED
        assert bool(report.faults) == is_cut
        return
    same = next((at for at, (old, new) in enumerate(zip(WHOLE, payloads, strict=False)) if old != new), len(payloads))
    if with_witness and same < SIGNED:
        assert report.faults, "the witness knows better"
    if len(payloads) > SIGNED and payloads[SIGNED] == WHOLE[SIGNED] and same < SIGNED:
        assert report.faults, "the checkpoint signs something else"
    assert report.signed <= max(same, 0) or report.faults
    assert len(report.faults) <= MAX_FAULTS and all(str(fault) for fault in report.faults)


def _check_bytes(data: bytes) -> None:
    """Whatever lies there, it is judged, and never in favour of records that nobody signed."""
    for kept in ([], KEPT[:1]):
        work = Audit(read_head, _open, kept)
        work.segment("a", data)
        work.segment("b", data, behind_only=True)
        report = work.finish()
        assert report.signed <= SIGNED and report.records >= 0
        assert report.faults or not kept or data.startswith(segment(WHOLE[: kept[0].size]))
        [str(fault) for fault in report.faults]


# -- what somebody did


def _drop(payloads: Payloads, take: Take) -> Payloads:
    at = take.byte() % max(1, len(payloads))
    return payloads[:at] + payloads[at + 1 :]


def _cut(payloads: Payloads, take: Take) -> Payloads:
    return payloads[: take.byte() % (len(payloads) + 1)]


def _swap(payloads: Payloads, take: Take) -> Payloads:
    changed = list(payloads)
    if changed:
        one, other = take.byte() % len(changed), take.byte() % len(changed)
        changed[one], changed[other] = changed[other], changed[one]
    return changed


def _repeat(payloads: Payloads, take: Take) -> Payloads:
    at = take.byte() % max(1, len(payloads))
    return payloads[: at + 1] + payloads[at:]


def _spoil(payloads: Payloads, take: Take) -> Payloads:
    """Change a byte, checksum made anew."""
    at, changed = take.byte() % max(1, len(payloads)), list(payloads)
    if changed:
        spoilt = bytearray(changed[at])
        spoilt[take.byte() % len(spoilt)] ^= 1 + take.byte() % 255
        changed[at] = bytes(spoilt)
    return changed


def _edit(payloads: Payloads, take: Take) -> Payloads:
    """Change a record as whoever knows the format would."""
    at, changed = take.byte() % max(1, len(payloads)), list(payloads)
    fields = _fields(changed[at]) if changed else None
    if fields is not None:
        fields[take.pick(("bot", "seq", "prev", "type", "note", "id"))] = take.pick(
            ("x", 1, 21, "checkpoint", None, "beta")
        )
        changed[at] = chained([{"type": "", **fields}], None)[0] if take.byte() % 2 else _plain(fields)
    return changed


def _relink(payloads: Payloads, take: Take) -> Payloads:
    """Number and chain everything anew, and sign it with no key or with another one."""
    fields = [found for payload in payloads if (found := _fields(payload)) is not None]
    renumbered = [{"type": "", **each, "seq": place} for place, each in enumerate(fields, 1)]
    return chained(renumbered, take.pick((None, OTHER.sign)))


def _replace(payloads: Payloads, take: Take) -> Payloads:
    """Put a piece of another journal in."""
    at = take.byte() % (len(payloads) + 1)
    return payloads[:at] + _FOREIGN[at : at + take.byte() % 8] + payloads[at + take.byte() % 8 :]


def _insert(payloads: Payloads, take: Take) -> Payloads:
    at = take.byte() % (len(payloads) + 1)
    return [*payloads[:at], b"{" + take.some(take.byte() % 64), *payloads[at:]]


def _append(payloads: Payloads, take: Take) -> Payloads:
    """Go on as the gateway would, without a checkpoint."""
    fields = [found for payload in payloads if (found := _fields(payload)) is not None]
    more = {"seq": len(fields) + 1, "type": "intent", "id": f"more-{take.byte()}"}
    return [*payloads, chained([*[{"type": "", **each} for each in fields], more], None)[-1]]


def _fields(payload: bytes) -> dict[str, object] | None:
    try:
        found = decode(payload)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _plain(fields: dict[str, object]) -> bytes:
    return repr(fields).replace("'", '"').replace("None", "null").encode("utf-8", "replace")


_FOREIGN = make(22, OTHER, every=7)
_ACTIONS: tuple[Callable[[Payloads, Take], Payloads], ...] = (
    _drop, _cut, _swap, _repeat, _spoil, _edit, _relink, _replace, _insert, _append,
)  # fmt: skip
