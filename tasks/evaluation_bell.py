"""The bell of evaluations that somebody asked for: wakes this worker's evaluation loop and returns."""

from __future__ import annotations

from classifier.evaluation_requests import EVALUATE_TASK
from tasks.celery_app import app
from tasks.evaluation_loop import BELL
from tasks.worker_threads import wake_thread


@app.task(name=EVALUATE_TASK)
def look() -> None:
    """There may be a request. Running it twice, late or without one changes nothing."""
    wake_thread(BELL)
