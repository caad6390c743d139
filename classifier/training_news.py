"""What who watches a training run is told, after the commit. A push is a hint; whoever misses one reads the row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Length

from classifier.live_updates import live_sender, training_group
from classifier.models import TrainingRun
from classifier.run_sentences import progress_sentence
from classifier.webhook_messages import tell_training


def tell_epoch(run_id: UUID, *, epoch: int, metrics: Mapping[str, Any]) -> None:
    """`epoch` counts the curve's entries over all phases, from 1."""
    _tell(run_id, {"epoch": epoch, "metrics": dict(metrics)})


def tell_state(run_id: UUID, state: str, outcome: str = "") -> None:
    """The run has moved on; what else is new stands in a fresh snapshot."""
    _tell(run_id, {"epoch": None, "metrics": {"state": str(state), "outcome": outcome}})


def tell_end(run_id: UUID, state: str, outcome: str) -> None:
    """The run is over: pages hear of it after the commit, webhooks through rows of this transaction."""
    tell_state(run_id, state, outcome)
    tell_training(run_id)


def tell_log(run_id: UUID, text: str) -> None:
    """`text` was appended to the log, in this transaction; told with its place, so that nobody shows it twice."""
    end = TrainingRun.objects.values_list(Length("log"), flat=True).get(id=run_id)
    log = {"start": end - len(text), "end": end, "text": text}
    _tell(run_id, {"epoch": None, "metrics": {}, "log": log})


def tell_progress(run_id: UUID, progress: Mapping[str, Any]) -> None:
    """Between epochs, before the row says so; outside any transaction."""
    shown = {**progress, "sentence": progress_sentence(progress)}
    live_sender.send(_event(run_id, {"epoch": None, "metrics": {}, "progress": shown}))


def _tell(run_id: UUID, news: dict[str, Any]) -> None:
    transaction.on_commit(lambda: live_sender.send(_event(run_id, news)))


def _event(run_id: UUID, news: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {training_group(str(run_id)): [{"type": "training", "run": str(run_id), **news}]}
