"""What the classifier pages show, gathered from the rows. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from classifier.import_uploads import most_parts
from classifier.label_counts import LabelCount, count_labels, describe_imbalance
from classifier.models import Classifier, Dataset, ImportJob, LiveVersionChange, ModelVersion, TrainingRun
from classifier.models.training_run import ACTIVE
from classifier.training_readiness import why_not_trainable
from classifier.version_figures import Accuracy, read_accuracy, read_target_curve
from webapp.access import may_edit_classifier, may_train
from webapp.live_accuracy_page import describe_live_accuracy
from webapp.views.schedule import describe_schedule_section

LABELS_SHOWN: Final = 100
VERSIONS_SHOWN: Final = 20
CHANGES_SHOWN: Final = 20
IMPORTS_SHOWN: Final = 5
IMPORTS_STAY: Final = timedelta(days=1)
REJECTED_SHOWN: Final = 200
PREVIEWS_SHOWN: Final = 8
_UNDER_WAY: Final = (ImportJob.State.QUEUED, ImportJob.State.RUNNING)


@dataclass(frozen=True, slots=True)
class ListedClassifier:
    """One line of the list."""

    classifier: Classifier
    accuracy: Accuracy | None
    label_count: int
    image_count: int
    run: TrainingRun | None


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """A version with its accuracy, and why it went live if it did."""

    version: ModelVersion
    accuracy: Accuracy | None
    reason: str

    @property
    def address(self) -> str:
        return model_address(self.version)


@dataclass(frozen=True, slots=True)
class ShownDataset:
    """A dataset with its split sizes, the first rejected files, and one picture of each of some labels."""

    dataset: Dataset
    train: int
    validation: int
    holdout: int
    rejected: Sequence[dict[str, str]]
    previews: Sequence[tuple[str, str]]

    @property
    def rejected_not_shown(self) -> int:
        return self.dataset.rejected_count - len(self.rejected)


@dataclass(frozen=True, slots=True)
class ShownImport:
    """An import as the page draws it; the script goes on from there."""

    job: ImportJob
    is_under_way: bool
    words: str


def list_classifiers() -> list[ListedClassifier]:
    """Every classifier, by name; four queries."""
    rows = Classifier.objects.select_related("live_version").prefetch_related("labels").order_by("name", "slug")
    runs = {run.classifier_id: run for run in TrainingRun.objects.filter(ACTIVE)}
    pictures: dict[Any, int] = {}
    for classifier_id, count in Dataset.objects.values_list("classifier", "image_count"):
        pictures[classifier_id] = pictures.get(classifier_id, 0) + count
    return [
        ListedClassifier(
            classifier=row,
            accuracy=read_accuracy(row.live_version) if row.live_version else None,
            label_count=len(row.labels.all()),
            image_count=pictures.get(row.pk, 0),
            run=runs.get(row.pk),
        )
        for row in rows
    ]


def describe_classifier_page(request: HttpRequest, classifier: Classifier) -> dict[str, Any]:
    """All of it."""
    labels = count_labels(classifier)
    live = classifier.live_version
    recent = Q(state__in=_UNDER_WAY) | Q(ended_at__gte=timezone.now() - IMPORTS_STAY)
    jobs = ImportJob.objects.filter(recent, classifier_slug=classifier.slug).select_related("requested_by")
    return {
        "classifier": classifier,
        **_describe_labels(labels, show_all=request.GET.get("labels") == "all"),
        "datasets": [show_dataset(row) for row in classifier.datasets.all()],
        "imports": describe_imports(jobs[:IMPORTS_SHOWN]),
        "live": live,
        "live_address": model_address(live) if live else "",
        "live_accuracy": read_accuracy(live) if live else None,
        **describe_live_accuracy(request, classifier),
        "target_percent": round(classifier.target_precision * 100, 1),
        "versions": _list_versions(classifier),
        "changes": classifier.live_changes.select_related("version", "previous", "user")[:CHANGES_SHOWN],
        **_describe_run(classifier),
        "why_not_trainable": why_not_trainable(classifier),
        "may_train": may_train(request.user),
        "may_edit": may_edit_classifier(request.user),
        "page_data": {**import_page_data(), "target_curve": read_target_curve(live) if live else []},
        **describe_schedule_section(request, classifier),
    }


def describe_imports(jobs: Iterable[ImportJob]) -> list[ShownImport]:
    """For `import_jobs.html`."""
    return [ShownImport(job, job.state in _UNDER_WAY, _describe_import(job)) for job in jobs]


def import_page_data() -> dict[str, Any]:
    """What the scripts of an import form need; see `import-form.js`."""
    return {
        "live_path": "/ws/results/?imports=1",
        "imports_url": reverse("imports"),
        "part_bytes": settings.IMPORT_PART_BYTES,
        "import_max_bytes": min(settings.IMPORT_MAX_BYTES, most_parts() * settings.IMPORT_PART_BYTES),
    }


def model_address(version: ModelVersion) -> str:
    """The version's own page."""
    return reverse("model", args=[version.id])


def show_dataset(dataset: Dataset) -> ShownDataset:
    """With addresses of pictures that the preview surely holds: the first of each label that has any."""
    totals = {split: sum(by_label.values()) for split, by_label in dataset.counts.items()}
    filled = {label for by_label in dataset.counts.values() for label, count in by_label.items() if count}
    shown = [(place, label) for place, label in enumerate(dataset.labels) if label in filled][:PREVIEWS_SHOWN]
    return ShownDataset(
        dataset=dataset,
        train=totals.get("train", 0),
        validation=totals.get("validation", 0),
        holdout=totals.get("holdout", 0),
        rejected=dataset.rejected[:REJECTED_SHOWN],
        previews=[(label, reverse("dataset-picture", args=[dataset.id, f"{place}/0.png"])) for place, label in shown],
    )


def _describe_labels(labels: Sequence[LabelCount], *, show_all: bool) -> dict[str, Any]:
    shown = labels if show_all else labels[:LABELS_SHOWN]
    return {
        "labels": shown,
        "label_count": len(labels),
        "labels_not_shown": len(labels) - len(shown),
        "image_count": sum(label.total for label in labels),
        "imbalance": describe_imbalance(labels),
        "is_any_label_short": any(label.missing for label in labels),
    }


def _describe_run(classifier: Classifier) -> dict[str, Any]:
    run = TrainingRun.objects.filter(ACTIVE, classifier=classifier).first()
    return {
        "run": run,
        "run_address": reverse("training", args=[run.id]) if run else "",
        "training_address": f"{reverse('trainings')}?{urlencode({'classifier': classifier.slug})}",
    }


def _list_versions(classifier: Classifier) -> list[ShownVersion]:
    reasons: dict[Any, str] = {}
    for version_id, reason in LiveVersionChange.objects.filter(classifier=classifier).values_list("version", "reason"):
        reasons.setdefault(version_id, reason)  # the newest first
    rows = classifier.versions.order_by("-number")[:VERSIONS_SHOWN]
    return [ShownVersion(row, read_accuracy(row), reasons.get(row.pk) or _why_not_live(row)) for row in rows]


def _why_not_live(version: ModelVersion) -> str:
    reasons: Any = version.verdict.get("reasons") or []
    return " ".join(str(reason) for reason in reasons) if version.stage == ModelVersion.Stage.REJECTED else ""


def _describe_import(job: ImportJob) -> str:
    if job.outcome:
        return job.outcome
    if job.state == ImportJob.State.QUEUED:
        return "Waiting for a worker."
    if not job.total_count:
        return "Looking what is there…"
    return f"{job.done_count:,} of {job.total_count:,} pictures"
