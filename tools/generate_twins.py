#!/usr/bin/env python3
"""Generates the synchronous twin of every asynchronous module.

What waits for I/O is written once, by hand, as ``async def`` in a folder named ``_async``; its twin stands in the
folder ``_sync`` beside it, is committed, and is never edited. Without arguments the twins are written; with
``--check`` they are compared whole with what would be written, and a difference, a missing twin and a twin
without a source each fail.

How a source becomes its twin
    Regions between the comment lines ``# [sync-skip-start]`` and ``# [sync-skip-end]`` are left out. The rest
    is rewritten token by token: ``async`` and ``await`` go, names are translated (NAMES, and ``AsyncX`` to ``X`` in
    general), ``Awaitable[X]`` becomes ``X``, an ``AsyncGenerator`` gets its third parameter. Comments, docstrings and
    other strings are translated as text, by the same names and by PHRASES. At last ruff removes imports that lost
    their use, sorts the others and formats the result.

What the generator cannot translate it refuses: a twin in which anything asynchronous is left is an error.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import io
import keyword
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

PROJECT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = PROJECT / "src" / "torematrix" / "core" / "storage"
HEADER: Final = "# generated from _async/{name} by tools/generate_twins.py: do not edit\n"
HEADER_START: Final = "# generated from _async/"

# Names with a synchronous counterpart of their own; the general rule AsyncX -> X needs no line here.
NAMES: Final = {
    "_async": "_sync",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "AbstractAsyncContextManager": "AbstractContextManager",
    "StopAsyncIteration": "StopIteration",
    "aclose": "close",
    "aclosing": "closing",
    "aiter": "iter",
    "anext": "next",
    "async_driver": "driver",
    "open_awaited": "open",
    "asend": "send",
    "asynccontextmanager": "contextmanager",
    "athrow": "throw",
    "enter_async_context": "enter_context",
    "push_async_callback": "callback",
    "push_async_exit": "push",
}

# Prose of comments, docstrings and messages, in order. What a task is to asyncio, a thread is to the twin.
PHRASES: Final = (
    (r"\basync (def|with|for)\b", r"\1"),
    # `await x.f()` in an example goes; "await the end" is prose, and stays.
    (r"\bawait (?=[A-Za-z_][\w.]*[(\[.])", ""),
    (r"\b([Aa])n asynchronous(ly)?\b", r"\1 synchronous\2"),
    (r"\bAsynchronous(ly)?\b", r"Synchronous\1"),
    (r"\basynchronous(ly)?\b", r"synchronous\1"),
    (r"\b([Aa])n async\b", r"\1 sync"),
    (r"\basync\b", "sync"),
    # "task or thread" holds for both colours: a thread that runs an event loop is shared by its tasks.
    (
        r"\b(this|that|the|calling|current|owning|same|another|other|one|its|each|every|a) task\b(?! or th)",
        r"\1 thread",
    ),
    (r"\b(these|those|the|other|many|all|several|two|between|of) tasks\b(?! or th)", r"\1 threads"),
)

# The parameter of a subscript that is the twin's type: Awaitable[X] -> X, Coroutine[S, R, X] -> X.
UNWRAPPED: Final = {"Awaitable": 0, "Coroutine": 2}

_SKIP_START: Final = re.compile(r"^[ \t]*# \[sync-skip-start\]")
_SKIP_END: Final = re.compile(r"^[ \t]*# \[sync-skip-end\]")
_ASYNC_NAME: Final = re.compile(r"(_*)Async([A-Z]\w*)\Z")
_WORD: Final = re.compile(r"(?<!\w)(?:_*Async[A-Z]\w*|" + "|".join(map(re.escape, NAMES)) + r")(?!\w)")
_ARTICLE: Final = re.compile(r"\b([Aa])n([ \n]+[`'\"*:(]*)(?=_*Async([A-Z]))")
_PHRASES: Final = tuple((re.compile(pattern), new) for pattern, new in PHRASES)
_OPEN: Final = {"(": ")", "[": "]", "{": "}"}
_BLANK: Final = frozenset({tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT})


class TwinError(Exception):
    """A source that cannot be translated; the message names file, line and reason."""


class Token(NamedTuple):
    """A token with its place in the whole text."""

    kind: int
    text: str
    start: int
    end: int
    line: int


class Edit(NamedTuple):
    """A replacement of the text from ``start`` to ``end``."""

    start: int
    end: int
    text: str


# ----------------------------------------------------------------------------------------------------- names and text


def translate_name(name: str) -> str:
    """The synchronous name for ``name``, which may be the same."""
    if name in NAMES:
        return NAMES[name]
    return _ASYNC_NAME.sub(r"\1\2", name)


def translate_text(text: str) -> str:
    """The text of a comment or a string, as it should read in the twin."""

    def article(match: re.Match[str]) -> str:
        return match[1] + ("n" if match[3] in "AEIOU" else "") + match[2]

    text = _ARTICLE.sub(article, text)
    text = _WORD.sub(lambda match: translate_name(match[0]), text)
    for pattern, new in _PHRASES:
        text = pattern.sub(new, text)
    return text


# ------------------------------------------------------------------------------------------------------------- tokens


def lines_of(source: str) -> list[str]:
    """The lines as Python counts them; str.splitlines would count form feeds and others too."""
    return list(io.StringIO(source))


def without_skipped(source: str, name: str) -> str:
    """The source with blank lines for the regions marked for skipping, so that the others keep their numbers."""
    kept: list[str] = []
    opened = 0
    for number, line in enumerate(lines_of(source), 1):
        if _SKIP_START.match(line):
            if opened:
                raise TwinError(f"{name}:{number}: a skipped region begins inside the one of line {opened}")
            opened = number
        elif _SKIP_END.match(line):
            if not opened:
                raise TwinError(f"{name}:{number}: a skipped region ends that did not begin")
            opened = 0
        elif not opened:
            kept.append(line)
            continue
        kept.append("\n")
    if opened:
        raise TwinError(f"{name}:{opened}: the skipped region that begins here does not end")
    return "".join(kept)


def tokens_of(source: str) -> list[Token]:
    """The tokens of ``source`` with offsets into it; an f-string is one token, whatever the Python version."""
    starts = [0]
    for line in lines_of(source):
        starts.append(starts[-1] + len(line))
    string_starts = {getattr(tokenize, f"{kind}STRING_START", -1) for kind in "FT"}
    string_ends = {getattr(tokenize, f"{kind}STRING_END", -1) for kind in "FT"}
    result: list[Token] = []
    depth, opened = 0, 0
    for info in tokenize.generate_tokens(io.StringIO(source).readline):
        start = starts[info.start[0] - 1] + info.start[1]
        end = starts[info.end[0] - 1] + info.end[1]
        if info.type in string_starts:
            if depth == 0:
                opened = start
            depth += 1
        elif info.type in string_ends:
            depth -= 1
            if depth == 0:
                result.append(Token(tokenize.STRING, source[opened:end], opened, end, info.start[0]))
        elif depth == 0:
            result.append(Token(info.type, info.string, start, end, info.start[0]))
    return result


def closing_index(tokens: Sequence[Token], opening: int) -> int:
    """Where the bracket that opens at ``opening`` closes."""
    depth = 0
    for index in range(opening, len(tokens)):
        if tokens[index].kind == tokenize.OP:
            if tokens[index].text in _OPEN:
                depth += 1
            elif tokens[index].text in _OPEN.values():
                depth -= 1
                if depth == 0:
                    return index
    raise TwinError(f"line {tokens[opening].line}: a bracket is not closed")


def parameters(tokens: Sequence[Token], opening: int, closing: int) -> list[tuple[int, int]]:
    """The ranges (first token, token after the last) of the parameters between two brackets."""
    ranges: list[tuple[int, int]] = []
    index = first = opening + 1
    while index < closing:
        if tokens[index].kind == tokenize.OP and tokens[index].text in _OPEN:
            index = closing_index(tokens, index)
        elif tokens[index].text == ",":
            ranges.append((first, index))
            first = index + 1
        index += 1
    if any(token.kind not in _BLANK for token in tokens[first:closing]):
        ranges.append((first, closing))
    return ranges


# -------------------------------------------------------------------------------------------------------- translation


def edits_for(tokens: Sequence[Token]) -> Iterator[Edit]:
    """What has to change, in no order; no two edits overlap."""
    for index, token in enumerate(tokens):
        if token.kind in (tokenize.COMMENT, tokenize.STRING):
            yield Edit(token.start, token.end, translate_text(token.text))
        elif token.text in ("async", "await"):
            # Through the blank that follows, unless the expression continues on another line.
            following = tokens[index + 1]
            end = token.end if following.kind == tokenize.NL else following.start
            yield Edit(token.start, end, "")
            if token.text == "await" and (closing := redundant_parentheses(tokens, index)):
                yield Edit(tokens[index - 1].start, tokens[index - 1].end, "")
                yield Edit(tokens[closing].start, tokens[closing].end, "")
        elif token.kind == tokenize.NAME:
            subscripted = tokens[index + 1].text == "["
            if subscripted and token.text in UNWRAPPED:
                yield from unwrapped(tokens, index)
            elif subscripted and token.text == "AsyncGenerator":
                yield Edit(token.start, token.end, "Generator")
                yield completed_generator(tokens, index + 1)
            elif (name := translate_name(token.text)) != token.text:
                yield Edit(token.start, token.end, name)


def redundant_parentheses(tokens: Sequence[Token], await_at: int) -> int | None:
    """Where the parentheses of ``(await f(x)).y`` close, when they served the ``await`` alone."""
    opening = await_at - 1
    if opening < 1 or tokens[opening].text != "(":
        return None
    before = tokens[opening - 1]
    is_call = (
        (before.kind == tokenize.NAME and not keyword.iskeyword(before.text))
        or before.kind == tokenize.STRING
        or before.text in (")", "]")
    )
    if is_call:
        return None
    closing = closing_index(tokens, opening)
    index = await_at + 1
    while index < closing:
        token = tokens[index]
        if token.kind == tokenize.OP and token.text in ("(", "["):
            index = closing_index(tokens, index)
        elif not (token.text == "." or (token.kind == tokenize.NAME and not keyword.iskeyword(token.text))):
            return None
        index += 1
    return closing


def unwrapped(tokens: Sequence[Token], name_at: int) -> Iterator[Edit]:
    """Removes a wrapper and its brackets, leaving the parameter that is the result."""
    opening = name_at + 1
    closing = closing_index(tokens, opening)
    ranges = parameters(tokens, opening, closing)
    wanted = UNWRAPPED[tokens[name_at].text]
    if len(ranges) != wanted + 1:
        raise TwinError(f"line {tokens[name_at].line}: {tokens[name_at].text} takes {wanted + 1} parameters")
    first, after = ranges[wanted]
    yield Edit(tokens[name_at].start, tokens[first].start, "")
    yield Edit(tokens[after - 1].end, tokens[closing].end, "")


def completed_generator(tokens: Sequence[Token], opening: int) -> Edit:
    """AsyncGenerator has no type of return, Generator has (and needs all three before Python 3.13)."""
    closing = closing_index(tokens, opening)
    ranges = parameters(tokens, opening, closing)
    if len(ranges) not in (1, 2):
        raise TwinError(f"line {tokens[opening].line}: AsyncGenerator takes one or two parameters")
    end = tokens[ranges[-1][1] - 1].end
    return Edit(end, end, ", None" * (3 - len(ranges)))


def translate(source: str, name: str) -> str:
    """The twin of the source text ``source`` of the file ``name``, not yet formatted."""
    source = without_skipped(source, name)
    try:
        tokens = tokens_of(source)
        edits = sorted(edits_for(tokens))
    except (tokenize.TokenError, IndentationError) as error:
        raise TwinError(f"{name}: not Python: {error}") from error
    except TwinError as error:
        raise TwinError(f"{name}: {error}") from error
    # A parameter that is unwrapped may hold what must change too, so edits nest in ranges but never overlap.
    pieces: list[str] = []
    position = 0
    for edit in edits:
        if edit.start < position:
            continue  # inside a part that has been removed, such as the other parameters of Coroutine
        pieces += [source[position : edit.start], edit.text]
        position = edit.end
    pieces.append(source[position:])
    result = "".join(pieces)
    refuse_leftovers(result, name)
    return result


def refuse_leftovers(twin: str, name: str) -> None:
    """Raises when the twin is not Python, or when something in it still waits."""
    try:
        tree = ast.parse(twin)
    except SyntaxError as error:
        raise TwinError(
            f"{name}: the twin is not Python: {error} in {(error.text or '').strip()!r}"
        ) from error
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            if any(module.split(".")[0] in ("asyncio", "anyio", "trio") for module in modules):
                raise TwinError(
                    f"{name}: the twin would import {', '.join(modules)}: have what needs it injected, or mark the "
                    "region with # [sync-skip-start] and # [sync-skip-end]"
                )


# -------------------------------------------------------------------------------------------------------------- files


def formatted(text: str, target: Path) -> str:
    """The text with unused imports removed, the others sorted, and the project's format."""
    ruff = [sys.executable, "-m", "ruff", "--config", str(PROJECT / "pyproject.toml")]
    # F401: Awaitable without use; I001: _sync sorts elsewhere; PYI016: `X | Awaitable[X]` became `X | X`.
    fix = ["check", "--select", "F401,I001,PYI016", "--fix-only", "--quiet"]
    for command in (fix, ["format", "--quiet"]):
        whole = [*ruff, *command, "--stdin-filename", str(target), "-"]
        done = subprocess.run(
            whole, input=text, capture_output=True, encoding="utf-8", check=False, cwd=PROJECT
        )
        if done.returncode:
            raise TwinError(f"{target}: ruff {command[0]} failed: {done.stderr.strip()}")
        text = done.stdout
    return text


