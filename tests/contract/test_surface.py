"""The public names: what is exported is documented and tested, and nothing else is promised."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import torematrix.core.storage as package

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


def words_of(paths: list[Path]) -> set[str]:
    return {word for path in paths for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}


def in_reference(name: str) -> bool:
    """Whether the reference page pulls in the name's docstring, by itself or with its module."""
    value = getattr(package, name)
    module, qualified = value.__module__, f"{value.__module__}.{value.__qualname__}"
    return bool(re.search(rf"^::: ({re.escape(module)}|{re.escape(qualified)})$", REFERENCE, re.MULTILINE))


@pytest.mark.parametrize("name", package.__all__)
def test_every_name_is_documented_and_tested(name: str) -> None:
    """A public name exists, has a docstring, stands in the documentation, and is used by a test."""
    value = getattr(package, name)
    assert value.__doc__
    twin = name.removeprefix("Async") if name.startswith("Async") else name.replace("_async", "")
    assert name in words_of(DOCUMENTS) or in_reference(name) or in_reference(twin)
    folders = [ROOT / "tests", ROOT / "src" / "torematrix" / "core" / "storage" / "testing"]
    assert name in words_of([path for folder in folders for path in folder.rglob("*.py")])


def test_what_type_checkers_see_is_what_there_is() -> None:
    """The names imported for type checkers are those that are loaded when asked for."""
    source = Path(package.__file__).read_text(encoding="utf-8")
    seen = set(re.findall(r"^    from \S+ import (\w+) as \1$", source, re.MULTILINE))
    assert seen == set(package.__all__)
