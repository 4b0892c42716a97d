"""The generator of the synchronous twins: what it translates, what it refuses, and that its check can fail."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def twins(tool):
    return tool("generate_twins")


@pytest.fixture
def translate(twins):
    return lambda source: twins.translate(textwrap.dedent(source), "x.py")


@pytest.mark.parametrize(
    ("source", "twin"),
    [
        ("async def f(): ...", "def f(): ..."),
        ("async def f():\n    return await g(await h())", "def f():\n    return g(h())"),
        ("async def f():\n    async with a as b, c: pass", "def f():\n    with a as b, c: pass"),
        ("async def f():\n    async for a in b: await a", "def f():\n    for a in b: a"),
        ("async def f():\n    return [await a async for a in b]", "def f():\n    return [a for a in b]"),
        ("class A:\n    async def __aenter__(self): ...", "class A:\n    def __enter__(self): ..."),
        ("class A:\n    def __aiter__(self): ...", "class A:\n    def __iter__(self): ..."),
        ("class _AsyncThing(AsyncBase): ...", "class _Thing(Base): ..."),
        ("from .._async.port import AsyncDriver", "from .._sync.port import Driver"),
        ("from a import AsyncIterator, AsyncIterable", "from a import Iterator, Iterable"),
        ("AbstractAsyncContextManager, asynccontextmanager", "AbstractContextManager, contextmanager"),
        ("AsyncExitStack().enter_async_context(x)", "ExitStack().enter_context(x)"),
        ("x.aclose(); x.athrow(StopAsyncIteration); anext(x)", "x.close(); x.throw(StopIteration); next(x)"),
        ("x: Callable[[int], Awaitable[list[T]]]", "x: Callable[[int], list[T]]"),
        ("x: Coroutine[Any, Awaitable[A], AsyncB]", "x: B"),
        ("x: Awaitable[Awaitable[AsyncB],]", "x: B"),
        ("x: AsyncGenerator[AsyncB, None]", "x: Generator[B, None, None]"),
        ("x: AsyncGenerator[dict[A, B]]", "x: Generator[dict[A, B], None, None]"),
        ("x: AsyncGenerator[AsyncGenerator[A, B], None]", "x: Generator[Generator[A, B, None], None, None]"),
        ("asynchronous = is_async = Asyncly = AsyncIO", "asynchronous = is_async = Asyncly = IO"),
    ],
)  # fmt: skip
def test_code_is_translated(translate, source: str, twin: str) -> None:
    assert translate(source) == twin


@pytest.mark.parametrize(
    ("source", "twin"),
    [
        ("x = (await f(1)[0]).y", "x = f(1)[0].y"),
        ("return (await f(a, (b))), 1", "return f(a, (b)), 1"),
        ("g(await f())", "g(f())"),
        ("g()(await f())", "g()(f())"),
        ("(await a + b).c", "(a + b).c"),
        ("(await a, b)", "(a, b)"),
        ("(await (yield))", "(yield)"),
        ("(\n    await f()\n    .g()\n)", "(\n    f()\n    .g()\n)"),
    ],
)
def test_parentheses_go_when_they_served_the_await_alone(translate, source: str, twin: str) -> None:
    def inside(code: str) -> str:
        return "async def outer():\n" + textwrap.indent(code, "    ")

    assert translate(inside(source)) == inside(twin).removeprefix("async ")


@pytest.mark.parametrize(
    ("text", "twin"),
    [
        ("an AsyncRepository, an AsyncIndex, An `AsyncStorage`", "a Repository, an Index, A `Storage`"),
        ("use `async with repo:` and `await repo.get(id)`", "use `with repo:` and `repo.get(id)`"),
        ("whoever must await the end", "whoever must await the end"),
        ("An asynchronous, asynchronously async one", "A synchronous, synchronously sync one"),
        (
            "bound to the calling task, seen by other tasks",
            "bound to the calling thread, seen by other threads",
        ),
        ("it belongs to another task or thread", "it belongs to another task or thread"),
        ("call aclose(), catch StopAsyncIteration", "call close(), catch StopIteration"),
        ("asyncio has background_tasks, MyAsyncThing", "asyncio has background_tasks, MyAsyncThing"),
        ("see _async/port.py", "see _sync/port.py"),
    ],
)
def test_text_is_translated(translate, text: str, twin: str) -> None:
    """Comments, docstrings, plain strings and f-strings read as if they had been written for the twin."""
    for form in ("# {}", 'x = """{}"""', "x = r'{}'", "x = f'{{y!r:>{{z}}}} {}'"):
        assert translate(form.format(text)) == form.format(twin)


def test_expressions_inside_f_strings_are_translated(translate) -> None:
    source = "async def f():\n    return f\"{await g(1)} {AsyncA.b!r}\" f'''{await h(\"x\")}'''"
    assert translate(source) == "def f():\n    return f\"{g(1)} {A.b!r}\" f'''{h(\"x\")}'''"


def test_marked_regions_are_left_out(translate) -> None:
    source = """\
        a = 1
        # [sync-skip-start] only a task can be cancelled
        import asyncio
        # [sync-skip-end]
        b = 2
        """
    assert translate(source) == "a = 1\n\n\n\nb = 2\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("a\n# [sync-skip-start]\n", r"x\.py:2: .* does not end"),
        ("a\n# [sync-skip-end]\n", r"x\.py:2: .* did not begin"),
        ("# [sync-skip-start]\n# [sync-skip-start]\n", r"x\.py:2: .* inside the one of line 1"),
        ("import asyncio", "would import asyncio"),
        ("from asyncio.locks import Lock", r"would import asyncio\.locks"),
        ("x: Coroutine[A]", "line 1: Coroutine takes 3 parameters"),
        ("x: AsyncGenerator[A, B, C]", "line 1: AsyncGenerator takes one or two parameters"),
        ("def f(:", "not Python"),
        ("x = (", "not Python|not closed"),
    ],
)
def test_what_cannot_be_translated_is_refused(twins, translate, source: str, reason: str) -> None:
    with pytest.raises(twins.TwinError, match=reason):
        translate(source)


SOURCE = '''\
"""An asynchronous module."""

from collections.abc import AsyncIterator, Awaitable, Iterator

from pkg._async import AsyncA


async def f(x: int | Awaitable[int], y: Iterator[int]) -> AsyncIterator[AsyncA]:
    async with x:
        yield await g(x)
'''
TWIN = '''\
# generated from _async/deep/m.py by tools/generate_twins.py: do not edit
"""A synchronous module."""

from collections.abc import Iterator

from pkg._sync import A


def f(x: int, y: Iterator[int]) -> Iterator[A]:
    with x:
        yield g(x)
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    source = tmp_path / "face" / "_async" / "deep" / "m.py"
    source.parent.mkdir(parents=True)
    source.write_text(SOURCE)
    return tmp_path


def run(twins, package: Path, *arguments: str) -> int:
    return twins.main(["--package", str(package), *arguments])


def test_a_twin_is_written_formatted_beside_its_source(twins, package: Path, capsys) -> None:
    target = package / "face" / "_sync" / "deep" / "m.py"
    assert run(twins, package) == 0
    assert target.read_text() == TWIN
    assert capsys.readouterr().out == f"{target}\n"
    assert run(twins, package) == 0
    assert capsys.readouterr().out == "", "nothing is written twice"
    assert run(twins, package, "--check") == 0


def test_a_missing_twin_fails_the_check(twins, package: Path, capsys) -> None:
    assert run(twins, package, "--check") == 1
    assert "+def f(x: int, y: Iterator[int])" in capsys.readouterr().out


def test_an_edited_twin_fails_the_check_with_the_difference(twins, package: Path, capsys) -> None:
    run(twins, package)
    target = package / "face" / "_sync" / "deep" / "m.py"
    target.write_text(TWIN.replace("yield g(x)", "yield g(x + 1)"))
    capsys.readouterr()
    assert run(twins, package, "--check") == 1
    out = capsys.readouterr().out
    assert "-        yield g(x + 1)\n+        yield g(x)\n" in out


def test_a_twin_without_a_source_fails_the_check_and_is_removed(twins, package: Path, capsys) -> None:
    run(twins, package)
    (package / "face" / "_async" / "deep" / "m.py").unlink()
    assert run(twins, package, "--check") == 1
    assert "no asynchronous module stands behind" in capsys.readouterr().out
    assert run(twins, package) == 0
    assert not (package / "face" / "_sync" / "deep" / "m.py").exists()


def test_a_file_written_by_hand_among_the_twins_is_not_removed(twins, package: Path, capsys) -> None:
    by_hand = package / "face" / "_sync" / "by_hand.py"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_text("x = 1\n")
    assert run(twins, package) == 1
    assert by_hand.exists()
    assert "written by hand" in capsys.readouterr().err
