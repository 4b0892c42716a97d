"""What type checkers say of programs that use the library: accepted/ passes, refused/ fails where it says so.

``make types`` checks the accepted programs, in which ``assert_type`` says what is revealed. Here they are run, and both
checkers go over the refused ones: a comment ``# refused: mypy[codes] pyright[rules]`` stands before each line that has
to fail, and names every error there; no other line may fail. Rules about types that are unknown because of another
error are passed over.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
ACCEPTED = sorted((Path(__file__).parent / "accepted").glob("*.py"))
REFUSED = sorted((Path(__file__).parent / "refused").glob("*.py"))
STUBS = sorted((PROJECT / "typings").glob("*/__init__.pyi"))

_REFUSED = re.compile(r"^ *# refused: (?P<errors>.+)$")
_CHECKER = re.compile(r"(?P<checker>mypy|pyright)\[(?P<codes>[^\]]+)\]")

Errors = set[tuple[str, int, str]]
"""File, line and code of each error."""


def expected(checker: str) -> Errors:
    found: Errors = set()
    for path in REFUSED:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            match = _REFUSED.match(line)
            for part in _CHECKER.finditer(match["errors"]) if match else ():
                if part["checker"] == checker:
                    found |= {(path.name, number + 1, code) for code in part["codes"].split(",")}
    return found


def output_of(module: str, *arguments: str) -> str:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed in this environment")
    command = [sys.executable, "-m", module, *arguments, *map(str, REFUSED)]
    # The checkers' own warnings are none of this suite's business.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    result = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stdout


def differences(said: Errors, wanted: Errors) -> str:
    lines: Iterable[str] = (
        *(f"{name}:{line}: is not refused with {code}" for name, line, code in sorted(wanted - said)),
        *(f"{name}:{line}: is refused with {code}" for name, line, code in sorted(said - wanted)),
    )
    return "\n".join(lines)


@pytest.mark.parametrize("program", ACCEPTED, ids=lambda path: path.stem)
def test_an_accepted_program_runs(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location(f"accepted_{program.stem}", program)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where annotations are looked up
    spec.loader.exec_module(module)
    module.main()


@pytest.mark.slow
def test_mypy_refuses() -> None:
    said: Errors = set()
    for line in output_of("mypy", "--output", "json").splitlines():
        error: dict[str, Any] = json.loads(line)
        if error["severity"] == "error":
            said.add((Path(error["file"]).name, error["line"], error["code"]))
    assert not differences(said, expected("mypy"))


@pytest.mark.slow
def test_pyright_refuses() -> None:
    said: Errors = set()
    for error in json.loads(output_of("basedpyright", "--outputjson"))["generalDiagnostics"]:
        if error["severity"] == "error" and not error["rule"].startswith("reportUnknown"):
            said.add((Path(error["file"]).name, error["range"]["start"]["line"] + 1, error["rule"]))
    assert not differences(said, expected("pyright"))


@pytest.mark.parametrize("stub", STUBS, ids=lambda path: path.parent.name)
def test_a_stub_describes_what_is_there(stub: Path) -> None:
    """Every public name of typings/ is one of the library it describes; names with an underscore are the stub's own."""
    described = importlib.import_module(stub.parent.name)
    for node in ast.parse(stub.read_text("utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                assert name.startswith("_") or hasattr(described, name), name
            case ast.ClassDef(name=name, body=members) if not name.startswith("_"):
                methods = [member.name for member in members if isinstance(member, ast.FunctionDef)]
                absent = [method for method in methods if not hasattr(getattr(described, name), method)]
                assert not absent, name
            case _:
                pass
