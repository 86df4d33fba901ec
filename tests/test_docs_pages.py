"""The documentation names only what exists: pages, files, commands, settings, reasons, fields."""

import argparse
import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.cli.main import build_parser
from counterseal.core.binance.canonical import VARIANTS
from counterseal.core.config.model import SECRET_MEMORIES
from counterseal.core.config.table import SECTIONS
from counterseal.core.http1 import MAX_BODY, MAX_HEAD, MAX_HEADERS
from counterseal.core.messages import SIGNER_REASONS
from counterseal.core.outcome import Outcome
from counterseal.core.reasons import REASONS
from counterseal.core.record import TYPES
from counterseal.core.wsapi.call import FORMS
from counterseal.gateway.reply import _SHOWN, PASSED
from counterseal.paper.main import _parser as paper_parser

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "counterseal"
PAGES = [*sorted(DOCS.rglob("*.md")), *(path for path in [ROOT / "README.md"] if path.exists())]
# Pages that others generate or write from the code have tests of their own for what they list.
PROSE = [path for path in PAGES if path.parent not in (DOCS / "reference", DOCS / "decisions")]
PROSE += [DOCS / "reference" / name for name in ("states.md", "headers.md")]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
SNAKE = re.compile(r"[a-z]+(?:_[a-z0-9]+)+")
SETTING = re.compile(r"(venue|listen|gateway|keys|bots)\.([a-z0-9_]+)")
FILE = re.compile(r"[\w.*/-]+\.(?:py|toml|json|txt|sh)")
# What people name as their own file, or what a run makes.
THEIRS = frozenset({
    "order.py", "first.json", "desk.json", "main.json", "old-key.txt", "counterseal.toml", "supervisor.json",
})  # fmt: skip
# Words in code style that belong to SDKs, not to us.
FOREIGN = frozenset({"api_secret", "private_key", "load_markets", "cancel_orders"})


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(text: str) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", text)


def blocks(path: Path, *languages: str) -> Iterator[str]:
    for language, body in FENCE.findall(path.read_text(encoding="utf-8")):
        if language in languages:
            yield body


def inline(path: Path) -> list[str]:
    return CODE.findall(prose(path.read_text(encoding="utf-8")))


