"""The default queue's task for deletions: wakes the worker's loop. Which are pending stands in the rows."""

from __future__ import annotations

from tasks.celery_app import app
from tasks.deletion_loop import BELL
from tasks.worker_threads import wake_thread


@app.task(name="tasks.deletions.run", time_limit=60)
def run() -> None:
    """Something was deleted. Twice, late or without a pending deletion changes nothing."""
    wake_thread(BELL)
