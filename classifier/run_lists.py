"""Training runs as a list shows them: a page at a time, newest first, without their curves and logs."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, FloatField
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast

from classifier.models import Classifier, TrainingRun
from classifier.run_presentation import title_of
from classifier.run_sentences import run_sentence

ACTIVE_STATES = (TrainingRun.State.QUEUED, TrainingRun.State.RUNNING)


@dataclass(frozen=True, slots=True)
class ListedRun:
    """`accuracy` is that on the holdout, of the version the run made."""

    run: TrainingRun
    title: str
    sentence: str
    is_active: bool
    progress: float
    accuracy: float | None
    version_id: UUID | None
    version_number: int | None


def list_runs(
    *, before: UUID | None, limit: int, classifier: Classifier | None = None, state: str = ""
) -> tuple[list[ListedRun], UUID | None]:
    """A page, and the id to go on from where there are more. One query; ids grow with time."""
    holdout = KeyTransform("holdout", "model_version__metrics")
    runs = (
        TrainingRun.objects.select_related("classifier", "requested_by")
        .defer("curves", "log", "snapshot", "settings")
        .annotate(
            accuracy=Cast(KeyTextTransform("accuracy", holdout), FloatField()),
            version_id=F("model_version__id"),
            version_number=F("model_version__number"),
        )
        .order_by("-id")
    )
    if before is not None:
        runs = runs.filter(id__lt=before)
    if classifier is not None:
        runs = runs.filter(classifier=classifier)
    if state:
        runs = runs.filter(state=state)
    found = list(runs[: limit + 1])
    return [_listed(run) for run in found[:limit]], found[limit - 1].id if len(found) > limit else None


def _listed(run: TrainingRun) -> ListedRun:
    facts = vars(run)
    return ListedRun(
        run=run,
        title=title_of(run),
        sentence=run_sentence(run),
        is_active=run.state in ACTIVE_STATES,
        progress=float(run.progress.get("overall", 0.0)),
        accuracy=facts["accuracy"],
        version_id=facts["version_id"],
        version_number=facts["version_number"],
    )
