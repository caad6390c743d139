"""The train queue's task: wakes this worker's loop and returns. Which run is due stands in the rows."""

from __future__ import annotations

from tasks.celery_app import app
from tasks.train_loop import QUEUE
from tasks.worker_threads import wake_thread


@app.task(name="tasks.training.run")
def run(run_id: str) -> None:
    """A run was queued. Twice, late or without a run changes nothing."""
    wake_thread(QUEUE)
