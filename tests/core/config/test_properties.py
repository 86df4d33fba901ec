"""Whatever the text: a Config or faults with lines inside it, never an exception."""

from hypothesis import example, given
from hypothesis import strategies as st
from tests.core.config.texts import EXAMPLE, config_of

from counterseal.core.config.lines import count_lines
from counterseal.core.config.loader import load
from counterseal.core.config.model import Config

_TOML = st.text("[]{}=.,\"'#\\\n\r\t 019eE-+_:TZaebotsvenukyl*é\x00", max_size=80)
_VALUES = st.sampled_from(
    [
        "1",
        "-1",
        "0.1",
        "nan",
        "true",
        '"*"',
        "[]",
        "[[]]",
        "{}",
        '["*"]',
        '{"*" = 1}',
        "07:00:00",
        "2026-01-01",
        "1979-05-27T07:32:00Z",
        '"9"',
        "1e400",
        "0x" + "f" * 500,
        '"\\u202e"',
        '["a", 1, "a"]',
    ]
)
_BYTES = EXAMPLE.encode()


def judge(text: str) -> None:
    found = load(text)
    if isinstance(found, Config):
        return
    assert found
    lines = [fault.line for fault in found]
    assert lines == sorted(lines)
    assert lines[0] >= 1 and lines[-1] <= count_lines(text)
    for fault in found:
        assert fault.setting and fault.cause and fault.remedy
        assert str(fault).isprintable()


@given(st.text())
@example("\ud800 = 1")
@example('a = "\ud800"')
@example('[bots."\ud800"]')
def test_any_text(text: str) -> None:
    judge(text)


@given(_TOML)
def test_any_text_that_looks_like_toml(text: str) -> None:
    judge(text)


@given(_TOML, st.integers(0, len(EXAMPLE)), st.integers(0, 40))
def test_the_example_with_a_piece_replaced(piece: str, start: int, length: int) -> None:
    judge(EXAMPLE[:start] + piece + EXAMPLE[start + length :])


@given(st.integers(0, EXAMPLE.count("\n")), _VALUES)
def test_the_example_with_a_value_replaced(number: int, value: str) -> None:
    lines = EXAMPLE.split("\n")
    name, equals, _ = lines[number].partition("=")
    lines[number] = f"{name}{equals} {value}"
    judge("\n".join(lines))


@given(st.lists(st.sampled_from(EXAMPLE.split("\n")), max_size=60))
def test_the_lines_of_the_example_in_any_order(lines: list[str]) -> None:
    judge("\n".join(lines))


def test_the_example_truncated_at_every_byte() -> None:
    for end in range(len(_BYTES)):
        judge(_BYTES[:end].decode("utf-8", "replace"))


def test_the_example_with_every_third_byte_changed() -> None:
    for at in range(0, len(_BYTES), 3):
        changed = _BYTES[at] ^ (1 + at * 151 % 255)
        judge((_BYTES[:at] + bytes((changed,)) + _BYTES[at + 1 :]).decode("utf-8", "replace"))


def test_the_example_loads() -> None:
    config = config_of(EXAMPLE)
    assert config.venue.environment == "paper"
    assert set(config.bots) == {"grid", "saver", "trend", "watcher"}
    assert set(config.keys) == {"view", "spot", "futures"}
    assert all(name in config.keys for bot in config.bots.values() for name in bot.keys)
