"""Can this classifier be trained now, and what should be known before? Told before the button is pressed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from classifier.heartbeats import live_workers
from classifier.models import Classifier, Dataset, TrainingRun
from classifier.models.training_run import ACTIVE

NO_PICTURES: Final = "It has no pictures yet. Import some first."
IN_TRAINING: Final = "It is in training already. Wait for that run, or cancel it."
NO_WORKER: Final = (
    "No train worker has been heard for a while: a run waits until one is there (celery -A tasks worker -Q train)."
)
SHARED_PROCESSOR: Final = "On this machine trainings share the processor with predictions and run at low priority."
ONE_AT_A_TIME: Final = "Another training is at work; this one would wait for its turn."


def why_not_trainable(classifier: Classifier) -> str | None:
    """A sentence, or None where a training can be asked for. Unchanged data is known only when somebody asks."""
    return reasons_against_training([classifier])[classifier.pk]


def reasons_against_training(classifiers: Sequence[Classifier]) -> dict[UUID, str | None]:
    """As why_not_trainable, for many: two queries."""
    busy = set(TrainingRun.objects.filter(ACTIVE, classifier__in=classifiers).values_list("classifier", flat=True))
    counts: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for classifier_id, counted in Dataset.objects.filter(classifier__in=classifiers).values_list(
        "classifier", "counts"
    ):
        counts[classifier_id].append(counted)
    return {
        classifier.pk: IN_TRAINING if classifier.pk in busy else why_too_few(counts[classifier.pk])
        for classifier in classifiers
    }


def why_too_few(counts: Sequence[dict[str, Any]]) -> str | None:
    """By the datasets' counts, `{split: {label: n}}`. What near-duplicates still take away shows only in the run."""
    if not counts:
        return NO_PICTURES
    train, validation = _total(counts, "train"), _total(counts, "validation")
    if not train:
        return "None of its pictures fell to training. Import more."
    if len(train) == 1:
        [only] = train
        return f"Only “{only}” has training pictures. Import pictures of at least one other label."
    if not any(validation[label] for label in train):
        return "It has too few pictures: none is left to check on. Import about 20 of each label."
    return None


def training_warnings(classifier: Classifier) -> list[str]:
    """What does not forbid a training but should be known before it is asked for."""
    warnings = []
    workers = live_workers("train")
    if not workers:
        warnings.append(NO_WORKER)
    elif all(worker.device == "cpu" for worker in workers):
        warnings.append(SHARED_PROCESSOR)
    if TrainingRun.objects.filter(ACTIVE).exclude(classifier=classifier).exists():
        warnings.append(ONE_AT_A_TIME)
    return warnings


def _total(counts: Sequence[dict[str, Any]], split: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update({label: number for label, number in each.get(split, {}).items() if number})
    return total
