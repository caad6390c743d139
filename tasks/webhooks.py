"""The default queue's task for webhooks: wakes the worker's loop. What is to be sent stands in the rows."""

from __future__ import annotations

from tasks.celery_app import app
from tasks.webhook_loop import BELL
from tasks.worker_threads import wake_thread


@app.task(name="tasks.webhooks.look", time_limit=60)
def look() -> None:
    """A message was left. Twice, late or without a message changes nothing."""
    wake_thread(BELL)
