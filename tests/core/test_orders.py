"""The ledger of client ids, cell by cell."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.orders import REMEMBER_MS, Entry, IdLedger, Repeat, pairs_digest
from counterseal.core.outcome import Outcome

DIGEST, OTHER = b"d" * 16, b"o" * 16
AT = 1_000_000
OLD, YOUNG = AT + REMEMBER_MS, AT + REMEMBER_MS - 1


def entry(outcome: Outcome | None = Outcome.ACCEPTED, status: str = "") -> Entry:
    return Entry("alpha", "r-1", DIGEST, AT, outcome, status)


def ledger_with(one: Entry, *ids: str) -> IdLedger:
    ledger = IdLedger()
    ledger.open("spot", ids or ("id",), one)
    return ledger


# state of the first -> whether the same request gets its outcome (young, old)
STATES = {
    "in flight": (entry(None), True, True),
    "unknown": (entry(Outcome.UNKNOWN), True, True),
    "new": (entry(status="NEW"), True, True),
    "partly filled": (entry(status="PARTIALLY_FILLED"), True, True),
    "pending": (entry(status="PENDING_NEW"), True, True),
    "being cancelled": (entry(status="PENDING_CANCEL"), True, True),
    "filled": (entry(status="FILLED"), True, False),
    "cancelled": (entry(status="CANCELED"), True, False),
    "expired": (entry(status="EXPIRED"), True, False),
    "of unheard-of status": (entry(status="WHAT"), True, False),
    "without status": (entry(), True, False),
}


@pytest.mark.threat(54)
@pytest.mark.parametrize("age", [YOUNG, OLD])
@pytest.mark.parametrize("bot", ["alpha", "beta"])
@pytest.mark.parametrize("digest", [DIGEST, OTHER])
@pytest.mark.parametrize("state", STATES)
def test_a_repeated_id(state: str, digest: bytes, bot: str, age: int) -> None:
    """Ruling 12: the stored outcome for the same bot and pairs while open, UNKNOWN, in flight or under 60 s; else a
    duplicate, for another bot and for other pairs always."""
    one, young, old = STATES[state]
    one = replace(one)
    answers = (young if age == YOUNG else old) and bot == "alpha" and digest == DIGEST
    repeat, found = ledger_with(one).ask("spot", ["id"], bot, digest, age)
    assert repeat is (Repeat.SAME if answers else Repeat.DUPLICATE)
    assert found is one


def test_an_id_never_seen_is_new() -> None:
    """New ids, requests without ids, and the same id of another product pass."""
    ledger = ledger_with(entry())
    assert ledger.ask("spot", ["other"], "alpha", DIGEST, AT) == (Repeat.NEW, None)
    assert ledger.ask("spot", [], "alpha", DIGEST, AT) == (Repeat.NEW, None)
    assert ledger.ask("usdm", ["id"], "alpha", DIGEST, AT) == (Repeat.NEW, None)
    assert ledger.get("usdm", "id") is None
    assert len(ledger) == 1


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.NOT_SENT])
def test_an_order_never_born_frees_its_ids(outcome: Outcome) -> None:
    """A rejected or unsent order's ids may be used again, by anybody."""
    one = entry(None)
    ledger = ledger_with(one, "a", "b")
    one.outcome = outcome
    ledger.close("spot", ["a", "b"], one)
    assert ledger.ask("spot", ["a", "b"], "beta", OTHER, AT) == (Repeat.NEW, None)
    assert len(ledger) == 0


@pytest.mark.threat(53)
@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.UNKNOWN])
def test_an_order_that_may_live_keeps_its_ids_for_ever(outcome: Outcome) -> None:
    """Accepted and UNKNOWN ids stay burnt for other requests, however much time passes."""
    one = entry(None)
    ledger = ledger_with(one)
    one.outcome = outcome
    ledger.close("spot", ["id"], one)
    assert ledger.ask("spot", ["id"], "alpha", OTHER, AT + 10**12)[0] is Repeat.DUPLICATE


def test_closing_frees_only_ones_own_ids() -> None:
    """An id that another request took over in between stays with it."""
    first, second = entry(Outcome.REJECTED), entry(None)
    ledger = ledger_with(second)
    ledger.close("spot", ["id", "never"], first)
    assert ledger.get("spot", "id") is second


