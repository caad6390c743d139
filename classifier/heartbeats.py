"""Workers' heartbeats: writing one, and what health and metrics read of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from classifier.models import Classifier, WorkerHeartbeat
from classifier.write_transactions import write_transaction


def beat(
    *,
    worker: str,
    queue: str,
    device: str = "",
    loaded_versions: Sequence[str] = (),
    batch_size: int = 0,
    images_done: int = 0,
    counters: dict[str, float] | None = None,
    alarm: str = "",
) -> None:
    """Say that this worker is alive and what it holds. Times are the database's."""
    facts = {
        "queue": queue,
        "seen_at": Now(),
        "device": device,
        "loaded_versions": list(loaded_versions),
        "batch_size": batch_size,
        "images_done": images_done,
        "counters": counters or {},
        "alarm": alarm[:300],
    }
    with write_transaction():
        if not WorkerHeartbeat.objects.filter(worker=worker).update(**facts):
            WorkerHeartbeat.objects.create(worker=worker, started_at=Now(), **facts)


def live_workers(queue: str) -> list[WorkerHeartbeat]:
    """Workers of a queue seen within the last three beats."""
    limit = Now() - timedelta(seconds=max(3 * settings.HEARTBEAT_SECONDS, 1.0))
    return list(WorkerHeartbeat.objects.filter(queue=queue, seen_at__gte=limit))


def skewed_workers() -> list[str]:
    """Names of gpu workers that hold models but none of the live ones (a version skew after a promotion)."""
    live = {
        str(identifier)
        for identifier in Classifier.objects.filter(live_version__isnull=False).values_list("live_version", flat=True)
    }
    return [row.worker for row in live_workers("gpu") if row.loaded_versions and not live & set(row.loaded_versions)]


def forget_worker(worker: str) -> None:
    """This worker has stopped in order."""
    WorkerHeartbeat.objects.filter(worker=worker).delete()


def forget_silent_workers() -> int:
    """Housekeeping: remove workers not seen for a day; returns how many."""
    return WorkerHeartbeat.objects.filter(seen_at__lt=Now() - timedelta(days=1)).delete()[0]
