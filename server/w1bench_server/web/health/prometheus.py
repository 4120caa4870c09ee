"""The figures of a server for Prometheus."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from w1bench_server.jobs.queue import Jobs
from w1bench_server.sandbox.scorer import REFUSED
from w1bench_server.service import Service

CONTENT_TYPE = CONTENT_TYPE_LATEST
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_SUBMISSION = ("POST", "/v1/submissions")
_OUTCOMES = {201: "recorded", 202: "queued", 200: "repeated", 422: "refused", 429: "limited", 503: "busy", 507: "busy"}


class Monitor:
    """The figures of a running service, in a registry of its own."""

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "w1bench_requests", "Answered requests.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "w1bench_request_seconds", "From a request to the end of its answer.", ("method", "route"),
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._submissions = Counter(
            "w1bench_submissions", "Submissions by what became of them.", ("outcome",), registry=self._registry
        )
        for outcome in (*_OUTCOMES.values(), "failed", "rejected"):
            self._submissions.labels(outcome)
        self._registry.register(REFUSED)
        self._registry.register(_JobFigures(service.jobs))
        self._follow(service)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        if (method, route) == _SUBMISSION:
            self._submissions.labels(_OUTCOMES.get(status, "failed" if status >= 500 else "rejected")).inc()

    def text(self) -> bytes:
        """All figures, in Prometheus's text format."""
        return generate_latest(self._registry)

    def _follow(self, service: Service) -> None:
        """Add gauges of the service's state, which are read when the figures are."""
        scorer, fixity = service.scorer, service.fixity
        gauges = {
            "w1bench_scoring_pending": ("Uploads that wait or are scored.", lambda: scorer.pending),
            "w1bench_scoring_oldest_seconds": ("How long the oldest of them has been.", lambda: scorer.oldest_seconds),
            "w1bench_fixity_damaged_files": ("Files that are not as their manifest says.", lambda: len(fixity.damaged)),
            "w1bench_fixity_age_seconds": (
                "Since all files were last hashed; NaN before.",
                lambda: (datetime.now(UTC) - fixity.checked_at).total_seconds() if fixity.checked_at else float("nan"),
            ),
        }
        for name, (meaning, value) in gauges.items():
            Gauge(name, meaning, registry=self._registry).set_function(value)


class _JobFigures(Collector):
    """The numbers of jobs and the age of the oldest that waits, read from the database when the figures are."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        count = GaugeMetricFamily("w1bench_jobs", "Jobs by their queue and state.", labels=("queue", "state"))
        oldest = GaugeMetricFamily(
            "w1bench_jobs_oldest_seconds", "How long the oldest job has waited for a worker.", labels=("queue",)
        )
        # Where the database is away, which /readyz reports, the other figures are still there.
        with suppress(SQLAlchemyError):
            counts, waiting = self._jobs.counts(), self._jobs.waiting_seconds()
            for labels, value in counts.items():
                count.add_metric(labels, value)
            for queue, seconds in waiting.items():
                oldest.add_metric((queue,), seconds)
        yield count
        yield oldest

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry would collect to know the names."""
        return iter(())


def _monitor(request: Request) -> Monitor:
    return request.state.monitor


Watched = Annotated[Monitor, Depends(_monitor)]
