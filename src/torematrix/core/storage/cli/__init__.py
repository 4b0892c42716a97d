"""The command line ``torematrix-storage``: real files and records into a database, and questions about them.

``main`` is the entry point. typer and rich come with the extra ``cli``; without them it says so, in one line.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line with the arguments of the process, and end the process with its exit code."""
    try:
        from .app import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("torematrix"):
            raise
        print(
            f"torematrix-storage: the command line needs the package {error.name!r}; "
            "install it with: pip install 'torematrix-storage[cli]'",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    run()
