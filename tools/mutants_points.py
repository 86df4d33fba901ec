"""Where a module can be changed so that a test should notice: one small mistake at a time, in the syntax tree.

Left as they are: type annotations, docstrings, decorators, `__slots__`, ellipses and what only type checkers read.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
_CALLED = {
    "min": "max",
    "any": "all",
    "startswith": "endswith",
    "lower": "upper",
    "lstrip": "rstrip",
    "partition": "rpartition",
    "find": "rfind",
    "removeprefix": "removesuffix",
    "union": "intersection",
}
_CALLED |= {after: before for before, after in _CALLED.items()}
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Point(NamedTuple):
    """One mistake. `apply` makes it in the tree that was given, for good: whoever calls it has forked.

    `first` to `last` are the lines of which one runs when it can matter; `function` is the function around it, None in
    what runs as the module is imported.
    """

    line: int
    before: str
    after: str
    first: int
    last: int
    function: Function | None
    apply: Callable[[], None]


class _Place(NamedTuple):
    """A node and where it hangs."""

    node: ast.expr | ast.stmt
    put: Callable[[ast.AST], None]
    statement: ast.stmt
    function: Function | None
    is_test: bool


def points(tree: ast.Module) -> Iterator[Point]:
    """Give every mistake that could be made in a module."""
    for place in _places(tree):
        node = place.node
        for changed in _changes(place):
            yield Point(
                line=node.lineno,
                before=ast.unparse(node),
                after="pass" if isinstance(changed, ast.Pass) else ast.unparse(ast.fix_missing_locations(changed)),
                first=place.statement.lineno,
                last=node.end_lineno or node.lineno,
                function=place.function,
                apply=_putting(place, changed),
            )


def _putting(place: _Place, changed: ast.AST) -> Callable[[], None]:
    return lambda: place.put(ast.copy_location(changed, place.node))


# -- the walk


def _places(tree: ast.Module) -> Iterator[_Place]:
    yield from _below(tree, tree.body[0], None)


def _below(node: ast.AST, statement: ast.stmt, function: Function | None) -> Iterator[_Place]:
    for name, value in ast.iter_fields(node):
        if _is_left(node, name):
            continue
        within = node if isinstance(node, Function) and name == "body" else function
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_silent(child, node, index):
                continue
            around = child if isinstance(child, ast.stmt) else statement
            if isinstance(child, ast.expr | ast.stmt):
                yield _Place(child, _putter(node, name, index), around, within, name in ("test", "ifs"))
            yield from _below(child, around, within)


def _putter(holder: ast.AST, name: str, index: int | None) -> Callable[[ast.AST], None]:
    def put(new: ast.AST) -> None:
        if index is None:
            setattr(holder, name, new)
        else:
            getattr(holder, name)[index] = new

    return put


def _is_left(node: ast.AST, field: str) -> bool:
    """Tell whether a field is none of the code that runs."""
    if field in ("annotation", "returns", "decorator_list", "bases", "keywords") and not isinstance(node, ast.Call):
        return True
    return isinstance(node, ast.Call) and field == "func" and isinstance(node.func, ast.Name)


def _is_silent(child: ast.AST, parent: ast.AST, index: int | None) -> bool:
    """Tell whether a node says nothing to the machine."""
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
        return True
    if isinstance(child, ast.Assign) and ast.unparse(child.targets[0]) == "__slots__":
        return True
    # The first argument of cast() is a type.
    return index == 0 and isinstance(parent, ast.Call) and ast.unparse(parent.func) == "cast"


# -- the mistakes


def _changes(place: _Place) -> Iterator[ast.AST]:
    node = place.node
    if place.is_test and isinstance(node, ast.expr):
        yield from _negated(node)
    if isinstance(node, ast.stmt):
        yield from _statement(node, in_function=place.function is not None)
    elif isinstance(node, ast.Compare):
        yield from _compared(node)
    elif isinstance(node, ast.BoolOp):
        yield from _joined(node)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        yield ast.BinOp(node.left, _COMPUTED[type(node.op)](), node.right)
    elif isinstance(node, ast.Call):
        yield from _called(node)
    elif isinstance(node, ast.Constant):
        yield from _constant(node.value)


def _statement(node: ast.stmt, *, in_function: bool) -> Iterator[ast.AST]:
    if isinstance(node, ast.Return) and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value, lineno=node.lineno)
        if type(node.op) in _COMPUTED:
            yield ast.AugAssign(node.target, _COMPUTED[type(node.op)](), node.value)
    elif isinstance(node, ast.Assign | ast.AnnAssign) and in_function and node.value is not None:
        yield from _assigned(node)
    elif isinstance(node, ast.Expr | ast.Raise | ast.Delete):
        yield ast.Pass()


def _assigned(node: ast.Assign | ast.AnnAssign) -> Iterator[ast.AST]:
    """Nothing is assigned: to a name nothing at all would only be a NameError."""
    targets: list[ast.expr] = list(node.targets) if isinstance(node, ast.Assign) else [node.target]
    if all(isinstance(target, ast.Attribute | ast.Subscript) for target in targets):
        yield ast.Pass()
    elif not _is_none(node.value) and not any(isinstance(target, ast.Tuple) for target in targets):
        yield ast.Assign(targets, ast.Constant(None), lineno=node.lineno)


def _negated(test: ast.expr) -> Iterator[ast.expr]:
    """Of a comparison or a negation another change says the same."""
    if not isinstance(test, ast.UnaryOp) and not (isinstance(test, ast.Compare) and len(test.ops) == 1):
        yield ast.UnaryOp(ast.Not(), test)


def _compared(node: ast.Compare) -> Iterator[ast.expr]:
    for at, op in enumerate(node.ops):
        for other in _COMPARED[type(op)]:
            yield ast.Compare(node.left, [*node.ops[:at], other(), *node.ops[at + 1 :]], node.comparators)


def _joined(node: ast.BoolOp) -> Iterator[ast.expr]:
    """The other word, and each part forgotten."""
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for at in range(len(node.values)):
        left: Sequence[ast.expr] = [*node.values[:at], *node.values[at + 1 :]]
        yield left[0] if len(left) == 1 else ast.BoolOp(node.op, list(left))


def _called(node: ast.Call) -> Iterator[ast.expr]:
    func = node.func
    if isinstance(func, ast.Name) and func.id in _CALLED:
        yield ast.Call(ast.Name(_CALLED[func.id], ast.Load()), node.args, node.keywords)
    elif isinstance(func, ast.Attribute) and func.attr in _CALLED:
        yield ast.Call(ast.Attribute(func.value, _CALLED[func.attr], ast.Load()), node.args, node.keywords)


def _constant(value: object) -> Iterator[ast.expr]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str):
        yield ast.Constant(f"XX{value}XX")
    elif isinstance(value, bytes):
        yield ast.Constant(b"XX" + value + b"XX")


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)
