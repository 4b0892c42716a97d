"""``migrate``: status, plan, up, down, new and diff, with the migrations of a folder."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ...errors import ConfigurationError
from ...face._sync.migrating import MigrationManager
from ...face._sync.repository import StorageRepository
from ...face._sync.storage import Storage
from ...face.migrations import Direction, MigrationHistory
from ..opening import opened, stored_collection
from ..options import DEFAULT_URL, AsJson, CollectionName, StorageUrl
from ..outcome import CommandError, ExitCode
from ..showing import console, print_json, table

__all__ = ["register"]

Folder = Annotated[
    Path,
    typer.Option("--folder", "-F", metavar="FOLDER", help="The folder of the migrations, Python files."),
]
DEFAULT_FOLDER = Path("migrations")
Target = Annotated[str | None, typer.Option("--to", metavar="VERSION", help="The version to stop at.")]
EntityClass = Annotated[
    str | None,
    typer.Option(
        "--class",
        metavar="MODULE:CLASS",
        help="The entity class, for migrations that are code, and for diff.",
    ),
]


def status(
    storage: StorageUrl = DEFAULT_URL,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Show where every migration stands.

    Ends with exit code 1 where what was applied is not what is in the folder.
    """
    manager = _manager(folder)
    with _opened(storage, collection) as repository:
        found = manager.status(repository)
    if as_json:
        print_json(
            [
                {
                    "version": each.version,
                    "description": each.description,
                    "state": each.state,
                    "applied_at": None if each.applied_at is None else each.applied_at.isoformat(),
                }
                for each in found
            ]
        )
    else:
        rows = [
            (
                each.version,
                each.state,
                "" if each.applied_at is None else f"{each.applied_at:%Y-%m-%d %H:%M:%S}",
                each.description,
            )
            for each in found
        ]
        console().print(
            table(["version", "state", "applied at (UTC)", "description"], rows) if rows else "no migrations"
        )
    if any(each.state in ("changed", "unknown") for each in found):
        raise typer.Exit(ExitCode.FAILED)


def plan(
    storage: StorageUrl = DEFAULT_URL,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    target: Target = None,
    down: Annotated[bool, typer.Option("--down", help="What `down` would do, rather than `up`.")] = False,
) -> None:
    """Show what would be done; nothing is changed."""
    manager = _manager(folder)
    with _opened(storage, collection) as repository:
        found = manager.plan(repository, target, direction="down" if down else "up")
    console().print(str(found), soft_wrap=True)


def up(
    storage: StorageUrl = DEFAULT_URL,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    target: Target = None,
    entity_class: EntityClass = None,
    as_json: AsJson = False,
) -> None:
    """Carry out what is pending, or go on with what was interrupted."""
    _carried_out("up", storage, collection, folder, target, entity_class, as_json)


def down(
    storage: StorageUrl = DEFAULT_URL,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    target: Target = None,
    entity_class: EntityClass = None,
    as_json: AsJson = False,
) -> None:
    """Take back the last migration, or all after the version given with --to; 000 for all."""
    _carried_out("down", storage, collection, folder, target, entity_class, as_json)


def _carried_out(
    direction: Direction,
    storage: str,
    collection: str | None,
    folder: Path,
    target: str | None,
    entity_class: str | None,
    as_json: bool,
) -> None:
    manager = _manager(folder)
    with _opened(storage, collection, entity_class, write=True) as repository, _watching(as_json) as progress:
        run = manager.migrate if direction == "up" else manager.rollback
        done: list[MigrationHistory] = run(repository, target, progress=progress)
    if as_json:
        print_json([{"version": each.version, "description": each.description} for each in done])
        return
    for each in done:
        took = f" in {each.seconds:.1f} s" if direction == "up" else ""
        console().print(f"{direction} {each.version} {each.description}{took}", soft_wrap=True)
    if not done:
        print("nothing to do")


def new(
    description: Annotated[str, typer.Argument(metavar="DESCRIPTION", help="What it is for, in a line.")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Write the file of a new migration, to be filled in."""
    print(_manager(folder, missing=True).new(folder, description))


def diff(
    entity_class: Annotated[
        str, typer.Option("--class", metavar="MODULE:CLASS", help="The entity class to compare with.")
    ],
    storage: StorageUrl = DEFAULT_URL,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    write: Annotated[
        str | None,
        typer.Option("--write", metavar="DESCRIPTION", help="Write the migration that takes it there."),
    ] = None,
) -> None:
    """Show how an entity class differs from what its collection is made for.

    Ends with exit code 1 where the class could not use the collection as it is.
    """
    manager = _manager(folder, missing=True)
    with _opened(storage, collection, entity_class) as repository:
        found = manager.diff(repository)
    console().print(str(found), soft_wrap=True)
    for line in found.source:
        console().print(f"    {line}", soft_wrap=True)
    if write is not None and found.source:
        print(manager.new(folder, write, drift=found))
    if found.needs_migration:
        raise typer.Exit(ExitCode.FAILED)


def _manager(folder: Path, *, missing: bool = False) -> MigrationManager:
    manager = MigrationManager()
    if not folder.is_dir():
        if missing:
            return manager
        raise CommandError(
            f"there is no folder {str(folder)!r}: name the one of the migrations with --folder",
            ExitCode.NOT_FOUND,
        )
    manager.discover(folder)
    return manager


@contextlib.contextmanager
def _opened(
    url: str, collection: str | None, entity_class: str | None = None, *, write: bool = False
) -> Generator[StorageRepository[Any], None, None]:
    """The repository to migrate: of the class given, or of what is stored, or of what will be."""
    cls = None if entity_class is None else _class(entity_class)
    with opened(url, write=write, makes=write and cls is not None) as storage:
        yield _repository(storage, collection, cls)


def _repository(storage: Storage, name: str | None, cls: type[Any] | None) -> StorageRepository[Any]:
    if name is None or (cls is None and name in storage.collections()):
        stored = stored_collection(storage, name)
        if cls is None:
            return stored.repository
        name = stored.name
    return storage.repository(dict if cls is None else cls, name)


def _class(text: str) -> type[Any]:
    module, _, name = text.partition(":")
    if not module or not name:
        raise CommandError(f"--class: {text!r} is not MODULE:CLASS", ExitCode.USAGE)
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise CommandError(f"--class: there is no {text!r}: {error}", ExitCode.USAGE) from error
    if not isinstance(found, type):
        raise ConfigurationError(f"--class: {text!r} is not a class")
    return found


@contextlib.contextmanager
def _watching(quiet: bool) -> Generator[Callable[[int, int], None] | None, None, None]:
    """A bar on a terminal, nothing elsewhere."""
    screen = console(stderr=True)
    if quiet or not screen.is_terminal:
        yield None
        return
    columns = (TextColumn("migrating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = typer.Typer(
        help="Migrate a collection to another schema, and back.", no_args_is_help=True, rich_markup_mode=None
    )
    for command in (status, plan, up, down, new, diff):
        commands.command(command.__name__)(command)
    app.add_typer(commands, name="migrate")
