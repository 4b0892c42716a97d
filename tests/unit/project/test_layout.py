"""What the project promises about its own form: packages, locks, sizes and the wheel that users get."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
PACKAGE = PROJECT / "src" / "torematrix" / "core" / "storage"
LOCKS = sorted((PROJECT / "requirements").glob("*.txt"))
MODULES = sorted(PACKAGE.glob("**/*.py"))
LIMIT = 500


def test_the_outer_packages_are_namespaces() -> None:
    """Other distributions may add to ``torematrix`` and ``torematrix.core``."""
    assert not (PROJECT / "src" / "torematrix" / "__init__.py").exists()
    assert not (PROJECT / "src" / "torematrix" / "core" / "__init__.py").exists()


_REQUIREMENT = re.compile(
    r"^(?P<pin>[a-z0-9][\w.-]*==[^\s;]+)(?: ; [^\\\n]+)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+",
    re.MULTILINE,
)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_holds_versions_and_hashes_and_nothing_else(lock: Path) -> None:
    """Where packages come from is the user's configuration, not the project's."""
    text = lock.read_text("utf-8")
    assert len(_REQUIREMENT.findall(text)) > 20
    rest = _REQUIREMENT.sub("", text)
    assert all(line.startswith("#") for line in rest.splitlines())
    assert "://" not in text


def test_the_locks_agree_with_each_other() -> None:
    """What tests and benchmarks use is what developers use; the benchmark's has the other libraries beside."""
    pins = {lock.stem: set(_REQUIREMENT.findall(lock.read_text("utf-8"))) for lock in LOCKS}
    assert pins["test"] < pins["dev"]
    others = pins["bench"] - pins["dev"]
    assert others
    names = {pin.partition("==")[0] for pin in pins["dev"]}
    assert not [pin for pin in others if pin.partition("==")[0] in names]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.relative_to(PACKAGE).as_posix())
def test_a_module_is_one_idea(module: Path) -> None:
    """More than 500 lines need a reason, given by a comment that begins ``# Size:``, or are data that a tool wrote."""
    text = module.read_text("utf-8")
    is_data = re.match(r'""".*\bwritten by tools/', text)
    assert text.count("\n") <= LIMIT or is_data or re.search(r"^# Size: \w", text, re.MULTILINE)


def test_the_wheel_holds_the_typed_package_and_nothing_beside_it(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"})
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        information = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(information).decode()
    assert "torematrix/core/storage/py.typed" in names
    assert "torematrix/core/storage/errors.py" in names
    assert {name.split("/")[0] for name in names} == {"torematrix", information.split("/")[0]}
    assert not {"torematrix/__init__.py", "torematrix/core/__init__.py"} & names
    assert information.replace("METADATA", "licenses/LICENSE") in names
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata


def test_the_capability_table_is_what_the_backends_declare() -> None:
    """`python tools/make_capability_table.py` writes it anew."""
    tool = [sys.executable, str(PROJECT / "tools" / "make_capability_table.py"), "--check"]
    assert subprocess.run(tool, cwd=PROJECT, check=False).returncode == 0
