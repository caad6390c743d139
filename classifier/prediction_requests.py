"""Asking for predictions: new rows, asking again, and re-prediction after a promotion."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import DatabaseError
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from classifier.doorbell import ring_after_commit
from classifier.errors import Conflict
from classifier.models import Classifier, Image, ModelVersion, Prediction
from classifier.models.prediction import OPEN
from classifier.prepared_inserts import insert_rows
from classifier.request_ids import current_request_id
from classifier.write_transactions import surely_rolled_back, write_transaction

_ATTEMPTS = 4


def _new_prediction(
    image: Image, wished_version: ModelVersion | None, priority: int, request_id: str | None = None
) -> Prediction:
    return Prediction(
        image=image,
        classifier_id=image.classifier_id,
        wished_version=wished_version,
        priority=priority,
        queued_at=timezone.now(),
        request_id=request_id,
    )


def open_predictions(
    new_images: Sequence[Image],
    renewed: Sequence[Image],
    *,
    wished_version: ModelVersion | None,
    priority: int,
    request_id: str | None,
) -> list[Prediction]:
    """Insert new images with a queued prediction each, and one for every existing image that asks again.

    Runs inside the caller's transaction, perhaps in another request's thread; an IntegrityError there means an equal
    picture was faster.
    """
    predictions = [_new_prediction(image, wished_version, priority, request_id) for image in new_images]
    for image, prediction in zip(new_images, predictions, strict=True):
        image.current_prediction = prediction
    # The two tables point at each other; foreign keys are checked at commit, so either may go first.
    if new_images:
        insert_rows(new_images)
        insert_rows(predictions)
    asked = [_ask(image, wished_version, priority, request_id) for image in renewed]
    return predictions + asked


def request_prediction(*, image: Image, wished_version: ModelVersion | None, priority: int) -> Prediction:
    """Ask again for an image: the open wish if there is one, the answer if that version gave it, else a new wish.

    A failed prediction is put back in the queue with its failures forgotten. Raises Conflict.
    """
    for _ in range(_ATTEMPTS):
        try:
            with write_transaction():
                prediction = _ask(image, wished_version, priority, current_request_id())
                ring_after_commit()
                return prediction
        except DatabaseError as problem:
            # Somebody asked the same at the same moment: the next look finds their row.
            if not surely_rolled_back(problem):
                raise
    raise Conflict("This picture is being asked for by somebody else just now. Try again in a moment.")


def _open_wish(image: Image, wished_version: ModelVersion | None) -> Prediction | None:
    return Prediction.objects.filter(OPEN, image=image, wished_version=wished_version).first()


def _ask(image: Image, wished_version: ModelVersion | None, priority: int, request_id: str | None) -> Prediction:
    wanted = wished_version.id if wished_version else image.classifier.live_version_id
    same = Prediction.objects.filter(image=image)
    prediction = (
        _open_wish(image, wished_version)
        or (same.filter(state=Prediction.State.DONE, model_version_id=wanted).first() if wanted else None)
        or _requeue_failed(image, wished_version, priority, request_id)
    )
    if prediction is None:
        prediction = _new_prediction(image, wished_version, priority, request_id)
        prediction.save(force_insert=True)
    elif prediction.state == Prediction.State.QUEUED and prediction.priority > priority:
        Prediction.objects.filter(id=prediction.id, priority__gt=priority).update(priority=priority)
    Image.objects.filter(id=image.id).update(current_prediction=prediction, version=F("version") + 1)
    image.current_prediction = prediction
    image.version += 1
    return prediction


def _requeue_failed(
    image: Image, wished_version: ModelVersion | None, priority: int, request_id: str | None
) -> Prediction | None:
    failed = (
        Prediction.objects.filter(image=image, state=Prediction.State.FAILED, wished_version=wished_version)
        .order_by("-queued_at")
        .first()
    )
    if failed is None:
        return None
    moved = Prediction.objects.filter(id=failed.id, state=Prediction.State.FAILED).update(
        state=Prediction.State.QUEUED,
        failures=0,
        failure_code="",
        failure_reason="",
        priority=priority,
        request_id=request_id,
        available_at=None,
        done_at=None,
        queued_at=timezone.now(),
    )
    if moved:
        failed.refresh_from_db()
    return failed if moved else None


def queue_repredictions(*, classifier: Classifier, after: UUID | None, limit: int) -> UUID | None:
    """One slice of re-prediction at bulk priority: images whose newest answer is not from the live version.

    Returns the last image id looked at, or None when the end was reached. Repeating a slice adds nothing.
    """
    live = classifier.live_version_id
    if live is None:
        return None
    images = Image.objects.filter(classifier=classifier).order_by("id")
    if after is not None:
        images = images.filter(id__gt=after)
    ids = list(images.values_list("id", flat=True)[:limit])
    if not ids:
        return None
    answered = Prediction.objects.filter(image=OuterRef("id"), state=Prediction.State.DONE, model_version_id=live)
    waiting = Prediction.objects.filter(OPEN, image=OuterRef("id"), wished_version__isnull=True)
    stale = Image.objects.filter(id__in=ids).filter(~Q(Exists(answered)) & ~Q(Exists(waiting)))
    with write_transaction():
        predictions = [_new_prediction(image, None, Prediction.BULK) for image in stale]
        if predictions:
            Prediction.objects.bulk_create(predictions, ignore_conflicts=True)
            ring_after_commit()
    return ids[-1]
