"""What beat starts, and how often. Static: what is due stands in the rows. Every entry expires before its next run."""

from __future__ import annotations

from typing import Any

from django.conf import settings


def _every(seconds: float, task: str) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"expires": seconds * 0.9}}


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "start-due-trainings": _every(settings.TRAINING_SCHEDULE_SECONDS, "tasks.scheduling.start_due_trainings"),
    "repredict-after-promotions": _every(60, "tasks.housekeeping.repredict_due"),
    "forget-old-rows": _every(600, "tasks.housekeeping.forget_old_rows"),
    "remove-orphan-objects": _every(3600, "tasks.housekeeping.remove_orphan_objects"),
}
