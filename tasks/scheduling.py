"""Starts the trainings that are due. What is due, and who may start it, stands in classifier/training_schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.utils import timezone

from classifier.doorbell import ring_by_name
from classifier.errors import Conflict, Refused, WhatsitError
from classifier.models import Classifier, TrainingRun
from classifier.training_runs import UnchangedError
from classifier.training_schedule import claim_due, describe_moment, due_classifiers, record_outcome
from classifier.write_transactions import write_transaction
from tasks.celery_app import app
from tasks.training_options import RunOptions, read_options
from tasks.training_requests import TRAIN_TASK, request_training

_NOT_OF_THE_RECIPE: Final = frozenset({"datasets", "promote", "policy", "margin"})

logger = structlog.get_logger(__name__)


@app.task(name="tasks.scheduling.start_due_trainings", time_limit=300)
def start_due_trainings() -> None:
    """Beat's one entry a minute. Late, twice, or in two workers at once, each due training is started once.

    A message that comes late finds the same times in the rows, and claims the one that is due; the next lies in the
    future. A message that comes twice finds nothing due the second time. Two workers that read the same row as due
    make the same conditional UPDATE, which changes a row for one of them. Should two runs be asked for all the same,
    the rows allow one active run a classifier, and the second one is told so.
    """
    now = timezone.now()
    for classifier in due_classifiers(now):
        start_training(classifier, now)


def start_training(classifier: Classifier, now: datetime) -> UUID | None:
    """Claim, ask for a run and say what came of it; the run's id where there is one.

    Claim, run and words are one commit: a worker killed in between leaves the training due. Whatever goes wrong is
    this classifier's outcome and stops no other's.
    """
    try:
        run_id = _claim_and_request(classifier, now)
    except Exception as problem:
        logger.exception("scheduled_training_failed", classifier=classifier.slug)
        _give_up(classifier, now, problem)
        return None
    if run_id is not None:
        ring_by_name(TRAIN_TASK, [str(run_id)], queue="train")
    return run_id


def _claim_and_request(classifier: Classifier, now: datetime) -> UUID | None:
    with write_transaction():
        next_try = claim_due(classifier, now)
        if next_try is None:
            return None
        run_id, outcome = _request(classifier, next_try)
        record_outcome(classifier, outcome)
    logger.info("scheduled_training", classifier=classifier.slug, run=str(run_id or ""), outcome=outcome)
    return run_id


def _request(classifier: Classifier, next_try: datetime) -> tuple[UUID | None, str]:
    """The queued run, if any, and what came of asking in words."""
    try:
        options = choose_options(classifier)
    except Refused as problem:
        return None, f"The settings of {classifier.live_version} do not fit any more: {problem.message}"
    try:
        run = request_training(slug=classifier.slug, options=options, source=TrainingRun.Source.SCHEDULE)
    except UnchangedError as unchanged:
        return None, f"Nothing new to learn since {unchanged.version}."
    except Conflict:
        return None, f"A training was running already; next try at {describe_moment(next_try)}."
    except WhatsitError as problem:
        return None, f"There is nothing to train on: {problem.message}"
    return run.id, "Queued a training."


def choose_options(classifier: Classifier) -> RunOptions:
    """As the live version was trained, on all datasets of today and judged by the classifier's own policy.

    So an owner's recipe stays, and unchanged data is known as such. Where no training of ours made the live version,
    nothing is said and the recipe chooses. Raises Refused for stored settings that are not understood any more.
    """
    live = classifier.live_version
    if live is None or live.training_run is None:
        return read_options({})
    stored = dict(live.training_run.settings)
    hyper_parameters = stored.pop("hyper_parameters", {})
    kept = {name: value for name, value in stored.items() if name not in _NOT_OF_THE_RECIPE}
    return read_options({**kept, **hyper_parameters})


def _give_up(classifier: Classifier, now: datetime, problem: Exception) -> None:
    """The time is used up all the same, or a fault that stays would be met every minute."""
    try:
        with write_transaction():
            if next_try := claim_due(classifier, now):
                reason = f"{type(problem).__name__}: {problem}"[:200]
                moment = describe_moment(next_try)
                record_outcome(classifier, f"The training could not be started ({reason}); next try at {moment}.")
    except DatabaseError as trouble:
        logger.warning("database_trouble", error=repr(trouble))  # nothing was claimed: the next minute tries again
