"""Every Python block of the README and the documentation runs as written.

The blocks of a file run in order, in one module and one temporary directory, as a reader would type them; a block
may use ``await`` at its top level. A block is left out only by a comment on the line before its fence that says why::

    <!-- not run: needs a PostgreSQL server -->
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FILES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("**/*.md"))]

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*\{?\.?(?P<language>[\w+-]*)")
_NOT_RUN = re.compile(r"<!--\s*not run:\s*(?P<reason>.*?)\s*-->\s*\Z", re.DOTALL)
_PYTHON = frozenset({"python", "python3", "py", "pycon"})


class Block(NamedTuple):
    """A block of code: the line its first statement stands on, its text, and why it is not run, if so."""

    line: int
    code: str
    reason: str | None


def blocks_of(text: str) -> Iterator[Block]:
    """The Python blocks of a Markdown text, those inside lists, tabs and notes too."""
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        match = _FENCE.match(lines[index])
        if not match:
            index += 1
            continue
        opened, indent, fence = index, len(match["indent"]), match["fence"]
        index += 1
        while index < len(lines) and not re.fullmatch(
            rf"[ \t]*{fence[0]}{{{len(fence)},}}[ \t]*", lines[index]
        ):
            index += 1
        if index == len(lines):
            raise ValueError(f"line {opened + 1}: the block that begins here does not end")
        if match["language"].lower() in _PYTHON:
            code = "\n".join(line[indent:] for line in lines[opened + 1 : index])
            marked = _NOT_RUN.search("\n".join(lines[:opened]).rstrip())
            reason = marked["reason"] if marked else None
            if reason == "":
                raise ValueError(f"line {opened}: say why the block is not run")
            yield Block(opened + 2, code, reason)
        index += 1


def run_blocks(file: Path, blocks: list[Block]) -> None:
    """Runs the blocks in one module, each compiled so that a traceback names the line of the document."""
    module = ModuleType("document_" + re.sub(r"\W", "_", file.stem))
    # Entities declared in a block are looked up by their module's name when their annotations are resolved.
    sys.modules[module.__name__] = module
    try:
        with asyncio.Runner() as runner:
            for block in blocks:
                if block.reason is None:
                    source = "\n" * (block.line - 1) + block.code
                    code = compile(
                        source, str(file), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
                    )
                    if code.co_flags & inspect.CO_COROUTINE:
                        runner.run(eval(code, module.__dict__))
                    else:
                        exec(code, module.__dict__)
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_the_blocks_of_a_document_run(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        run_blocks(file, list(blocks_of(file.read_text("utf-8"))))
    except Exception as error:  # noqa: BLE001 - whatever the block raised is the result
        # The plain form of the traceback: pytest's own would print the document down to the line that failed.
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename != str(file):
            trace = trace.tb_next
        report = "".join(traceback.format_exception(type(error), error, trace))
    else:
        return
    pytest.fail(report, pytrace=False)


DOCUMENT = """\
Text.

```python title="a.py"
x = 1
```

- In a list:

    ```python
    if x:
        y = x + 1
    ```

~~~py
import asyncio
await asyncio.sleep(0)
assert y == 2
~~~

<!-- not run: needs a server -->
```python
connect()
```

```console
$ python
```

````markdown
```python
an example of a block
```
````
"""


def test_blocks_are_found_with_their_lines_and_reasons() -> None:
    blocks = list(blocks_of(DOCUMENT))
    assert [block.line for block in blocks] == [4, 10, 15, 22]
    assert blocks[1].code == "if x:\n    y = x + 1"
    assert [block.reason for block in blocks] == [None, None, None, "needs a server"]


def test_blocks_share_one_namespace_and_may_await() -> None:
    run_blocks(Path("x.md"), list(blocks_of(DOCUMENT)))


def test_a_block_that_fails_names_the_line_of_the_document() -> None:
    """A reader of the report is led to the document, not to a copy of the block."""
    with pytest.raises(ZeroDivisionError) as caught:
        run_blocks(Path("x.md"), list(blocks_of("\n\n```python\nx = 1\n1 / 0\n```\n")))
    assert (caught.traceback[-1].lineno, Path(caught.traceback[-1].path).name) == (
        4,
        "x.md",
    )  # counted from zero


@pytest.mark.parametrize("text", ["```python\nx = 1\n", "<!-- not run: -->\n```python\nx = 1\n```\n"])
def test_a_block_without_an_end_or_a_reason_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not end|say why"):
        list(blocks_of(text))


def test_a_dialogue_is_not_passed_over() -> None:
    """A ``pycon`` block is no Python program, so it fails instead of going unchecked."""
    with pytest.raises(SyntaxError):
        run_blocks(Path("x.md"), list(blocks_of("```pycon\n>>> 1 + 1\n2\n```\n")))
