"""The life of a training run: requested, claimed under a lease, ended. Every move is one conditional UPDATE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.db.models import Case, F, IntegerField, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Coalesce, Concat, Now

from classifier.database_time import moments_from_now
from classifier.dataset_layouts import clean_label
from classifier.errors import Conflict
from classifier.models import Classifier, ModelVersion, TrainingRun
from classifier.reviewed_examples import freeze_examples
from classifier.row_lookup import find_row
from classifier.training_news import tell_end, tell_epoch, tell_log, tell_state
from classifier.training_snapshots import Snapshot, digest_of
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

State = TrainingRun.State
_NOT_DECIDING = frozenset({"datasets", "promote", "policy", "margin"})
NEVER_BEGAN = "Cancelled before it began."
SILENT = "The training process stopped without a word; its lease ran out."


class UnchangedError(Conflict):
    """The same data and settings were trained before; training again would give the same version."""

    def __init__(self, version: ModelVersion) -> None:
        super().__init__(
            f"Data and settings are those of v{version.number}, trained {version.created_at:%Y-%m-%d %H:%M} UTC; "
            "nothing was trained."
        )
        self.version = version


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run in this process' hands; `claim` is the fence that every later word must carry."""

    id: UUID
    claim: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the row says to the process that trains: go on, or stop and why."""

    is_mine: bool
    is_cancelled: bool


def request_run(
    *,
    classifier: Classifier,
    snapshot: Snapshot,
    options: Mapping[str, Any],
    name: str = "",
    source: TrainingRun.Source = TrainingRun.Source.COMMAND,
    user: User | None = None,
) -> TrainingRun:
    """A queued run. Raises Conflict while another one is active, UnchangedError where there is nothing new to learn."""
    fingerprint = run_fingerprint(classifier=classifier, snapshot=snapshot, options=options)
    if version := find_unchanged(classifier=classifier, fingerprint=fingerprint):
        raise UnchangedError(version)
    fail_silent_runs(classifier=classifier)
    try:
        with write_transaction():
            run = TrainingRun.objects.create(
                classifier=classifier,
                name=clean_label(name)[:120],
                settings=dict(options),
                snapshot=snapshot.description,
                fingerprint=fingerprint,
                source=source,
                requested_by=user,
            )
            freeze_examples(run=run, examples=snapshot.reviewed)
            return run
    except IntegrityError as problem:
        raise Conflict(f"Classifier {classifier.slug} is in training already. Wait for it, or cancel it.") from problem


def run_fingerprint(*, classifier: Classifier, snapshot: Snapshot, options: Mapping[str, Any]) -> str:
    """Equal where the data and all that decides the weights are equal; what follows training does not count."""
    deciding = {name: value for name, value in options.items() if name not in _NOT_DECIDING}
    of_classifier = [classifier.left_right_differ, classifier.target_precision]
    return digest_of([snapshot.fingerprint, deciding, of_classifier])


def find_unchanged(*, classifier: Classifier, fingerprint: str) -> ModelVersion | None:
    """The newest version that came of a run with this fingerprint."""
    runs = TrainingRun.objects.filter(classifier=classifier, fingerprint=fingerprint, state=State.DONE)
    return ModelVersion.objects.filter(training_run__in=runs).order_by("-created_at").first()


def find_run(identifier: str) -> TrainingRun:
    """Raises NotFound."""
    rows = TrainingRun.objects.select_related("classifier")
    return find_row(rows, identifier, missing=f"There is no training run {identifier}.")


def run_is_due() -> Q:
    """Queued, or running with a lease that ran out."""
    return Q(state=State.QUEUED) | Q(state=State.RUNNING, lease_until__lt=Now())


def claim_run(*, run_id: UUID, worker: str) -> ClaimedRun | None:
    """Queued → running, or a running one whose lease ran out into other hands; None where somebody else has it."""
    with write_transaction():
        changed = TrainingRun.objects.filter(run_is_due(), id=run_id, cancel_requested=False).update(
            state=State.RUNNING,
            worker=worker[:120],
            claim=F("claim") + 1,
            failures=Case(
                When(state=State.RUNNING, then=F("failures") + 1), default=F("failures"), output_field=IntegerField()
            ),
            lease_until=moments_from_now(settings.TRAINING_LEASE_SECONDS),
            started_at=Coalesce(F("started_at"), Now()),
        )
        if not changed:
            return None
        tell_state(run_id, State.RUNNING)
        return ClaimedRun(run_id, TrainingRun.objects.values_list("claim", flat=True).get(id=run_id))


def renew_lease(run: ClaimedRun, *, progress: Mapping[str, Any] | None = None) -> Standing:
    """Say that the trainer lives, and what it does; learn whether it may go on."""
    changes: dict[str, Any] = {"lease_until": moments_from_now(settings.TRAINING_LEASE_SECONDS)}
    if progress is not None:
        changes["progress"] = dict(progress)
    with write_transaction():
        is_mine = bool(own_row(run).update(**changes))
    is_cancelled = TrainingRun.objects.filter(id=run.id, cancel_requested=True).exists()
    return Standing(is_mine, is_cancelled)


def add_log(run: ClaimedRun, line: str) -> None:
    """Append one line to the run's log."""
    with write_transaction():
        if own_row(run).update(log=_with_line(line)):
            tell_log(run.id, f"{line}\n")


