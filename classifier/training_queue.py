"""Training runs as the train worker sees them: which is due, which came back, which trainer is gone."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from classifier.models import TrainingRun
from classifier.training_news import tell_state
from classifier.training_runs import ClaimedRun, end_run, own_row, run_is_due
from classifier.write_transactions import write_transaction

State = TrainingRun.State
MOST_FAILURES: Final = 3
WORN_OUT: Final = "The training process stopped three times without a word; it is not tried again."


def find_due_run() -> UUID | None:
    """The run that has waited longest, or one whose trainer fell silent; one that did so too often is failed here."""
    silent = TrainingRun.objects.filter(state=State.RUNNING, lease_until__lt=Now(), failures__gte=MOST_FAILURES - 1)
    for run_id, claim in silent.values_list("id", "claim"):
        end_run(ClaimedRun(run_id, claim), State.FAILED, WORN_OUT)
    return TrainingRun.objects.filter(run_is_due()).order_by("created_at").values_list("id", flat=True).first()


def release_run(run: ClaimedRun) -> bool:
    """running → queued: this process must stop, another goes on from the last checkpoint. Counts as no failure."""
    with write_transaction():
        changed = bool(own_row(run).update(state=State.QUEUED, lease_until=None, worker="", progress={}))
        if changed:
            tell_state(run.id, State.QUEUED)
        return changed


def is_cancel_requested(run_id: UUID) -> bool:
    """Has somebody asked this run to stop?"""
    return TrainingRun.objects.filter(id=run_id, cancel_requested=True).exists()


def is_active(run_id: UUID) -> bool:
    """Queued or running."""
    return TrainingRun.objects.filter(id=run_id, state__in=[State.QUEUED, State.RUNNING]).exists()


def read_claim(run_id: UUID) -> int:
    """How often the run has been claimed so far."""
    return TrainingRun.objects.values_list("claim", flat=True).get(id=run_id)


def end_abandoned_run(*, run_id: UUID, worker: str, claim_before: int, reason: str) -> bool:
    """A trainer process of ours has ended: its row, where it still says running (or was never claimed), ends too.

    Cancelled where that was asked for, else failed with the reason. False where the row had been ended or given back
    properly, or is in other hands.
    """
    left = Q(state=State.RUNNING, worker=worker) | Q(state=State.QUEUED, claim=claim_before)
    row = TrainingRun.objects.filter(left, id=run_id).first()
    if row is None:
        return False
    if row.cancel_requested:
        return end_run(ClaimedRun(row.id, row.claim), State.CANCELLED, "Cancelled.", states=(row.state,))
    return end_run(ClaimedRun(row.id, row.claim), State.FAILED, reason, states=(row.state,))
