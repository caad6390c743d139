"""The bell of promotions by hand: wakes this worker's promotion loop and returns."""

from __future__ import annotations

from classifier.promotion_requests import PROMOTE_TASK
from tasks.celery_app import app
from tasks.promotion_loop import BELL
from tasks.worker_threads import wake_thread


@app.task(name=PROMOTE_TASK)
def look() -> None:
    """There may be a request. Running it twice, late or without one changes nothing."""
    wake_thread(BELL)
