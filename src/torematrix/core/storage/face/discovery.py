"""Migrations in files: found in a package or a folder, and new ones written."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from ..errors import ConfigurationError
from .drift import Drift
from .migrations import Migration, number_of

__all__ = ["discovered", "write_new"]

_WIDTH: Final = 3
_EXAMPLE: Final = """\
        # AddField("pages", int, 0),
        # RenameField("name", "title"),
"""
_TEMPLATE: Final = '''"""{description}"""

{further}from torematrix.core.storage import {imports}


class {name}(Migration):
    version = "{version}"
    description = "{text}"
    steps = (
{steps}    )
'''


def discovered(place: str | Path | ModuleType) -> tuple[Migration, ...]:
    """The migrations of a package, or of the Python files of a folder, in the order of their versions."""
    found: dict[type[Migration], Migration] = {}
    objects: list[Migration] = []
    for module in _modules(place):
        for value in list(vars(module).values()):
            known: Any = value
            if isinstance(known, Migration):
                objects.append(known)
            elif (
                isinstance(known, type)
                and issubclass(known, Migration)
                and known.__module__ == module.__name__
                and known.version
            ):
                found[known] = known()
    migrations = [*found.values(), *dict.fromkeys(objects)]
    return tuple(sorted(migrations, key=lambda migration: number_of(migration.version)))


def _modules(place: str | Path | ModuleType) -> Iterator[ModuleType]:
    if isinstance(place, ModuleType):
        yield from _of_package(place)
        return
    folder = Path(place)
    if folder.is_dir():
        for path in sorted(folder.glob("*.py")):
            if path.stem != "__init__":
                yield _of_file(path)
        return
    name = str(place)
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
        raise ConfigurationError(f"there is no folder {name!r}")
    try:
        package = importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"there is no folder and no package {name!r}") from error
    yield from _of_package(package)


def _of_package(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for info in pkgutil.iter_modules(getattr(package, "__path__", ())):
        yield importlib.import_module(f"{package.__name__}.{info.name}")


def _of_file(path: Path) -> ModuleType:
    # Files of a folder are no package, and are named after versions: each is a module under a name of its own.
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"torematrix_migration_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigurationError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def write_new(folder: Path, last: str | None, description: str, drift: Drift | None) -> Path:
    """Write the file of a new migration; its path.

    Raises:
        ConfigurationError: the description names nothing, or the file is there already.
    """
    words = re.findall(r"[A-Za-z0-9]+", description)
    if not words or "\n" in description:
        raise ConfigurationError("describe in a line what the migration is for")
    width = _WIDTH if last is None else len(last)
    version = str(1 if last is None else number_of(last) + 1).zfill(width)
    steps = _EXAMPLE if drift is None else "".join(f"        {line}\n" for line in drift.source)
    further = "" if drift is None else "".join(f"{line}\n" for line in drift.imports)
    text = description.replace("\\", "\\\\").replace('"', '\\"')
    imports = ", ".join(["Migration", *sorted(set(re.findall(r"^\s*([A-Z]\w+)\(", steps, re.MULTILINE)))])
    name = "".join(word[:1].upper() + word[1:] for word in words)
    content = _TEMPLATE.format(
        description=text,
        further=further,
        imports=imports,
        name=name if name[0].isalpha() else f"Migration{name}",
        version=version,
        text=text,
        steps=steps,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{version}_{'_'.join(words).lower()[:60]}.py"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        raise ConfigurationError(f"{path} is there already") from None
    return path
