"""The audit: finished predictions drawn at random, so that the live accuracy can be known without bias."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.utils import timezone

from classifier.models import AuditDraw, Classifier, Image, ModelVersion
from classifier.prepared_inserts import insert_rows

SHARES_KEPT_SECONDS: Final = 10.0
_random = random.SystemRandom()
_shares: dict[UUID, tuple[float, UUID, float, float]] = {}


@dataclass(frozen=True, slots=True)
class Finished:
    """A prediction that has just been stored as done."""

    prediction_id: UUID
    image_id: UUID
    label_id: UUID
    unsure: bool


def draw_for_audit(version_id: UUID, finished: Sequence[Finished]) -> int:
    """Draw each prediction once, by chance alone; inside the transaction that stores them. Returns how many.

    Images that were reviewed before are no part of what is estimated: a model answers well what it was taught.
    """
    classifier_id, sure_share, unsure_share = _read_shares(version_id)
    moment = timezone.now()
    draws = [
        AuditDraw(
            prediction_id=each.prediction_id,
            image_id=each.image_id,
            classifier_id=classifier_id,
            model_version_id=version_id,
            label_id=each.label_id,
            stratum=AuditDraw.Stratum.UNSURE if each.unsure else AuditDraw.Stratum.SURE,
            probability=share,
            drawn_at=moment,
        )
        for each in finished
        for share in [unsure_share if each.unsure else sure_share]
        if _random.random() < share
    ]
    if draws:
        drawn = [draw.image_id for draw in draws]
        known = set(Image.objects.filter(id__in=drawn).exclude(review_state="").values_list("id", flat=True))
        draws = [draw for draw in draws if draw.image_id not in known]
    insert_rows(draws)
    return len(draws)


def _read_shares(version_id: UUID) -> tuple[UUID, float, float]:
    """As set some seconds ago at the latest: the share a row was really drawn with is stored beside it."""
    known = _shares.get(version_id)
    if known is None or time.monotonic() - known[0] > SHARES_KEPT_SECONDS:
        classifier_id = ModelVersion.objects.values_list("classifier_id", flat=True).get(id=version_id)
        row = Classifier.objects.values_list("audit_share_sure", "audit_share_unsure").get(id=classifier_id)
        if len(_shares) > 1000:
            _shares.clear()
        known = _shares[version_id] = (time.monotonic(), classifier_id, *row)
    return known[1:]


def forget_shares() -> None:
    """Read them anew at the next draw; for a change that must hold at once."""
    _shares.clear()
