"""Observers to give to a storage: the log of the standard library, and OpenTelemetry (extra ``telemetry``)."""

from __future__ import annotations

from ..core.observing import Activity, Connections, Observer, Pools, Wait
from .logs import LogObserver
from .otel import OpenTelemetryObserver

__all__ = ["Activity", "Connections", "LogObserver", "Observer", "OpenTelemetryObserver", "Pools", "Wait"]
