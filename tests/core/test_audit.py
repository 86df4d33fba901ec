"""The audit tells what is wrong and where, in one sentence, and says nothing of a journal that holds."""

from collections.abc import Sequence

import pytest
from tests.journals import Log, chained, decode, encode, head, make, notes_of, segment

from counterseal.core.audit import MAX_FAULTS, Audit, Report
from counterseal.core.note import Checkpoint
from counterseal.core.summary import Place
from counterseal.core.tlog import Tree, leaf_hash

LOG = Log()
WHOLE = make(45, LOG)


def audit(*segments: bytes, kept: Sequence[Checkpoint] = (), before: Place | None = None) -> Report:
    work = Audit(head, LOG.open, kept) if before is None else Audit(head, LOG.open, kept, before)
    for number, data in enumerate(segments, 1):
        work.segment(f"s{number}", data)
    return work.finish()


def told(*segments: bytes, kept: Sequence[Checkpoint] = ()) -> str:
    """Give the first sentence."""
    report = audit(*segments, kept=kept)
    return str(report.faults[0]) if report.faults else ""


def offset(number: int, payloads: Sequence[bytes] = WHOLE) -> int:
    """The byte at which record `number` begins."""
    return len(segment(payloads[: number - 1]))


def test_a_whole_journal_has_no_fault() -> None:
    """In one segment, in several, and with what a witness kept."""
    kept = [LOG.open(note) for note in notes_of(WHOLE)]
    for parts in ([WHOLE], [WHOLE[:7], WHOLE[7:20], WHOLE[20:]]):
        report = audit(*map(segment, parts), kept=kept)
        assert (report.faults, report.remarks) == ([], [])
        assert (report.records, report.checkpoints, report.signed, report.last) == (45, 4, 39, 45)
        assert (report.witnessed, report.segments, report.unchained) == (4, len(parts), 0)


def test_an_audit_can_begin_behind_removed_segments() -> None:
    tree = Tree()
    tree.add(leaf_hash(payload) for payload in WHOLE[:15])
    before = Place(15, 0, leaf_hash(WHOLE[14]), tree.frontier())
    kept = [LOG.open(note) for note in notes_of(WHOLE)]
    report = audit(segment(WHOLE[15:]), kept=kept, before=before)
    assert (report.faults, report.records, report.witnessed) == ([], 30, 3)


def test_a_changed_record_is_named_by_the_one_behind_it() -> None:
    changed = [*WHOLE]
    changed[16] = changed[16].replace(b"c17", b"c99")
    assert told(segment(changed)) == (
        f"s1, byte {offset(18)}, record 18: record 17 is not the one that was there when this one was written: it was "
        "changed or replaced"
    )


def test_a_changed_byte_under_its_checksum_is_named_by_its_place() -> None:
    data = bytearray(segment(WHOLE))
    data[offset(17) + 30] ^= 1
    assert told(bytes(data)).startswith(f"s1, byte {offset(17)}, record 17: record at byte {offset(17)} fails its")


def test_removed_records_are_counted() -> None:
    assert told(segment(WHOLE[:16] + WHOLE[17:])).endswith("record 18: record 17 is missing before it")
    assert told(segment(WHOLE[:16] + WHOLE[20:])).endswith("record 21: records 17 to 20 are missing before it")
    assert "records 1 to 7 are missing" in told(segment(WHOLE[7:]))


def test_a_record_out_of_its_place_is_named() -> None:
    swapped = [*WHOLE[:16], WHOLE[17], WHOLE[16], *WHOLE[18:]]
    faults = audit(segment(swapped)).faults
    assert (faults[0].record, faults[1].record) == (18, 17)
    assert "it stands behind record 18: it was moved, repeated or put in" in faults[1].text
    assert "it stands behind record 17" in told(segment([*WHOLE[:17], *WHOLE[16:]]))


def test_a_replaced_segment_is_named_at_its_first_record() -> None:
    other = chained([{**decode(payload), "bot": "mallory"} for payload in WHOLE], LOG.sign)
    found = told(segment(WHOLE[:20]), segment(other[20:]))
    assert found.startswith("s2, byte 22, record 21: record 20 is not the one")


