"""The doorbell's task: wakes this worker's drain thread and returns."""

from __future__ import annotations

from tasks.celery_app import app
from tasks.drain import QUEUE
from tasks.worker_threads import wake_thread


@app.task(name="tasks.prediction.drain")
def drain() -> None:
    """There may be work. Running it twice, late or without work changes nothing."""
    wake_thread(QUEUE)