def test_ids_repeated_inside_a_request() -> None:
    """A batch that uses one id twice is a duplicate of itself."""
    assert IdLedger().ask("usdm", ["a", "b", "a"], "alpha", DIGEST, AT) == (Repeat.DUPLICATE, None)


def test_a_batch_is_the_same_only_as_a_whole() -> None:
    """All ids of one earlier request: the same. Some new, or of two requests: a duplicate."""
    one = entry()
    ledger = ledger_with(one, "a", "b")
    ledger.open("spot", ["c"], Entry("alpha", "r-2", DIGEST, AT, Outcome.ACCEPTED))
    assert ledger.ask("spot", ["a", "b"], "alpha", DIGEST, AT) == (Repeat.SAME, one)
    assert ledger.ask("spot", ["a", "new"], "alpha", DIGEST, AT) == (Repeat.DUPLICATE, one)
    assert ledger.ask("spot", ["a", "c"], "alpha", DIGEST, AT) == (Repeat.DUPLICATE, one)


def test_a_rejected_leg_is_freed_alone() -> None:
    """`free` forgets one id of a batch; the others stay; an unknown id is no fault."""
    ledger = ledger_with(entry(), "a", "b")
    ledger.free("spot", "a")
    ledger.free("spot", "never")
    assert ledger.ask("spot", ["a"], "beta", OTHER, AT) == (Repeat.NEW, None)
    assert ledger.ask("spot", ["b"], "beta", OTHER, AT)[0] is Repeat.DUPLICATE


def test_later_answers_teach_the_status() -> None:
    """A query that shows the order filled ends its being open; unknown ids teach nothing."""
    ledger = ledger_with(entry(status="NEW"))
    assert ledger.ask("spot", ["id"], "alpha", DIGEST, OLD)[0] is Repeat.SAME
    ledger.learn("spot", "id", "FILLED")
    ledger.learn("spot", "never", "FILLED")
    assert ledger.ask("spot", ["id"], "alpha", DIGEST, OLD)[0] is Repeat.DUPLICATE


texts = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc")), max_size=6)
pair_lists = st.lists(st.tuples(texts, texts), max_size=5)


@given(st.sampled_from(("/a", "/ab")), pair_lists, st.sampled_from(("/a", "/ab")), pair_lists)
def test_a_digest_names_path_and_pairs(
    path: str, pairs: list[tuple[str, str]], other_path: str, others: list[tuple[str, str]]
) -> None:
    """Equal exactly when path and pairs are, in whatever order they came."""
    equal = path == other_path and sorted(pairs) == sorted(others)
    assert (pairs_digest(path, pairs) == pairs_digest(other_path, others)) == equal
    assert pairs_digest(path, pairs) == pairs_digest(path, reversed(pairs))


class Model:
    """The naive ledger: a list of everything that was said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, Outcome | None]] = []

    def used(self, client_id: str) -> bool:
        mine = [outcome for name, _, outcome in self.lines if name == client_id]
        return any(outcome not in (Outcome.REJECTED, Outcome.NOT_SENT) for outcome in mine)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, *Outcome])), max_size=30))
def test_an_id_is_used_once(story: list[tuple[str, Outcome | None]]) -> None:
    """For any story of orders: an id passes exactly when every earlier order of it was provably never born."""
    ledger, model = IdLedger(), Model()
    for number, (client_id, outcome) in enumerate(story):
        repeat, _ = ledger.ask("spot", [client_id], "alpha", number.to_bytes(16, "big"), AT)
        assert repeat is (Repeat.DUPLICATE if model.used(client_id) else Repeat.NEW)
        if repeat is Repeat.NEW:
            one = Entry("alpha", str(number), number.to_bytes(16, "big"), AT)
            ledger.open("spot", [client_id], one)
            one.outcome = outcome
            ledger.close("spot", [client_id], one)
            model.lines.append((client_id, number, outcome))


def test_an_exchanges_number_has_an_owner() -> None:
    """By the exchange's number or by the client id; nobody owns what was never seen."""
    ledger = IdLedger()
    ledger.own("usdm", "*algo", 77, "alpha")
    ledger.open("usdm", ["mine"], Entry("beta", "r", b"d", 0))
    assert ledger.owners("usdm", "*algo", None, 77) == ("alpha",)
    assert ledger.owners("usdm", "*algo", "mine", None) == ("beta",)
    assert ledger.owners("spot", "*algo", "other", 77) == (None, None)
    assert ledger.owners("usdm", "*algo", None, None) == ()


