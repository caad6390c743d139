"""The default queue's task for imports: wakes the worker's loop. Which import is due stands in the rows."""

from __future__ import annotations

from tasks.celery_app import app
from tasks.import_loop import BELL
from tasks.worker_threads import wake_thread


@app.task(name="tasks.import_jobs.run", time_limit=60)
def run(job_id: str) -> None:
    """An import was queued or cancelled. Twice, late or without an import changes nothing."""
    wake_thread(BELL)
