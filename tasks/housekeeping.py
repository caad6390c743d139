"""Small recurring work of the default queue: re-prediction after promotions, old rows, orphan objects."""

from __future__ import annotations

import time
from uuid import UUID

from classifier.batch_jobs import forget_old_batches
from classifier.broker_requests import forget_old_requests
from classifier.dataset_leftovers import forget_cached_datasets, remove_orphan_datasets
from classifier.datasets import dataset_cache_dir
from classifier.errors import StorageUnavailable
from classifier.evaluations import remove_orphan_packs
from classifier.heartbeats import forget_silent_workers
from classifier.idempotency import forget_old_keys
from classifier.import_uploads import remove_abandoned_uploads
from classifier.object_storage import purge_leftovers
from classifier.orphans import remove_orphan_derivatives, remove_orphans
from classifier.training_checkpoints import remove_orphan_checkpoints
from classifier.webhook_deliveries import forget_old_deliveries, give_up_overdue
from tasks.celery_app import app
from tasks.repredicting import ROUND_SECONDS, follow_up_promotion, follow_up_promotions


@app.task(name="tasks.housekeeping.repredict", time_limit=300)
def repredict(classifier_id: str) -> None:
    """Queue every image again that the live version has not seen. Running it twice adds nothing."""
    ends = time.monotonic() + ROUND_SECONDS
    follow_up_promotion(UUID(classifier_id), is_over=lambda: time.monotonic() >= ends)


@app.task(name="tasks.housekeeping.repredict_due", time_limit=300)
def repredict_due() -> None:
    """Find the classifiers whose promotion has not been followed up, whatever became of its message."""
    follow_up_promotions(seconds=ROUND_SECONDS)


@app.task(name="tasks.housekeeping.forget_old_rows", time_limit=300)
def forget_old_rows() -> None:
    """Idempotency keys past their day, brokers' requests past their week, silent workers, batches and
    webhooks' messages ended long ago."""
    forget_old_keys()
    forget_old_requests()
    forget_silent_workers()
    forget_old_batches()
    give_up_overdue()
    forget_old_deliveries()


@app.task(
    name="tasks.housekeeping.remove_orphan_objects",
    time_limit=3000,
    autoretry_for=(StorageUnavailable,),
    retry_backoff=True,
    retry_jitter=True,
    max_retries=3,
)
def remove_orphan_objects() -> None:
    """Objects that no row names (images, datasets, checkpoints, uploads), and what interrupted writes left behind."""
    remove_orphans()
    remove_orphan_derivatives()
    remove_orphan_datasets()
    remove_orphan_checkpoints()
    remove_orphan_packs()
    remove_abandoned_uploads()
    forget_cached_datasets(dataset_cache_dir())
    purge_leftovers()
