"""The servers' programs as they are installed on this machine, and how each is prepared, started and ended."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .accounts import lesser_account, own_folder, run_as
from .errors import ServerError
from .process import HOST, Launch

__all__ = ["USER", "InstalledMongoDB", "InstalledPostgreSQL"]

USER = "torematrix"
"""Who owns the databases of a server that was started here."""

_PREPARING = 120.0
"""Seconds for initdb, which takes about one."""


@dataclass(frozen=True)
class InstalledPostgreSQL:
    """The programs of a PostgreSQL.

    Attributes:
        folder: where they are.
        version: such as ``15.18``.
    """

    folder: Path
    version: str

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return str(self.folder)

    def prepare(self, folder: Path, password: str | None, hba: Sequence[str]) -> None:
        """Make a cluster whose databases are UTF-8 and compare by code point."""
        account = lesser_account()
        own_folder(folder, account)
        data = folder / "data"
        command = [
            str(self.folder / "initdb"),
            "--pgdata",
            str(data),
            "--username",
            USER,
            "--encoding",
            "UTF8",
        ]
        command += ["--no-sync", "--no-instructions"]
        secret = folder / "password"
        if password is None:
            command += ["--auth", "trust"]
        else:
            secret.write_text(f"{password}\n", "utf-8")
            secret.chmod(0o644)  # Inside a folder that nobody else may enter.
            command += ["--auth", "scram-sha-256", "--pwfile", str(secret)]
        try:
            run_as(account, [*command, "--locale", "C.UTF-8"], _PREPARING)
        except ServerError:  # A system without that locale: the plain one orders in the same way.
            run_as(account, [*command, "--locale", "C"], _PREPARING)
        secret.unlink(missing_ok=True)
        if hba:
            (data / "pg_hba.conf").write_text("\n".join([*hba, ""]), "utf-8")

    def launch(self, folder: Path, port: int, settings: Mapping[str, str], first: bool) -> Launch:
        """How it is started: fast, since its data is never needed after the machine has failed."""
        given = {
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            # Dropping the schema of a module of tests locks all its tables and indexes at once.
            "max_locks_per_transaction": "256",
            "max_wal_size": "2GB",
            **settings,
        }
        command = [str(self.folder / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
        for name, value in given.items():
            command += ["-c", f"{name}={value}"]
        return Launch(
            command,
            user=lesser_account(),
            stop=signal.SIGINT,  # PostgreSQL's fast shutdown: sessions are ended, the rest is tidied.
            kill=signal.SIGKILL,
            end=signal.SIGQUIT,  # Its immediate shutdown, after which none of its processes is left.
        )


@dataclass(frozen=True)
class InstalledMongoDB:
    """The program of a MongoDB.

    Attributes:
        program: mongod.
        version: such as ``6.0.5``.
    """

    program: Path
    version: str

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return str(self.program)

    def prepare(self, folder: Path, keyed: bool) -> None:
        """Make its folder, and the key by which members of a replica set that asks for passwords know each other."""
        own_folder(folder, None)
        (folder / "data").mkdir()
        if keyed:
            key = folder / "key"
            key.touch(mode=0o600)
            key.write_text(secrets.token_hex(64), "ascii")

    def launch(self, folder: Path, port: int, arguments: Sequence[str], keyed: bool, first: bool) -> Launch:
        """How it is started: it ends without waiting for anybody."""
        command = [
            str(self.program),
            "--dbpath",
            str(folder / "data"),
            "--port",
            str(port),
            "--bind_ip",
            HOST,
        ]
        command += arguments
        if keyed:
            command += ["--keyFile", str(folder / "key")]
        return Launch(command, stop=signal.SIGTERM, kill=signal.SIGKILL, end=signal.SIGKILL)
