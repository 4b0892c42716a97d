"""How a command ends: its exit code and, where it failed, one line that says why and what to do next."""

from __future__ import annotations

import enum
import os

from ..errors import ConfigurationError, CorruptionError, InvalidQueryError, NotFoundError, StorageError

__all__ = ["CommandError", "ExitCode", "command_error"]


class ExitCode(enum.IntEnum):
    """What the exit codes of the command line mean."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    SKIPPED = 4
    DAMAGED = 5
    INTERRUPTED = 130  # as shells say of a process that SIGINT ended
    BROKEN_PIPE = 141  # and of one that SIGPIPE ended


class CommandError(Exception):
    """The command cannot go on.

    Attributes:
        code: the exit code.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


_CODES: tuple[tuple[type[StorageError], ExitCode], ...] = (
    (InvalidQueryError, ExitCode.USAGE),
    (NotFoundError, ExitCode.NOT_FOUND),
    (CorruptionError, ExitCode.DAMAGED),
    (ConfigurationError, ExitCode.FAILED),
)


def command_error(error: BaseException) -> CommandError:
    """The failure that an error amounts to; its message is one line."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return CommandError("interrupted", ExitCode.INTERRUPTED)
    if isinstance(error, StorageError):
        code = next((code for cls, code in _CODES if isinstance(error, cls)), ExitCode.FAILED)
        where = (
            f"collection {error.collection!r}: "
            if error.collection and error.collection not in str(error)
            else ""
        )
        told = "; ".join((str(error), *getattr(error, "__notes__", ())))
        return CommandError(f"{where}{told}", code)
    if isinstance(error, OSError):
        name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        reason = error.strerror or type(error).__name__
        return CommandError(f"{name}: {reason}" if name else reason)
    if isinstance(error, MemoryError):
        return CommandError("there is not enough memory")
    return CommandError(
        f"internal error, {type(error).__name__}: {error}; please report it with the output of the same command under "
        "TOREMATRIX_DEBUG=1"
    )
