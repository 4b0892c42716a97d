"""The storages that the factory has made: one for each database, shared by the repositories on it.

A storage lives as long as one of its repositories, or whoever holds it. The key of a database is its whole
configuration, password and all, in this process: what one user may see is not handed to another, and no connection
crosses a fork.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary, WeakValueDictionary

import msgspec

from ._async.storage import AsyncStorage
from ._sync.storage import Storage

__all__ = ["shared_async_storage", "shared_storage"]

_Key: TypeAlias = tuple[int, Any, str, bytes]

_lock: Final = threading.Lock()
_storages: Final[WeakValueDictionary[_Key, Storage]] = WeakValueDictionary()
_async_storages: Final[WeakValueDictionary[_Key, AsyncStorage]] = WeakValueDictionary()
# The event loop in which each waiting storage was last asked for, if any: it can be used in no other.
_loops: Final[WeakKeyDictionary[AsyncStorage, weakref.ref[Any]]] = WeakKeyDictionary()


def shared_storage(config: Any) -> Storage:
    """The storage of this configuration, the same one while it is open; a new one for a database in memory."""
    if not _is_shared(config):
        return Storage(config)
    key = _key(config)
    with _lock:
        found = _storages.get(key)
        if found is None or found.closed:
            found = _storages[key] = Storage(config)
        return found


def shared_async_storage(config: Any) -> AsyncStorage:
    """The same, asynchronous: the same one in the same event loop."""
    if not _is_shared(config):
        return AsyncStorage(config)
    key, loop = _key(config), _running_loop()
    with _lock:
        found = _async_storages.get(key)
        if found is None or found.closed or not _is_at_home(found, loop):
            found = _async_storages[key] = AsyncStorage(config)
        if loop is not None:
            _loops[found] = weakref.ref(loop)
        return found


def _is_shared(config: Any) -> bool:
    """Whether two storages of this configuration would be one database."""
    return not getattr(config, "is_memory", False)


def _key(config: Any) -> _Key:
    path = getattr(config, "database_path", None)
    # The same relative path is another file once the current folder has changed. Path.resolve would look at the disk.
    place = os.path.abspath(path) if isinstance(path, str) else ""  # noqa: PTH100
    return os.getpid(), config.__class__, place, msgspec.msgpack.encode(config)


def _is_at_home(storage: AsyncStorage, loop: Any) -> bool:
    """Whether a storage may be used in this loop, or outside of any, as far as is known."""
    claimed = _loops.get(storage)
    if claimed is None:
        return True
    home = claimed()
    return home is not None and not home.is_closed() and (loop is None or loop is home)


def _running_loop() -> Any:
    asyncio: Any = sys.modules.get("asyncio")  # without it, none runs
    try:
        return None if asyncio is None else asyncio.get_running_loop()
    except RuntimeError:
        return None
