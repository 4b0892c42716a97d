"""The pytest plug-in of the conformance kit: which storages are tested, and what a test of them is given.

    pytest --pyargs torematrix.core.storage.testing.kit --storage-url=mydb://localhost/kit_{unique}

Each behaviour runs on every storage, blocking and waiting. Waiting ones run on a loop of their own, so no other plug-in
is needed for them. Tests elsewhere may ask for ``storage_kit`` (a ``Kit``) or ``async_storage_kit`` (an ``AsyncKit``,
whose ``run`` runs coroutines on its loop).
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Generator, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pytest

from .databases import DEFAULT_URLS, Databases, labels
from .server_fixtures import servers_of

# What else this module uses is imported when a storage is tested: pytest loads plug-ins whatever it runs.
if TYPE_CHECKING:
    from ._async.harness import AsyncKit
    from ._sync.harness import Kit

_PACKAGE: Final = __name__.rpartition(".")[0]
_KIT: Final = Path(__file__).parent / "kit"
_NEEDS: Final = "storage_needs"

pytest.register_assert_rewrite(f"{_PACKAGE}.kit")

pytest_plugins = [f"{_PACKAGE}.server_fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options that choose the storages."""
    about = (
        "a storage to test; {tmp} stands for a new folder, {unique} for a new name, {postgresql}, {postgresql_icu}, "
        "{mongodb} and {mongodb_standalone} for new databases on servers that are found or started"
    )
    group = parser.getgroup("torematrix-storage", "conformance of storages")
    group.addoption(
        "--storage-url",
        action="append",
        metavar="URL",
        dest="storage_urls",
        help=f"{about}; may be given several times. Without it: the ini option storage_urls",
    )
    parser.addini("storage_urls", help=about, type="linelist", default=list(DEFAULT_URLS))


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_NEEDS}(*cells): the test uses these features or operators; where a storage refuses one of them, the "
        "test has to end in UnsupportedError.",
    )


# --------------------------------------------------------------------------------------------------------- collecting


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The kit's folders as plain ones: packages would be imported under the name that pytest takes them for."""
    if path == _KIT or path in _KIT.parents or _KIT in path.parents:
        return pytest.Dir.from_parent(parent, path=path)
    return None


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """The kit's modules, imported under their own names from inside two namespace packages."""
    if _KIT in module_path.parents:
        return KitModule.from_parent(parent, path=module_path)  # pyright: ignore[reportUnknownMemberType] - pytest
    return None


class KitModule(pytest.Module):
    """A module of the kit, in which ``kit`` is the fixture of its colour and coroutines are functions that run them."""

    def _getobj(self) -> ModuleType:
        inside = self.path.relative_to(_KIT).with_suffix("")
        module = import_module(".".join([_PACKAGE, "kit", *inside.parts]))
        vars(module)["kit"] = _kit_fixture(waits="_async" in inside.parts)
        for name, test in list(vars(module).items()):
            if name.startswith("test") and inspect.iscoroutinefunction(test):
                setattr(module, name, _blocking(test))
        return module


def _kit_fixture(*, waits: bool) -> object:
    """Made anew for each module: a fixture of the plug-in itself would be called ``kit`` in everybody's tests."""
    if waits:

        @pytest.fixture(name="kit")
        def of_tasks(async_storage_kit: AsyncKit) -> AsyncKit:
            return async_storage_kit

        return of_tasks

    @pytest.fixture(name="kit")
    def of_threads(storage_kit: Kit) -> Kit:
        return storage_kit

    return of_threads


def _blocking(test: Callable[..., Any]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(**arguments: Any) -> None:
        arguments["kit"].run(test(**arguments))

    return run


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of a storage runs on each of those asked for."""
    names = {"kit", "storage_kit", "async_storage_kit"}
    if not names.isdisjoint(metafunc.fixturenames):
        config = metafunc.config
        urls: list[str] = config.getoption("storage_urls") or config.getini("storage_urls")
        metafunc.parametrize("storage_url", urls, ids=labels(urls), indirect=True, scope="module")


# ------------------------------------------------------------------------------------------------------------ running


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """A test that needs what the storage refuses has to be refused: if it passes, the declared table is wrong."""
    refused = _refused(pyfuncitem)
    if not refused:
        return (yield)
    from ..errors import UnsupportedError

    try:
        yield
    except UnsupportedError:
        return True
    pytest.fail(f"the storage declares that it refuses {', '.join(refused)}, and this works")


def _refused(item: pytest.Function) -> list[str]:
    needed = [cell for marker in item.iter_markers(_NEEDS) for cell in marker.args]
    kit: Any = item.funcargs.get("storage_kit") or item.funcargs.get("async_storage_kit")
    if not needed or kit is None:
        return []
    from ..capability import Capabilities, Support

    table: Capabilities = kit.storage.capabilities
    cells = {**{str(feature): cell for feature, cell in table.features.items()}, **table.operators}
    return [str(name) for name in needed if cells[str(name)].support is Support.REFUSED]


@pytest.fixture(scope="module")
def storage_url(request: pytest.FixtureRequest) -> str:
    """The URL of the storage under test, as it was given."""
    url: str = request.param
    return url


def _databases(url: str, config: pytest.Config, folders: pytest.TempPathFactory) -> Databases:
    return Databases(url, lambda: folders.mktemp("storage"), lambda: servers_of(config))


@pytest.fixture(scope="module")
def _storage_home(
    storage_url: str, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kit]:
    from ..face._sync.storage import Storage
    from ._sync.harness import Kit

    with (
        _databases(storage_url, pytestconfig, tmp_path_factory) as databases,
        Storage.open(databases.new_url()) as storage,
    ):
        yield Kit(storage, databases.new_url, _as_it_is)


def _as_it_is(result: Any) -> Any:
    return result


@pytest.fixture(scope="module")
def _async_storage_home(
    storage_url: str, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AsyncKit]:
    from ..face._async.storage import AsyncStorage
    from ._async.harness import AsyncKit

    with _databases(storage_url, pytestconfig, tmp_path_factory) as databases, asyncio.Runner() as runner:

        def run(awaitable: Any) -> Any:
            return runner.run(awaitable)

        storage = run(AsyncStorage.open_awaited(databases.new_url()))
        try:
            yield AsyncKit(storage, databases.new_url, run)
        finally:
            run(storage.close())


@pytest.fixture
def storage_kit(_storage_home: Kit) -> Iterator[Kit]:
    """An open storage and collections of the test's own."""
    yield _storage_home
    _storage_home.tidy()


@pytest.fixture
def async_storage_kit(_async_storage_home: AsyncKit) -> Iterator[AsyncKit]:
    """An open waiting storage, collections of the test's own, and a loop to run coroutines on."""
    yield _async_storage_home
    _async_storage_home.run(_async_storage_home.tidy())
