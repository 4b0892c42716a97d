"""The process behind tools/mutate.py that runs the tests on one mutant after the other, each in a fork of its own.

What the mutants do not touch is imported once, before the forks. The rest of the package is imported in the fork, where
a finder in front of all others gives the changed source for the changed module; no file is written.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.util
import io
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
from hypothesis import settings

PACKAGE: Final = "torematrix.core.storage"
SHARED: Final = (f"{PACKAGE}.model", f"{PACKAGE}.errors", f"{PACKAGE}.capability")
EXAMPLES: Final = (
    "tests/unit/query/test_evaluate.py",
    "tests/unit/query/test_normalise.py",
    "tests/unit/query/test_cursors.py",
    "tests/unit/backends/test_compile.py",
)
_KIT: Final = "src/torematrix/core/storage/testing/kit/_sync/"
KIT: Final = tuple(
    f"{_KIT}{name}.py" for name in ("test_filters", "test_sorting", "test_filters_refused", "test_pages")
)
OPTIONS: Final = (
    "-q", "-x", "--tb=short", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-profile=mutation",
    "--storage-url=memory://", "--storage-url=sqlite:///:memory:", "-k", "not hundred_thousand",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # what was imported before the fork
)  # fmt: skip
MEMORY: Final = 4 * 2**30
PROGRAMS: Final = 120


class Overlay(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module in a text instead of its file."""

    def __init__(self, module: str, source: str, path: str) -> None:
        self._module, self._source, self._path = module, source, path

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module, when it is the one."""
        if fullname != self._module:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=self._path)

    def exec_module(self, module: ModuleType) -> None:
        """Run the text as the module."""
        exec(compile(self._source, f"<mutant of {self._module}>", "exec"), module.__dict__)  # noqa: S102


def preload() -> None:
    """Import everything once, and forget the modules that a mutant may be, or may have been imported by."""
    for name in ("backends.sqlite.driver", "testing.fuzz.programs", "testing.plugin"):
        importlib.import_module(f"{PACKAGE}.{name}")
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        if not name.startswith(SHARED):
            del sys.modules[name]


def run_tests(copy: Path, files: Sequence[str]) -> bool:
    """Whether the tests in these files pass."""
    paths = [str(copy / file) for file in files]
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        return (
            pytest.main([*OPTIONS, f"--rootdir={copy}", f"--basetemp={folder}/t", *paths])
            is pytest.ExitCode.OK
        )


def run_examples(copy: Path, module: str) -> bool:
    """Whether the examples pass: the module's own, then those of the others."""
    own = [file for file in EXAMPLES if file.endswith(f"/test_{module.rpartition('.')[2]}.py")]
    return run_tests(copy, own or EXAMPLES) and run_tests(
        copy, [file for file in EXAMPLES if file not in own]
    )


def run_fuzz() -> bool:
    """Whether a bounded run of the fuzzer finds no difference between the reference and SQLite."""
    from torematrix.core.storage.testing.fuzz.comparing import Comparison
    from torematrix.core.storage.testing.fuzz.engines import Engine
    from torematrix.core.storage.testing.fuzz.programs import make_program

    with Comparison([Engine("sqlite", ("sqlite:///:memory:",))]) as comparison:
        return not any(comparison.run(make_program(number)) for number in range(PROGRAMS))


def failing_stage(copy: Path, stages: Sequence[str], module: str) -> str:
    """The first stage that fails, "" when all pass."""
    for stage in stages:
        try:
            # Before pytest, whose own finder reads from files whatever belongs to a plug-in.
            importlib.import_module(module)
            if stage == "examples":
                passed = run_examples(copy, module)
            else:
                passed = run_fuzz() if stage == "fuzz" else run_tests(copy, KIT)
        except BaseException:  # noqa: BLE001 - whatever a mutant raises, it was noticed
            traceback.print_exc()
            passed = False
        if not passed:
            return stage
    return ""


def fork(copy: Path, stages: Sequence[str], task: dict[str, str] | None, seconds: float) -> dict[str, object]:
    """Run the stages in a fork, on the mutant; what failed, the last of the output, and the time it took."""
    started = time.monotonic()
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as output:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.setsid()
            os.close(read)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            if task is not None:
                path = copy / "src" / Path(*task["module"].split(".")).with_suffix(".py")
                sys.meta_path.insert(0, Overlay(task["module"], task["source"], str(path)))
            os.write(write, failing_stage(copy, stages, PACKAGE if task is None else task["module"]).encode())
            sys.stdout.flush()
            os._exit(0)
        os.close(write)
        by = _wait(child, read, started + seconds)
        output.seek(0, io.SEEK_END)
        output.seek(max(0, output.tell() - 6_000))
        return {"by": by, "output": output.read(), "seconds": time.monotonic() - started}


def _wait(child: int, read: int, deadline: float) -> str:
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            said = os.read(read, 100).decode()
            os.close(read)
            # A fork that died without a word was killed by its mutant.
            return said if said or status == 0 else "examples, crashed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(read)
    return "examples, timed out"


def main() -> None:
    """Read tasks, one line of JSON each, and answer each with another."""
    copy, stages = Path(sys.argv[1]), sys.argv[2].split(",")
    settings.register_profile("mutation", derandomize=True, database=None, deadline=None, max_examples=20)
    preload()
    baseline = fork(copy, stages, None, 600)
    print(json.dumps(baseline), flush=True)
    limit = max(30.0, 6 * float(str(baseline["seconds"])))
    for line in sys.stdin:
        answer = fork(copy, stages, json.loads(line), limit)
        print(json.dumps({"by": answer["by"], "seconds": answer["seconds"]}), flush=True)


if __name__ == "__main__":
    main()
