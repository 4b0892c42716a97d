"""``info``, ``backup``, ``restore``, ``check`` and ``vacuum``: looking after a database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ...capability import Capabilities, Support
from ...face.registry import backend_named, loaded
from ..opening import config_of, database_path, opened
from ..options import DEFAULT_URL, AsJson, StorageUrl
from ..outcome import CommandError, ExitCode
from ..progress import bar
from ..showing import console, pairs, print_json, size, table

__all__ = ["register"]


def info(storage: StorageUrl = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Show the engine, its sizes, collections and abilities."""
    with opened(storage) as open_storage:
        health = open_storage.health()
        statistics = open_storage.statistics()
        collections = open_storage.collections()
        capabilities = open_storage.capabilities
    if as_json:
        print_json(
            {
                "backend": capabilities.backend,
                "version": capabilities.version,
                "health": health,
                "statistics": statistics,
                "collections": collections,
                "capabilities": {
                    "features": {
                        feature.value: _cell(cell) for feature, cell in capabilities.features.items()
                    },
                    "operators": {name: _cell(cell) for name, cell in capabilities.operators.items()},
                },
            }
        )
        return
    screen = console()
    facts = {name: value for name, value in statistics.items() if name != "collections"}
    items = [
        ("engine", f"{capabilities.backend} {capabilities.version}"),
        ("database", repr(config_of(storage))),
    ]
    items += [(_words(name), _figure(name, value)) for name, value in facts.items()]
    screen.print(pairs(items))
    _show_collections(screen, collections, statistics.get("collections", {}))
    _show_capabilities(screen, capabilities)


def _cell(cell: Any) -> dict[str, str]:
    return {"support": cell.support.value, **({"note": cell.note} if cell.note else {})}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _figure(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return size(value) if name.endswith(("bytes", "page_size")) else f"{value:,}"
    return str(value)


def _show_collections(screen: Console, collections: dict[str, Any], measured: dict[str, Any]) -> None:
    for name, description in collections.items():
        facts = measured.get(name, {})
        items = [("collection", name)]
        if "rows" in facts:
            items.append(("rows", f"{facts['rows']:,}"))
        if facts.get("bytes") is not None:
            items.append(("size", size(facts["bytes"])))
        fields = "free-form" if description["freeform"] else ", ".join(description["fields"])
        items.append(("fields", fields))
        items.append(("indexed", ", ".join("+".join(index["paths"]) for index in description["indexes"])))
        items.append(("searchable", ", ".join(path for path, _ in description["searchable"])))
        screen.print()
        screen.print(pairs(items))
    if not collections:
        screen.print("no collections yet")
    screen.print()


def _show_capabilities(screen: Console, capabilities: Capabilities) -> None:
    cells = {feature.value: cell for feature, cell in capabilities.features.items()} | capabilities.operators
    native = sum(cell.support is Support.NATIVE for cell in cells.values())
    screen.print(f"{native} of {len(cells)} features and operators are native")
    worth_saying = [
        (name, cell.support.value, cell.note)
        for name, cell in cells.items()
        if cell.support is not Support.NATIVE or cell.note
    ]
    if worth_saying:
        screen.print(table(["feature or operator", "support", "note"], worth_saying))


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to make; it must not exist.")],
    storage: StorageUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Copy the database to a new file.

    Others go on using the database meanwhile. The copy is checked, and its manifest stands beside it.
    """
    with opened(storage) as open_storage:
        screen = console(stderr=True)
        if as_json or not screen.is_terminal:
            manifest = open_storage.backup(file)
        else:
            with bar("copying", "") as progress:
                task = progress.add_task("", total=None, items="")
                manifest = open_storage.backup(
                    file, progress=lambda done, total: progress.update(task, completed=done, total=total)
                )
    if as_json:
        print_json({"file": str(file), "manifest": manifest})
    else:
        _show_manifest(f"backed up to {file}", manifest)


def restore(
    backup_file: Annotated[
        Path, typer.Argument(metavar="BACKUP", help="A file that backup made, with its manifest.")
    ],
    database: Annotated[
        str, typer.Argument(metavar="DATABASE", help="The SQLite file to make, by its path or URL.")
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of a database that is there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a database of a backup.

    The backup is compared with its manifest first. What fails leaves everything as it was.
    """
    path = database_path(config_of(database, "DATABASE"))
    if path is None:
        raise CommandError(
            "only a database of SQLite in a file is restored from a backup: a server has programs of its own for that, "
            "pg_restore or mongorestore",
            ExitCode.USAGE,
        )
    if path.exists() and not replace:
        raise CommandError(f"there is a database {str(path)!r}: restore to another path, or give --replace")
    run = loaded("torematrix.core.storage.backends.sqlite.admin:restore", backend_named("sqlite"))
    manifest: dict[str, Any] = run(backup_file, path, replace=replace)
    if as_json:
        print_json({"database": str(path), "manifest": manifest})
    else:
        _show_manifest(f"restored to {path}", manifest)


def _show_manifest(done: str, manifest: dict[str, Any]) -> None:
    collections: dict[str, Any] = manifest["collections"]
    counted = ", ".join(f"{name} {facts['rows']:,}" for name, facts in collections.items()) or "none"
    console().print(
        pairs(
            [
                ("done", done),
                ("size", size(manifest["bytes"])),
                ("made at", str(manifest["created_at"])),
                ("collections", counted),
                ("sha256", str(manifest["sha256"])),
            ]
        )
    )


def check(storage: StorageUrl = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Examine the whole database.

    Ends with exit code 5 where something is wrong with it.
    """
    with opened(storage) as open_storage:
        problems = open_storage.check()
    if as_json:
        print_json({"sound": not problems, "problems": problems})
    elif problems:
        for problem in problems:
            console().print(problem, soft_wrap=True)
        console().print("restore the database from a backup, or export what can still be read")
    else:
        print("sound")
    if problems:
        raise typer.Exit(ExitCode.DAMAGED)


def vacuum(
    storage: StorageUrl = DEFAULT_URL,
    full: Annotated[
        bool, typer.Option("--full", help="Write everything anew, which needs as much space again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give free space back to the file system."""
    with opened(storage):
        pass  # which refuses a database that is not there, or not ours, before anything is written
    with opened(storage, write=True) as open_storage:
        done = open_storage.vacuum(full=full)
    if as_json:
        print_json(done)
    else:
        print(f"{size(done['bytes_before'])} before, {size(done['bytes_after'])} after")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("info")(info)
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("check")(check)
    app.command("vacuum")(vacuum)
