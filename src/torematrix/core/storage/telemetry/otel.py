"""What a storage does, as spans and metrics of OpenTelemetry, by its semantic conventions for databases."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from .._overriding import override
from ..core.observing import Activity, Observer, Pools, Wait
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from opentelemetry.trace import TracerProvider

__all__ = ["OpenTelemetryObserver"]

_SCOPE: Final = "torematrix.core.storage"
_POOL: Final = "db.client.connection.pool.name"
# Durations of database clients, in seconds: the boundaries that the conventions name.
_BOUNDARIES: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)


class OpenTelemetryObserver(Observer):
    """A span for every activity, histograms of durations, rows and waits, counters of retries, and what pools hold.

    Spans are called ``{operation} {collection}``, are of the kind CLIENT and carry ``db.system.name``,
    ``db.operation.name``, ``db.collection.name``, ``db.response.returned_rows`` and ``error.type``. The metrics are
    ``db.client.operation.duration`` (s), ``db.client.response.returned_rows``, ``torematrix.storage.retries``, and of
    connections ``db.client.connection.wait_time`` (s, of those that were had), ``db.client.connection.timeouts`` (of
    pools that were exhausted until the deadline) and ``db.client.connection.count`` (by state, where it is known).
    No statement, filter, id, value, host or path is in any of them.

    Args:
        tracer_provider: the global one by default.
        meter_provider: the global one by default.
        pool_name: what the pools of the storage are called in ``db.client.connection.pool.name``; the backend's name by
            default. SQLite's two kinds are called ``sqlite.writer`` and ``sqlite.reader``. An application with several
            storages of a backend tells them apart by an observer for each.

    Raises:
        ConfigurationError: opentelemetry-api is not installed.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        *,
        pool_name: str | None = None,
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError as error:
            raise ConfigurationError(
                "OpenTelemetry is not installed: pip install 'torematrix-storage[telemetry]'"
            ) from error
        self._kind = trace.SpanKind.CLIENT
        self._failed = trace.Status(trace.StatusCode.ERROR)
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "db.client.operation.duration",
            unit="s",
            description="How long activities of a storage took.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._rows = meter.create_histogram(
            "db.client.response.returned_rows", unit="{row}", description="How many rows came back."
        )
        self._retries = meter.create_counter(
            "torematrix.storage.retries", unit="{attempt}", description="Transactions that were tried again."
        )
        self._wait = meter.create_histogram(
            "db.client.connection.wait_time",
            unit="s",
            description="How long it took to obtain a connection from the pool.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._timeouts = meter.create_counter(
            "db.client.connection.timeouts",
            unit="{timeout}",
            description="How often all connections were in use until the deadline.",
        )
        self._pool_name = pool_name
        self._meter_provider = meter_provider
        meter.create_observable_up_down_counter(
            "db.client.connection.count",
            [_counting(meter_provider, metrics.Observation)],
            unit="{connection}",
            description="How many connections there are, by state.",
        )

    @override
    def begins(self, activity: Activity) -> Any:
        name = (
            activity.operation
            if activity.collection is None
            else f"{activity.operation} {activity.collection}"
        )
        return self._tracer.start_span(name, kind=self._kind, attributes=_attributes(activity))

    @override
    def ends(
        self, activity: Activity, begun: Any, seconds: float, rows: int | None, error: BaseException | None
    ) -> None:
        attributes = _attributes(activity)
        if error is not None:
            attributes["error.type"] = type(error).__name__
        self._duration.record(seconds, attributes)
        if rows is not None:
            self._rows.record(rows, attributes)
        if begun is None:
            return
        if rows is not None:
            begun.set_attribute("db.response.returned_rows", rows)
        if error is not None:
            # The class alone: the message of an error may name what an application considers its own.
            begun.set_attribute("error.type", type(error).__name__)
            begun.set_status(self._failed)
        begun.end()

    @override
    def retries(self, backend: str, attempt: int) -> None:
        self._retries.add(1, {"db.system.name": backend})

    @override
    def waits(self, wait: Wait) -> None:
        attributes = {_POOL: _named(wait.backend, wait.pool, self._pool_name)}
        if wait.obtained:
            self._wait.record(wait.seconds, attributes)
        elif wait.exhausted:
            self._timeouts.add(1, attributes)

    @override
    def opens(self, pools: Pools) -> None:
        with _adding:
            _open.setdefault(pools, set()).add((self._meter_provider, self._pool_name))


# A meter has one instrument of a name, and calls those back alone who have made it first: not the observers after them.
# So storages are known to all of them, by the provider they are told to and the name that they have there.
_open: Final[weakref.WeakKeyDictionary[Pools, set[tuple[MeterProvider | None, str | None]]]] = (
    weakref.WeakKeyDictionary()
)
_adding: Final = threading.Lock()


def _named(backend: str, pool: str, name: str | None) -> str:
    """The name of a pool. Where it leads to, the host or the file, is nobody's business who reads metrics."""
    return f"{name or backend}.{pool}" if pool else name or backend


def _counting(
    provider: MeterProvider | None, observation: type[Observation]
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """What a meter of the provider calls when it collects."""

    def count(_: CallbackOptions) -> Iterable[Observation]:
        counts: Counter[tuple[str, str]] = Counter()
        with _adding:
            known = [(storage, set(told)) for storage, told in _open.items()]
        for storage, told in known:
            for name in (name for to, name in told if to is provider):
                for each in storage.connections():
                    pool = _named(storage.backend, each.pool, name)
                    counts[pool, "used"] += each.used
                    counts[pool, "idle"] += each.idle
        for (pool, state), number in counts.items():
            yield observation(number, {_POOL: pool, "db.client.connection.state": state})

    return count


def _attributes(activity: Activity) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "db.system.name": activity.backend,
        "db.operation.name": activity.operation,
        "torematrix.storage.in_transaction": activity.in_transaction,
    }
    if activity.collection is not None:
        attributes["db.collection.name"] = activity.collection
    return attributes
