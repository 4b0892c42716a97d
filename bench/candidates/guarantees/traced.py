"""The library with OpenTelemetry: every activity makes a span, which a thread collects and drops, and its metrics."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from torematrix.core.storage import Storage
from torematrix.core.storage.telemetry import OpenTelemetryObserver

from . import ours


class Nowhere(SpanExporter):
    """Takes spans, and does nothing with them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class Candidate(ours.Candidate):
    """The library, observed by OpenTelemetry."""

    def opened(self, place: str) -> Storage:
        tracing = TracerProvider()
        tracing.add_span_processor(BatchSpanProcessor(Nowhere()))
        metering = MeterProvider([InMemoryMetricReader()])
        self._providers = (tracing, metering)
        return Storage.open(place, observers=[OpenTelemetryObserver(tracing, metering)])

    def close(self) -> None:
        super().close()
        for provider in self._providers:
            provider.shutdown()
