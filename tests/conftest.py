"""Settings of the whole suite: how many examples Hypothesis tries, and how it reports them.

The profile is chosen by ``HYPOTHESIS_PROFILE``:

dev        the default: some examples, new ones every time
ci         the gate: more examples, and the blob that replays a failure is printed
ci-other   the gate on further Python versions: few examples, since the cases were tried on the main one
thorough   for long runs by hand

Warnings are errors by pyproject.toml; those of the processes that tests start are too, by the variable set here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, settings

# No deadline in any profile: time differs by machine and load, and the benchmarks are what measures it.
_COMMON: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("dev", max_examples=50, **_COMMON)
settings.register_profile("ci", max_examples=100, print_blob=True, **_COMMON)
settings.register_profile("ci-other", max_examples=20, print_blob=True, **_COMMON)
settings.register_profile("thorough", max_examples=5_000, print_blob=True, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(autouse=True, scope="session")
def _warnings_are_errors_in_subprocesses() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "error")
        yield


@pytest.fixture(scope="session")
def frozen() -> Callable[[int], AbstractContextManager[None]]:
    """``with frozen(pid)``: the process does nothing at all, and its sockets stay open."""
    return _frozen


@contextmanager
def _frozen(pid: int) -> Iterator[None]:
    process = psutil.Process(pid)
    process.suspend()
    try:
        # The signal is sent by then, not followed: on a busy machine a thread may still answer.
        deadline = time.monotonic() + 30
        while not all(_stopped(thread.id) for thread in process.threads()):
            assert time.monotonic() < deadline, "the process goes on"
            time.sleep(0.01)
        yield
    finally:
        process.resume()


def _stopped(thread: int) -> bool:
    try:
        return psutil.Process(thread).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:  # It ended before it could stop.
        return True
