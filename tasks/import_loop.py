"""The default worker's thread for imports: a long one must not hold up the other work of the queue."""

from __future__ import annotations

from typing import Final

import structlog
from django.conf import settings

from classifier.errors import StorageUnavailable
from classifier.import_jobs import claim_import, find_due_import
from classifier.import_uploads import forget_ended_uploads
from tasks.import_work import carry_out
from tasks.worker_threads import PollingThread, QueueThread, QueueThreadStep

logger = structlog.get_logger(__name__)

QUEUE: Final = "default"
BELL: Final = "imports"
_STOP_SECONDS: Final = 10.0


class ImportLoop(PollingThread):
    """One import at a time; what waits in the rows is found by the poll even when every message is lost."""

    def __init__(self) -> None:
        super().__init__("import-loop")

    def poll_seconds(self) -> float:
        return settings.IMPORT_POLL_SECONDS

    def work_off(self) -> None:
        self._import_what_is_due()
        try:
            forget_ended_uploads()
        except StorageUnavailable as problem:
            logger.warning("uploads_not_removed", error=repr(problem))

    def _import_what_is_due(self) -> None:
        while not self._stopping.is_set() and (job_id := find_due_import()) is not None:
            job = claim_import(job_id=job_id, worker=self.worker)
            if job is not None and not carry_out(job, is_stopping=self._stopping.is_set):
                return  # what went wrong may pass: the poll looks again, after a pause


class ImportStep(QueueThreadStep):
    """Owns the loop of a worker that serves the default queue; at a stop an import is given back."""

    queue = QUEUE
    bell = BELL

    def make_thread(self) -> QueueThread:
        return ImportLoop()

    def stop_seconds(self) -> float:
        return _STOP_SECONDS
