"""The train worker's thread for evaluations that somebody asked for: a training of hours must not hold them up."""

from __future__ import annotations

from functools import partial
from typing import Final

from django.conf import settings

from classifier.evaluation_requests import (
    QUEUE,
    claim_evaluation,
    fail_evaluation,
    release_evaluation,
    renew_evaluation,
)
from classifier.models import ModelVersion
from tasks.evaluation_process import measure_in_child
from tasks.lease_renewal import LeaseRenewal
from tasks.worker_threads import PollingThread, QueueThread, QueueThreadStep

BELL: Final = "evaluations"
_STOP_SECONDS: Final = 10.0


class EvaluationLoop(PollingThread):
    """One request at a time; what waits in the rows is found by the poll even when every message is lost."""

    def __init__(self) -> None:
        super().__init__("evaluation-loop")

    def poll_seconds(self) -> float:
        return settings.TRAINING_POLL_SECONDS

    def work_off(self) -> None:
        """Measure what waits, one version after the other, until none does."""
        while not self._stopping.is_set() and (claimed := claim_evaluation(worker=self.worker)) is not None:
            version = ModelVersion.objects.select_related("classifier").get(id=claimed.version_id)
            lease = LeaseRenewal(
                partial(renew_evaluation, claimed), settings.TRAINING_LEASE_SECONDS, self._stopping.is_set
            )
            trouble = measure_in_child(version, may_go_on=lease)
            if self._stopping.is_set():
                release_evaluation(claimed)
            elif trouble:
                fail_evaluation(claimed, reason=trouble)


class EvaluationStep(QueueThreadStep):
    """Owns the evaluation loop of a worker that serves the train queue; at a stop a request is given back."""

    queue = QUEUE
    bell = BELL

    def make_thread(self) -> QueueThread:
        return EvaluationLoop()

    def stop_seconds(self) -> float:
        return _STOP_SECONDS
