#!/usr/bin/env python3
"""Compares every engine with the reference on random programs.

    make fuzz                                                    2,000 programs on all engines
    make fuzz ARGS="--programs 100000 --resume var/fuzz.json"    many; goes on where it was stopped
    make fuzz ARGS="--engines sqlite,mongodb"                    some of the engines
    make fuzz ARGS="--url postgresql=postgresql://u@h/db"        an engine on a server that runs already
    make fuzz ARGS="--plant null-logic"                          with a fault planted, which it has to find
    make fuzz ARGS="--resume var/fuzz.json --show"               what a run has shown so far

A program stores some entities and then takes about ten steps: writes, bulk writes with failures, questions, pages,
searches, aggregates, streams and nested transactions. It runs on each engine, in the blocking or the waiting colour,
and every result and every error must be as in the reference. A number is a program, the same everywhere. What differs
is made as small as possible and kept in tests/fuzz/regressions, where a test runs it again on all engines.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from torematrix.core.storage.testing.fuzz.engines import SQLITE, Engine, engine_of
from torematrix.core.storage.testing.fuzz.faults import FAULTS
from torematrix.core.storage.testing.fuzz.runs import CHUNK, Found, State, run_programs
from torematrix.core.storage.testing.servers.home import Home
from torematrix.core.storage.testing.servers.shared import SharedServers

REGRESSIONS = Path(__file__).resolve().parent.parent / "tests" / "fuzz" / "regressions"
SERVED = ("postgresql", "postgresql_icu", "mongodb", "mongodb_standalone")


def _engines(
    names: Sequence[str], urls: dict[str, str], colours: Sequence[str], stack: contextlib.ExitStack
) -> list[Engine]:
    """The engines of these names; servers that no URL was given for are started, and end with the stack."""
    missing = [name for name in names if name in SERVED and name not in urls]
    if missing:
        servers = stack.enter_context(contextlib.closing(SharedServers(Home.make())))
        for name in missing:
            if name.startswith("postgresql"):
                addresses = servers.postgresql()
                urls[name] = addresses.icu_url if name == "postgresql_icu" else addresses.url
            else:
                urls[name] = servers.mongodb() if name == "mongodb" else servers.mongodb_standalone()
    known = {"sqlite": SQLITE}
    engines = [
        known.get(name) or engine_of(name, urls[name], single=name == "mongodb_standalone") for name in names
    ]
    return [msgspec.structs.replace(engine, colours=tuple(colours)) for engine in engines]


def _keep(found: Found, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "_", f"{found.engine} {found.kind} {found.number}".lower())
    path = folder / f"{name}.json"
    path.write_text(found.text(), encoding="utf-8")
    return path


def _report(state: State, console: Console) -> None:
    """What has happened: how often each method gave something, nothing, or an error."""
    rows: dict[str, list[str]] = defaultdict(list)
    engines: list[str] = []
    for what, count in sorted(state.counts.items()):
        subject, _, result = what.partition(": ")
        if result:
            rows[subject].append(f"{result} {count:,}")
        else:
            engines.append(f"{what} {count:,}")
    for subject, results in rows.items():
        console.print(f"{subject}: {', '.join(results)}", markup=False, highlight=False, soft_wrap=True)
    console.print("; ".join(engines), markup=False, highlight=False, soft_wrap=True)
    speed = state.done / state.seconds if state.seconds else 0.0
    console.print(
        f"{state.done:,} programs from {state.first:,} on in {state.seconds:,.0f} s ({speed:.1f} a second): "
        f"{len(state.differences)} differences"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--programs", type=int, default=2_000, help="how many programs to run")
    parser.add_argument("--first", type=int, default=0, help="the number of the first program of a new run")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--engines", default=",".join(("sqlite", *SERVED)), help="the engines, by name")
    parser.add_argument(
        "--url",
        action="append",
        default=[],
        metavar="NAME=URL",
        help="the server of an engine that runs already",
    )
    parser.add_argument("--colours", default="sync,async", help="the colours of engines")
    parser.add_argument("--resume", type=Path, help="a file that remembers how far earlier runs came")
    parser.add_argument("--show", action="store_true", help="show what is in that file, and run nothing")
    parser.add_argument("--failures", type=Path, default=REGRESSIONS, help="where differences are kept")
    parser.add_argument("--enough", type=int, default=20, help="stop at so many differences")
    parser.add_argument("--plant", choices=sorted(FAULTS), help="a fault to plant; nothing is kept")
    return parser.parse_args()


def main() -> int:
    """The exit code: 0 without differences, 1 with; with a planted fault the other way round."""
    given = _arguments()
    console = Console()
    state = State.read(given.resume, given.first)
    if given.show:
        _report(state, console)
        return 0
    names = given.engines.split(",") if given.plant is None else [FAULTS[given.plant].engine]
    urls = dict(entry.split("=", 1) for entry in given.url)
    names += [name for name in urls if name not in names and given.plant is None]
    new: list[Found] = []
    bar = Progress(
        TextColumn("programs"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[differences]} differences"),
        console=console,
    )
    with contextlib.ExitStack() as stack:
        engines = _engines(names, urls, given.colours.split(","), stack)
        stack.enter_context(bar)
        task = bar.add_task("programs", total=-(-given.programs // CHUNK) * CHUNK, differences=0)

        def tell(count: int, found: Sequence[Found]) -> None:
            new.extend(found)
            bar.update(task, advance=count, differences=len(new))
            state.write(given.resume)
            for each in found:
                if each.program:
                    console.print(_shown(each), markup=False, highlight=False)
                    if given.plant is None:
                        console.print(f"kept in {_keep(each, given.failures)}", markup=False, highlight=False)

        run_programs(
            engines,
            state,
            given.programs,
            processes=given.processes,
            plant=given.plant,
            enough=given.enough if given.plant is None else 1,
            tell=tell,
        )
    _report(state, console)
    if given.plant is not None:
        console.print(f"the planted fault was {'' if new else 'not '}found")
        return 0 if new else 1
    return 1 if new else 0


def _shown(found: Found) -> str:
    return (
        f"\n{found.engine}, program {found.number}, step {found.place}: {found.kind}\n"
        f"  the reference gives {found.expected:.600}\n  the engine gives {found.found:.600}\n"
        f"  {found.program:.4000}"
    )


if __name__ == "__main__":
    sys.exit(main())
