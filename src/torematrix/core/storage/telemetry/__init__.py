"""Observers to give to a storage: the log of the standard library, and OpenTelemetry (extra ``telemetry``)."""

from __future__ import annotations

from ..core.observing import Activity, Observer
from .logs import LogObserver
from .otel import OpenTelemetryObserver

__all__ = ["Activity", "LogObserver", "Observer", "OpenTelemetryObserver"]
