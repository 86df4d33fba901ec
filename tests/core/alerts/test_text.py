"""What a message says, and what it does not."""

import pytest
from tests.core.alerts.makers import WALL, alert, entry

from counterseal.core.alerts.codes import CODES
from counterseal.core.alerts.model import Alert, Detail, Kind, Severity
from counterseal.core.alerts.text import MAX_TEXT, cleaned, message_of, short, sign_of_life

SECRET = "k3yMaterialOfThirtyTwoCharactersOrMore90210"


def strategy() -> Alert:
    return alert(
        code="limit_passed", title="bot grid is over", text="bot grid holds 0.75 of 0.5 at 65000 on 10.0.0.7",
        symbols=("BTCUSDT", "ETHUSDT"),
    )  # fmt: skip


@pytest.mark.threat(51)
def test_without_detail_nothing_of_a_strategy_is_told() -> None:
    message = message_of([entry(alert=strategy())], "desk", Detail.NONE)
    told = f"{message.headline} {message.body} {message.key}"
    assert message.title == CODES["limit_passed"].title
    assert not [word for word in ("grid", "0.75", "65000", "BTCUSDT", "10.0.0.7") if word in told]


def test_with_symbols_the_symbols_are_told_and_no_more() -> None:
    message = message_of([entry(alert=strategy())], "desk", Detail.SYMBOLS)
    assert message.title == f"{CODES['limit_passed'].title} (BTCUSDT, ETHUSDT)"
    assert "grid" not in message.body and "0.75" not in message.body
    plain = message_of([entry()], "desk", Detail.SYMBOLS)
    assert plain.title == CODES["gateway_stuck"].title


def test_in_full_the_alert_s_own_words_are_told_without_addresses() -> None:
    message = message_of([entry(alert=strategy())], "desk", Detail.FULL)
    assert message.headline == "[desk] CRITICAL: bot grid is over"
    assert "bot grid holds 0.75 of 0.5 at 65000 on [redacted]" in message.body
    assert "a text" not in message_of([entry(alert=alert(text=""))], "desk", Detail.FULL).body


@pytest.mark.parametrize("detail", Detail)
def test_a_secret_is_told_nowhere(detail: Detail) -> None:
    wild = alert(
        key=SECRET, title=f"x {SECRET}", text=f"apiKey={SECRET}", code=SECRET, symbols=(SECRET,)
    )  # fmt: skip
    kept = cleaned(wild)
    assert SECRET not in repr(kept)
    message = message_of([entry(alert=kept)], "desk", detail)
    assert SECRET not in repr(message)


def test_texts_have_bounds_and_no_control_characters() -> None:
    kept = cleaned(alert(title="a\r\nBcc: b", text="y " * 5_000, symbols=tuple(f"S{n}" for n in range(99))))
    assert kept.title == "a??Bcc: b"
    assert len(kept.text) <= MAX_TEXT and len(kept.symbols) == 10


def test_the_loudest_and_oldest_comes_first_and_the_others_are_named_by_code() -> None:
    entries = [
        entry(1, alert=alert("a", "stream_gap", Severity.MEDIUM)),
        entry(2, alert=alert("b", "gateway_stuck"), count=4),
        entry(3, alert=alert("c", "intruder_order"), steps=2),
    ]
    message = message_of(entries, "desk", Detail.NONE)
    assert message.title == f"{CODES['gateway_stuck'].title}, and 2 more"
    assert message.codes == ("gateway_stuck", "intruder_order", "stream_gap")
    assert message.severity is Severity.CRITICAL and message.at_ms == WALL
    assert f"CRITICAL 2: {CODES['gateway_stuck'].title}, 4 times\n" in message.body
    assert "nobody has answered, told again for the 2. time" in message.body
    assert f"What to do: {CODES['gateway_stuck'].remedy}" in message.body
    assert "Answer: counterseal alert ack 2 3 --operator NAME" in message.body


def test_many_of_one_code_are_counted() -> None:
    message = message_of([entry(n, alert=alert(f"k{n}"), count=2) for n in range(1, 11)], "desk", Detail.NONE)
    assert message.body.count("CRITICAL ") == 3
    assert f"and 14 more: {CODES['gateway_stuck'].title}" in message.body
    assert "alert ack 1 2 3 ... --operator NAME" in message.body


def test_many_codes_are_counted() -> None:
    entries = [entry(n, alert=alert(f"k{n}", code)) for n, code in enumerate(CODES, 1)]
    message = message_of(entries, "desk", Detail.NONE)
    assert f"and {len(CODES) - 12} more of {len(CODES) - 12} other kinds" in message.body
    assert len(message.body) < 3_000


def test_what_is_not_critical_asks_for_no_answer() -> None:
    assert "alert ack" not in message_of([entry(alert=alert(severity=Severity.HIGH))], "desk", Detail.NONE).body


def test_equal_alerts_have_one_key_in_which_nothing_can_be_read() -> None:
    one, again = (message_of([entry(n, alert=alert("order 7 of main"))], "desk", Detail.NONE) for n in (1, 2))
    other = message_of([entry(alert=alert("order 8 of main"))], "desk", Detail.NONE)
    several = message_of([entry(1), entry(2, alert=alert("x"))], "desk", Detail.NONE)
    assert one.key == again.key != other.key
    assert len({one.key, other.key, several.key}) == 3
    assert all(len(message.key) == 32 and "main" not in message.key for message in (one, other, several))


def test_a_sign_of_life_says_that_nothing_happened() -> None:
    test = sign_of_life(Kind.TEST, "desk", WALL, "sms")
    beat = sign_of_life(Kind.HEARTBEAT, "desk", WALL, "sms")
    assert test.headline == "[desk] INFO: test of the channel sms"
    assert beat.headline == "[desk] INFO: the channel sms works"
    assert "Nothing has happened" in test.body and test.key != beat.key


def test_what_is_paid_by_the_piece_is_short() -> None:
    message = sign_of_life(Kind.TEST, "desk", WALL, "sms")
    assert short(message) == message.headline
    assert short(message, 20) == message.headline[:17] + "..."
