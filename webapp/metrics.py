"""Prometheus metrics: counted here for HTTP, read from the rows for queues and workers."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count
from prometheus_client import REGISTRY, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from classifier.doorbell import doorbell
from classifier.errors import WhatsitError
from classifier.heartbeats import live_workers, skewed_workers
from classifier.models import Classifier, Prediction, WorkerHeartbeat
from classifier.models.prediction import OPEN
from classifier.predictions import oldest_open_age_seconds
from classifier.review_queue import count_waiting
from classifier.upload_requests import NothingAccepted, UploadAnswer
from classifier.waiting_times import read_histograms
from webapp.webhook_metrics import read_webhook_metrics

BACKLOG_COUNTED = 10_000
UPLOADS = Counter("whatsit_uploads", "Pictures accepted, by kind.", ["kind"])
REFUSALS = Counter("whatsit_refusals", "Pictures or requests refused, by code.", ["code"])


def count_upload(answer: UploadAnswer) -> None:
    """Count what one request brought; a repeat under an Idempotency-Key counts as such."""
    if answer.repeated:
        UPLOADS.labels("repeat").inc(len(answer.images))
        return
    duplicates = sum(image.id in answer.duplicates for image in answer.images)
    if duplicates:
        UPLOADS.labels("duplicate").inc(duplicates)
    UPLOADS.labels("new").inc(len(answer.images) - duplicates)
    for entry in answer.rejected:
        REFUSALS.labels(entry.code).inc()


def count_refusal(problem: Exception) -> None:
    """Count a request from which nothing was taken."""
    if isinstance(problem, NothingAccepted):
        for entry in problem.rejected:
            REFUSALS.labels(entry.code).inc()
    elif isinstance(problem, WhatsitError):
        REFUSALS.labels(problem.code).inc()


class RowsCollector(Collector):
    """What the rows say at the moment of asking."""

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        length = GaugeMetricFamily("whatsit_queue_length", "Open predictions.", labels=["priority"])
        for priority, count in (
            Prediction.objects.filter(OPEN).values_list("priority").annotate(n=Count("id")).order_by()
        ):
            length.add_metric([str(priority)], count)
        yield length
        yield GaugeMetricFamily(
            "whatsit_queue_oldest_seconds", "Age of the oldest open prediction.", value=oldest_open_age_seconds()
        )
        yield GaugeMetricFamily("whatsit_gpu_workers", "Workers heard of lately.", value=len(live_workers("gpu")))
        yield GaugeMetricFamily("whatsit_skewed_workers", "Workers without a live model.", value=len(skewed_workers()))
        yield CounterMetricFamily(
            "whatsit_doorbell_failures", "Rings the broker did not take.", value=doorbell.failures
        )
        yield from read_webhook_metrics()
        yield from self._live_models()
        yield self._review_backlog()
        yield from self._workers()

    def _live_models(self) -> Iterator[Metric]:
        live = GaugeMetricFamily("whatsit_live_model", "Number of the live version.", labels=["classifier"])
        rows = Classifier.objects.filter(live_version__isnull=False).values_list("slug", "live_version__number")
        for slug, number in rows:
            live.add_metric([slug], number)
        yield live

    def _review_backlog(self) -> Metric:
        backlog = GaugeMetricFamily(
            "whatsit_review_backlog", f"Images that wait for review, {BACKLOG_COUNTED} at most.", labels=["classifier"]
        )
        for classifier in Classifier.objects.only("id", "slug"):
            backlog.add_metric([classifier.slug], count_waiting(classifier, at_most=BACKLOG_COUNTED))
        return backlog

    def _workers(self) -> Iterator[Metric]:
        outcomes = CounterMetricFamily("whatsit_predictions", "Predictions by outcome.", labels=["worker", "outcome"])
        stages = CounterMetricFamily("whatsit_stage_seconds", "Seconds by stage.", labels=["worker", "stage"])
        batches = CounterMetricFamily("whatsit_batches", "Batches predicted.", labels=["worker"])
        sizes = GaugeMetricFamily("whatsit_batch_size", "Images a batch may hold.", labels=["worker"])
        waits = HistogramMetricFamily(
            "whatsit_end_to_end_seconds", "Seconds from the wish to the answer.", labels=["worker", "priority"]
        )
        for row in WorkerHeartbeat.objects.filter(queue="gpu"):
            sizes.add_metric([row.worker], row.batch_size)
            for priority, buckets, total in read_histograms(row.counters):
                waits.add_metric([row.worker, priority], buckets, total)
            for name, value in row.counters.items():
                family, _, part = name.partition(".")
                if family == "predictions":
                    outcomes.add_metric([row.worker, part], value)
                elif family == "stage":
                    stages.add_metric([row.worker, part], value)
                elif family == "batches":
                    batches.add_metric([row.worker], value)
        yield from (outcomes, stages, batches, sizes, waits)


def install_collector() -> None:
    """Register the rows' collector once a process."""
    REGISTRY.register(RowsCollector())
