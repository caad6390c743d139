"""The gpu worker's one drain thread: the only one that touches TensorFlow. Doorbell, poll and shutdown are one path."""

from __future__ import annotations

import faulthandler
import math
import os
import time
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from classifier.heartbeats import beat, forget_worker
from classifier.live_updates import live_sender, prediction_events
from classifier.model_registry import version_live_before
from classifier.models import Classifier
from classifier.predictions import Claim, ClaimedPrediction, Work, claim_batch, find_work, release_predictions
from tasks.batches import predict_claimed
from tasks.counters import counters
from tasks.heartbeat_thread import HeartbeatThread
from tasks.loaded_models import HeldModel, LoadedModels, ModelUnavailable
from tasks.worker_threads import QueueThread, QueueThreadStep

logger = structlog.get_logger(__name__)

QUEUE: Final = "gpu"
_UNEXPECTED_IN_A_ROW = 5
_LAST_BEAT_SECONDS = 5.0
# While pictures keep coming, a batch begins at most so often: each costs 10 ms whatever its size (64 pictures: 40 ms).
_PACE_SECONDS = 0.06


class DrainThread(QueueThread):
    """Waits for the bell or the poll, then claims and predicts until nothing is due."""

    def __init__(self) -> None:
        super().__init__("drain")
        self.models = LoadedModels(settings.MODEL_CACHE_DIR, settings.MODEL_MEMORY_BYTES)
        self.images_done = 0
        self._unloadable: dict[tuple[UUID, UUID | None], float] = {}
        self._alarms: dict[UUID, str] = {}
        self._preloaded: set[UUID] = set()
        self._answering: dict[UUID, UUID] = {}
        self._in_hand: list[ClaimedPrediction] = []
        self._last_beat = -math.inf
        self._overdue_at = math.inf
        self._say_again = partial(beat, worker=self.worker, queue=QUEUE)

    def run(self) -> None:
        unexpected = 0
        heartbeat = HeartbeatThread(owner=self, stopping=self._stopping, say=self._beat_while_busy)
        heartbeat.start()
        self._bell.set()
        while not self._stopping.is_set():
            try:
                self._drain()
                self._preload()
                unexpected = 0
            except (DatabaseError, InterfaceError) as problem:
                logger.warning("database_trouble", error=repr(problem))
                self._start_afresh()
            except Exception:
                unexpected += 1
                self._in_hand = []  # perhaps one of these did it: they come back with their lease, and count it
                logger.exception("drain_failed", in_a_row=unexpected)
                if unexpected >= _UNEXPECTED_IN_A_ROW:
                    os._exit(70)  # the supervisor starts a fresh process; claimed rows come back with their lease
                self._start_afresh()
            self._bell.wait(settings.PREDICTION_POLL_SECONDS)
            self._bell.clear()
        heartbeat.join(_LAST_BEAT_SECONDS)  # a beat after the goodbye would bring the row back
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        """A worker that stops in order leaves no heartbeat behind that would count as alive for a while."""
        try:
            forget_worker(self.worker)
        except (DatabaseError, InterfaceError) as problem:
            logger.warning("heartbeat_not_removed", error=repr(problem))
        connection.close()

    def _start_afresh(self) -> None:
        connection.close()
        self._stopping.wait(min(1.0, settings.PREDICTION_POLL_SECONDS))

    def _drain(self) -> None:
        close_old_connections()
        self._give_back()
        self._beat()
        next_batch_at = 0.0
        while not self._stopping.is_set():
            work = find_work(excluding=self._excluded())
            if work is None:
                return
            held = self._model_for(work)
            if held is not None:
                self._stopping.wait(next_batch_at - time.monotonic())
                next_batch_at = time.monotonic() + _PACE_SECONDS
                if self._work_on(work, held) >= held.batch_size:
                    next_batch_at = 0.0
            self._beat()

    def _give_back(self) -> None:
        """Rows that were in hand when the database went away. Those it did write are done, and stay so."""
        if self._in_hand:
            release_predictions(self._in_hand, delay_seconds=0)
            self._in_hand = []

    def _work_on(self, work: Work, held: HeldModel) -> int:
        """Claim, predict, announce; returns how many were claimed."""
        claim = claim_batch(work=work, worker=self.worker, limit=held.batch_size)
        counters.add("predictions.failed", len(claim.given_up))
        if claim.items:
            self._in_hand = claim.items
            # Fires even while TensorFlow holds the GIL; the supervisor then starts a fresh process.
            faulthandler.dump_traceback_later(settings.PREDICTION_BATCH_SECONDS, exit=True)
            self._overdue_at = time.monotonic() + settings.PREDICTION_BATCH_SECONDS
            try:
                answered = predict_claimed(claim.items, held)
            finally:
                faulthandler.cancel_dump_traceback_later()
                self._overdue_at = math.inf
            self._in_hand = []
            self.images_done += len(claim.items)
        else:
            answered = []
        self._announce(claim, answered)
        return len(claim.items)

    def _announce(self, claim: Claim, answered: list[UUID]) -> None:
        changed = [*claim.given_up, *answered]
        if changed:
            live_sender.send(prediction_events(changed))

    def _model_for(self, work: Work) -> HeldModel | None:
        """The version's model; while a new live version cannot be loaded, the one that answered before it goes on."""
        key = (work.classifier_id, work.wished_version_id)
        try:
            held = self.models.get(work.version_id)
        except ModelUnavailable:  # the reason may hold paths, so it stands in the log only
            self._alarms[work.version_id] = f"model version {work.version_id} cannot be loaded; the log says why"
            stand_in = None if work.wished_version_id else self._stand_in(work)
            if stand_in is None:
                self._unloadable[key] = time.monotonic() + settings.PREDICTION_RETRY_SECONDS
            return stand_in
        self._alarms.pop(work.version_id, None)
        if not work.wished_version_id:
            self._answering[work.classifier_id] = work.version_id
        return held

    def _stand_in(self, work: Work) -> HeldModel | None:
        """What answered until now; in a process that has just started, the version that was live before this one."""
        held = self.models.find(self._answering.get(work.classifier_id))
        if held is not None:
            return held
        before = version_live_before(work.version_id)
        if before is None:
            return None
        try:
            held = self.models.get(before)
        except ModelUnavailable:
            return None
        self._answering[work.classifier_id] = before
        return held

    def _excluded(self) -> list[tuple[UUID, UUID | None]]:
        now = time.monotonic()
        self._unloadable = {key: until for key, until in self._unloadable.items() if until > now}
        return list(self._unloadable)

    def _preload(self) -> None:
        """Load live versions before anybody waits for them; one that had to give way again waits for its next work."""
        rows = Classifier.objects.filter(live_version__isnull=False).values_list("live_version_id", "id")
        live = {version_id: classifier_id for version_id, classifier_id in rows if version_id}
        self._preloaded &= live.keys()
        self._alarms = {version_id: alarm for version_id, alarm in self._alarms.items() if version_id in live}
        for version_id in live.keys() - self._preloaded:
            if self._stopping.is_set():
                return
            self._model_for(Work(live[version_id], None, version_id))
            if self.models.find(version_id):
                self._preloaded.add(version_id)

    def _beat(self) -> None:
        if self._has_just_beaten():
            return
        self._last_beat = time.monotonic()
        self._say_again = partial(
            beat,
            worker=self.worker,
            queue=QUEUE,
            loaded_versions=self.models.version_ids(),
            batch_size=self.models.batch_size(),
            images_done=self.images_done,
            counters=counters.snapshot(),
            alarm=next(iter(self._alarms.values()), ""),
        )
        self._say_again()

    def _beat_while_busy(self) -> None:
        """Runs in the heartbeat's thread: what was said last, again, while a model loads. A hung batch falls silent."""
        if not self._has_just_beaten() and time.monotonic() < self._overdue_at:
            self._say_again()

    def _has_just_beaten(self) -> bool:
        return time.monotonic() - self._last_beat < settings.HEARTBEAT_SECONDS * 0.9


class DrainStep(QueueThreadStep):
    """Owns the drain thread of a worker that serves the gpu queue."""

    queue = QUEUE

    def make_thread(self) -> QueueThread:
        return DrainThread()

    def stop_seconds(self) -> float:
        return float(settings.PREDICTION_BATCH_SECONDS)
