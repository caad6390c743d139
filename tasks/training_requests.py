"""Asking for a training run. Page, API, schedule and command come through here; neither numpy nor TensorFlow."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import User
from django.db import transaction

from classifier.classifiers import find_classifier
from classifier.doorbell import ring_by_name
from classifier.models import TrainingRun
from classifier.training_runs import request_run
from classifier.training_snapshots import take_snapshot
from tasks.training_options import RunOptions

TRAIN_TASK: Final = "tasks.training.run"


def request_training(
    *,
    slug: str,
    options: RunOptions,
    name: str = "",
    source: TrainingRun.Source = TrainingRun.Source.COMMAND,
    user: User | None = None,
) -> TrainingRun:
    """A queued run for these options, judged by the classifier's policy where they name none.

    Raises NotFound, Refused, Conflict (one is active), UnchangedError.
    """
    classifier = find_classifier(slug)
    snapshot = take_snapshot(classifier=classifier, dataset_names=options.datasets)
    values = options.with_gate_of(classifier).to_dict()
    return request_run(classifier=classifier, snapshot=snapshot, options=values, name=name, source=source, user=user)


def queue_training(
    *, slug: str, options: RunOptions, name: str = "", source: TrainingRun.Source, user: User | None = None
) -> TrainingRun:
    """As request_training, and wakes a train worker; within a transaction of the caller's after its commit."""
    run = request_training(slug=slug, options=options, name=name, source=source, user=user)
    transaction.on_commit(lambda: ring_by_name(TRAIN_TASK, [str(run.id)], queue="train"))
    return run