def test_a_history_linked_anew_is_not_what_was_signed() -> None:
    records = [decode(payload) for payload in WHOLE]
    records[16]["bot"] = "mallory"
    assert told(segment(chained(records, None))).endswith(
        "record 20: its checkpoint signs other records than those from 10 to 19 that are here: at least one of them "
        "was changed, removed or put in"
    )


def test_a_history_signed_with_another_key_is_not_signed() -> None:
    other = Log(seed=b"\x02" * 32)
    assert "its checkpoint does not hold: not signed" in told(segment(make(45, other)))


def test_a_checkpoint_of_another_place_is_no_checkpoint() -> None:
    records = [decode(payload) for payload in WHOLE]
    for number, taken in ((19, 29), (29, 9), (29, 19)):
        moved = [{**fields} for fields in records]
        moved[number]["note"] = records[taken]["note"]
        if (number, taken) == (29, 19):  # signed, older, and nothing wrong with it but that it was there before
            assert told(segment(chained(moved, None))) != ""
        else:
            assert "cannot stand here" in told(segment(chained(moved, None)))


@pytest.mark.threat(50)
def test_a_missing_end_shows_by_the_witness_alone() -> None:
    cut = segment(WHOLE[:33])
    assert told(cut) == ""
    kept = [LOG.open(note) for note in notes_of(WHOLE)]
    assert told(cut, kept=kept).startswith(
        "the end, byte 0, record 33: the journal ends here, and the witness kept a checkpoint of 39 records"
    )


@pytest.mark.threat(49)
def test_a_history_signed_anew_with_the_log_s_key_shows_by_the_witness() -> None:
    kept = [LOG.open(note) for note in notes_of(WHOLE)]
    records = [decode(payload) for payload in WHOLE]
    records[16]["bot"] = "mallory"
    forged = chained(records, LOG.sign)
    assert told(segment(forged)) == ""
    assert "the witness kept another checkpoint of 19 records: history was written anew" in told(
        segment(forged), kept=kept
    )
    # Also where the forger left the checkpoints out.
    bare = [fields for fields in records if fields["type"] != "checkpoint"]
    bare = [{**fields, "seq": number} for number, fields in enumerate(bare, 1)]
    assert "history was written anew" in told(segment(chained(bare, None)), kept=kept)


def test_a_torn_tail_is_remarked_and_no_fault() -> None:
    report = audit(segment(WHOLE) + b"\x00\x00\x01")
    assert (report.faults, report.remarks) == ([], ["s1: 3 bytes behind the last whole record"])
    assert audit(segment(WHOLE) + bytes(9)).remarks == []


def test_what_is_no_record_or_no_journal_is_told() -> None:
    assert "it is no record of a journal" in told(segment([*WHOLE, b"{}"]))
    assert told(b"something else") == "s1, byte 22, record 1: not a journal segment"


def test_records_older_than_the_chain_are_counted() -> None:
    old = [{key: value for key, value in decode(payload).items() if key != "prev"} for payload in WHOLE[:9]]
    payloads = [encode(fields) for fields in old]
    new = {"v": 1, "seq": 10, "t": 1, "type": "start", "prev": leaf_hash(payloads[-1]).hex()}
    report = audit(segment([*payloads, encode(new)]))
    assert (report.faults, report.unchained) == ([], 9)


def test_what_the_reserve_repeats_is_passed_over() -> None:
    work = Audit(head, LOG.open)
    work.segment("s1", segment(WHOLE[:30]))
    work.segment("reserve", segment(WHOLE[25:]) + bytes(1000), behind_only=True)
    report = work.finish()
    assert (report.faults, report.records, report.last) == ([], 45, 45)


def test_faults_have_an_end() -> None:
    assert len(audit(segment([WHOLE[0]] * 300)).faults) == MAX_FAULTS


# -- one fault is told once, and nothing behind it counts as signed


KEPT = [LOG.open(note) for note in notes_of(WHOLE)]


@pytest.mark.parametrize("kept", [(), KEPT])
def test_behind_a_missing_record_nothing_is_compared(kept: Sequence[Checkpoint]) -> None:
    report = audit(segment(WHOLE[:16] + WHOLE[17:]), kept=kept)
    assert [fault.record for fault in report.faults] == [18]
    assert (report.signed, report.witnessed) == (9, 1 if kept else 0)


