"""The follow-up of promotions: every image that the live version has not seen is queued again, in bounded rounds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import F, Q

from classifier.models import Classifier
from classifier.prediction_requests import queue_repredictions

ROUND_SECONDS = 60.0
_SLICE = 2000


@dataclass(slots=True)
class _FollowUp:
    """How far this process has come with one classifier. Lost at a restart: then it looks at all images again."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    live_id: UUID | None = None
    after: UUID | None = None


_follow_ups: dict[UUID, _FollowUp] = {}


def follow_up_promotions(*, seconds: float, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """One round over the classifiers whose promotion has not been followed up, whatever became of its message."""
    ends = time.monotonic() + seconds
    not_followed_up = Q(repredicted_version__isnull=True) | ~Q(repredicted_version=F("live_version"))
    due = Classifier.objects.filter(not_followed_up, live_version__isnull=False).order_by("created_at")
    for classifier_id in due.values_list("id", flat=True):
        follow_up_promotion(classifier_id, is_over=lambda: is_stopping() or time.monotonic() >= ends)


def follow_up_promotion(classifier_id: UUID, *, is_over: Callable[[], bool]) -> None:
    """Queue slice by slice until the end or until the round is over; the next round goes on from there.

    Does nothing while another thread of this process is at the same classifier. Running it twice adds nothing.
    """
    follow_up = _follow_ups.setdefault(classifier_id, _FollowUp())
    if not follow_up.turn.acquire(blocking=False):
        return
    try:
        _go_on(classifier_id, follow_up, is_over)
    finally:
        follow_up.turn.release()


def _go_on(classifier_id: UUID, follow_up: _FollowUp, is_over: Callable[[], bool]) -> None:
    classifier = Classifier.objects.filter(pk=classifier_id).first()
    if classifier is None or classifier.repredicted_version_id == classifier.live_version_id:
        return
    live_id = classifier.live_version_id
    if follow_up.live_id != live_id:
        follow_up.live_id, follow_up.after = live_id, None
    while not is_over():
        follow_up.after = queue_repredictions(classifier=classifier, after=follow_up.after, limit=_SLICE)
        if follow_up.after is None:
            # Only if the same version is still live; another promotion has its own round.
            Classifier.objects.filter(pk=classifier_id, live_version=live_id).update(repredicted_version=live_id)
            follow_up.live_id = None
            return