@pytest.mark.threat(21)
def test_a_symbol_in_small_letters_is_the_same_scope() -> None:
    """The exchange may take it for the same: who writes it so must not reach what is another's."""
    ledger = IdLedger()
    ledger.own("usdm", "BTCUSDT", 7, "alpha")
    assert ledger.owners("usdm", "btcusdt", None, 7) == ("alpha",)
    assert list(ledger.bots_of("usdm", "btcUSDT")) == ["alpha"]


@pytest.mark.threat(21)
def test_an_id_that_another_bot_gave_an_order_is_of_the_orders_owner() -> None:
    """Who asked for the amendment may repeat it all the same."""
    one = entry()
    one.owner = "beta"
    ledger = ledger_with(one)
    assert ledger.owners("spot", "BTCUSDT", "id", None) == ("beta",)
    assert ledger.ask("spot", ["id"], "alpha", DIGEST, AT) == (Repeat.SAME, one)
    assert ledger.ask("spot", ["id"], "beta", DIGEST, AT) == (Repeat.DUPLICATE, one)


def test_each_name_has_an_owner_of_its_own() -> None:
    """The exchange goes by its number: an own id beside it proves nothing."""
    ledger = IdLedger()
    ledger.own("usdm", "*algo", 77, "alpha")
    ledger.open("usdm", ["mine"], Entry("beta", "r", b"d", 0))
    assert ledger.owners("usdm", "*algo", "mine", 77) == ("beta", "alpha")
    assert ledger.owners("usdm", "*algo", "mine", 78) == ("beta", None)
    assert ledger.owners("usdm", "*algo", "unknown", 77) == (None, "alpha")


@pytest.mark.threat(21)
def test_a_number_counts_in_its_scope_and_the_latest_proof_counts() -> None:
    """Two symbols number their orders alone; an exchange that begins anew gives a number to another bot's order."""
    ledger = IdLedger()
    ledger.own("spot", "BTCUSDT", 7, "alpha")
    ledger.own("spot", "ETHUSDT", 7, "beta")
    ledger.own("spot", "BTCUSDT", 7, "beta")
    assert ledger.owners("spot", "BTCUSDT", None, 7) == ("beta",)
    assert ledger.owners("spot", "ETHUSDT", None, 7) == ("beta",)
    assert [set(ledger.bots_of("spot", symbol)) for symbol in ("BTCUSDT", "ETHUSDT", "BNBUSDT")] == [
        {"alpha", "beta"}, {"beta"}, set(),
    ]  # fmt: skip


def test_stored_answers_are_dropped_when_nobody_can_get_them_any_more() -> None:
    """Done for more than 60 s: dropped. Open or unknown: kept."""
    ledger = IdLedger()
    done, resting, unknown = (Entry("alpha", name, b"d", 0) for name in ("done", "resting", "unknown"))
    for entry, outcome, status in (
        (done, Outcome.ACCEPTED, "FILLED"),
        (resting, Outcome.ACCEPTED, "NEW"),
        (unknown, Outcome.UNKNOWN, ""),
    ):
        ledger.open("spot", [entry.request], entry)
        entry.outcome, entry.order_status, entry.reply = outcome, status, (200, b"{}")
    ledger.open("spot", ["later"], Entry("alpha", "later", b"d", 60_001))
    assert (done.reply, resting.reply, unknown.reply) == (None, (200, b"{}"), (200, b"{}"))


def test_a_resolved_request_answers_from_then_on() -> None:
    """However late it was resolved; of its ids those never taken are free, unless another request has them."""
    ledger = IdLedger()
    entry, other = Entry("alpha", "1", b"d", 0, Outcome.UNKNOWN), Entry("alpha", "2", b"e", 0)
    ledger.open("spot", ["a", "b"], entry)
    ledger.open("spot", ["c"], other)
    entry.outcome, entry.order_status, entry.reply = Outcome.ACCEPTED, "FILLED", (200, b"{}")
    ledger.resolve("spot", entry, ["b", "c", "never"], 600_000)
    assert ledger.get("spot", "b") is None
    assert ledger.get("spot", "c") is other
    assert entry.answers_again(659_999)
    assert not entry.answers_again(660_000)
    ledger.open("spot", ["z"], Entry("alpha", "3", b"f", 660_001))
    assert entry.reply is None, "and then its answer is forgotten"
