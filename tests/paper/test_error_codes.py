"""Every code that the paper exchange raises is documented, with the documented text where there is one."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import counterseal.paper
from counterseal.paper import errors

FOLDER = Path(counterseal.paper.__file__).parent
ROWS = json.loads((Path(__file__).parent.parent / "vectors" / "exchange_errors.json").read_text("utf-8"))
CODES = {row["code"] for row in ROWS}

UNDOCUMENTED = {
    -3006: "a loan beyond what may be borrowed: margin's own codes are in no list of spot or futures",
    -3015: "a repayment beyond the debt, likewise",
    -3041: "a repayment beyond the balance, likewise",
    -11001: "an isolated margin account, of which there is none, likewise",
    -1131: "a recvWindow above its maximum",
    -1209: "a listenToken that is none: named by the user-data facts, not by the list of codes",
    -4116: "a client order id that is in use on futures: named by the semantics, not by the list of codes",
    -5000: "a path that does not exist",
}
# code: texts that the exchange is known to send and the list of codes does not have
KNOWN = {
    -1013: {"Invalid price.", "Invalid quantity.", "Filter failure: %s"},  # the names are looked at below
    -1111: {"Precision is over the maximum defined for this asset."},
    -2010: {"This symbol does not allow the requested self-trade prevention mode."},
    -2015: {"Invalid API-key, IP, or permissions for action, request ip: %s"},
    -2018: {"Order list does not exist."},
    -2021: {"Order would immediately trigger.", "Order cancel-replace partially failed."},
    -2022: {"Order cancel-replace failed."},
    -2038: {"Order amend (quantity increase) is not supported."},
}


def raised() -> Iterator[tuple[str, int, str | None]]:
    """(file, code, text with %s for what is filled in) of every ApiError and `rejected` in the sources."""
    for path in sorted(FOLDER.glob("*.py")):
        for scope in scopes(ast.parse(path.read_text("utf-8"))):
            yield from raised_in(path.name, scope)


def scopes(tree: ast.Module) -> Iterator[ast.AST]:
    """Functions, each with the texts that it names; the module's own constants count in all of them."""
    constants = [node for node in tree.body if isinstance(node, ast.Assign)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield ast.Module(body=[*constants, *node.body], type_ignores=[])


def raised_in(file: str, scope: ast.AST) -> Iterator[tuple[str, int, str | None]]:
    names = {node.targets[0].id: text_of(node.value) for node in ast.walk(scope)
             if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}  # fmt: skip
    for node in ast.walk(scope):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
            continue
        if node.func.id == "ApiError":
            code, text = node.args[0], node.args[1] if len(node.args) > 1 else None
        elif node.func.id == "rejected":
            code, text = ast.Constant(-2010), node.args[0]
        else:
            continue
        number = number_of(code)
        if number is not None:
            yield file, number, named(text, names)


def number_of(node: ast.expr) -> int | None:
    try:
        found = ast.literal_eval(node)
    except ValueError:
        return None
    return found if isinstance(found, int) else None


def named(node: ast.expr | None, names: dict[str, str | None]) -> str | None:
    return names.get(node.id) if isinstance(node, ast.Name) else text_of(node)


def text_of(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "%s" for part in node.values)
    return None


def bare(text: str) -> str:
    """Without what is filled in, quotes and the full stop: the documents are not of one mind about those."""
    return re.sub(r"\s+", " ", re.sub(r"'[^' ]*'|\{[^}]*\}|%[sd]|[`.]|\b\d+\b", "", text)).strip().lower()


def documented(code: int) -> set[str]:
    texts = {row["msg"] for row in ROWS if row["code"] == code}
    if code in (-1013, -2010, -2011):
        texts |= {row["msg"] for row in ROWS if row["code"] in (-1013, -2010, -2011)}
    return {bare(text) for text in texts if text and not text.startswith(("This code", "The request is"))}


def test_there_is_something_to_look_at() -> None:
    found = list(raised())
    assert len({code for _, code, _ in found}) > 60


@pytest.mark.parametrize(("file", "code", "text"), sorted(set(raised()), key=str))
def test_a_code_is_documented_and_so_is_its_text(file: str, code: int, text: str | None) -> None:
    assert code in CODES or code in UNDOCUMENTED
    known = documented(code) | {bare(item) for item in KNOWN.get(code, set())}
    if text is not None and known - {""}:
        assert bare(text) in known, (file, code, text)


def test_every_filter_named_is_documented() -> None:
    texts = {row["msg"] for row in ROWS}
    used = {found for path in FOLDER.glob("*.py")
            for found in re.findall(r'filter_failure\("(\w+)"\)', path.read_text("utf-8"))}  # fmt: skip
    assert len(used) >= 10
    assert {f"Filter failure: {name}" for name in used} <= texts | {"Filter failure: PERCENT_PRICE_BY_SIDE"}


def test_the_exceptions_are_needed() -> None:
    used = {code for _, code, _ in raised()}
    assert set(UNDOCUMENTED) <= used
    assert not set(UNDOCUMENTED) & CODES


@pytest.mark.parametrize(
    ("made", "code"),
    [(errors.bad_signature(), -1022), (errors.bad_symbol(), -1121), (errors.no_such_order(), -2013),
     (errors.unknown_order(), -2011), (errors.bad_key_format(), -2014)],
)  # fmt: skip
def test_the_texts_of_the_common_ones_are_the_exchange_s(made: errors.ApiError, code: int) -> None:
    assert made.code == code
    assert bare(made.msg) in documented(code)
