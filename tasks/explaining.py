"""Making heat maps: in a process of its own beside the worker, one picture at a time, at low priority."""

from __future__ import annotations

import faulthandler
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

import structlog
from django.conf import settings
from django.db import close_old_connections

from classifier.artifact_storage import ArtifactDamaged, fetch_artifact
from classifier.errors import NotFound, StorageUnavailable
from classifier.explanations import (
    ClaimedExplanation,
    claim_explanation,
    complete_explanation,
    fail_explanation,
    release_explanation,
)
from classifier.image_files import open_image_file
from classifier.models import Image, ModelVersion
from ml.errors import MlError

logger = structlog.get_logger(__name__)

MOST_HELD: Final = 2
LOOK_SECONDS: Final = 0.5


class Explains(Protocol):
    """What makes a heat map of a picture's bytes."""

    def explain(self, data: bytes) -> bytes: ...


Load = Callable[[Path], Explains]


class ExplanationWork:
    """Works off what waits; holds the versions explained last."""

    def __init__(self, *, worker: str, load: Load | None = None) -> None:
        self._worker = worker
        self._load = load or _load_explainer
        self._held: OrderedDict[UUID, Explains] = OrderedDict()

    def run(self, *, idle_seconds: float) -> int:
        """Until nothing has waited for so long; returns how many were made."""
        made, idle_since = 0, time.monotonic()
        while True:
            close_old_connections()
            claimed = claim_explanation(worker=self._worker)
            if claimed is not None:
                made += self.work_on(claimed)
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= idle_seconds:
                return made
            else:
                time.sleep(LOOK_SECONDS)

    def work_on(self, claimed: ClaimedExplanation) -> bool:
        """Make one; True when it is stored. A hang ends this process before the lease does, and another tries."""
        started = time.monotonic()
        faulthandler.dump_traceback_later(settings.EXPLANATION_LEASE_SECONDS, exit=True)
        try:
            done = complete_explanation(claimed, self._explain(claimed))
        except StorageUnavailable:
            release_explanation(claimed, delay_seconds=settings.PREDICTION_RETRY_SECONDS)
            return False
        except NotFound as problem:
            fail_explanation(claimed, reason=problem.message)
            return False
        except (ArtifactDamaged, MlError) as problem:
            logger.warning("explanation_refused", image=str(claimed.image_id), error=str(problem))
            fail_explanation(claimed, reason="This model version cannot say why it answered so.")
            return False
        finally:
            faulthandler.cancel_dump_traceback_later()
        seconds = round(time.monotonic() - started, 2)
        logger.info("explained", image=str(claimed.image_id), seconds=seconds)
        return done

    def _explain(self, claimed: ClaimedExplanation) -> bytes:
        image = Image.objects.filter(id=claimed.image_id).first()
        if image is None:
            raise NotFound
        return self._explainer(claimed.version_id).explain(open_image_file(image))

    def _explainer(self, version_id: UUID) -> Explains:
        held = self._held.get(version_id)
        if held is None:
            digest = ModelVersion.objects.values_list("digest", flat=True).get(id=version_id)
            held = self._load(fetch_artifact(digest, settings.MODEL_CACHE_DIR))
            self._held[version_id] = held
        self._held.move_to_end(version_id)
        if len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        return held


def _load_explainer(folder: Path) -> Explains:
    from ml.explanation import Explainer  # TensorFlow: only the process that explains loads it

    return Explainer.load(folder)
