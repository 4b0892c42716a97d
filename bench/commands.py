"""What the commands that measure engines have in common: their options, and a folder for the databases."""

from __future__ import annotations

import argparse
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import engines

__all__ = ["add_engines", "engines_of", "new_folder"]


def add_engines(parser: argparse.ArgumentParser) -> None:
    """Let one engine be chosen, and servers be given."""
    parser.add_argument("--engine", choices=(*engines.NAMES, "all"), default="all")
    for name in engines.NAMES[1:]:
        parser.add_argument(f"--{name}-url", help="a server to use, rather than one started for the purpose")


def engines_of(options: argparse.Namespace) -> tuple[str, ...]:
    """The names of the engines that were asked for."""
    return engines.NAMES if options.engine == "all" else (options.engine,)


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that the servers' user may enter; it is removed in the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
