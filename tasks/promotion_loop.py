"""The gpu worker's thread for promotions by hand: tries a version beside the drain thread, then lets it go live."""

from __future__ import annotations

from functools import partial
from typing import Final

from django.conf import settings

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
from tasks.lease_renewal import LeaseRenewal
from tasks.trial_process import Trial, Verdict, try_version
from tasks.worker_threads import PollingThread, QueueThread, QueueThreadStep

BELL: Final = "promotions"
_STOP_SECONDS = 10.0


class PromotionLoop(PollingThread):
    """One request at a time; what waits in the rows is found by the poll even when every message is lost."""

    def __init__(self) -> None:
        super().__init__("promotion-loop")

    def poll_seconds(self) -> float:
        return settings.PREDICTION_POLL_SECONDS

    def work_off(self) -> None:
        """Try what waits, one after the other, until nothing does."""
        expire_promotions()
        while not self._stopping.is_set() and (claimed := claim_promotion(worker=self.worker)) is not None:
            failpoint("after-promotion-claim")
            version = ModelVersion.objects.select_related("classifier").get(id=claimed.version_id)
            lease = LeaseRenewal(
                partial(renew_promotion, claimed), settings.PROMOTION_LEASE_SECONDS, self._stopping.is_set
            )
            self._conclude(claimed, try_version(version, may_go_on=lease))

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
