"""Servers from the official images, where a Docker engine answers.

Nobody of the project had an engine to run these on: what is here follows the images' documentation, and is not
verified.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ServerError
from .process import HOST, Launch

__all__ = ["DockerMongoDB", "DockerPostgreSQL", "engine_answers"]


def engine_answers() -> bool:
    """Whether there is a Docker client and the engine behind it answers."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        asked = subprocess.run(
            [docker, "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return asked.returncode == 0


def _launch(name: str, first: bool, options: Sequence[str], image: str, arguments: Sequence[str]) -> Launch:
    """The client stays attached, and what ends the server is said to the engine."""
    run = ["docker", "run", "--name", name, *options, image, *arguments]
    return Launch(
        run if first else ["docker", "start", "--attach", name],
        stop=["docker", "stop", name],
        kill=["docker", "kill", name],
        end=["docker", "rm", "--force", "--volumes", name],
    )


def _name() -> str:
    return f"torematrix-test-{secrets.token_hex(6)}"


@dataclass(frozen=True)
class DockerPostgreSQL:
    """PostgreSQL from its official image, which holds pg_trgm and ICU.

    Attributes:
        image: the image.
        name: the container's.
    """

    image: str = "postgres:17"
    name: str = field(default_factory=_name)
    version: str = "17"

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"Docker image {self.image}"

    def prepare(self, folder: Path, password: str | None, hba: Sequence[str]) -> None:
        """Make the folder for what is kept outside of the container."""
        folder.mkdir(mode=0o700)
        if hba:
            raise ServerError("rules of pg_hba.conf are not supported with Docker: install PostgreSQL")
        if password is not None:
            (folder / "environment").write_text(f"POSTGRES_PASSWORD={password}\n", "utf-8")
        else:
            (folder / "environment").write_text("POSTGRES_HOST_AUTH_METHOD=trust\n", "utf-8")

    def launch(self, folder: Path, port: int, settings: Mapping[str, str], first: bool) -> Launch:
        """How it is started."""
        options = ["--publish", f"{HOST}:{port}:5432", "--env-file", str(folder / "environment")]
        options += ["--env", "POSTGRES_USER=torematrix", "--env", "LANG=C.UTF-8"]
        given = {"fsync": "off", "max_connections": "200", "max_locks_per_transaction": "256", **settings}
        arguments = [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
        return _launch(self.name, first, options, self.image, arguments)


@dataclass(frozen=True)
class DockerMongoDB:
    """MongoDB from its official image.

    Attributes:
        image: the image.
        name: the container's.
    """

    image: str = "mongo:8"
    name: str = field(default_factory=_name)
    version: str = "8"

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"Docker image {self.image}"

    def prepare(self, folder: Path, keyed: bool) -> None:
        """Make the folder for what is kept outside of the container."""
        folder.mkdir(mode=0o700)
        if keyed:
            raise ServerError("replica sets with passwords are not supported with Docker: install MongoDB")

    def launch(self, folder: Path, port: int, arguments: Sequence[str], keyed: bool, first: bool) -> Launch:
        """How it is started: under one port inside and outside, since a replica set tells its members' addresses."""
        options = ["--publish", f"{HOST}:{port}:{port}"]
        return _launch(
            self.name,
            first,
            options,
            self.image,
            ["--port", str(port), "--bind_ip_all", *arguments],
        )
