"""The package imports no client library; one that is absent is named with its extra."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ABSENT = [
    ("psycopg", "postgresql"),
    ("psycopg_pool", "postgresql"),
    ("pymongo", "mongodb"),
    ("apsw", "sqlite"),
]


@pytest.mark.parametrize(("package", "backend"), ABSENT)
def test_an_absent_client_library_is_named_with_its_extra(package: str, backend: str) -> None:
    """By a ConfigurationError when the repository is made, in both colours; the other backends go on working."""
    program = textwrap.dedent(
        f"""
        import sys
        sys.modules[{package!r}] = None
        from torematrix.core.storage import ConfigurationError, StorageFactory, AsyncStorage, Storage
        from torematrix.core.storage.face.sources import config_from_dict
        config = {{**StorageFactory.get_default_config({backend!r}), "database_path": "x.db"}}
        if {backend!r} != "sqlite":
            del config["database_path"]
            config["database"] = "x"
        for make in (StorageFactory.create_from_config, StorageFactory.create_async_from_config):
            try:
                make(config, dict, "things")
            except ConfigurationError as error:
                assert isinstance(error.__cause__, ImportError)
                print(error)
        assert {backend!r} not in StorageFactory.get_available_backends()
        assert "memory" in StorageFactory.get_available_backends()
        StorageFactory.create_repository("memory", dict, "things").create({{"n": 1}})
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert f"'{package}'" in line
        assert f"pip install 'torematrix-storage[{backend}]'" in line


def test_an_absent_yaml_package_is_named_with_its_extra(tmp_path: Path) -> None:
    """Only for a YAML file; TOML and JSON need nothing."""
    (tmp_path / "a.yaml").write_text("backend: memory")
    (tmp_path / "a.toml").write_text("backend = 'memory'")
    program = textwrap.dedent(
        """
        import sys
        sys.modules["yaml"] = None
        from torematrix.core.storage import ConfigurationError, StorageFactory
        StorageFactory.create_from_file(sys.argv[1] + "/a.toml", dict, "things").create({})
        try:
            StorageFactory.create_from_file(sys.argv[1] + "/a.yaml", dict, "things")
        except ConfigurationError as error:
            print(error)
        """
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "pip install 'torematrix-storage[yaml]'" in done.stdout


def test_configuring_imports_no_driver(tmp_path: Path) -> None:
    """Not the package, not its names, not a configuration of any backend: only making a storage does."""
    (tmp_path / "a.toml").write_text("backend = 'memory'")
    program = textwrap.dedent(
        """
        import sys
        import torematrix.core.storage as storage
        for name in storage.__all__:
            getattr(storage, name)
        for name in ("memory", "sqlite", "postgresql", "mongodb"):
            storage.StorageFactory.get_default_config(name)
        from torematrix.core.storage.face.sources import config_from_file, config_from_url
        config_from_url("postgresql://app:x@db/x", {})
        config_from_url("sqlite:///x.db", {})
        config_from_file(sys.argv[1] + "/a.toml")
        clients = ("apsw", "sqlite3", "psycopg", "psycopg_pool", "pymongo", "bson", "gridfs", "asyncpg", "yaml")
        others = ("typer", "rich", "pydantic", "attrs", "pytest", "hypothesis", "stamina")
        print([name for name in (*clients, *others) if name in sys.modules])
        """
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_typing_extensions_is_not_needed(tmp_path: Path) -> None:
    """What brings it along is some of the clients; to import it takes longer than most of the package."""
    program = textwrap.dedent(
        """
        import sys
        sys.modules["typing_extensions"] = None
        from torematrix.core.storage import Storage
        for url in ("memory://", f"sqlite:///{sys.argv[1]}/x.db"):
            with Storage.open(url) as storage:
                print(storage.repository(dict, "things").create({"a": 1})["a"])
        """
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]
