"""How a training run looks to every reader: pages, sockets and REST alike."""

from __future__ import annotations

from typing import Any, Final, TypedDict

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet

from classifier.models import ModelVersion, TrainingRun
from classifier.run_sentences import run_sentence

LOG_SHOWN: Final = 40_000


class VersionItem(TypedDict):
    id: str
    number: int
    stage: str


class RunItem(TypedDict):
    """`progress` is the share done of the whole run, 0 to 1. `log` is the end of the log, `log_length` of all of it."""

    id: str
    name: str
    title: str
    classifier: str
    state: str
    sentence: str
    epoch: int | None
    epochs: int | None
    progress: float | None
    remaining_seconds: float | None
    curves: list[dict[str, Any]]
    log: str
    log_length: int
    outcome: str
    version: VersionItem | None


def presentable(runs: QuerySet[TrainingRun]) -> QuerySet[TrainingRun]:
    """With the rows that describing a run reads."""
    return runs.select_related("classifier", "model_version", "requested_by")


def describe_run(run: TrainingRun) -> RunItem:
    """One run, whole."""
    noted = run.progress
    ended = run.state not in (TrainingRun.State.QUEUED, TrainingRun.State.RUNNING)
    version = version_of(run)
    return {
        "id": str(run.id),
        "name": run.name,
        "title": title_of(run),
        "classifier": run.classifier.slug,
        "state": run.state,
        "sentence": run_sentence(run),
        "epoch": noted.get("epoch") or (len(run.curves) or None),
        "epochs": noted.get("epochs") or run.settings.get("hyper_parameters", {}).get("epochs"),
        "progress": None if ended else noted.get("overall", 0.0),
        "remaining_seconds": noted.get("remaining_seconds"),
        "curves": run.curves,
        "log": run.log[-LOG_SHOWN:],
        "log_length": len(run.log),
        "outcome": run.outcome,
        "version": {"id": str(version.id), "number": version.number, "stage": version.stage} if version else None,
    }


def title_of(run: TrainingRun) -> str:
    """The name it was given, else whose it is and when it was asked for."""
    return run.name or f"{run.classifier.name}, {run.created_at.day} {run.created_at:%b %Y, %H:%M} UTC"


def version_of(run: TrainingRun) -> ModelVersion | None:
    """What the run made, if it did."""
    try:
        version: ModelVersion = run.model_version
    except ObjectDoesNotExist:
        return None
    return version
