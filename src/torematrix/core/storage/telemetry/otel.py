"""What a storage does, as spans and metrics of OpenTelemetry, by its semantic conventions for databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from ..core.observing import Activity, Observer
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["OpenTelemetryObserver"]

_SCOPE: Final = "torematrix.core.storage"
# Durations of database clients, in seconds: the boundaries that the conventions name.
_BOUNDARIES: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)


class OpenTelemetryObserver(Observer):
    """A span for every activity, a histogram of durations and counters of rows and retries.

    Spans are called ``{operation} {collection}``, are of the kind CLIENT and carry ``db.system.name``,
    ``db.operation.name``, ``db.collection.name``, ``db.response.returned_rows`` and ``error.type``. The metrics are
    ``db.client.operation.duration`` (s), ``db.client.response.returned_rows`` and ``torematrix.storage.retries``.
    No statement, filter, id or value is in any of them.

    Args:
        tracer_provider: the global one by default.
        meter_provider: the global one by default.

    Raises:
        ConfigurationError: opentelemetry-api is not installed.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
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


def _attributes(activity: Activity) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "db.system.name": activity.backend,
        "db.operation.name": activity.operation,
        "torematrix.storage.in_transaction": activity.in_transaction,
    }
    if activity.collection is not None:
        attributes["db.collection.name"] = activity.collection
    return attributes
