"""What a migration is recognised by: a checksum of what it does, not of how it is laid out or described.

Functions count by their source without comments and spacing, found by the line where they begin; where there is no
source, as for one typed at a prompt, by their code, which another Python may write differently.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import inspect
import io
import linecache
import tokenize
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

__all__ = ["checksum_of"]

_LAYOUT: Final = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


def checksum_of(parts: Iterable[object]) -> str:
    """The SHA-256, in hexadecimal, of steps, functions and plain values."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(_text(part).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _text(value: Any) -> str:
    if isinstance(value, functools.partial):
        return f"partial({_text(value.func)},{_text(value.args)},{_text(value.keywords)})"
    if inspect.isfunction(value) or inspect.ismethod(value):
        return _source(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return f"{type(value).__name__}({','.join(f'{name}={_text(inner)}' for name, inner in fields)})"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, (list, tuple)):
        items = cast("Iterable[Any]", value)
        return f"[{','.join(map(_text, items))}]"
    if isinstance(value, dict):
        members: dict[Any, Any] = value  # pyright: ignore[reportUnknownVariableType] - it may hold anything
        return f"{{{','.join(f'{_text(key)}:{_text(inner)}' for key, inner in members.items())}}}"
    if callable(value) and not hasattr(value, "__origin__"):
        return str(getattr(value, "__qualname__", type(value).__qualname__))
    return repr(value)


def _source(function: Callable[..., Any]) -> str:
    code: Any = function.__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, getattr(function, "__globals__", None))
    # Of several lambdas that begin in one line nobody can tell which it is: then all of them count.
    return _functions("".join(lines)).get(code.co_firstlineno) or _code(code)


@functools.lru_cache(maxsize=64)
def _functions(source: str) -> dict[int, str]:
    """The functions in a source, without comments and spacing, by the lines in which they begin."""
    found: dict[int, str] = {}
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return found
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            line = _begins(node)
            found[line] = found.get(line, "") + _bare(_segment(source, node))
    return found


def _segment(source: str, node: ast.expr | ast.stmt) -> str:
    # As ``ast.get_source_segment``, which takes the whole source apart for every node.
    lines = list(_lines(source)[node.lineno - 1 : node.end_lineno])
    lines[-1] = lines[-1].encode()[: node.end_col_offset].decode()
    lines[0] = lines[0].encode()[node.col_offset :].decode()
    return "".join(lines)


@functools.lru_cache(maxsize=4)
def _lines(source: str) -> tuple[str, ...]:
    return tuple(source.splitlines(keepends=True))


def _begins(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> int:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _bare(source: str) -> str:
    """The source without comments and spacing."""
    try:
        tokens = list(
            tokenize.generate_tokens(
                io.StringIO(f"({source}\n)" if source.startswith("lambda") else source).readline
            )
        )
    except (tokenize.TokenError, IndentationError):
        return "".join(source.split())
    # Joined without spaces, an f-string is the same whether it is one token, as it was, or several.
    return "".join("".join(token.string.split()) for token in tokens if token.type not in _LAYOUT)


def _code(code: Any) -> str:
    constants = [_code(each) if inspect.iscode(each) else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()}{code.co_names}{constants}"
