"""A storage that crosses a fork: the child is refused, can open its own, and the parent goes on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_CHILD = """
import os, sys
from torematrix.core.storage import Storage, StorageError
url = sys.argv[1]
storage = Storage.open(url)
things = storage.repository(dict, "forked")
things.create({"id": "a"})
child = os.fork()
if not child:
    code = 1
    try:
        refused = 0
        calls = [
            lambda: things.get("a"),
            lambda: things.create({"id": "b"}),
            lambda: things.bulk_create([{"id": "b"}, {"id": "c"}]),
            lambda: list(things.stream()),
            lambda: storage.transaction().__enter__(),
        ]
        for call in calls:
            try:
                call()
            except StorageError as error:
                refused += "forked" in str(error)
        storage.close()
        with Storage.open(url) as own:
            stored = [thing["id"] for thing in own.repository(dict, "forked").list()]
            own.repository(dict, "forked").create({"id": "child"})
        print(refused, len(calls), stored, flush=True)
        code = 0
    finally:
        os._exit(code)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
things.create({"id": "parent"})
print(sorted(thing["id"] for thing in things.list()))
storage.close()
"""

_WITHIN_A_TRANSACTION = """
import os, sys
from torematrix.core.storage import Storage, StorageError
with Storage.open(sys.argv[1]) as storage:
    things = storage.repository(dict, "forked")
    things.count()
    with storage.transaction():
        things.create({"id": "a"})
        child = os.fork()
        if not child:
            try:
                things.create({"id": "b"})
            except StorageError:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        things.create({"id": "c"})
    print(sorted(thing["id"] for thing in things.list()))
"""


def _run(program, url):
    # Of a process with threads Python 3.12 and later warn when it forks, and so does PyMongo: it is what is tried here.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", program, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_is_refused(database):
    assert _run(_CHILD, database) == ["5 5 ['a']", "['a', 'child', 'parent']"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_does_not_write_into_its_parents_transaction(database):
    assert _run(_WITHIN_A_TRANSACTION, database) == ["['a', 'c']"]
