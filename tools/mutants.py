"""Small changes to a module that its tests should notice: one operator, constant, branch or guard at a time.

``mutants_of`` gives every mutant of a source text. Annotations, docstrings and the wording of messages are left alone:
they are no rules. Each mutant has an id made of the function it is in, the text before and the text after, so that
it keeps its id when lines move.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

__all__ = ["Mutant", "mutants_of"]

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
}
_NAMES: Final = {
    "all": "any",
    "any": "all",
    "all_of": "any_of",
    "any_of": "all_of",
    "TRUE": "FALSE",
    "FALSE": "TRUE",
    "_SMALLEST": "_LARGEST",
    "_LARGEST": "_SMALLEST",
    "type_expression": "value_expression",
    "key_expression": "value_expression",
    "value_expression": "key_expression",
}
_MEMBERS: Final = {
    "EQ": ("GE",), "NE": ("EQ",), "LT": ("LE", "GT"), "LE": ("LT", "GE"), "GT": ("GE", "LT"), "GE": ("GT", "LE"),
    "CONTAINS": ("STARTS_WITH",), "STARTS_WITH": ("ENDS_WITH", "CONTAINS"), "ENDS_WITH": ("CONTAINS",),
    "DECIMAL": ("STR",), "BIGINT": ("INT",), "STR": ("UUID",), "INT": ("FLOAT",), "FLOAT": ("INT",), "BYTES": ("STR",),
    "DESC": ("ASC",), "floor": ("ceil",), "ceil": ("floor",), "startswith": ("endswith",), "endswith": ("startswith",),
    "eq": ("ne",), "lt": ("le",), "le": ("lt",), "gt": ("ge",), "ge": ("gt",),
}  # fmt: skip
_FRAGMENTS: Final = (
    ("AND", "OR"), ("OR", "AND"), ("IS NOT NULL", "IS NULL"), ("IS NULL", "IS NOT NULL"), ("IS NOT TRUE", "IS TRUE"),
    ("EXISTS", "NOT EXISTS"), ("GLOB", "LIKE"), (" IN ", " NOT IN "), (">=", ">"), ("<=", "<"), (" > ", " >= "),
    (" < ", " <= "), (" = ", " <> "), ("-", ""), ("'array'", "'object'"), ("DESC", "ASC"), ("'integer', ", ""),
    (", 'real'", ""), ("'true', ", ""), (", 'false'", ""), ("'text'", "'object'"),
)  # fmt: skip
_UNWRAPPED: Final = {
    "negated",
    "_parenthesised",
    "reversed",
    "sorted",
    "int",
    "str",
    "order_key",
    "float",
    "tuple",
    "dict",
}
_PROSE: Final = {"InvalidQueryError", "TypeError", "cast", "_refuse", "emulated.append"}
"""Calls whose arguments are words for people or for type checkers."""
_APART: Final = {"__all__", "__slots__", "_SORT_FORM", "Parameter", "TypeAlias"}
"""Names whose values are lists of names, words, or types."""


@dataclass(frozen=True)
class Mutant:
    """A changed module: ``id`` is stable, ``line`` is where the change is in the original.

    ``within`` is the text of the function, class or statement of the module that holds the change.
    """

    id: str
    line: int
    before: str
    after: str
    within: str
    source: str


def mutants_of(source: str) -> list[Mutant]:
    """Every mutant of this module, each a different program."""
    tree = ast.parse(source)
    whole = ast.unparse(tree)
    seen, numbers = {whole}, dict[str, int]()
    found: list[Mutant] = []
    for node, parent, field, index, scope, within in _all_places(tree):
        small = isinstance(node, (ast.Constant, ast.Name, ast.Attribute)) and isinstance(parent, ast.expr)
        shown = _short(parent if small else node)
        for after in _variants(node, parent):
            _put(parent, field, index, after)
            text = ast.unparse(ast.fix_missing_locations(tree))
            changed = _short(parent if small else after)
            _put(parent, field, index, node)
            if text in seen:
                continue
            seen.add(text)
            name = f"{scope}: {shown} -> {changed}" if shown != changed else f"{scope}: within {shown}"
            numbers[name] = numbers.get(name, 0) + 1
            name += f" #{numbers[name]}" if numbers[name] > 1 else ""
            found.append(Mutant(name, getattr(node, "lineno", 0), shown, changed, within, text))
    return found


def _short(node: ast.AST) -> str:
    """One line that shows the node; of a compound statement, its head."""
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}"
    if isinstance(node, ast.Match):
        return f"match of {', '.join(ast.unparse(case.pattern) for case in node.cases)}"
    return " ".join(ast.unparse(node).split())


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


Place = tuple[ast.AST, ast.AST, str, int | None, str]


def _all_places(tree: ast.Module) -> list[tuple[ast.AST, ast.AST, str, int | None, str, str]]:
    texts = [ast.unparse(statement) for statement in tree.body]
    found: list[tuple[ast.AST, ast.AST, str, int | None, str, str]] = []
    at = -1
    for place in _places(tree, "", "module"):
        if place[1] is tree and place[3] is not None:
            at = place[3]
        found.append((*place, texts[at]))
    return found


def _places(node: ast.AST, scope: str, shown: str) -> Iterator[Place]:
    """Every node that may change, with where it stands."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "ctx", "type_comment"):
            continue
        children = cast("list[object]", value) if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _left_alone(child):
                continue
            inner = scope
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                inner = f"{scope}.{child.name}" if scope else child.name
            yield child, node, field, index if isinstance(value, list) else None, inner or shown
            if isinstance(child, ast.Raise):
                continue  # the words of a refusal are no rule; that it is raised is
            if isinstance(child, ast.Call) and _called(child) in _PROSE:
                if _called(child) == "cast":
                    yield from _places(child.args[1], inner, shown)
                continue
            yield from _places(child, inner, shown)


