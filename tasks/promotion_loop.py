"""The gpu worker's thread for promotions by hand: tries a version beside the drain thread, then lets it go live."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from classifier.failpoints import failpoint
from classifier.models import ModelVersion
from classifier.promotion_requests import (
    QUEUE,
    ClaimedPromotion,
    claim_promotion,
    complete_promotion,
    expire_promotions,
    refuse_promotion,
    release_promotion,
    renew_promotion,
)
from tasks.trial_process import Trial, Verdict, try_version
from tasks.worker_threads import QueueThread, QueueThreadStep

logger = structlog.get_logger(__name__)

BELL: Final = "promotions"
_STOP_SECONDS = 10.0


class PromotionLoop(QueueThread):
    """One request at a time; what waits in the rows is found by the poll even when every message is lost."""

    def __init__(self) -> None:
        super().__init__("promotion-loop")
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
                logger.exception("promotion_failed")  # the request comes back with its lease, and ends by its age
                connection.close()
            self._bell.wait(settings.PREDICTION_POLL_SECONDS)
            self._bell.clear()
        connection.close()

    def work_off(self) -> None:
        """Try what waits, one after the other, until nothing does."""
        expire_promotions()
        while not self._stopping.is_set() and (claimed := claim_promotion(worker=self.worker)) is not None:
            failpoint("after-promotion-claim")
            self._renewed_at = time.monotonic()
            version = ModelVersion.objects.select_related("classifier").get(id=claimed.version_id)
            self._conclude(claimed, try_version(version, may_go_on=partial(self._may_go_on, claimed)))

    def _may_go_on(self, claimed: ClaimedPromotion) -> bool:
        if self._stopping.is_set():
            return False
        if time.monotonic() - self._renewed_at < settings.PROMOTION_LEASE_SECONDS / 3:
            return True
        self._renewed_at = time.monotonic()
        return renew_promotion(claimed)

    def _conclude(self, claimed: ClaimedPromotion, trial: Trial) -> None:
        if trial.verdict is Verdict.PROVED:
            complete_promotion(claimed, note=trial.words)
        elif trial.verdict is Verdict.REFUSED:
            refuse_promotion(claimed, outcome=trial.words)
        elif trial.verdict is Verdict.TROUBLE:
            release_promotion(claimed, delay_seconds=settings.PREDICTION_RETRY_SECONDS, trouble=trial.words)
        else:
            release_promotion(claimed)


class PromotionStep(QueueThreadStep):
    """Owns the promotion loop of a worker that serves the gpu queue."""

    queue = QUEUE
    bell = BELL

    def make_thread(self) -> QueueThread:
        return PromotionLoop()

    def stop_seconds(self) -> float:
        return _STOP_SECONDS