def test_behind_what_is_no_segment_nothing_is_compared() -> None:
    """Also where no number is missing."""
    report = audit(segment(WHOLE[:7]), b"something else", segment(WHOLE[7:]), kept=KEPT)
    assert [(fault.segment, fault.text) for fault in report.faults] == [("s2", "not a journal segment")]
    assert (report.signed, report.witnessed, report.checkpoints) == (0, 0, 4)


def test_a_history_linked_anew_is_told_once() -> None:
    records = [decode(payload) for payload in WHOLE]
    records[16]["bot"] = "mallory"
    bare = segment(chained(records, None))
    report = audit(bare)
    assert ([fault.record for fault in report.faults], report.signed) == ([20], 9)
    report = audit(bare, kept=KEPT)
    assert [str(fault) for fault in report.faults] == [
        f"s1, byte {offset(20, chained(records, None))}, record 19: the witness kept another checkpoint of 19 records: "
        "history was written anew"
    ]
    assert (report.signed, report.witnessed) == (9, 1)


def test_a_history_without_checkpoints_is_compared_at_its_end() -> None:
    records = [{**decode(payload), "bot": "mallory", "type": "intent", "note": None} for payload in WHOLE]
    report = audit(segment(chained(records, None)), kept=KEPT)
    assert [str(fault) for fault in report.faults] == [
        "the end, byte 0, record 9: the witness kept another checkpoint of 9 records: history was written anew"
    ]


def test_a_journal_may_end_with_the_last_record_that_the_witness_knows() -> None:
    report = audit(segment(WHOLE[:39]), kept=KEPT)
    assert (report.faults, report.signed, report.witnessed) == ([], 29, 4)
    cut = audit(segment(WHOLE[:38]), kept=KEPT)
    assert [str(fault) for fault in cut.faults] == [
        "the end, byte 0, record 38: the journal ends here, and the witness kept a checkpoint of 39 records: the end "
        "was cut off, or an older state was put back"
    ]


def begun_at(size: int) -> Place:
    tree = Tree()
    tree.add(leaf_hash(payload) for payload in WHOLE[:size])
    return Place(size, 0, leaf_hash(WHOLE[size - 1]), tree.frontier())


def test_where_the_first_segment_begins_the_witness_may_know_it() -> None:
    assert audit(segment(WHOLE[19:]), kept=KEPT, before=begun_at(19)).witnessed == 3
    other = Place(19, 0, leaf_hash(WHOLE[18]), begun_at(19).frontier[::-1])
    report = audit(segment(WHOLE[19:]), kept=KEPT, before=other)
    assert [fault.record for fault in report.faults] == [19]


def test_a_checkpoint_of_what_was_removed_cannot_stand_here() -> None:
    records = [decode(payload) for payload in WHOLE]
    records[19]["note"] = records[9]["note"]
    report = audit(segment(chained(records, None)[15:]), before=begun_at(15))
    assert [fault.text for fault in report.faults][:1] == ["its checkpoint of 9 records cannot stand here"]


def test_a_checkpoint_signs_what_is_before_it_and_not_itself() -> None:
    records = [decode(payload) for payload in WHOLE[:10]]
    records[9]["note"] = LOG.sign(10, b"\x05" * 32)
    assert audit(segment(chained(records, None))).faults[0].text == "its checkpoint of 10 records cannot stand here"


def test_a_checkpoint_may_be_there_twice() -> None:
    """Nothing is wrong with one that signs no more than the one before, but that something was changed for it."""
    records = [decode(payload) for payload in WHOLE[:40]]
    records[29]["note"] = records[19]["note"]
    report = audit(segment(chained(records, None)))
    assert [fault.record for fault in report.faults] == [40]
    assert "other records than those from 20 to 39" in report.faults[0].text
    assert report.signed == 19


def test_what_is_no_record_is_told_with_the_number_it_would_have() -> None:
    assert told(segment([*WHOLE, b"{}"])) == (
        f"s1, byte {len(segment(WHOLE))}, record 46: it is no record of a journal"
    )
