#!/usr/bin/env python3
"""Compares a backend with the reference on any number of random questions and programs.

    make fuzz                                       a minute of it
    make fuzz ARGS="--questions 100000 --programs 2000"
    make fuzz ARGS="--resume fuzz.json --questions 1000000"     goes on where it was stopped
    make fuzz ARGS="--url sqlite:///:memory:"

A question is a random filter and sort over 400 adversarial entities and 400 free-form documents; a program is forty
random steps of writes, reads, pages, searches, aggregates and transactions. Everything follows from the seeds, so what
differs is found again by its number. Differences are shrunk, printed, and kept in the folder ``fuzz-failures``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from torematrix.core.storage import Storage
from torematrix.core.storage.testing.fuzz.filters import DifferenceError, FilterFuzz
from torematrix.core.storage.testing.fuzz.programs import ProgramFuzz

QUESTIONS_PER_EPOCH = 1_000
PROGRAMS_PER_EPOCH = 50
Task = tuple[str, int, int, str]
Outcome = tuple[str, int, list[str]]


def _subject(url: str, folder: str) -> Storage:
    options: dict[str, Any] = (
        {"durability": "fast"} if url.startswith("sqlite:///") and ":memory:" not in url else {}
    )
    return Storage.open(url.replace("{folder}", folder), **options)


def run_epoch(task: Task) -> Outcome:
    """Run one epoch in a process of its own; its kind, how much was run, and what differed."""
    kind, epoch, amount, url = task
    differences: list[str] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Storage.open("memory://") as reference,
        _subject(url, folder) as subject,
    ):
        if kind == "questions":
            filters = FilterFuzz(reference, subject, epoch, entities=400)
            run: Callable[[int], None] = filters.run
            numbers = range(amount)
        else:
            programs = ProgramFuzz(reference, subject)
            run = programs.run
            numbers = range(epoch * PROGRAMS_PER_EPOCH, epoch * PROGRAMS_PER_EPOCH + amount)
        for number in numbers:
            try:
                run(number)
            except DifferenceError as difference:
                differences.append(str(difference))
                if len(differences) == 5:
                    break
    return kind, amount, differences


def _tasks(kind: str, start: int, total: int, size: int, url: str) -> Iterator[Task]:
    epoch = start
    while total > 0:
        yield kind, epoch, min(size, total), url
        total -= size
        epoch += 1


def main() -> int:
    """The exit code: 0 without differences, 1 with."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=6_000)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="the first epoch")
    parser.add_argument("--url", default="sqlite:///{folder}/fuzz.db", help="the backend under test")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--resume", type=Path, help="a file that remembers how far earlier runs came")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    given = parser.parse_args()
    state: dict[str, int] = {
        "questions": given.seed,
        "programs": given.seed,
        "questions run": 0,
        "programs run": 0,
        "differences": 0,
    }
    if given.resume is not None and given.resume.exists():
        state = json.loads(given.resume.read_text(encoding="utf-8"))
    tasks = [
        *_tasks("questions", state["questions"], given.questions, QUESTIONS_PER_EPOCH, given.url),
        *_tasks("programs", state["programs"], given.programs, PROGRAMS_PER_EPOCH, given.url),
    ]
    started = time.perf_counter()
    done = {"questions": 0, "programs": 0}
    found: list[str] = []
    console = Console()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with bar, multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        bars = {kind: bar.add_task(kind, total=getattr(given, kind)) for kind in done}
        for kind, amount, differences in pool.imap(run_epoch, tasks):
            done[kind] += amount
            bar.advance(bars[kind], amount)
            state[kind] += 1
            state[f"{kind} run"] += amount
            state["differences"] += len(differences)
            for difference in differences:
                found.append(difference)
                console.print(difference, markup=False, highlight=False)
            if given.resume is not None:
                given.resume.write_text(json.dumps(state), encoding="utf-8")
    if found:
        given.failures.mkdir(exist_ok=True)
        name = given.failures / f"{time.strftime('%Y%m%d-%H%M%S')}.txt"
        name.write_text("\n\n".join(found), encoding="utf-8")
        console.print(f"kept in {name}")
    seconds = time.perf_counter() - started
    console.print(
        f"{done['questions']:,} questions and {done['programs']:,} programs against {given.url} in {seconds:.0f} s: "
        f"{len(found)} differences"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
