"""Under which account servers run: PostgreSQL refuses to be root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import ServerError

__all__ = ["lesser_account", "own_folder", "run_as"]


def lesser_account() -> str | None:
    """The account to become when this process is root; None when it is not, and can stay what it is."""
    if os.geteuid() != 0:
        return None
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return name
    raise ServerError("PostgreSQL does not run as root, and there is neither an account postgres nor nobody.")


def own_folder(folder: Path, account: str | None) -> None:
    """Make a folder that the account alone may enter."""
    folder.mkdir(mode=0o700)
    if account is not None:
        import pwd

        entry = pwd.getpwnam(account)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def run_as(account: str | None, command: Sequence[str], seconds: float) -> None:
    """Run a program to its end. Raises ``ServerError`` with what it printed when it fails."""
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        timeout=seconds,
        check=False,
        user=account,
        group=None if account is None else _group_of(account),
        extra_groups=None if account is None else [],
    )
    if result.returncode:
        text = result.stdout.decode("utf-8", "replace").strip()
        raise ServerError(f"{Path(command[0]).name} failed with {result.returncode}:\n{text}")


def _group_of(account: str) -> int:
    import pwd

    return pwd.getpwnam(account).pw_gid
