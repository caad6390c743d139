"""The train worker's thread for evaluations that somebody asked for: a training of hours must not hold them up."""

from __future__ import annotations

import time
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from classifier.evaluation_requests import (
    QUEUE,
    ClaimedEvaluation,
    claim_evaluation,
    fail_evaluation,
    release_evaluation,
    renew_evaluation,
)
from classifier.models import ModelVersion
from tasks.evaluation_process import measure_in_child
from tasks.worker_threads import QueueThread, QueueThreadStep

logger = structlog.get_logger(__name__)

BELL: Final = "evaluations"
_STOP_SECONDS: Final = 10.0


class EvaluationLoop(QueueThread):
    """One request at a time; what waits in the rows is found by the poll even when every message is lost."""

    def __init__(self) -> None:
        super().__init__("evaluation-loop")
        self._renewed_at = 0.0

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                close_old_connections()
                self.work_off()
            except (DatabaseError, InterfaceError) as problem:
                logger.warning("database_trouble", error=repr(problem))
                connection.close()
            except Exception:
                logger.exception("evaluation_loop_failed")  # the request comes back with its lease
                connection.close()
            self._bell.wait(settings.TRAINING_POLL_SECONDS)
            self._bell.clear()
        connection.close()

    def work_off(self) -> None:
        """Measure what waits, one version after the other, until none does."""
        while not self._stopping.is_set() and (claimed := claim_evaluation(worker=self.worker)) is not None:
            self._renewed_at = time.monotonic()
            version = ModelVersion.objects.select_related("classifier").get(id=claimed.version_id)
            trouble = measure_in_child(version, may_go_on=lambda own=claimed: self._may_go_on(own))  # type: ignore[misc]
            if self._stopping.is_set():
                release_evaluation(claimed)
            elif trouble:
                fail_evaluation(claimed, reason=trouble)

    def _may_go_on(self, claimed: ClaimedEvaluation) -> bool:
        if self._stopping.is_set():
            return False
        if time.monotonic() - self._renewed_at < settings.TRAINING_LEASE_SECONDS / 3:
            return True
        self._renewed_at = time.monotonic()
        return renew_evaluation(claimed)


class EvaluationStep(QueueThreadStep):
    """Owns the evaluation loop of a worker that serves the train queue; at a stop a request is given back."""

    queue = QUEUE
    bell = BELL

    def make_thread(self) -> QueueThread:
        return EvaluationLoop()

    def stop_seconds(self) -> float:
        return _STOP_SECONDS
