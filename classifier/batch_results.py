"""What a batch answers for each of its files, read in order as far as nothing before it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from classifier.batch_jobs import ClaimedBatch
from classifier.errors import REFUSALS
from classifier.models import BatchItem, Prediction
from classifier.presentation import PredictionItem, describe_prediction

READ_AT_ONCE: Final = 200
DELETED: Final = "Its picture was deleted here since it was sent."
UNANSWERED: Final = "Its answer was removed here. Ask again on the picture's page."
_ENDED: Final = frozenset({Prediction.State.DONE, Prediction.State.FAILED})


@dataclass(frozen=True, slots=True)
class BatchResult:
    """One file's line. `state`: done, failed, refused or deleted; `code` and `message` say why it has no answer."""

    place: str
    state: str
    image_id: str
    prediction: PredictionItem | None
    code: str = ""
    message: str = ""

    @property
    def is_answered(self) -> bool:
        return self.state == "done"

    def to_json(self) -> dict[str, Any]:
        """As a line of --json: the names of the API."""
        answer = self.prediction
        return {
            "place": self.place,
            "state": self.state,
            "image": self.image_id or None,
            "label": answer["label"] if answer else None,
            "confidence": answer["confidence"] if answer else None,
            "unsure": answer["unsure"] if answer else None,
            "scores": answer["scores"] if answer else [],
            "model": answer["model"] if answer else None,
            "error": {"code": self.code, "message": self.message} if self.code else None,
        }


def read_ended(batch: ClaimedBatch, *, first: int, sent: int) -> list[BatchResult]:
    """The results from item `first` on, up to the first that is still open, at most READ_AT_ONCE; one row where none.

    `sent`: how many items have been sent; those behind have no result yet.
    """
    if first >= sent or not _read(batch, first, 1):
        return []
    return _read(batch, first, min(READ_AT_ONCE, sent - first))


def _read(batch: ClaimedBatch, first: int, count: int) -> list[BatchResult]:
    rows = BatchItem.objects.filter(job=batch.id, number__gte=first, number__lt=first + count)
    results = []
    for item in rows.select_related("prediction", "image__current_prediction").order_by("number"):
        result = _result_of(item)
        if result is None:
            break
        results.append(result)
    return results


def _result_of(item: BatchItem) -> BatchResult | None:
    """None while it is open."""
    if item.refusal_code:
        return BatchResult(item.place, "refused", "", None, item.refusal_code, item.refusal)
    if item.image is None:
        return BatchResult(item.place, "deleted", "", None, "not_found", DELETED)
    # Its own prediction is gone where the version had answered this picture before; that answer is shown then.
    prediction = item.prediction or item.image.current_prediction
    if prediction is None:
        return BatchResult(item.place, "failed", str(item.image_id), None, "not_found", UNANSWERED)
    if prediction.state not in _ENDED:
        return None
    if prediction.state == Prediction.State.FAILED:
        code = prediction.failure_code or "try_later"
        message = prediction.failure_reason or REFUSALS["try_later"][1]
        return BatchResult(item.place, "failed", str(item.image_id), None, code, message)
    return BatchResult(item.place, "done", str(item.image_id), describe_prediction(prediction))