def twin_path(source: Path) -> Path:
    """Where the twin of an asynchronous module stands."""
    parts = list(source.parts)
    last = len(parts) - 1 - parts[::-1].index("_async")
    parts[last] = "_sync"
    return Path(*parts)


def plan_twins(package: Path) -> dict[Path, str]:
    """Every twin below ``package``, with the text it should have."""
    twins: dict[Path, str] = {}
    for source in sorted(package.glob("**/_async/**/*.py")):
        inside = source.as_posix().rpartition("/_async/")[2]
        target = twin_path(source)
        twins[target] = formatted(
            HEADER.format(name=inside) + translate(source.read_text("utf-8"), str(source)), target
        )
    return twins


def orphans(package: Path, twins: dict[Path, str]) -> list[Path]:
    """The files in ``_sync`` folders that no source stands behind."""
    return [file for file in sorted(package.glob("**/_sync/**/*.py")) if file not in twins]


def check(package: Path) -> list[str]:
    """What is wrong with the twins as they are, each as lines to print; nothing when they are right."""
    twins = plan_twins(package)
    problems: list[str] = []
    for target, expected in twins.items():
        actual = target.read_text("utf-8") if target.exists() else ""
        if actual != expected:
            difference = difflib.unified_diff(
                actual.splitlines(keepends=True),
                expected.splitlines(keepends=True),
                f"{target}",
                "as generated",
            )
            problems.append("".join(difference) or f"{target}: missing\n")
    problems += [
        f"{file}: no asynchronous module stands behind this twin\n" for file in orphans(package, twins)
    ]
    return problems


def write(package: Path) -> list[Path]:
    """Writes what has changed and removes what lost its source; returns the files touched."""
    twins = plan_twins(package)
    touched: list[Path] = []
    for target, text in twins.items():
        if not target.exists() or target.read_text("utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
            touched.append(target)
    for file in orphans(package, twins):
        if not file.read_text("utf-8").startswith(HEADER_START):
            raise TwinError(f"{file}: written by hand in a folder of generated twins: move it")
        file.unlink()
        touched.append(file)
    return touched


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 when a twin differs")
    parser.add_argument("--package", type=Path, default=PACKAGE, help="the folder to work in")
    options = parser.parse_args(argv)
    try:
        if options.check:
            problems = check(options.package)
            sys.stdout.writelines(problems)
            if problems:
                print(f"{len(problems)} of the twins differ: run `make twins`", file=sys.stderr)
            return 1 if problems else 0
        for file in write(options.package):
            print(file)
    except TwinError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
