"""The bell of heat maps that somebody asked for: wakes this worker's explanation loop and returns."""

from __future__ import annotations

from classifier.explanations import EXPLAIN_TASK
from tasks.celery_app import app
from tasks.explanation_loop import BELL
from tasks.worker_threads import wake_thread


@app.task(name=EXPLAIN_TASK)
def look() -> None:
    """There may be a wish. Running it twice, late or without one changes nothing."""
    wake_thread(BELL)
