"""What observers are told of a storage at work: everything it does, and no value."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from typing_extensions import override

from torematrix.core.storage import (
    AsyncStorage,
    ConfigurationError,
    DuplicateError,
    F,
    Storage,
    UnavailableError,
)
from torematrix.core.storage.telemetry import Activity, LogObserver, Observer, OpenTelemetryObserver

SECRET = "sesame"


@dataclass
class Paper:
    """An entity."""

    id: str
    title: str = ""


class Notes(Observer):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    @override
    def begins(self, activity: Activity) -> Any:
        self.told.append(("begins", activity.operation))
        return len(self.told)

    @override
    def ends(
        self, activity: Activity, begun: Any, seconds: float, rows: int | None, error: BaseException | None
    ) -> None:
        assert seconds >= 0
        assert self.told[begun - 1] == ("begins", activity.operation)
        failed = None if error is None else type(error).__name__
        self.told.append((activity.operation, activity.collection, activity.in_transaction, rows, failed))

    @override
    def retries(self, backend: str, attempt: int) -> None:
        self.told.append(("retry", backend, attempt))

    @property
    def ended(self) -> list[tuple[Any, ...]]:
        """What has ended, in order."""
        return [each for each in self.told if each[0] != "begins"]


def use(storage: Storage) -> None:
    """One of everything that a storage does."""
    papers = storage.repository(Paper)
    papers.create(Paper("1", SECRET))
    papers.bulk_create([Paper("2", SECRET), Paper("3", "other")])
    assert len(papers.list(filters=F("title") == SECRET)) == 2
    with pytest.raises(DuplicateError):
        papers.create(Paper("1", SECRET))
    with storage.transaction():
        papers.delete("3")
    assert len(list(papers.stream(batch_size=1))) == 2
    next(iter(papers.stream(batch_size=1)))


EXPECTED = [
    ("open", None, False, None, None),
    ("ensure", "papers", False, None, None),
    ("insert", "papers", False, None, None),
    ("insert", "papers", False, None, None),
    ("find", "papers", False, 2, None),
    ("insert", "papers", False, None, "DuplicateError"),
    ("begin", None, True, None, None),
    ("remove", "papers", True, None, None),
    ("commit", None, True, None, None),
    ("stream", "papers", False, 2, None),
    ("stream", "papers", False, 1, None),
]


@pytest.mark.parametrize("url", ["memory://", "sqlite:///:memory:"])
def test_everything_is_told(url: str) -> None:
    """In order, with the rows that came back and the errors, on any engine."""
    notes = Notes()
    with Storage.open(url, observers=[notes]) as storage:
        use(storage)
    assert notes.ended == EXPECTED


def test_the_waiting_colour_tells_the_same() -> None:
    """A cancelled wait is told as what it is."""
    notes = Notes()

    async def main() -> None:
        async with AsyncStorage.open("sqlite:///:memory:", observers=[notes]) as storage:
            papers = storage.repository(Paper)
            await papers.create(Paper("1"))
            with contextlib.suppress(ZeroDivisionError):
                async with storage.transaction():
                    await papers.delete("1")
                    raise ZeroDivisionError
            assert [paper.id async for paper in papers.stream()] == ["1"]

    asyncio.run(main())
    assert [each[0] for each in notes.ended] == [
        "open", "ensure", "insert", "begin", "remove", "rollback", "stream",
    ]  # fmt: skip


def test_retries_are_told() -> None:
    """Each further attempt, by its number."""
    notes = Notes()
    with Storage.open("memory://", observers=[notes]) as storage:
        papers = storage.repository(Paper)
        tries: list[int] = []

        def work() -> int:
            tries.append(1)
            papers.upsert(Paper("1"))
            if len(tries) < 3:
                raise UnavailableError("busy", retryable=True)
            return len(tries)

        assert storage.run_in_transaction(work) == 3
    assert [each for each in notes.ended if each[0] == "retry"] == [
        ("retry", "memory", 2),
        ("retry", "memory", 3),
    ]
    assert [each[0] for each in notes.ended].count("rollback") == 2


def test_an_observer_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What it raises is logged; the others are told as ever."""

    class Broken(Observer):
        @override
        def begins(self, activity: Activity) -> Any:
            raise ZeroDivisionError

        @override
        def ends(
            self,
            activity: Activity,
            begun: Any,
            seconds: float,
            rows: int | None,
            error: BaseException | None,
        ) -> None:
            raise ZeroDivisionError

        @override
        def retries(self, backend: str, attempt: int) -> None:
            raise ZeroDivisionError

    notes = Notes()
    with Storage.open("memory://", observers=[Broken(), notes]) as storage:
        use(storage)
    assert notes.ended == EXPECTED
    assert {record.message for record in caplog.records} == {"an observer failed"}


def test_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Slow ones are warnings, with what a structured handler wants; nothing that was stored is in it."""
    caplog.set_level(logging.DEBUG, "torematrix.storage")
    with Storage.open("memory://", observers=[LogObserver(slow=0.0)]) as storage:
        use(storage)
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    caplog.clear()
    with Storage.open("memory://", observers=[LogObserver(slow=60)]) as storage:
        use(storage)
    assert {record.levelname for record in caplog.records} == {"DEBUG"}
    found = next(record for record in caplog.records if record.__dict__["storage_operation"] == "find")
    assert found.message.startswith("memory find papers: 0.")
    assert found.message.endswith(" s, 2 rows")
    assert found.__dict__["storage_rows"] == 2
    assert found.__dict__["storage_collection"] == "papers"
    assert any(record.__dict__["storage_error"] == "DuplicateError" for record in caplog.records)
    assert SECRET not in caplog.text + "".join(repr(record.__dict__) for record in caplog.records)


@pytest.mark.parametrize("slow", [-1, float("nan"), "1", True])
def test_slow_is_a_number_of_seconds(slow: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(ConfigurationError):
        LogObserver(slow=slow)


def spans_and_metrics(use: Any, url: str) -> tuple[list[ReadableSpan], dict[str, list[Any]]]:
    """What OpenTelemetry's own SDK has seen."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    metering = MeterProvider([reader])
    with Storage.open(url, observers=[OpenTelemetryObserver(tracing, metering)]) as storage:
        use(storage)
    data = reader.get_metrics_data()
    assert data is not None
    metrics = {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    metering.shutdown()
    return list(spans.get_finished_spans()), metrics


def test_opentelemetry() -> None:
    """Spans and metrics by the conventions for databases, without a value in any of them."""
    spans, metrics = spans_and_metrics(use, "sqlite:///:memory:")
    assert [span.name for span in spans] == [" ".join(filter(None, each[:2])) for each in EXPECTED]
    found = next(span for span in spans if span.name == "find papers")
    assert dict(found.attributes or {}) == {
        "db.system.name": "sqlite",
        "db.operation.name": "find",
        "db.collection.name": "papers",
        "db.response.returned_rows": 2,
        "torematrix.storage.in_transaction": False,
    }
    failed = [span for span in spans if not span.status.is_ok and span.status.is_unset is False]
    assert [(span.attributes or {})["error.type"] for span in failed] == ["DuplicateError"]
    durations = metrics["db.client.operation.duration"]
    assert sum(point.count for point in durations) == len(EXPECTED)
    assert sum(point.sum for point in metrics["db.client.response.returned_rows"]) == 5
    assert SECRET not in "".join(span.to_json() for span in spans) + repr(metrics)
