#!/usr/bin/env python3
"""Breaks the evaluator, the compilers and the cursors on purpose, change by change, and runs what should notice.

    make mutate                                       all of it, going on where it was stopped
    make mutate ARGS="--module normalise"             one module
    make mutate ARGS="--show"                         the survivors, without running anything
    make mutate ARGS="--write"                        the same, with the table of docs/proofs.md brought up to date
    make mutate ARGS="--fresh"                        forget earlier results

Everything runs on a copy of the package in a temporary folder. A mutant is killed when the examples of the rules, the
conformance kit on memory and SQLite, or the fuzzer fails or takes too long. Changes that make no difference are named
in tools/equivalent_mutants.toml, each with its reason; they count neither as killed nor as mutants. Results are kept
in var/mutation.json; a mutant that was killed is not run again while the function that it is in stays as it is.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
from pathlib import Path
from typing import Any, Final

from mutants import Mutant, mutants_of

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = "torematrix.core.storage"
MODULES: Final = {
    "evaluate": "query.evaluate",
    "normalise": "query.normalise",
    "compile": "backends.sqlite.compile",
    "cursors": "query.cursors",
}
EQUIVALENT: Final = ROOT / "tools" / "equivalent_mutants.toml"
PROOFS: Final = ROOT / "docs" / "proofs.md"
BEGIN: Final = "<!-- mutation run: written by `make mutate ARGS=--write` -->"
END: Final = "<!-- end of the mutation run -->"
Results = dict[str, dict[str, Any]]


def path_of(module: str, root: Path) -> Path:
    """The file of a module."""
    return root / "src" / Path(*f"{PACKAGE}.{module}".split(".")).with_suffix(".py")


class Run:
    """The mutants to run, their results, and the file that keeps them."""

    def __init__(self, names: list[str], kept: Path) -> None:
        self.kept = kept
        self.lock = threading.Lock()
        self.mutants: dict[str, Mutant] = {}
        self.by_module: dict[str, list[str]] = {}
        self.results: Results = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        with EQUIVALENT.open("rb") as file:
            listed: dict[str, dict[str, str]] = tomllib.load(file)
        self.equivalent = {
            f"{name}.{key}": why for name, group in listed.items() for key, why in group.items()
        }
        for name in names:
            source = path_of(MODULES[name], ROOT).read_text(encoding="utf-8")
            found = {f"{name}.{mutant.id}": mutant for mutant in mutants_of(source)}
            self.mutants |= found
            self.by_module[name] = list(found)
        unknown = [
            key for key in self.equivalent if key.partition(".")[0] in names and key not in self.mutants
        ]
        for key in unknown:
            print(f"tools/equivalent_mutants.toml names a mutant that is no more: {key}", file=sys.stderr)

    def within(self, key: str) -> str:
        """A short form of the text around a mutant; its results hold as long as that stays."""
        return hashlib.sha256(self.mutants[key].within.encode()).hexdigest()[:16]

    def status(self, key: str) -> str:
        """killed, survived, equivalent, or unknown."""
        if key in self.equivalent:
            return "equivalent"
        result = self.results.get(key)
        if result is None or result["within"] != self.within(key):
            return "unknown"
        return "killed" if result["by"] else "survived"

    def keep(self, key: str, by: str, seconds: float) -> None:
        """Remember what killed a mutant; "" for nothing."""
        with self.lock:
            self.results[key] = {"by": by, "seconds": round(seconds, 1), "within": self.within(key)}
            self.kept.parent.mkdir(exist_ok=True)
            draft = self.kept.with_suffix(".new")
            draft.write_text(json.dumps(self.results, indent=0), encoding="utf-8")
            draft.replace(self.kept)

    def counts(self, name: str) -> dict[str, int]:
        """How many mutants of a module there are of each status."""
        statuses = [self.status(key) for key in self.by_module[name]]
        return {status: statuses.count(status) for status in ("killed", "survived", "equivalent", "unknown")}


def work(run: Run, tasks: queue.SimpleQueue[str], copy: Path, stages: str) -> None:
    """Hand mutants, one by one, to a process that forks for each."""
    command = [sys.executable, str(ROOT / "tools" / "mutation_worker.py"), str(copy), stages]
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as worker:
        if worker.stdin is None or worker.stdout is None:
            raise AssertionError("both ends are pipes")
        baseline = json.loads(worker.stdout.readline())
        if baseline["by"]:
            worker.stdin.close()
            print(f"the unchanged package fails its {baseline['by']}:\n{baseline['output']}", file=sys.stderr)
            return
        while not tasks.empty():
            key = tasks.get()
            module = MODULES[key.partition(".")[0]]
            task = {"module": f"{PACKAGE}.{module}", "source": run.mutants[key].source}
            worker.stdin.write(json.dumps(task) + "\n")
            worker.stdin.flush()
            answer = json.loads(worker.stdout.readline())
            run.keep(key, answer["by"], answer["seconds"])
            if not answer["by"]:
                print(f"survived ({tasks.qsize()} to go): {key}", flush=True)
        worker.stdin.close()


def run_all(run: Run, keys: list[str], processes: int, stages: str) -> None:
    """Run these mutants on a copy of the package and its tests."""
    tasks: queue.SimpleQueue[str] = queue.SimpleQueue()
    for key in keys:
        tasks.put(key)
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(folder)
        ignored = shutil.ignore_patterns("__pycache__", "*.db")
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", copy)
        threads = [threading.Thread(target=work, args=(run, tasks, copy, stages)) for _ in range(processes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def table(run: Run) -> str:
    """The figures for each module, in Markdown."""
    lines = [
        "| module | mutants | equivalent | killed | by examples | by the kit | by the fuzzer | survived | killed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    names = list(run.by_module)
    for name in [*names, "all"]:
        parts = names if name == "all" else [name]
        keys = [key for part in parts for key in run.by_module[part]]
        states = {key: run.status(key) for key in keys}
        killed = [key for key in keys if states[key] == "killed"]
        by = [run.results[key]["by"].partition(",")[0] for key in killed]
        equivalent = sum(state == "equivalent" for state in states.values())
        share = len(killed) / max(1, len(keys) - equivalent)
        title = "**all**" if name == "all" else f"`{MODULES[name]}`"
        survived = sum(state == "survived" for state in states.values())
        stages = (by.count(stage) for stage in ("examples", "kit", "fuzz"))
        figures = (title, len(keys) - equivalent, equivalent, len(killed), *stages, survived, f"{share:.1%}")
        lines.append(f"| {' | '.join(map(str, figures))} |")
    return "\n".join(lines)


def write(run: Run) -> None:
    """Put the table and the date where docs/proofs.md has them."""
    today = dt.datetime.now(tz=dt.UTC).date()
    page = PROOFS.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    text = f"{BEGIN}\n\nRun of {today}, on Python {sys.version.split()[0]}:\n\n{table(run)}\n\n{END}"
    PROOFS.write_text(before + text + after, encoding="utf-8")


def main() -> int:
    """The exit code: 0 when at least the asked share is killed in every module, 1 otherwise."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--module", choices=MODULES, action="append", help="only this module; may be repeated"
    )
    parser.add_argument("--only", default="", help="only mutants whose id holds this text")
    parser.add_argument(
        "--stages", default="examples,kit,fuzz", help="what is run on each mutant, in this order"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--results", type=Path, default=ROOT / "var" / "mutation.json")
    parser.add_argument(
        "--least", type=float, default=0.9, help="the share that must be killed in each module"
    )
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--show", action="store_true", help="run nothing")
    parser.add_argument("--write", action="store_true", help="bring docs/proofs.md up to date")
    given = parser.parse_args()
    if given.fresh:
        given.results.unlink(missing_ok=True)
    run = Run(given.module or list(MODULES), given.results)
    if not given.show:
        open_keys = [
            key for key in run.mutants if given.only in key and run.status(key) in ("unknown", "survived")
        ]
        if open_keys:
            run_all(run, open_keys, given.processes, given.stages)
    for key in run.mutants:
        if run.status(key) == "survived":
            print(f"survived, line {run.mutants[key].line}: {key}")
    print(table(run))
    if given.write:
        write(run)
    counts = [run.counts(name) for name in run.by_module]
    return (
        0
        if all(c["killed"] >= given.least * (c["killed"] + c["survived"] + c["unknown"]) for c in counts)
        else 1
    )


if __name__ == "__main__":
    sys.exit(main())