def record_epoch(run: ClaimedRun, *, curves: list[dict[str, Any]], line: str) -> None:
    """Store the curves so far with a log line, and tell who watches."""
    with write_transaction():
        if own_row(run).update(curves=curves, log=_with_line(line)):
            tell_epoch(run.id, epoch=len(curves), metrics=curves[-1])
            tell_log(run.id, f"{line}\n")


def describe_data(run: ClaimedRun, *, counts: Mapping[str, Any]) -> None:
    """Add to the snapshot what was counted while the examples were sorted."""
    with write_transaction():
        row = TrainingRun.objects.select_for_update().get(id=run.id)
        if own_row(run).update(snapshot={**row.snapshot, **counts}):
            tell_state(run.id, State.RUNNING)


def finish_run(run: ClaimedRun, *, outcome: str) -> bool:
    """running → done. False where the run is no longer ours."""
    return end_run(run, State.DONE, outcome)


def fail_run(run: ClaimedRun, *, reason: str) -> bool:
    """running → failed, with the reason."""
    return end_run(run, State.FAILED, reason)


def cancel_claimed_run(run: ClaimedRun, *, reason: str) -> bool:
    """running → cancelled: the trainer has stopped."""
    return end_run(run, State.CANCELLED, reason)


def request_cancel(run: TrainingRun) -> bool:
    """A queued run is cancelled at once, a running one at its next step; False where it has ended already."""
    with write_transaction():
        if TrainingRun.objects.filter(id=run.id, state=State.QUEUED).update(
            state=State.CANCELLED, cancel_requested=True, outcome=NEVER_BEGAN, ended_at=Now()
        ):
            tell_end(run.id, State.CANCELLED, NEVER_BEGAN)
            return True
        is_told = bool(TrainingRun.objects.filter(id=run.id, state=State.RUNNING).update(cancel_requested=True))
        if is_told:
            tell_state(run.id, State.RUNNING)
        return is_told


def fail_silent_runs(*, classifier: Classifier | None = None) -> int:
    """Mark running rows whose lease ran out as failed; returns how many."""
    silent = TrainingRun.objects.filter(state=State.RUNNING, lease_until__lt=Now())
    if classifier is not None:
        silent = silent.filter(classifier=classifier)
    with write_transaction():
        found = list(silent.values_list("id", flat=True))
        changed = silent.filter(id__in=found).update(
            state=State.FAILED, outcome=SILENT, ended_at=Now(), lease_until=None, progress={}
        )
        for run_id in found:
            tell_end(run_id, State.FAILED, SILENT)
    return changed


def own_row(run: ClaimedRun) -> QuerySet[TrainingRun]:
    """The row while it is running under this claim; every word about a run is an update of this."""
    return TrainingRun.objects.filter(id=run.id, state=State.RUNNING, claim=run.claim)


def end_run(
    run: ClaimedRun, state: TrainingRun.State, outcome: str, *, states: Sequence[str] = (State.RUNNING,)
) -> bool:
    """Into one of the final states, with the reason; tells who watches. False where the row is not (any more) ours."""
    with write_transaction():
        changed = TrainingRun.objects.filter(id=run.id, state__in=states, claim=run.claim).update(
            state=state, outcome=outcome[:300], ended_at=Now(), lease_until=None, progress={}
        )
        if changed:
            tell_end(run.id, state, outcome[:300])
    logger.info("training_run_ended", run=str(run.id), state=str(state), outcome=outcome[:300])
    return bool(changed)


def _with_line(line: str) -> Concat:
    return Concat(F("log"), Value(f"{line}\n"), output_field=TextField())