def anchors(path: Path) -> set[str]:
    """Headings as the web shows them: lower case, punctuation gone, blanks as hyphens."""
    headings = re.findall(r"^#+ (.+)$", prose(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


# -- links


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for target in LINK.findall(prose(path.read_text(encoding="utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_every_page_is_linked_from_the_map() -> None:
    """Decisions have an index of their own."""
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = {(DOCS / target.partition("#")[0]).resolve() for target in LINK.findall(text)}
    pages = {path for path in DOCS.rglob("*.md") if path.parent != DOCS / "decisions"} - {DOCS / "README.md"}
    assert pages <= linked


# -- commands


def commands(path: Path) -> Iterator[list[str]]:
    """Every line of a shell block that runs counterseal, as arguments up to a pipe or redirection."""
    for body in blocks(path, "sh", "bash", "console"):
        for line in body.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            words = words[3:] if words[:2] == ["sudo", "-u"] else words
            if words and words[0].rpartition("/")[2] == "counterseal":
                yield list(takewhile(lambda word: word[0] not in "|><&;", words[1:]))


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_command_line_parses(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands(path):
        try:
            args = build_parser().parse_args(words)
            if words[0] == "paper":
                paper_parser().parse_args(args.rest)
        except SystemExit:
            pytest.fail(f"counterseal {' '.join(words)}: {capsys.readouterr().err}")


def test_the_tutorial_runs_what_it_promises() -> None:
    """The test of the test: the lines are found, and each step of an own installation is among them."""
    verbs = {" ".join(words[:2]) if words[0] in ("key", "bot", "audit", "paper") else words[0]
             for words in commands(DOCS / "tutorial.md")}  # fmt: skip
    assert {"init", "check-config", "paper serve", "key new", "key set-api-key", "bot mint", "up", "status",
            "audit tail"} <= verbs  # fmt: skip


def resolve(words: list[str]) -> tuple[argparse.ArgumentParser, list[str]] | None:
    """Walk down the verbs; give the last parser and what is left, None for a verb that does not exist."""
    parser = build_parser()
    while True:
        nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if not nested or not words:
            return parser, words
        if words[0] not in nested[0].choices:
            return None
        parser, words = nested[0].choices[words[0]], words[1:]


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_command_in_a_sentence_exists(path: Path) -> None:
    """In running text a command may lack arguments; its verbs and options must exist."""
    for text in inline(path):
        words = shlex.split(text) if text.startswith("counterseal ") and "'" not in text else []
        # `counterseal/VERSION`, the journal's first line and the like are no commands.
        if len(words) < 2 or words[1] == "journal":
            continue
        found = resolve(words[1:])
        assert found is not None, text
        known = {flag for action in found[0]._actions for flag in action.option_strings}
        assert {word for word in found[1] if word.startswith("-")} <= known or words[1] == "paper", text


def test_the_paper_exchange_s_page_has_every_option() -> None:
    text = (DOCS / "reference" / "paper.md").read_text(encoding="utf-8")
    flags: set[str] = set()
    pending = [paper_parser()]
    while pending:
        for action in pending.pop()._actions:
            if isinstance(action, argparse._SubParsersAction):
                pending += action.choices.values()
            flags |= set(action.option_strings) - {"-h", "--help"}
    assert {flag for flag in flags if not re.search(rf"{flag}\b", text)} == set()
    assert len(flags) >= 15


# -- settings


def names_of(section: str) -> set[str]:
    return {setting.name for setting in SECTIONS[section].settings}


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_setting_in_an_example_exists(path: Path) -> None:
    for body in blocks(path, "toml"):
        for section, content in tomllib.loads(body).items():
            assert section in SECTIONS, section
            tables = content.values() if SECTIONS[section].named else [content]
            for table in tables:
                assert set(table) <= names_of(section), section


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_setting_in_a_sentence_exists(path: Path) -> None:
    for text in inline(path):
        match = SETTING.fullmatch(text.partition(" = ")[0])
        if match and not FILE.fullmatch(text):
            assert match[2] in names_of(match[1]), text


# -- words of the program


@cache
def fields() -> frozenset[str]:
    """Keys of the objects that the product writes: status, limits, journal, log."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                found |= {key.value for key in node.keys if isinstance(key, ast.Constant) and type(key.value) is str}
            elif isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
                # The kinds of events.
                if node.arg == "what" and isinstance(node.value, ast.Constant):
                    found.add(str(node.value.value))
    return frozenset(found)


@cache
def vocabulary() -> frozenset[str]:
    """Settings, reasons, forms of signatures, endpoint classes, fields."""
    settings = {name for section in SECTIONS for name in names_of(section)}
    classes = {endpoint.refusal for endpoint in load_catalogue() if endpoint.refusal}
    return frozenset({
        *settings, *REASONS, *SIGNER_REASONS, *TYPES, *VARIANTS, *FORMS, *classes, *fields(), *FOREIGN,
        *SECRET_MEMORIES,
    })  # fmt: skip


@pytest.mark.parametrize("path", PROSE, ids=named)
def test_every_word_of_the_program_exists(path: Path) -> None:
    """A name with an underscore in code style is a setting, a reason or a field of today."""
    words = {text for text in inline(path) if SNAKE.fullmatch(text)}
    assert words - vocabulary() == set()


@pytest.mark.parametrize("path", PROSE, ids=named)
def test_every_reason_named_as_one_exists(path: Path) -> None:
    """Where a sentence or table says that a request gets or is refused with a code, it is one of the table."""
    text = path.read_text(encoding="utf-8")
    given = re.findall(r"(?:gets?|refused with|refused as|answered|refused:|reason) `([a-z_]+)`", text)
    assert {code for code in given if "_" in code} - set(REASONS) == set()


def test_an_invented_reason_would_be_found() -> None:
    """The test of the test."""
    assert "order_too_large" not in vocabulary()
    assert {"notional_over_limit", "max_order_notional", "would_deny", "key_management"} <= vocabulary()


# -- files


def exists(name: str) -> bool:
    # Paths are given from the root, from the package, or from the tests.
    return any((base / name).exists() for base in (ROOT, SOURCE, ROOT / "tests"))


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_file_named_exists(path: Path) -> None:
    for text in inline(path):
        # `<…>`, wildcards and files of an installation are no files of ours.
        if FILE.fullmatch(text) and "*" not in text and not text.startswith("/") and text not in THEIRS:
            assert exists(text) or path == DOCS / "reference" / "paper.md", text


# -- states and headers


def test_states_names_every_state_and_every_field() -> None:
    """Every outcome and record type, every key of the two reports."""
    text = (DOCS / "reference" / "states.md").read_text(encoding="utf-8")
    tree = ast.parse((SOURCE / "gateway" / "report.py").read_text(encoding="utf-8"))
    reported = {key.value for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys
                if isinstance(key, ast.Constant)}  # fmt: skip
    assert len(reported) >= 20
    for name in {*map(str, Outcome), *TYPES, *map(str, reported)}:
        assert f"`{name}`" in text, name


def test_headers_names_every_header_that_is_passed_on() -> None:
    text = (DOCS / "reference" / "headers.md").read_text(encoding="utf-8")
    for name in PASSED:
        assert f"`{_SHOWN[name]}`" in text, name


def test_headers_gives_the_sizes_of_the_parser() -> None:
    text = (DOCS / "reference" / "headers.md").read_text(encoding="utf-8")
    for size in (MAX_HEAD, MAX_BODY, MAX_HEADERS):
        assert f"{size:,}" in text


def test_the_tutorial_s_example_is_the_starter_s() -> None:
    """The tutorial says what `init` writes: names and limits."""
    from counterseal.cli.init import STARTER

    starter, text = tomllib.loads(STARTER), (DOCS / "tutorial.md").read_text(encoding="utf-8")
    assert list(starter["keys"]) == ["main"] and list(starter["bots"]) == ["first"]
    assert starter["venue"]["address"].endswith(":9443") and "127.0.0.1:9443" in text
    assert starter["bots"]["first"]["max_order_notional"] == 100 and "at most 100 dollars" in text


def test_pinned_versions_of_sdks_are_those_of_the_locks() -> None:
    text = (DOCS / "how-to" / "point-an-sdk.md").read_text(encoding="utf-8")
    for pin in (ROOT / "tests" / "sdk").glob("*/requirements.in"):
        name, _, version = pin.read_text(encoding="utf-8").strip().partition("==")
        assert f"## {name} {version}" in text, name
    for package in (ROOT / "tests" / "sdk").glob("*/package.json"):
        for name, version in json.loads(package.read_text(encoding="utf-8"))["dependencies"].items():
            assert f"## {name} {version}" in text, name