def _left_alone(node: ast.AST) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    if isinstance(node, ast.AnnAssign) and (
        node.value is None or "TypeAlias" in ast.unparse(node.annotation)
    ):
        return True
    return any(isinstance(target, ast.Name) and target.id in _APART for target in targets)


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(name):
            return name
        case ast.Attribute(ast.Attribute(attr=owner), name):
            return f"{owner}.{name}"
        case _:
            return ""


def _variants(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """The nodes that may stand in this one's place."""
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp() | ast.BinOp() | ast.IfExp() | ast.Lambda():
            yield from _operation_variants(node)
        case ast.Constant(value):
            yield from map(ast.Constant, _constants(value, parent))
        case ast.expr():
            yield from _value_variants(node, parent)
        case ast.If(test) | ast.comprehension(ifs=[test]):
            for other in _tests(test):
                changed = copy.copy(node)
                if isinstance(changed, ast.If):
                    changed.test = other
                else:
                    changed.ifs = [other]
                yield changed
        case ast.Return(value) if value is not None:
            yield ast.Return(ast.Constant(None))
            if isinstance(value, (ast.Compare, ast.BoolOp, ast.UnaryOp)) or _is_test(value):
                yield ast.Return(ast.Constant(True))
                yield ast.Return(ast.Constant(False))
        case ast.Raise() | ast.AugAssign() | ast.Expr():
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
            yield ast.Pass()
        case ast.Match(subject, cases):
            for at in range(len(cases)):
                if len(cases) > 1:
                    yield ast.Match(subject, cases[:at] + cases[at + 1 :])
        case ast.match_case(pattern, guard, body) if guard is not None:
            yield ast.match_case(pattern, None, body)
        case ast.MatchOr(patterns):
            for at in range(len(patterns)):
                fewer = patterns[:at] + patterns[at + 1 :]
                yield fewer[0] if len(fewer) == 1 else ast.MatchOr(fewer)
        case _:
            return


def _operation_variants(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, compared, comparators):
            for at, comparison in enumerate(compared):
                for other in _COMPARISONS[type(comparison)]:
                    yield ast.Compare(left, [*compared[:at], other(), *compared[at + 1 :]], comparators)
        case ast.BoolOp(word, values):
            yield ast.BoolOp(ast.Or() if isinstance(word, ast.And) else ast.And(), values)
            for at in range(len(values)):
                fewer = values[:at] + values[at + 1 :]
                yield fewer[0] if len(fewer) == 1 else ast.BoolOp(word, fewer)
        case ast.UnaryOp(_, operand):
            yield operand
        case ast.BinOp(left, operator, right) if type(operator) in _ARITHMETIC:
            yield ast.BinOp(left, _ARITHMETIC[type(operator)](), right)
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
            yield body
            yield orelse
        case ast.Lambda(arguments, _):
            for value in (True, False):
                yield ast.Lambda(arguments, ast.Constant(value))
        case _:
            return


def _value_variants(node: ast.expr, parent: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Name(name, ast.Load()) if name in _NAMES:
            yield ast.Name(_NAMES[name], ast.Load())
        case ast.Attribute(owner, name, context) if name in _MEMBERS:
            for member in _MEMBERS[name]:
                yield ast.Attribute(owner, member, context)
        case ast.Call(ast.Name(name), [only, *_]) if name in _UNWRAPPED and not isinstance(only, ast.Starred):
            yield only
        case ast.Subscript(value, ast.Slice(lower, upper, step), context):
            yield ast.Subscript(value, ast.Slice(upper, lower, step), context)
        case ast.Tuple(items, context) if len(items) > 1:
            if isinstance(parent, (ast.Compare, ast.ExceptHandler, ast.Call)):
                for at in range(len(items)):
                    yield ast.Tuple(items[:at] + items[at + 1 :], context)
        case _:
            return


def _is_test(value: ast.expr) -> bool:
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in ("all", "any", "bool", "isinstance")
    )


def _tests(test: ast.expr) -> Iterator[ast.expr]:
    """What may be asked instead: the opposite, or nothing."""
    if isinstance(test, ast.UnaryOp):
        yield test.operand
    elif not isinstance(test, ast.Compare):  # whose opposite is a mutant of its own
        yield ast.UnaryOp(ast.Not(), test)
    yield ast.Constant(True)
    yield ast.Constant(False)


def _constants(value: object, parent: ast.AST) -> Iterator[Any]:
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
            yield value - 1
        case str():
            for before, after in _FRAGMENTS:
                if before in value:
                    yield value.replace(before, after, 1)
            yield "" if isinstance(parent, ast.JoinedStr) else f"{value}x"
        case bytes():
            yield b""
        case _:
            return
