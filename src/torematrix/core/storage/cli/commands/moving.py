"""``move`` and ``release``: collections from one database to another."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Annotated, Any

import typer

from ...core.moves import BATCH, MoveReport
from ...errors import StorageError
from ...face._sync.moving import BackendMigrator
from ...face._sync.storage import Storage
from ..memory import peak_memory
from ..opening import config_of, database_path, opened
from ..options import AsJson
from ..outcome import CommandError, ExitCode, command_error
from ..showing import console, duration, print_json, table
from ..watching import MoveWatcher

__all__ = ["register"]

_NAMED = 10


def move(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="The database to move from, as --storage of other commands."),
    ],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The database to move to.")],
    collections: Annotated[
        list[str] | None,
        typer.Option("--collection", "-c", metavar="NAME", help="Only this collection. Repeatable."),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size", metavar="N", min=1, max=100_000, help="Entities written at once, at most."
        ),
    ] = BATCH,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a move that was interrupted; begin one that was not.")
    ] = False,
    verify_only: Annotated[
        bool, typer.Option("--verify-only", help="Compare both sides and write nothing.")
    ] = False,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not compare both sides at the end.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look at everything, read everything, and write nothing.")
    ] = False,
    stop: Annotated[
        bool,
        typer.Option(
            "--stop",
            help="Stop at the first entity that the target refuses, rather than leave it out and go on.",
        ),
    ] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Applications go on writing to SOURCE; once TARGET has caught up, SOURCE takes no more writes.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Move collections to another database, whatever the engines, and compare both sides.

    Ids, timestamps, revisions and values come over exactly; the source is not changed. The collections of the target
    are new or empty. A move that was interrupted at any point goes on with --resume.
    """
    if verify_only and (dry_run or no_verify or resume or live):
        raise CommandError(
            "--verify-only goes without --dry-run, --no-verify, --resume and --live", ExitCode.USAGE
        )
    with (
        MoveWatcher(quiet=as_json) as watcher,
        opened(source, write=live and not dry_run, option="SOURCE") as origin,
        _target(target, writes=not (dry_run or verify_only)) as destination,
    ):
        migrator = BackendMigrator(
            batch_size,
            on_error="stop" if stop else "collect",
            resume=resume,
            verify=not no_verify,
            dry_run=dry_run,
            watcher=watcher.advanced,
            live=live,
        )
        try:
            act = migrator.verify if verify_only else migrator.move
            report = act(origin, destination, collections)
        except KeyboardInterrupt:
            raise CommandError(
                "interrupted; whole batches are in the target: run the same command with --resume to go on",
                ExitCode.INTERRUPTED,
            ) from None
        except StorageError as error:
            raise command_error(error) from error
    if as_json:
        print_json(_plain(report))
    else:
        _show(report, verify_only=verify_only, live=live)
    code = _code(report, live=live)
    if code is not ExitCode.DONE:
        raise typer.Exit(code)


@contextlib.contextmanager
def _target(url: str, *, writes: bool) -> Generator[Storage, None, None]:
    """The target; one that nothing is written to is not made, and is as good as an empty one."""
    path = database_path(config_of(url, "TARGET"))
    if not writes and path is not None and not path.exists():
        url = "memory://"
    with opened(url, write=writes or path is None, makes=writes, option="TARGET") as storage:
        yield storage


def _code(report: MoveReport, *, live: bool) -> ExitCode:
    if live and report.verified is False:
        return ExitCode.FAILED  # whatever differs, writers have to stay where they are
    differences = report["differences"]
    others = differences["missing"] - report["failed"] + differences["extra"] + differences["different"]
    if report.verified is False and (others or not report["failed"]):
        return ExitCode.FAILED
    return ExitCode.SKIPPED if report["failed"] else ExitCode.DONE


def _plain(report: MoveReport) -> dict[str, Any]:
    collections = {name: dict(one) for name, one in report["collections"].items()}
    return {**report, "collections": collections, "peak_memory": peak_memory()}


def _show(report: MoveReport, *, verify_only: bool, live: bool) -> None:
    out = console()
    columns = ["collection", "entities", "moved", "failed", "time", "rate", "same", "checksum"]
    rows: list[list[str]] = []
    for name, one in report["collections"].items():
        same = {None: "not compared", True: "yes", False: "NO"}[one.verified]
        rows.append(
            [
                name,
                f"{one['total_entities']:,}",
                "-" if verify_only else f"{one['migrated']:,}",
                "-" if verify_only else f"{one['failed']:,}",
                duration(one["duration_seconds"]),
                "-" if verify_only else f"{one['rate']:,.0f}/s",
                same,
                (one["checksum"] or "-")[:16],
            ]
        )
    out.print(table(columns, rows, right=columns[1:6], whole=["collection", "same"]))
    if report["dry_run"]:
        out.print("nothing was written: this was a dry run")
    if report["cut_over"]:
        out.print(
            f"{report['caught_up']:,} writes of others were followed; they waited {report['pause_seconds']:.2f} s, and "
            "now find that the source takes no more writes"
        )
    elif live and report.verified is False:
        out.print("both sides differ: the source goes on taking writes, and --resume tries again")
    for name, one in report["collections"].items():
        for kind in ("missing", "extra", "different"):
            count = one["differences"][kind]
            if count:
                named = ", ".join(map(repr, one["differences"][f"{kind}_ids"][:_NAMED]))
                out.print(
                    f"{name}: {count:,} {kind} in the target: {named}{', ...' if count > _NAMED else ''}"
                )
        for error in one["errors"][:_NAMED]:
            out.print(f"{name}: {error['id']!r} was refused: {error['error']}", soft_wrap=True)
        if one["failed"] > _NAMED:
            out.print(f"{name}: {one['failed'] - _NAMED:,} more were refused; --json names up to 1,000")


def release(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="The database, as --storage of other commands.")
    ],
) -> None:
    """Have a database that was moved with --live take writes again; what was written elsewhere since is not there.

    A live move that was interrupted cannot be resumed after this: it begins anew, into an empty target.
    """
    with opened(source, write=True, option="SOURCE") as origin:
        try:
            BackendMigrator().release(origin)
        except StorageError as error:
            raise command_error(error) from error
    console().print("it takes writes, and notes them for nobody")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("move")(move)
    app.command("release")(release)
