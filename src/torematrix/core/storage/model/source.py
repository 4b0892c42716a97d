"""Generated functions: lines of Python, what their names stand for, and the functions they become.

An entity class is taken apart and put together millions of times and declared once, so the functions that do it are
written out for it as source and compiled, as ``dataclasses`` and attrs do; a loop over its fields takes several times
as long. Nothing from outside is ever part of that source: attributes stand in it as identifiers, checked here, and
every other name or value is bound to a generated name.
"""

from __future__ import annotations

import itertools
import keyword
import linecache
from typing import Any

__all__ = ["Source", "attribute"]


def attribute(owner: str, name: str) -> str:
    """The expression that reads an attribute, whatever its name."""
    if name.isidentifier() and not keyword.iskeyword(name):
        return f"{owner}.{name}"
    return f"getattr({owner}, {name!r})"


_numbers = itertools.count(1)


class Source:
    """A function in the making."""

    def __init__(self, title: str) -> None:
        self.names: dict[str, Any] = {}
        self._title = title
        self._lines: list[str] = []

    def bind(self, prefix: str, value: object) -> str:
        """A name that stands for the value inside the function."""
        name = f"_{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def add(self, depth: int, *lines: str) -> None:
        """Add lines, indented by that many levels."""
        self._lines += [f"{'    ' * depth}{line}" for line in lines]

    def compile(self, function: str) -> Any:
        """The function of that name."""
        text = "\n".join(self._lines) + "\n"
        filename = f"<generated {self._title} {next(_numbers)}>"
        namespace = dict(self.names)
        exec(compile(text, filename, "exec"), namespace)  # noqa: S102 - the module's docstring says why and how
        # Tracebacks and debuggers then show the generated lines.
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        return namespace[function]
