"""The program: its commands, and the one place where every failure becomes a line and an exit code."""

from __future__ import annotations

import atexit
import contextlib
import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from .commands import exporting, importing, migrating, moving, reading, tending
from .outcome import CommandError, ExitCode, command_error
from .showing import visible

__all__ = ["app", "run"]

NAME = "torematrix-storage"
_DEBUG = "TOREMATRIX_DEBUG"
_EPILOG = (
    "Exit codes: 0 done; 1 failed; 2 wrong usage, filter or cursor; 3 no such entity, collection or database; "
    "4 imported or moved, but some files, records or entities were skipped; 5 the database or backup is damaged; "
    "130 interrupted; 141 the reader of the output went away."
)


class _Program(TyperGroup):
    """The group of commands; however one of them fails, the user sees one line."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        try:
            code = super().main(args, prog_name or NAME, complete_var, False, windows_expand_args, **extra)
        except Exception as error:
            if os.environ.get(_DEBUG) and not hasattr(error, "format_message"):
                raise
            code = _say(error)  # what stands before a command: usage, or our own mistake
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: Any) -> Any:
        try:
            super().invoke(ctx)
            sys.stdout.flush()
        except typer.Exit as ended:
            return _flushed(ended.exit_code)
        except BrokenPipeError:
            return _broken_pipe()
        except (Exception, KeyboardInterrupt) as error:
            if os.environ.get(_DEBUG) and _is_internal(error):
                raise
            return _flushed(_say(error))
        return int(ExitCode.DONE)


def _is_internal(error: BaseException) -> bool:
    return not isinstance(error, CommandError | KeyboardInterrupt) and not hasattr(error, "format_message")


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _broken_pipe()
    return code


def _say(error: BaseException) -> int:
    """Tell the error on stderr; the exit code."""
    # Errors of the parser: the classes differ between versions of typer, what they offer does not.
    show = getattr(error, "format_message", None)
    if show is not None:
        context: Any = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError":
            print(show(), file=sys.stderr)
            return int(ExitCode.USAGE)
        path = context.command_path if context is not None else NAME
        failure = CommandError(f"{str(show()).rstrip('.')}; see {path} --help", ExitCode.USAGE)
    else:
        failure = command_error(error)
    with contextlib.suppress(OSError):
        print(f"{NAME}: {visible(str(failure))}", file=sys.stderr)
    return int(failure.code)


def _broken_pipe() -> int:
    # What is still buffered would fail again when the interpreter flushes it at its end.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(ExitCode.BROKEN_PIPE)


app = typer.Typer(
    name=NAME,
    cls=_Program,
    help="Import files and records into a database, then list, filter, search, export and look after them.",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

for _module in (importing, reading, exporting, migrating, moving, tending):
    _module.register(app)


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def run() -> None:
    """Run the program in this process."""
    if hasattr(signal, "SIGTERM"):
        signal.signal(
            signal.SIGTERM, _stop
        )  # ends as Ctrl-C does: transactions undone, unfinished files removed
    # What a client library has to say to programmers is no part of the output; its errors come as exceptions.
    logging.getLogger().addHandler(logging.NullHandler())
    for name in ("stdout", "stderr"):
        setattr(sys, name, _steady(getattr(sys, name)))
    app(prog_name=NAME)


def _steady(stream: Any) -> Any:
    """The stream, so that no write to it is cut short and no character fails it."""
    if stream is None:  # closed by whoever started the program
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - open until the process ends
        atexit.register(nowhere.close)
        return nowhere
    raw: Any = stream.buffer
    if isinstance(raw, io.RawIOBase):
        # Unbuffered (python -u): it would write as much as a pipe takes, and drop the rest.
        encoding = stream.encoding
        stream.detach()
        stream = io.TextIOWrapper(io.BufferedWriter(raw), encoding, line_buffering=True)
    stream.reconfigure(errors="backslashreplace")
    return stream
